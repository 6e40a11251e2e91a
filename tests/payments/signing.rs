//! Notifications that the tests sign themselves, as the companies do.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};
use uuid::Uuid;

use crate::stage::{STRIPE_WEBHOOK, Stage, VNPAY_SECRET, VNPAY_TERMINAL};
use crate::support::Reply;

/// The `Stripe-Signature` of a body.
pub fn stripe_signature(secret: &str, body: &str) -> String {
    let time = chrono::Utc::now().timestamp();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// A Stripe event about an object.
pub fn stripe_event(kind: &str, object: &Value) -> Value {
    json!({
        "id": format!("evt_{}", Uuid::now_v7().as_simple()), "object": "event", "type": kind,
        "created": chrono::Utc::now().timestamp(), "livemode": false, "data": {"object": object},
    })
}

/// A paid Checkout Session for this order, with the amount in the minor unit.
pub fn paid_session(session: &str, order: &str, units: i64, currency: &str) -> Value {
    json!({
        "id": session, "object": "checkout.session", "mode": "payment", "status": "complete",
        "payment_status": "paid", "payment_intent": format!("pi_{}", Uuid::now_v7().as_simple()),
        "amount_total": units, "currency": currency, "client_reference_id": order,
        "metadata": {"order_id": order, "attempt": "1", "flow": "checkout"}, "livemode": false,
    })
}

/// Sends an event with Stripe's signature.
pub async fn stripe_says(stage: &Stage, event: &Value) -> Reply {
    stripe_sends(stage, event, STRIPE_WEBHOOK).await
}

pub async fn stripe_sends(stage: &Stage, event: &Value, secret: &str) -> Reply {
    let body = event.to_string();
    let request = stage.app.anonymous().request(Method::POST, "/v1/providers/stripe/notifications");
    let signature = stripe_signature(secret, &body);
    Reply::of(request.header("stripe-signature", signature).header("content-type", "application/json").body(body)).await
}

/// The fields of an IPN of VNPay that says "paid".
pub fn vnpay_says(txn_ref: &str, amount: i64) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("vnp_TmnCode", VNPAY_TERMINAL.to_owned()),
        ("vnp_Amount", (amount * 100).to_string()),
        ("vnp_BankCode", "NCB".to_owned()),
        ("vnp_OrderInfo", "Top-up of the tests".to_owned()),
        ("vnp_PayDate", "20261121120000".to_owned()),
        ("vnp_ResponseCode", "00".to_owned()),
        ("vnp_TransactionNo", "14422574".to_owned()),
        ("vnp_TransactionStatus", "00".to_owned()),
        ("vnp_TxnRef", txn_ref.to_owned()),
    ])
}

/// The signed query: sorted by name and form-encoded.
pub fn vnpay_query(fields: &BTreeMap<&'static str, String>, secret: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(query.as_bytes());
    format!("{query}&vnp_SecureHash={}", hex::encode(mac.finalize().into_bytes()))
}

/// Calls our IPN and returns its `RspCode`.
pub async fn vnpay_calls(stage: &Stage, query: &str) -> String {
    let reply = stage.app.anonymous().get(&format!("/v1/providers/vnpay/ipn?{query}")).await.expect(200);
    reply["RspCode"].as_str().unwrap().to_owned()
}

pub async fn vnpay_ipn(stage: &Stage, fields: &BTreeMap<&'static str, String>) -> String {
    vnpay_calls(stage, &vnpay_query(fields, VNPAY_SECRET)).await
}
