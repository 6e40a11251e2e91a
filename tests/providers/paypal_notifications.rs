//! The signed notifications of PayPal.

use std::sync::Arc;

use serde_json::{Value, json};
use topup::domain::payment::{Channel, DisputeStatus, Fact, Notification, RefundStatus};
use topup::providers::settings::{PaypalSettings, PaypalVerify, ProviderSettings};
use topup::providers::{NotificationError, PaymentProvider, RawNotification, Registry};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::paypal::token;
use crate::support::*;

const BODY: &[u8] = include_bytes!("vectors/paypal/notification.json");
const SIGNATURE: &str = include_str!("vectors/paypal/signature.txt");
const CHAIN: &[u8] = include_bytes!("vectors/paypal/chain.pem");
const ASK: &str = "/v1/notifications/verify-webhook-signature";

fn provider(settings: PaypalSettings) -> Arc<dyn PaymentProvider> {
    let settings = ProviderSettings { paypal: Some(settings), ..nothing() };
    Registry::new(&settings).unwrap().by_channel(Channel::Paypal).unwrap().clone()
}

/// The notification of the vector, with its certificate at this URL.
fn signed(certificate_url: &str) -> RawNotification {
    let headers = [
        ("paypal-transmission-id", "69cd13f0-d67a-11e5-baa3-778b53f4ae55"),
        ("paypal-transmission-time", "2026-11-21T08:35:01Z"),
        ("paypal-transmission-sig", SIGNATURE),
        ("paypal-cert-url", certificate_url),
        ("paypal-auth-algo", "SHA256withRSA"),
    ];
    notification(&headers, BODY)
}

/// A simulated PayPal that serves this response at `/cert`.
async fn serving(certificate: ResponseTemplate) -> (MockServer, Arc<dyn PaymentProvider>, RawNotification) {
    let server = MockServer::start().await;
    Mock::given(path("/cert")).respond_with(certificate).mount(&server).await;
    let provider = provider(paypal(&server.uri()));
    let raw = signed(&format!("{}/cert", server.uri()));
    (server, provider, raw)
}

fn pem(bytes: &[u8]) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_bytes(bytes)
}

