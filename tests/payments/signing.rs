//! Notifications that the tests sign themselves, as the companies do.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};
use uuid::Uuid;

use crate::stage::{Placed, STRIPE_WEBHOOK, Stage, VNPAY_SECRET, VNPAY_TERMINAL};
use crate::support::{DEPLOYMENT, Reply};

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

/// What our server writes into the metadata of a session for this order.
pub fn marks(order: &str) -> Value {
    json!({"order_id": order, "attempt": "1", "flow": "checkout", "deployment": DEPLOYMENT})
}

/// A paid Checkout Session for this order, with the amount in the minor unit.
pub fn paid_session(session: &str, order: &str, units: i64, currency: &str) -> Value {
    json!({
        "id": session, "object": "checkout.session", "mode": "payment", "status": "complete",
        "payment_status": "paid", "payment_intent": format!("pi_{}", Uuid::now_v7().as_simple()),
        "amount_total": units, "currency": currency, "client_reference_id": order,
        "metadata": marks(order), "livemode": false,
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

/// A refund that the merchant makes with VNPay's API, but not from our service. Returns VNPay's answer.
pub async fn vnpay_portal_refund(stage: &Stage, placed: &Placed, amount: i64) -> Value {
    let id = placed.id.trim_start_matches("tuo_");
    let of_order = format!("WHERE order_id = '{id}'");
    let url = stage.ask(&format!("SELECT next_action #>> '{{redirect,url}}' FROM attempts {of_order}")).await.remove(0);
    let created = url::Url::parse(&url).unwrap();
    let created = created.query_pairs().find(|(name, _)| name == "vnp_CreateDate").unwrap().1.into_owned();
    let payment = stage.ask(&format!("SELECT payment_id FROM payments {of_order}")).await.remove(0);
    let fields = [
        ("vnp_RequestId", Uuid::now_v7().as_simple().to_string()),
        ("vnp_Version", "2.1.0".to_owned()),
        ("vnp_Command", "refund".to_owned()),
        ("vnp_TmnCode", VNPAY_TERMINAL.to_owned()),
        ("vnp_TransactionType", "03".to_owned()),
        ("vnp_TxnRef", placed.at.clone()),
        ("vnp_Amount", (amount * 100).to_string()),
        ("vnp_TransactionNo", payment.split_once(':').unwrap().1.to_owned()),
        ("vnp_TransactionDate", created),
        ("vnp_CreateBy", "portal".to_owned()),
        ("vnp_CreateDate", chrono::Utc::now().format("%Y%m%d%H%M%S").to_string()),
        ("vnp_IpAddr", "127.0.0.1".to_owned()),
        ("vnp_OrderInfo", "Hoan tien".to_owned()),
    ];
    let text = fields.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("|");
    let mut mac = Hmac::<Sha512>::new_from_slice(VNPAY_SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let mut body: serde_json::Map<String, Value> =
        fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    body.insert("vnp_SecureHash".to_owned(), hex::encode(mac.finalize().into_bytes()).into());
    stage.company(Method::POST, "/vnpay/merchant_webapi/api/transaction", &body.into()).await.expect(200).body
}
