//! The signed notifications of Stripe.

use serde_json::{Value, json};
use topup::domain::payment::{Channel, DisputeStatus, Fact, ProviderName, RefundStatus};
use topup::providers::settings::{ProviderSettings, StripeSettings};
use topup::providers::{NotificationError, PaymentProvider, Registry, endpoint_guides};

use crate::stripe::{intent, played, session, stripe_refund, with};
use crate::support::*;

/// Signs as `stripe.webhooks.generateTestHeaderString` does; the vectors are in the unit tests.
fn signed(kind: &str, object: &Value) -> (String, Vec<u8>) {
    use hmac::{Hmac, KeyInit, Mac};
    let body =
        serde_json::to_vec(&json!({"id": "evt_1", "object": "event", "type": kind, "api_version": "2026-02-25.clover",
        "created": 1_795_250_000, "livemode": false, "data": {"object": object}}))
        .unwrap();
    let now = chrono::Utc::now().timestamp();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"whsec_test_secret").unwrap();
    mac.update(format!("{now}.").as_bytes());
    mac.update(&body);
    (format!("t={now},v1={}", hex::encode(mac.finalize().into_bytes())), body)
}

async fn fact(provider: &dyn PaymentProvider, kind: &str, object: &Value) -> Fact {
    let (header, body) = signed(kind, object);
    let said = provider.verify(&notification(&[("stripe-signature", &header)], &body)).await.unwrap();
    assert_eq!((said.event_id.as_str(), said.event_type.as_str()), ("evt_1", kind));
    said.fact
}

#[tokio::test]
async fn events_become_facts() {
    let (_server, provider) = played().await;
    let paid = with(session("complete", "paid"), json!({"payment_intent": "pi_1"}));
    let declined = with(intent("requires_payment_method"), json!({"last_payment_error": {"code": "card_declined"}}));
    for (kind, object, expected) in [
        ("checkout.session.completed", paid.clone(), "Paid pi_1 10.05 USD"),
        ("checkout.session.completed", session("complete", "unpaid"), "InFlight"),
        ("checkout.session.async_payment_succeeded", paid, "Paid pi_1 10.05 USD"),
        ("checkout.session.async_payment_failed", session("complete", "unpaid"), "Failed the delayed payment failed"),
        ("checkout.session.expired", session("expired", "unpaid"), "Expired"),
        ("payment_intent.succeeded", intent("succeeded"), "Paid pi_1 10.05 USD"),
        ("payment_intent.payment_failed", declined, "Pending card_declined"),
        ("payment_intent.requires_action", intent("requires_action"), "Pending requires_action"),
        ("payment_intent.processing", intent("processing"), "InFlight"),
        ("payment_intent.canceled", intent("canceled"), "Cancelled"),
    ] {
        let Fact::Attempt { locator, observation } = fact(&*provider, kind, &object).await else { panic!("{kind}") };
        assert_eq!(short(&observation), expected, "{kind}");
        assert_eq!((locator.order_id, locator.attempt), (Some(order_id()), Some(1)), "{kind}");
        assert_eq!(locator.provider_reference.as_deref(), object["id"].as_str(), "{kind}");
    }
}

#[tokio::test]
async fn a_sessions_own_payment_intent_is_found_by_the_order() {
    let (_server, provider) = played().await;
    let of_session = json!({"metadata": marks("checkout")});
    let object = with(intent("succeeded"), of_session.clone());
    let Fact::Attempt { locator, .. } = fact(&*provider, "payment_intent.succeeded", &object).await else { panic!() };
    assert_eq!((locator.provider_reference, locator.order_id), (None, Some(order_id())));
    let object = with(intent("canceled"), of_session);
    assert_eq!(fact(&*provider, "payment_intent.canceled", &object).await, Fact::Ignored);
}

/// What a payer's URL can set names no order, and neither does a part of our marks.
#[tokio::test]
async fn only_all_of_our_marks_name_an_order() {
    let (_server, provider) = played().await;
    let paid = with(session("complete", "paid"), json!({"payment_intent": "pi_1"}));
    let marks = marks("checkout");
    for missing in ["order_id", "attempt", "flow", "deployment"] {
        // The last is another deployment on the same account.
        for value in [Value::Null, json!("x"), json!("00c0ffee00c0ffef")] {
            let mut some = marks.clone();
            match value {
                Value::Null => drop(some.as_object_mut().unwrap().remove(missing)),
                value => some[missing] = value,
            }
            let object = with(paid.clone(), json!({"metadata": some}));
            let said = fact(&*provider, "checkout.session.completed", &object).await;
            let Fact::Attempt { locator, .. } = said else { panic!("{missing}") };
            assert_eq!((locator.order_id, locator.attempt), (None, None), "{missing}: {object}");
        }
    }
    let linked = with(paid.clone(), json!({"payment_link": "plink_1"}));
    assert_eq!(fact(&*provider, "checkout.session.completed", &linked).await, Fact::Foreign);
    let subscription = with(paid, json!({"mode": "subscription"}));
    assert_eq!(fact(&*provider, "checkout.session.completed", &subscription).await, Fact::Foreign);
    let of_a_charge = with(stripe_refund("succeeded"), json!({"payment_intent": null}));
    assert_eq!(fact(&*provider, "refund.created", &of_a_charge).await, Fact::Foreign);
}

