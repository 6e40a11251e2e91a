use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use topup::domain::payment::{Channel, Observation, RefundStatus};
use topup::providers::settings::ProviderSettings;
use topup::providers::{CardFlow, NextAction, PaymentProvider, ProviderError, Registry};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::*;

fn provider(settings: ProviderSettings) -> std::sync::Arc<dyn PaymentProvider> {
    Registry::new(&settings).unwrap().by_channel(Channel::Card).unwrap().clone()
}

pub async fn played() -> (MockServer, std::sync::Arc<dyn PaymentProvider>) {
    let server = MockServer::start().await;
    let provider = provider(ProviderSettings { stripe: Some(stripe(&server.uri())), ..nothing() });
    (server, provider)
}

pub fn session(status: &str, payment_status: &str) -> Value {
    json!({
        "id": "cs_test_1", "object": "checkout.session", "mode": "payment",
        "url": "https://checkout.stripe.com/c/pay/cs_test_1",
        "status": status, "payment_status": payment_status, "payment_intent": null, "amount_total": 1005,
        "currency": "usd", "expires_at": 1_795_250_000, "client_reference_id": order(),
        "metadata": marks("checkout"), "livemode": false,
    })
}

pub fn intent(status: &str) -> Value {
    json!({
        "id": "pi_1", "object": "payment_intent", "status": status, "amount": 1005, "amount_received": 0,
        "currency": "usd", "client_secret": "pi_1_secret_abc", "last_payment_error": null,
        "metadata": marks("elements"), "livemode": false,
    })
}

