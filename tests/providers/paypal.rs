mod captures;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use topup::domain::payment::{Channel, ProviderName, RefundStatus};
use topup::providers::settings::{ProviderSettings, ProviderSettingsError};
use topup::providers::{CardFlow, NextAction, PaymentProvider, ProviderError, Registry};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::*;

const ORDERS: &str = "/v2/checkout/orders";
const ORDER_PATH: &str = "/v2/checkout/orders/5O190127TN364715T";
const CAPTURE: &str = "/v2/checkout/orders/5O190127TN364715T/capture";
const REFUNDS: &str = "/v2/payments/captures/3C679366HH908993F/refund";
const TOKEN: &str = "/v1/oauth2/token";

pub fn token() -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({"access_token": "A21.one", "token_type": "Bearer", "expires_in": 32400}))
}

/// A simulated PayPal that grants tokens, and our provider for it.
async fn played() -> (MockServer, Arc<dyn PaymentProvider>) {
    let server = MockServer::start().await;
    Mock::given(path(TOKEN)).respond_with(token()).mount(&server).await;
    let settings = ProviderSettings { paypal: Some(paypal(&server.uri())), ..nothing() };
    let provider = Registry::new(&settings).unwrap().by_channel(Channel::Paypal).unwrap().clone();
    (server, provider)
}

/// The order and the deployment, as our `custom_id` names them.
fn mark() -> String {
    format!("{}-{DEPLOYMENT}", order())
}

fn capture(status: &str) -> Value {
    json!({"id": "3C679366HH908993F", "status": status, "amount": {"currency_code": "USD", "value": "10.05"},
        "custom_id": mark(),
        "status_details": if status == "PENDING" { json!({"reason": "ECHECK"}) } else { json!(null) }})
}

fn paypal_order(status: &str, captures: Vec<Value>) -> Value {
    let mut unit = json!({"reference_id": "default", "custom_id": mark(), "invoice_id": format!("{}-1", order()),
        "amount": {"currency_code": "USD", "value": "10.05"}});
    if !captures.is_empty() {
        unit["payments"] = json!({"captures": captures});
    }
    json!({"id": "5O190127TN364715T", "intent": "CAPTURE", "status": status, "purchase_units": [unit],
        "links": [{"href": "https://api-m.sandbox.paypal.com/v2/checkout/orders/5O190127TN364715T", "rel": "self",
        "method": "GET"},
            {"href": "https://www.sandbox.paypal.com/checkoutnow?token=5O190127TN364715T", "rel": "payer-action",
            "method": "GET"}]})
}

fn issue(status: u16, name: &str, issue: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"name": name, "message": "no", "debug_id": "d1",
        "details": [{"issue": issue, "description": "prose"}]}))
}