#[tokio::test]
async fn a_signed_notification_is_a_fact_and_its_certificate_is_kept() {
    let (server, provider, raw) = serving(pem(CHAIN)).await;
    for _ in 0..3 {
        let said = provider.verify(&raw).await.unwrap();
        assert_eq!((said.event_id.as_str(), said.event_type.as_str()), ("WH-1", "PAYMENT.CAPTURE.COMPLETED"));
        assert_eq!(said.created_at, Some("2026-11-21T08:35:00Z".parse().unwrap()));
        let Fact::Attempt { locator, observation } = said.fact else { panic!() };
        assert_eq!(short(&observation), "Paid 3C679366HH908993F 10.05 USD");
        assert_eq!(locator.provider_reference.as_deref(), Some("5O190127TN364715T"));
        assert_eq!((locator.provider_reference.as_deref(), locator.order_id), (Some("5O190127TN364715T"), None));
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_paypals_is_a_bad_signature() {
    for (name, certificate) in [
        ("other name", &include_bytes!("vectors/paypal/other-name.pem")[..]),
        ("expired", &include_bytes!("vectors/paypal/expired.pem")[..]),
        ("foreign root", &include_bytes!("vectors/paypal/foreign.pem")[..]),
    ] {
        let (_server, provider, raw) = serving(pem(certificate)).await;
        let said = provider.verify(&raw).await;
        assert!(matches!(said, Err(NotificationError::BadSignature(_))), "{name}: {said:?}");
    }
    let (_server, provider, raw) = serving(pem(CHAIN)).await;
    let mut changed = raw.clone();
    changed.body = String::from_utf8(BODY.to_vec()).unwrap().replace("10.05", "99.05").into_bytes();
    assert!(matches!(provider.verify(&changed).await, Err(NotificationError::BadSignature(_))));
    for (header, value) in [
        ("paypal-transmission-id", Some("another")),
        ("paypal-transmission-time", Some("2026-11-21T08:35:02Z")),
        ("paypal-transmission-sig", Some("AAAA")),
        ("paypal-transmission-sig", Some("not base64")),
        ("paypal-auth-algo", Some("SHA1withRSA")),
        ("paypal-cert-url", Some("https://evil.test/cert")),
        ("paypal-cert-url", Some("http://127.0.0.1:1/cert")),
        ("paypal-transmission-id", None),
        ("paypal-cert-url", None),
    ] {
        let mut changed = raw.clone();
        match value {
            Some(value) => changed.headers.iter_mut().find(|(name, _)| name == header).unwrap().1 = value.to_owned(),
            None => changed.headers.retain(|(name, _)| name != header),
        }
        let said = provider.verify(&changed).await;
        assert!(matches!(said, Err(NotificationError::BadSignature(_))), "{header} {value:?}: {said:?}");
    }
}

#[tokio::test]
async fn our_webhook_id_is_part_of_what_is_signed() {
    let (server, _, raw) = serving(pem(CHAIN)).await;
    let mut settings = paypal(&server.uri());
    settings.webhook_id = Some("ANOTHER".to_owned());
    assert!(matches!(provider(settings).verify(&raw).await, Err(NotificationError::BadSignature(_))));
}

#[tokio::test]
async fn a_certificate_out_of_reach_is_no_verdict() {
    for template in [
        ResponseTemplate::new(503),
        pem(b"<html>maintenance</html>"),
        ResponseTemplate::new(302).insert_header("location", "https://evil.test/"),
        pem(CHAIN).set_delay(std::time::Duration::from_secs(20)),
        pem(&vec![b'x'; 2 * 1024 * 1024]),
    ] {
        let (_server, provider, raw) = serving(template).await;
        let said = provider.verify(&raw).await;
        assert!(matches!(said, Err(NotificationError::CouldNotVerify(_))), "{said:?}");
    }
}

async fn asked(verdict: ResponseTemplate) -> (MockServer, Result<Notification, NotificationError>) {
    let server = MockServer::start().await;
    Mock::given(path("/v1/oauth2/token")).respond_with(token()).mount(&server).await;
    Mock::given(method("POST")).and(path(ASK)).respond_with(verdict).mount(&server).await;
    let settings = PaypalSettings { verify: PaypalVerify::Postback, ..paypal(&server.uri()) };
    let said = provider(settings).verify(&signed("https://api.paypal.com/v1/notifications/certs/cert")).await;
    (server, said)
}

#[tokio::test]
async fn paypal_is_asked_with_its_own_bytes() {
    let verdict = |status: &str| ResponseTemplate::new(200).set_body_json(json!({"verification_status": status}));
    let (server, said) = asked(verdict("SUCCESS")).await;
    assert_eq!(said.unwrap().event_id, "WH-1");
    let sent = server.received_requests().await.unwrap().pop().unwrap();
    let text = String::from_utf8(sent.body.clone()).unwrap();
    assert!(text.contains(&format!(r#""webhook_event":{}}}"#, std::str::from_utf8(BODY).unwrap())), "{text}");
    let question: Value = sent.body_json().unwrap();
    assert_eq!(question["webhook_id"], "8PT597110X687430LKGECATA");
    assert_eq!(question["cert_url"], "https://api.paypal.com/v1/notifications/certs/cert");
    assert_eq!(question.as_object().unwrap().len(), 7);

    let (_, said) = asked(verdict("FAILURE")).await;
    assert!(matches!(said, Err(NotificationError::BadSignature(_))));
    let invalid = ResponseTemplate::new(400).set_body_json(json!({"name": "VALIDATION_ERROR", "message": "x"}));
    let (_, said) = asked(invalid).await;
    assert!(matches!(said, Err(NotificationError::BadSignature(_))));
    for status in [500, 401, 429] {
        let (_, said) = asked(ResponseTemplate::new(status)).await;
        assert!(matches!(said, Err(NotificationError::CouldNotVerify(_))), "{status}");
    }
}

/// The fact of an event, verified by the postback, because the key of the vectors no longer exists.
async fn fact(kind: &str, resource: Value) -> Fact {
    let server = MockServer::start().await;
    Mock::given(path("/v1/oauth2/token")).respond_with(token()).mount(&server).await;
    let yes = ResponseTemplate::new(200).set_body_json(json!({"verification_status": "SUCCESS"}));
    Mock::given(path(ASK)).respond_with(yes).mount(&server).await;
    let settings = PaypalSettings { verify: PaypalVerify::Postback, ..paypal(&server.uri()) };
    let mut raw = signed("https://api.paypal.com/v1/notifications/certs/cert");
    raw.body = serde_json::to_vec(&json!({"id": "WH-2", "event_type": kind, "resource": resource})).unwrap();
    provider(settings).verify(&raw).await.unwrap().fact
}

#[tokio::test]
async fn events_become_facts() {
    let capture = |status: &str| {
        json!({"id": "3C679366HH908993F", "status": status, "amount": {"currency_code": "USD", "value": "10.05"},
            "custom_id": order(), "supplementary_data": {"related_ids": {"order_id": "5O190127TN364715T"}}})
    };
    let approved = json!({"id": "5O190127TN364715T", "status": "APPROVED", "purchase_units": [{"custom_id": order()}]});
    let reversed = json!({"order_id": "5O190127TN364715T", "purchase_units": [{"custom_id": order()}]});
    for (kind, resource, expected) in [
        ("CHECKOUT.ORDER.APPROVED", approved, "ReadyToCapture"),
        ("CHECKOUT.PAYMENT-APPROVAL.REVERSED", reversed, "Expired"),
        ("PAYMENT.CAPTURE.COMPLETED", capture("COMPLETED"), "Paid 3C679366HH908993F 10.05 USD"),
        ("PAYMENT.CAPTURE.PENDING", capture("PENDING"), "InFlight"),
        ("PAYMENT.CAPTURE.DENIED", capture("DECLINED"), "Failed DECLINED"),
        ("PAYMENT.CAPTURE.DECLINED", capture("DECLINED"), "Failed DECLINED"),
    ] {
        let Fact::Attempt { locator, observation } = fact(kind, resource).await else { panic!("{kind}") };
        assert_eq!(short(&observation), expected, "{kind}");
        assert_eq!(locator.provider_reference.as_deref(), Some("5O190127TN364715T"), "{kind}");
        // `custom_id` may be the payer's text.
        assert_eq!((locator.order_id, locator.attempt), (None, None), "{kind}");
    }
    assert_eq!(fact("CHECKOUT.ORDER.COMPLETED", json!({})).await, Fact::Ignored);
}

#[tokio::test]
async fn refunds_and_disputes_become_facts() {
    let refund = |links: Value, related: Value| {
        json!({"id": "1JU08902781691411", "status": "COMPLETED", "amount": {"currency_code": "USD", "value": "5.00"},
            "custom_id": refund_id(), "links": links, "supplementary_data": related})
    };
    let up = json!([{"rel": "up", "href": "https://api.paypal.com/v2/payments/captures/3C679366HH908993F"}]);
    // The refund's own status counts, whatever the name of the notification.
    for (kind, status, expected) in [
        ("PAYMENT.REFUND.FAILED", "FAILED", RefundStatus::Failed),
        ("PAYMENT.REFUND.PENDING", "PENDING", RefundStatus::Pending),
        ("PAYMENT.CAPTURE.REFUNDED", "CANCELLED", RefundStatus::Failed),
    ] {
        let mut resource = refund(up.clone(), json!(null));
        resource["status"] = status.into();
        let Fact::Refund(said) = fact(kind, resource).await else { panic!("{kind}") };
        assert_eq!((said.status, said.reversal), (expected, false), "{kind}");
    }
    for resource in [
        refund(up.clone(), json!(null)),
        refund(json!([]), json!({"related_ids": {"capture_id": "3C679366HH908993F"}})),
    ] {
        let Fact::Refund(said) = fact("PAYMENT.CAPTURE.REFUNDED", resource).await else { panic!() };
        assert_eq!(said.payment_id.as_deref(), Some("3C679366HH908993F"));
        assert_eq!((said.status, said.amount), (RefundStatus::Succeeded, money("5", "USD")));
        assert_eq!(said.our_refund_id.unwrap().as_simple().to_string(), REFUND);
    }
    let mut reversal = refund(up, json!(null));
    reversal["custom_id"] = order().into();
    reversal["status"] = "PENDING".into();
    let Fact::Refund(said) = fact("PAYMENT.CAPTURE.REVERSED", reversal).await else { panic!() };
    assert_eq!((said.status, said.our_refund_id), (RefundStatus::Succeeded, None));

    for (status, outcome, expected) in [
        ("OPEN", json!(null), DisputeStatus::Open),
        ("WAITING_FOR_SELLER_RESPONSE", json!(null), DisputeStatus::Open),
        ("WAITING_FOR_BUYER_RESPONSE", json!(null), DisputeStatus::Open),
        ("UNDER_REVIEW", json!(null), DisputeStatus::Open),
        ("RESOLVED", json!({"outcome_code": "RESOLVED_BUYER_FAVOUR"}), DisputeStatus::Lost),
        ("RESOLVED", json!({"outcome_code": "RESOLVED_SELLER_FAVOUR"}), DisputeStatus::Won),
        ("RESOLVED", json!({"outcome_code": "CANCELED_BY_BUYER"}), DisputeStatus::Won),
        ("RESOLVED", json!({"outcome_code": "SOMETHING_NEW"}), DisputeStatus::Open),
    ] {
        let resource = json!({"dispute_id": "PP-D-1", "status": status, "reason": "UNAUTHORISED",
            "dispute_outcome": outcome,
            "dispute_amount": {"currency_code": "USD", "value": "10.05"},
            "disputed_transactions": [{"seller_transaction_id": "3C679366HH908993F"}]});
        let Fact::Dispute(said) = fact("CUSTOMER.DISPUTE.RESOLVED", resource).await else { panic!() };
        assert_eq!((said.status, said.payment_id.as_deref()), (expected, Some("3C679366HH908993F")));
        assert_eq!(said.awaits_evidence, matches!(status, "OPEN" | "WAITING_FOR_SELLER_RESPONSE"), "{status}");
    }
}