pub fn with(mut object: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

async fn answers(server: &MockServer, verb: &str, at: &str, template: ResponseTemplate) {
    Mock::given(method(verb)).and(path(at)).respond_with(template).mount(server).await;
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn refused(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .set_body_json(json!({"error": {"type": "invalid_request_error", "code": code, "message": "no"}}))
}

const SESSIONS: &str = "/v1/checkout/sessions";
const SESSION: &str = "/v1/checkout/sessions/cs_test_1";
const EXPIRE: &str = "/v1/checkout/sessions/cs_test_1/expire";

#[tokio::test]
async fn a_session_is_asked_for_as_the_protocol_says() {
    let (server, provider) = played().await;
    answers(&server, "POST", SESSIONS, ok(session("open", "unpaid"))).await;
    let created = provider.create(&request(money("10.05", "USD"), CardFlow::Checkout)).await.unwrap();
    assert_eq!(created.provider_reference, "cs_test_1");
    let url = "https://checkout.stripe.com/c/pay/cs_test_1".to_owned();
    assert_eq!(created.next_action, NextAction::Redirect { url });

    let sent = &server.received_requests().await.unwrap()[0];
    assert_eq!(header(sent, "authorization"), Some("Bearer sk_test_123"));
    assert_eq!(header(sent, "stripe-version"), Some("2026-02-25.clover"));
    assert_eq!(header(sent, "idempotency-key"), Some(format!("{ORDER}-1").as_str()));
    assert_eq!(header(sent, "content-type"), Some("application/x-www-form-urlencoded"));
    let mut form = form(sent);
    form.sort();
    let order = order();
    let expires = (at() + TimeDelta::minutes(60)).timestamp().to_string();
    let mut expected: Vec<(String, String)> = [
        ("mode", "payment"),
        ("payment_method_types[0]", "card"),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "1005"),
        ("line_items[0][price_data][product_data][name]", "Wallet top-up"),
        ("success_url", "https://shop.test/done?a=1&s={CHECKOUT_SESSION_ID}"),
        ("cancel_url", "https://shop.test/back"),
        ("client_reference_id", &order),
        ("expires_at", &expires),
        ("adaptive_pricing[enabled]", "false"),
        ("payment_intent_data[description]", "Wallet top-up"),
        ("metadata[order_id]", &order),
        ("metadata[attempt]", "1"),
        ("metadata[flow]", "checkout"),
        ("metadata[deployment]", DEPLOYMENT),
        ("payment_intent_data[metadata][order_id]", &order),
        ("payment_intent_data[metadata][attempt]", "1"),
        ("payment_intent_data[metadata][flow]", "checkout"),
        ("payment_intent_data[metadata][deployment]", DEPLOYMENT),
        ("customer_email", "an@shop.test"),
        ("locale", "vi"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    expected.sort();
    assert_eq!(form, expected);
}

#[tokio::test]
async fn a_newer_version_names_the_card_filter_otherwise() {
    let server = MockServer::start().await;
    answers(&server, "POST", SESSIONS, ok(session("open", "unpaid"))).await;
    let mut settings = stripe(&server.uri());
    settings.api_version = "2026-10-28.endive".to_owned();
    let provider = provider(ProviderSettings { stripe: Some(settings), ..nothing() });
    provider.create(&request(money("10.05", "USD"), CardFlow::Checkout)).await.unwrap();
    let form = form(&server.received_requests().await.unwrap()[0]);
    assert_eq!(field(&form, "allowed_payment_method_types[0]"), Some("card"));
    assert_eq!(field(&form, "payment_method_types[0]"), None);
}

/// Stripe accepts 30 minutes to 24 hours from the arrival of the call. The same time must be in that range however
/// late a call is repeated while the order is open, even if the clocks differ by minutes.
#[tokio::test]
async fn expiry_stays_within_what_stripe_takes() {
    let (server, provider) = played().await;
    answers(&server, "POST", SESSIONS, ok(session("open", "unpaid"))).await;
    let mut asked = request(money("10.05", "USD"), CardFlow::Checkout);
    for (order, page) in [(15, 60), (30, 65), (120, 155), (1440, 1410), (14400, 1410)] {
        asked.expires_at = at() + TimeDelta::minutes(order);
        provider.create(&asked).await.unwrap();
        let sent = server.received_requests().await.unwrap();
        let stamp = (at() + TimeDelta::minutes(page)).timestamp().to_string();
        assert_eq!(field(&form(sent.last().unwrap()), "expires_at"), Some(stamp.as_str()), "{order}");
    }
}

#[tokio::test]
async fn dong_have_no_cents() {
    let (server, provider) = played().await;
    let answer = with(session("open", "unpaid"), json!({"amount_total": 500_000, "currency": "vnd"}));
    answers(&server, "POST", SESSIONS, ok(answer)).await;
    provider.create(&request(money("500000", "VND"), CardFlow::Checkout)).await.unwrap();
    let form = form(&server.received_requests().await.unwrap()[0]);
    assert_eq!(field(&form, "line_items[0][price_data][unit_amount]"), Some("500000"));
}

#[tokio::test]
async fn elements_get_a_client_secret_that_no_log_can_hold() {
    let (server, provider) = played().await;
    answers(&server, "POST", "/v1/payment_intents", ok(intent("requires_payment_method"))).await;
    let created = provider.create(&request(money("10.05", "USD"), CardFlow::Elements)).await.unwrap();
    assert_eq!(created.provider_reference, "pi_1");
    assert!(!format!("{created:?}{provider:?}").contains("secret_abc"));
    let action =
        NextAction::ClientSecret { value: "pi_1_secret_abc".to_owned(), publishable_key: "pk_test_123".to_owned() };
    assert_eq!(created.next_action, action);
    let form = form(&server.received_requests().await.unwrap()[0]);
    assert_eq!(field(&form, "amount"), Some("1005"));
    assert_eq!(field(&form, "receipt_email"), Some("an@shop.test"));
    assert_eq!(field(&form, "metadata[flow]"), Some("elements"));
    assert_eq!(field(&form, "metadata[deployment]"), Some(DEPLOYMENT));
}

#[tokio::test]
async fn an_answer_about_another_order_or_amount_is_refused() {
    for change in [
        json!({"client_reference_id": "tuo_00000000000000000000000000000001"}),
        json!({"amount_total": 100_500}),
        json!({"currency": "eur"}),
        json!({"client_reference_id": null, "metadata": {"order_id": "tuo_00000000000000000000000000000001"}}),
    ] {
        let (server, provider) = played().await;
        let answer = with(session("open", "unpaid"), change.clone());
        answers(&server, "POST", SESSIONS, ok(answer.clone())).await;
        answers(&server, "GET", SESSION, ok(answer)).await;
        let created = provider.create(&request(money("10.05", "USD"), CardFlow::Checkout)).await;
        assert!(matches!(created, Err(ProviderError::Mismatch { .. })), "{change}");
        let read = provider.read(&attempt("cs_test_1", money("10.05", "USD"), CardFlow::Checkout)).await;
        assert!(matches!(read, Err(ProviderError::Mismatch { .. })), "{change}");
    }
    let (server, provider) = played().await;
    answers(&server, "GET", SESSION, ok(with(session("open", "unpaid"), json!({"id": "cs_test_2"})))).await;
    let read = provider.read(&attempt("cs_test_1", money("10.05", "USD"), CardFlow::Checkout)).await;
    assert!(matches!(read, Err(ProviderError::Mismatch { .. })));
}

#[tokio::test]
async fn no_usable_answer_is_never_a_conclusion() {
    let slow = ok(session("complete", "paid")).set_delay(Duration::from_secs(20));
    for (name, template) in [
        ("time-out", slow),
        ("500", ResponseTemplate::new(500).set_body_json(json!({"error": {"type": "api_error"}}))),
        ("html", ResponseTemplate::new(200).set_body_string("<html>maintenance</html>")),
        ("half", ResponseTemplate::new(200).set_body_string(r#"{"id":"cs_test_1","payment_st"#)),
        ("redirect", ResponseTemplate::new(302).insert_header("location", "https://evil.test/")),
        ("empty", ResponseTemplate::new(200)),
    ] {
        let (server, provider) = played().await;
        Mock::given(path(SESSIONS)).respond_with(template.clone()).mount(&server).await;
        Mock::given(path(SESSION)).respond_with(template).mount(&server).await;
        let created = provider.create(&request(money("10.05", "USD"), CardFlow::Checkout)).await;
        assert!(matches!(created, Err(ProviderError::Unavailable { .. })), "{name}: {created:?}");
        let read = provider.read(&attempt("cs_test_1", money("10.05", "USD"), CardFlow::Checkout)).await;
        assert!(matches!(read, Err(ProviderError::Unavailable { .. })), "{name}: {read:?}");
        let keys: Vec<_> = server.received_requests().await.unwrap();
        let keys: Vec<_> = keys.iter().filter_map(|sent| header(sent, "idempotency-key")).collect();
        assert!(keys.iter().all(|key| *key == format!("{ORDER}-1")), "{name}: {keys:?}");
    }
}

#[tokio::test]
async fn repeats_with_the_same_key_and_bytes() {
    for status in [409, 500, 503] {
        let (server, provider) = played().await;
        Mock::given(path(SESSIONS)).respond_with(ResponseTemplate::new(status)).up_to_n_times(2).mount(&server).await;
        answers(&server, "POST", SESSIONS, ok(session("open", "unpaid"))).await;
        provider.create(&request(money("10.05", "USD"), CardFlow::Checkout)).await.unwrap();
        let sent = server.received_requests().await.unwrap();
        assert_eq!(sent.len(), 3, "{status}");
        assert!(sent.iter().all(|one| one.body == sent[0].body));
        assert!(sent.iter().all(|one| header(one, "idempotency-key") == header(&sent[0], "idempotency-key")));
    }
}

#[tokio::test]
async fn gives_up_after_two_repetitions_and_obeys_should_retry() {
    for (status, should_retry, calls) in
        [(500, None, 3), (500, Some("false"), 1), (409, Some("false"), 1), (400, Some("true"), 3), (400, None, 1)]
    {
        let (server, provider) = played().await;
        let mut template = refused(status, "lock_timeout");
        if let Some(value) = should_retry {
            template = template.insert_header("stripe-should-retry", value);
        }
        answers(&server, "POST", SESSIONS, template).await;
        provider.create(&request(money("10.05", "USD"), CardFlow::Checkout)).await.unwrap_err();
        assert_eq!(server.received_requests().await.unwrap().len(), calls, "{status} {should_retry:?}");
    }
}

#[tokio::test]
async fn errors_are_told_apart_by_code() {
    for (template, expected) in [
        (refused(401, "api_key_expired"), "credentials"),
        (refused(429, "rate_limit").insert_header("retry-after", "7"), "busy"),
        (refused(409, "idempotency_key_in_use"), "busy"),
        (refused(400, "amount_too_small"), "refused amount_too_small"),
        (refused(402, "card_declined"), "refused card_declined"),
        (refused(404, "resource_missing"), "refused resource_missing"),
    ] {
        let (server, provider) = played().await;
        answers(&server, "POST", SESSIONS, template).await;
        let error = provider.create(&request(money("10.05", "USD"), CardFlow::Checkout)).await.unwrap_err();
        let said = match error {
            ProviderError::Credentials { .. } => "credentials".to_owned(),
            ProviderError::Busy { .. } => "busy".to_owned(),
            ProviderError::Refused { code, .. } => format!("refused {code}"),
            other => format!("{other:?}"),
        };
        assert_eq!(said, expected);
    }
}

#[tokio::test]
async fn sessions_are_read_as_money_first() {
    let paid = json!({"payment_intent": {"id": "pi_1", "status": "succeeded", "amount": 1005, "currency": "usd"}});
    let failed = json!({"payment_intent": {"id": "pi_1", "status": "requires_payment_method", "amount": 1005,
        "currency": "usd", "last_payment_error": {"code": "card_declined", "decline_code": "insufficient_funds"}}});
    for (answer, expected) in [
        (session("open", "unpaid"), "Pending"),
        (with(session("open", "unpaid"), failed.clone()), "Pending card_declined (insufficient_funds)"),
        (with(session("complete", "paid"), paid.clone()), "Paid pi_1 10.05 USD"),
        (with(session("expired", "paid"), paid), "Paid pi_1 10.05 USD"),
        (session("complete", "unpaid"), "InFlight"),
        (with(session("complete", "unpaid"), failed), "Failed card_declined (insufficient_funds)"),
        (session("expired", "unpaid"), "Expired"),
    ] {
        let (server, provider) = played().await;
        answers(&server, "GET", SESSION, ok(answer)).await;
        let read = provider.read(&attempt("cs_test_1", money("10.05", "USD"), CardFlow::Checkout)).await.unwrap();
        assert_eq!(short(&read), expected);
        let sent = &server.received_requests().await.unwrap()[0];
        assert_eq!(sent.url.query(), Some("expand%5B0%5D=payment_intent"));
        assert!(header(sent, "idempotency-key").is_none());
    }
}

#[tokio::test]
async fn payment_intents_are_read() {
    for (status, expected) in [
        ("requires_payment_method", "Pending"),
        ("requires_action", "Pending requires_action"),
        ("processing", "InFlight"),
        ("succeeded", "Paid pi_1 10.05 USD"),
        ("canceled", "Cancelled"),
    ] {
        let (server, provider) = played().await;
        answers(&server, "GET", "/v1/payment_intents/pi_1", ok(intent(status))).await;
        let read = provider.read(&attempt("pi_1", money("10.05", "USD"), CardFlow::Elements)).await.unwrap();
        assert_eq!(short(&read), expected);
    }
}

#[tokio::test]
async fn cancelling_loses_against_the_payer() {
    let this = attempt("cs_test_1", money("10.05", "USD"), CardFlow::Checkout);

    let (server, provider) = played().await;
    answers(&server, "POST", EXPIRE, ok(session("expired", "unpaid"))).await;
    assert_eq!(provider.cancel(&this).await, Ok(Observation::Cancelled));

    let (server, provider) = played().await;
    answers(&server, "POST", EXPIRE, refused(400, "checkout_session_not_open")).await;
    let paid = with(session("complete", "paid"), json!({"payment_intent": "pi_1"}));
    answers(&server, "GET", SESSION, ok(paid)).await;
    assert_eq!(short(&provider.cancel(&this).await.unwrap()), "Paid pi_1 10.05 USD");

    let (server, provider) = played().await;
    answers(&server, "POST", EXPIRE, refused(400, "checkout_session_not_open")).await;
    answers(&server, "GET", SESSION, ok(session("expired", "unpaid"))).await;
    assert_eq!(provider.cancel(&this).await, Ok(Observation::Cancelled));

    let (server, provider) = played().await;
    answers(&server, "POST", EXPIRE, ResponseTemplate::new(500)).await;
    answers(&server, "GET", SESSION, ok(session("open", "unpaid"))).await;
    assert!(matches!(provider.cancel(&this).await, Err(ProviderError::Unavailable { .. })));

    let (server, provider) = played().await;
    answers(&server, "POST", "/v1/payment_intents/pi_1/cancel", refused(400, "payment_intent_unexpected_state")).await;
    answers(&server, "GET", "/v1/payment_intents/pi_1", ok(intent("succeeded"))).await;
    let that = attempt("pi_1", money("10.05", "USD"), CardFlow::Elements);
    assert_eq!(short(&provider.cancel(&that).await.unwrap()), "Paid pi_1 10.05 USD");
}

pub fn stripe_refund(status: &str) -> Value {
    json!({"id": "re_1", "object": "refund", "status": status, "amount": 500, "currency": "usd",
        "payment_intent": "pi_1", "metadata": {"refund_id": refund_id()},
        "failure_reason": if status == "failed" { json!("insufficient_funds") } else { json!(null) }})
}

#[tokio::test]
async fn refunds_carry_our_id_and_an_amount() {
    let paid = attempt("cs_test_1", money("10.05", "USD"), CardFlow::Checkout);
    let asked = refund(paid, "pi_1", money("5", "USD"), chrono::Utc::now());
    for (status, expected) in [
        ("pending", RefundStatus::Pending),
        ("requires_action", RefundStatus::Pending),
        ("succeeded", RefundStatus::Succeeded),
        ("failed", RefundStatus::Failed),
        ("canceled", RefundStatus::Failed),
    ] {
        let (server, provider) = played().await;
        answers(&server, "POST", "/v1/refunds", ok(stripe_refund(status))).await;
        answers(&server, "GET", "/v1/refunds/re_1", ok(stripe_refund(status))).await;
        let fact = provider.refund(&asked).await.unwrap();
        assert_eq!((fact.status, fact.refund_id.as_str()), (expected, "re_1"));
        assert_eq!(provider.read_refund(&asked, "re_1").await.unwrap(), fact);
        let sent = &server.received_requests().await.unwrap()[0];
        assert_eq!(header(sent, "idempotency-key"), Some(refund_id().as_str()));
        let form = form(sent);
        assert_eq!(field(&form, "payment_intent"), Some("pi_1"));
        assert_eq!(field(&form, "amount"), Some("500"));
        assert_eq!(field(&form, "reason"), Some("requested_by_customer"));
    }
    let (server, provider) = played().await;
    let other = with(stripe_refund("succeeded"), json!({"payment_intent": "pi_2"}));
    answers(&server, "POST", "/v1/refunds", ok(other)).await;
    assert!(matches!(provider.refund(&asked).await, Err(ProviderError::Mismatch { .. })));
    let (server, provider) = played().await;
    answers(&server, "POST", "/v1/refunds", refused(400, "charge_already_refunded")).await;
    let Err(ProviderError::Refused { code, .. }) = provider.refund(&asked).await else { panic!() };
    assert_eq!(code, "charge_already_refunded");
}

/// Stripe may have forgotten the key, so a refund that may have been sent is looked for before it is sent again.
#[tokio::test]
async fn a_refund_of_long_ago_is_found_and_not_made_again() {
    let paid = attempt("cs_test_1", money("10.05", "USD"), CardFlow::Checkout);
    let asked = refund(paid, "pi_1", money("5", "USD"), at());
    let another = with(stripe_refund("succeeded"), json!({"id": "re_2", "metadata": {}}));
    let page = |data: &[Value], more: bool| ok(json!({"object": "list", "data": data, "has_more": more}));
    let list = || Mock::given(method("GET")).and(path("/v1/refunds")).and(query_param("payment_intent", "pi_1"));

    let (server, provider) = played().await;
    let second = list().and(query_param("starting_after", "re_2"));
    second.respond_with(page(&[stripe_refund("pending")], false)).with_priority(1).mount(&server).await;
    list().respond_with(page(std::slice::from_ref(&another), true)).mount(&server).await;
    let fact = provider.refund(&asked).await.unwrap();
    assert_eq!((fact.refund_id.as_str(), fact.status), ("re_1", RefundStatus::Pending));
    assert!(server.received_requests().await.unwrap().iter().all(|sent| sent.method == "GET"));

    let (server, provider) = played().await;
    list().respond_with(page(&[another], false)).mount(&server).await;
    answers(&server, "POST", "/v1/refunds", ok(stripe_refund("succeeded"))).await;
    assert_eq!(provider.refund(&asked).await.unwrap().refund_id, "re_1");
    // Nobody knows what is there: nothing is sent.
    let (server, provider) = played().await;
    answers(&server, "GET", "/v1/refunds", ResponseTemplate::new(500)).await;
    answers(&server, "POST", "/v1/refunds", ok(stripe_refund("succeeded"))).await;
    assert!(matches!(provider.refund(&asked).await, Err(ProviderError::Unavailable { .. })));
    assert!(server.received_requests().await.unwrap().iter().all(|sent| sent.method == "GET"));
}