async fn answers(server: &MockServer, verb: &str, at: &str, template: ResponseTemplate) {
    Mock::given(method(verb)).and(path(at)).respond_with(template).mount(server).await;
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn usual() -> topup::providers::AttemptRequest {
    request(money("10.05", "USD"), CardFlow::Checkout)
}

fn this_attempt() -> topup::providers::AttemptRef {
    attempt("5O190127TN364715T", money("10.05", "USD"), CardFlow::Checkout)
}

async fn sent_to(server: &MockServer, at: &str) -> Vec<wiremock::Request> {
    server.received_requests().await.unwrap().into_iter().filter(|sent| sent.url.path() == at).collect()
}

#[tokio::test]
async fn an_order_is_asked_for_as_the_protocol_says() {
    let (server, provider) = played().await;
    answers(
        &server,
        "POST",
        ORDERS,
        ResponseTemplate::new(201).set_body_json(paypal_order("PAYER_ACTION_REQUIRED", vec![])),
    )
    .await;
    let created = provider.create(&usual()).await.unwrap();
    assert_eq!(created.provider_reference, "5O190127TN364715T");
    let url = "https://www.sandbox.paypal.com/checkoutnow?token=5O190127TN364715T".to_owned();
    assert_eq!(created.next_action, NextAction::Redirect { url });

    let sent = &sent_to(&server, ORDERS).await[0];
    let of = |name| crate::support::header(sent, name);
    assert_eq!(of("authorization"), Some("Bearer A21.one"));
    assert_eq!(of("paypal-request-id"), Some(format!("{ORDER}-1").as_str()));
    assert_eq!(of("prefer"), Some("return=representation"));
    assert_eq!(of("content-type"), Some("application/json"));
    let back = format!("https://topup.test/v1/providers/paypal/return?order={}", order());
    assert_eq!(
        sent.body_json::<Value>().unwrap(),
        json!({"intent": "CAPTURE",
            "purchase_units": [{"reference_id": "default", "custom_id": mark(), "invoice_id": format!("{}-1", order()),
                "description": "Wallet top-up", "amount": {"currency_code": "USD", "value": "10.05"}}],
            "payment_source": {"paypal": {"experience_context": {"return_url": back,
            "cancel_url": format!("{back}&cancelled=true"),
                "user_action": "PAY_NOW", "shipping_preference": "NO_SHIPPING",
                "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED", "locale": "vi-VN"}}}})
    );
    let asked = &sent_to(&server, TOKEN).await[0];
    assert_eq!(crate::support::header(asked, "authorization"), Some("Basic Y2xpZW50LTE6c2VjcmV0LTE="));
    assert_eq!(asked.body, b"grant_type=client_credentials");
    assert!(!format!("{provider:?}").contains("secret-1"));
}

#[tokio::test]
async fn either_link_will_do() {
    let (server, provider) = played().await;
    let mut answer = paypal_order("CREATED", vec![]);
    answer["links"][1]["rel"] = "approve".into();
    answers(&server, "POST", ORDERS, ok(answer)).await;
    assert!(provider.create(&usual()).await.is_ok());
    let (server, provider) = played().await;
    let mut answer = paypal_order("CREATED", vec![]);
    answer["links"] = json!([]);
    answers(&server, "POST", ORDERS, ok(answer)).await;
    assert!(matches!(provider.create(&usual()).await, Err(ProviderError::Unavailable { .. })));
}

#[tokio::test]
async fn dong_are_refused_before_any_call() {
    let (server, provider) = played().await;
    let asked = request(money("500000", "VND"), CardFlow::Checkout);
    assert!(matches!(provider.create(&asked).await, Err(ProviderError::Unsupported { .. })));
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_token_is_asked_for_once_and_again_after_a_401() {
    let (server, provider) = played().await;
    answers(&server, "GET", ORDER_PATH, ok(paypal_order("APPROVED", vec![]))).await;
    let this = this_attempt();
    let (one, two, three) = tokio::join!(provider.read(&this), provider.read(&this), provider.read(&this));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(sent_to(&server, TOKEN).await.len(), 1);

    let server = MockServer::start().await;
    Mock::given(path(TOKEN)).respond_with(token()).up_to_n_times(1).mount(&server).await;
    let second = ok(json!({"access_token": "A21.two", "token_type": "Bearer", "expires_in": 32400}));
    Mock::given(path(TOKEN)).respond_with(second).mount(&server).await;
    let expired = ResponseTemplate::new(401).set_body_json(json!({"error": "invalid_token"}));
    Mock::given(path(ORDER_PATH))
        .and(header("authorization", "Bearer A21.one"))
        .respond_with(expired)
        .mount(&server)
        .await;
    Mock::given(path(ORDER_PATH))
        .and(header("authorization", "Bearer A21.two"))
        .respond_with(ok(paypal_order("APPROVED", vec![])))
        .mount(&server)
        .await;
    let settings = ProviderSettings { paypal: Some(paypal(&server.uri())), ..nothing() };
    let provider = Registry::new(&settings).unwrap().by_channel(Channel::Paypal).unwrap().clone();
    assert_eq!(short(&provider.read(&this).await.unwrap()), "ReadyToCapture");
    assert_eq!(sent_to(&server, TOKEN).await.len(), 2);
}

#[tokio::test]
async fn a_401_that_stays_is_about_credentials() {
    let (server, provider) = played().await;
    answers(&server, "GET", ORDER_PATH, ResponseTemplate::new(401)).await;
    assert!(matches!(provider.read(&this_attempt()).await, Err(ProviderError::Credentials { .. })));
    assert_eq!(sent_to(&server, ORDER_PATH).await.len(), 2);
    let server = MockServer::start().await;
    let refused =
        ResponseTemplate::new(401).set_body_json(json!({"error": "invalid_client", "error_description": "x"}));
    Mock::given(path(TOKEN)).respond_with(refused).mount(&server).await;
    let settings = ProviderSettings { paypal: Some(paypal(&server.uri())), ..nothing() };
    let provider = Registry::new(&settings).unwrap().by_channel(Channel::Paypal).unwrap().clone();
    assert!(matches!(provider.read(&this_attempt()).await, Err(ProviderError::Credentials { .. })));
}

#[tokio::test]
async fn orders_are_read_by_their_captures() {
    for (answer, expected) in [
        (paypal_order("CREATED", vec![]), "Pending"),
        (paypal_order("PAYER_ACTION_REQUIRED", vec![]), "Pending"),
        (paypal_order("APPROVED", vec![]), "ReadyToCapture"),
        (paypal_order("VOIDED", vec![]), "Cancelled"),
        (paypal_order("COMPLETED", vec![capture("COMPLETED")]), "Paid 3C679366HH908993F 10.05 USD"),
        (paypal_order("COMPLETED", vec![capture("REFUNDED")]), "Paid 3C679366HH908993F 10.05 USD"),
        (paypal_order("COMPLETED", vec![capture("PARTIALLY_REFUNDED")]), "Paid 3C679366HH908993F 10.05 USD"),
        (paypal_order("COMPLETED", vec![capture("PENDING")]), "InFlight"),
        (paypal_order("COMPLETED", vec![capture("DECLINED")]), "Failed DECLINED"),
        (paypal_order("COMPLETED", vec![capture("FAILED")]), "Failed FAILED"),
        (
            paypal_order("COMPLETED", vec![capture("DECLINED"), capture("COMPLETED")]),
            "Paid 3C679366HH908993F 10.05 USD",
        ),
        (paypal_order("APPROVED", vec![capture("DECLINED")]), "ReadyToCapture"),
    ] {
        let (server, provider) = played().await;
        answers(&server, "GET", ORDER_PATH, ok(answer.clone())).await;
        assert_eq!(short(&provider.read(&this_attempt()).await.unwrap()), expected, "{answer}");
    }
    let (server, provider) = played().await;
    answers(&server, "GET", ORDER_PATH, ok(paypal_order("COMPLETED", vec![]))).await;
    assert!(matches!(provider.read(&this_attempt()).await, Err(ProviderError::Unavailable { .. })));
}

#[tokio::test]
async fn an_answer_about_another_order_or_amount_is_refused() {
    for (pointer, value) in [
        ("/id", json!("8XX00000XX000000X")),
        ("/purchase_units/0/custom_id", json!("tuo_00000000000000000000000000000001")),
        ("/purchase_units/0/custom_id", json!(format!("{}-00c0ffee00c0ffef", order()))),
        ("/purchase_units/0/amount/value", json!("1.00")),
        ("/purchase_units/0/amount/currency_code", json!("EUR")),
    ] {
        let (server, provider) = played().await;
        let mut answer = paypal_order("APPROVED", vec![]);
        *answer.pointer_mut(pointer).unwrap() = value;
        answers(&server, "GET", ORDER_PATH, ok(answer.clone())).await;
        answers(&server, "POST", CAPTURE, ok(answer.clone())).await;
        assert!(matches!(provider.read(&this_attempt()).await, Err(ProviderError::Mismatch { .. })), "{pointer}");
        assert!(matches!(provider.capture(&this_attempt()).await, Err(ProviderError::Mismatch { .. })), "{pointer}");
        if pointer != "/id" {
            answers(&server, "POST", ORDERS, ok(answer)).await;
            assert!(matches!(provider.create(&usual()).await, Err(ProviderError::Mismatch { .. })), "{pointer}");
        }
    }
}

#[tokio::test]
async fn cancelling_is_not_capturing() {
    for (template, expected) in [
        (ok(paypal_order("PAYER_ACTION_REQUIRED", vec![])), "Cancelled"),
        (ok(paypal_order("APPROVED", vec![])), "Cancelled"),
        (issue(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"), "Cancelled"),
        (ok(paypal_order("COMPLETED", vec![capture("COMPLETED")])), "Paid 3C679366HH908993F 10.05 USD"),
        (ok(paypal_order("COMPLETED", vec![capture("PENDING")])), "InFlight"),
    ] {
        let (server, provider) = played().await;
        answers(&server, "GET", ORDER_PATH, template).await;
        assert_eq!(short(&provider.cancel(&this_attempt()).await.unwrap()), expected);
        assert!(sent_to(&server, CAPTURE).await.is_empty());
    }
    let (server, provider) = played().await;
    answers(&server, "GET", ORDER_PATH, ResponseTemplate::new(500)).await;
    assert!(matches!(provider.cancel(&this_attempt()).await, Err(ProviderError::Unavailable { .. })));
}

#[tokio::test]
async fn no_usable_answer_is_never_a_conclusion() {
    for (name, template) in [
        ("time-out", ok(paypal_order("COMPLETED", vec![capture("COMPLETED")])).set_delay(Duration::from_secs(20))),
        ("500", ResponseTemplate::new(500)),
        ("html", ResponseTemplate::new(200).set_body_string("<html>maintenance</html>")),
        ("half", ResponseTemplate::new(200).set_body_string(r#"{"id":"5O190127TN364715T","#)),
    ] {
        let (server, provider) = played().await;
        for at in [ORDERS, ORDER_PATH, CAPTURE] {
            Mock::given(path(at)).respond_with(template.clone()).mount(&server).await;
        }
        assert!(matches!(provider.create(&usual()).await, Err(ProviderError::Unavailable { .. })), "{name}");
        assert!(matches!(provider.read(&this_attempt()).await, Err(ProviderError::Unavailable { .. })), "{name}");
        assert!(matches!(provider.capture(&this_attempt()).await, Err(ProviderError::Unavailable { .. })), "{name}");
    }
}

fn paypal_refund(status: &str) -> Value {
    json!({"id": "1JU08902781691411", "status": status, "amount": {"currency_code": "USD", "value": "5.00"},
        "custom_id": refund_id(),
        "links": [{"href": "https://api-m.paypal.com/v2/payments/captures/3C679366HH908993F", "rel": "up",
        "method": "GET"}]})
}

#[tokio::test]
async fn refunds_state_their_amount_and_our_id() {
    let asked = refund(this_attempt(), "3C679366HH908993F", money("5", "USD"), at());
    for (status, expected) in [
        ("COMPLETED", RefundStatus::Succeeded),
        ("PENDING", RefundStatus::Pending),
        ("FAILED", RefundStatus::Failed),
        ("CANCELLED", RefundStatus::Failed),
    ] {
        let (server, provider) = played().await;
        answers(&server, "POST", REFUNDS, ResponseTemplate::new(201).set_body_json(paypal_refund(status))).await;
        answers(&server, "GET", "/v2/payments/refunds/1JU08902781691411", ok(paypal_refund(status))).await;
        let fact = provider.refund(&asked).await.unwrap();
        assert_eq!((fact.status, fact.refund_id.as_str()), (expected, "1JU08902781691411"));
        assert_eq!(provider.read_refund(&asked, "1JU08902781691411").await.unwrap(), fact);
        let sent = &sent_to(&server, REFUNDS).await[0];
        assert_eq!(crate::support::header(sent, "paypal-request-id"), Some(refund_id().as_str()));
        let body = json!({"amount": {"currency_code": "USD", "value": "5.00"}, "custom_id": refund_id()});
        assert_eq!(sent.body_json::<Value>().unwrap(), body);
    }
    for (pointer, value) in [
        ("/amount/value", json!("10.05")),
        ("/custom_id", json!("rfd_00000000000000000000000000000001")),
        ("/links/0/href", json!("https://api-m.paypal.com/v2/payments/captures/OTHER")),
    ] {
        let (server, provider) = played().await;
        let mut answer = paypal_refund("COMPLETED");
        *answer.pointer_mut(pointer).unwrap() = value;
        answers(&server, "POST", REFUNDS, ok(answer)).await;
        assert!(matches!(provider.refund(&asked).await, Err(ProviderError::Mismatch { .. })), "{pointer}");
    }
    let (server, provider) = played().await;
    answers(&server, "POST", REFUNDS, issue(422, "UNPROCESSABLE_ENTITY", "CAPTURE_FULLY_REFUNDED")).await;
    let Err(ProviderError::Refused { code, .. }) = provider.refund(&asked).await else { panic!() };
    assert_eq!(code, "CAPTURE_FULLY_REFUNDED");
}

#[test]
fn settings_that_cannot_be_safe_are_refused() {
    let complete = paypal("http://127.0.0.1:9");
    let with = |settings| Registry::new(&ProviderSettings { paypal: Some(settings), ..nothing() });
    let mut simulator = complete.clone();
    simulator.webhook_id = Some("WEBHOOK_ID".to_owned());
    assert_eq!(with(simulator).unwrap_err(), ProviderSettingsError::SimulatorWebhookId);
    let mut no_roots = complete.clone();
    no_roots.cert_roots_pem = Some(b"nothing".to_vec());
    assert_eq!(with(no_roots).unwrap_err(), ProviderSettingsError::BadRoots);
    let mut unset = complete.clone();
    unset.webhook_id = Some(String::new());
    assert!(with(unset).unwrap().by_name(ProviderName::PayPal).is_none());
    for (base, live) in
        [("https://api-m.paypal.com", true), ("https://api-m.sandbox.paypal.com", false), ("http://127.0.0.1:9", false)]
    {
        let mut settings = complete.clone();
        settings.base_url = base.to_owned();
        assert_eq!(with(settings).unwrap().by_name(ProviderName::PayPal).unwrap().is_live(), live, "{base}");
    }
}