/// `topup providers` lists exactly what is read.
#[tokio::test]
async fn the_listed_events_are_those_that_are_read() {
    let (_server, provider) = played().await;
    let guides = endpoint_guides("https://pay.example.com/", "2026-02-25.clover");
    let guide = guides.iter().find(|guide| guide.provider == ProviderName::Stripe).unwrap();
    assert_eq!(guide.url, "https://pay.example.com/v1/providers/stripe/notifications");
    for kind in &guide.events {
        let object = match *kind {
            kind if kind.starts_with("checkout.") => session("open", "unpaid"),
            kind if kind.starts_with("payment_intent.") => intent("processing"),
            kind if kind.starts_with("charge.dispute.") => dispute("won"),
            _ => stripe_refund("succeeded"),
        };
        assert_ne!(fact(&*provider, kind, &object).await, Fact::Ignored, "{kind}");
    }
    for kind in ["charge.refunded", "checkout.session.created", "invoice.paid", "payment_intent.created"] {
        assert!(!guide.events.contains(&kind), "{kind}");
    }
}

fn dispute(status: &str) -> Value {
    json!({"id": "du_1", "object": "dispute", "status": status, "amount": 1005, "currency": "usd",
        "charge": "ch_1", "payment_intent": "pi_1", "reason": "fraudulent"})
}

#[tokio::test]
async fn refunds_and_disputes_become_facts() {
    let (_server, provider) = played().await;
    for kind in ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"] {
        let Fact::Refund(said) = fact(&*provider, kind, &stripe_refund("failed")).await else { panic!("{kind}") };
        assert_eq!(said.our_refund_id.unwrap().as_simple().to_string(), REFUND);
        assert_eq!((said.status, said.reason.as_deref()), (RefundStatus::Failed, Some("insufficient_funds")));
        assert_eq!((said.amount, said.payment_id.as_deref()), (money("5", "USD"), Some("pi_1")));
    }
    let dashboard = with(stripe_refund("succeeded"), json!({"metadata": {}}));
    let Fact::Refund(said) = fact(&*provider, "refund.created", &dashboard).await else { panic!() };
    assert_eq!(said.our_refund_id, None);
    for (status, expected, awaits_evidence) in [
        ("needs_response", DisputeStatus::Open, true),
        ("under_review", DisputeStatus::Open, false),
        ("a_status_of_tomorrow", DisputeStatus::Open, true),
        ("won", DisputeStatus::Won, false),
        ("warning_closed", DisputeStatus::Won, false),
        ("lost", DisputeStatus::Lost, false),
    ] {
        let Fact::Dispute(said) = fact(&*provider, "charge.dispute.closed", &dispute(status)).await else { panic!() };
        assert_eq!((said.status, said.payment_id.as_deref(), said.inquiry), (expected, Some("pi_1"), false));
        assert_eq!(said.awaits_evidence, awaits_evidence, "{status}");
    }
    for asking in ["warning_needs_response", "warning_under_review"] {
        let said = fact(&*provider, "charge.dispute.created", &dispute(asking)).await;
        assert!(matches!(said, Fact::Dispute(said) if said.inquiry), "{asking}");
    }
    for kind in ["charge.refunded", "charge.succeeded", "payment_intent.created", "a.kind.of.tomorrow"] {
        assert_eq!(fact(&*provider, kind, &json!({"id": "x"})).await, Fact::Ignored, "{kind}");
    }
}

#[tokio::test]
async fn a_bad_signature_is_not_a_fact_and_a_signed_riddle_is_malformed() {
    let (_server, provider) = played().await;
    let (header, mut body) = signed("payment_intent.succeeded", &intent("succeeded"));
    body.push(b' ');
    let said = provider.verify(&notification(&[("stripe-signature", &header)], &body)).await;
    assert!(matches!(said, Err(NotificationError::BadSignature(_))));
    let said = provider.verify(&notification(&[], &body)).await;
    assert!(matches!(said, Err(NotificationError::BadSignature(_))));
    let (header, body) = signed("payment_intent.succeeded", &json!({"id": "pi_1"}));
    let said = provider.verify(&notification(&[("stripe-signature", &header)], &body)).await;
    assert!(matches!(said, Err(NotificationError::Malformed(_))));
}

#[tokio::test]
async fn an_empty_secret_is_no_secret() {
    let complete = stripe("http://127.0.0.1:9");
    for break_it in [
        |s: &mut StripeSettings| s.secret_key = " ".into(),
        |s: &mut StripeSettings| s.webhook_secret = None,
        |s: &mut StripeSettings| s.webhook_secret = Some("".into()),
    ] {
        let mut settings = complete.clone();
        break_it(&mut settings);
        let registry = Registry::new(&ProviderSettings { stripe: Some(settings), ..nothing() }).unwrap();
        assert!(registry.by_channel(Channel::Card).is_none() && registry.by_name(ProviderName::Stripe).is_none());
        assert!(registry.by_channel(Channel::BankTransfer).is_some());
    }
    let mut settings = complete;
    settings.secret_key = "rk_live_1".into();
    let registry = Registry::new(&ProviderSettings { stripe: Some(settings), ..nothing() }).unwrap();
    assert!(registry.by_name(ProviderName::Stripe).unwrap().is_live());
}
