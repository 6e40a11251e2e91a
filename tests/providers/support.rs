//! Settings and requests for these tests.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use topup::domain::id::IdKind;
use topup::domain::money::Money;
use topup::domain::payment::Observation;
use topup::providers::settings::{
    PaypalSettings, PaypalVerify, ProviderSettings, StripeSettings, Timeouts, VnpaySettings,
};
use topup::providers::{AttemptRef, AttemptRequest, CardFlow, RawNotification, RefundInstruction};
use uuid::Uuid;
use wiremock::Request;

pub const ORDER: &str = "0197f2c0a1b27c3d8e4f5a6b7c8d9e0f";
/// Our deployment.
pub const DEPLOYMENT: &str = "00c0ffee00c0ffee";
pub const REFUND: &str = "0197f2c0a1b27c3d8e4f5a6b7c8d9eff";

pub fn order_id() -> Uuid {
    ORDER.parse().unwrap()
}

pub fn order() -> String {
    IdKind::TopUpOrder.show(order_id())
}

/// Our marks in the metadata of what was made at Stripe for the order.
pub fn marks(flow: &str) -> Value {
    json!({"order_id": order(), "attempt": "1", "flow": flow, "deployment": DEPLOYMENT})
}

pub fn refund_id() -> String {
    IdKind::Refund.show(REFUND.parse().unwrap())
}

pub fn at() -> DateTime<Utc> {
    "2026-11-21T08:30:00Z".parse().unwrap()
}

pub fn money(amount: &str, currency: &str) -> Money {
    Money::new(amount.parse().unwrap(), currency.parse().unwrap()).unwrap()
}

/// Short time-outs, so that their tests are quick.
pub fn timeouts() -> Timeouts {
    Timeouts {
        connect: Duration::from_millis(500),
        request: Duration::from_millis(300),
        call: Duration::from_secs(5),
        backoff: Duration::from_millis(5),
    }
}

pub fn nothing() -> ProviderSettings {
    ProviderSettings {
        public_url: "https://topup.test".to_owned(),
        deployment: DEPLOYMENT.parse().unwrap(),
        timeouts: timeouts(),
        stripe: None,
        paypal: None,
        vnpay: None,
    }
}

pub fn stripe(base_url: &str) -> StripeSettings {
    StripeSettings {
        secret_key: "sk_test_123".into(),
        publishable_key: "pk_test_123".to_owned(),
        webhook_secret: Some("whsec_test_secret".into()),
        base_url: base_url.to_owned(),
        api_version: "2026-02-25.clover".to_owned(),
    }
}

pub fn paypal(base_url: &str) -> PaypalSettings {
    PaypalSettings {
        client_id: "client-1".to_owned(),
        client_secret: "secret-1".into(),
        webhook_id: Some("8PT597110X687430LKGECATA".to_owned()),
        base_url: base_url.to_owned(),
        cert_roots_pem: Some(include_bytes!("vectors/paypal/root.pem").to_vec()),
        verify: PaypalVerify::Offline,
    }
}

pub fn vnpay(api_url: &str) -> VnpaySettings {
    VnpaySettings {
        tmn_code: "DEMOV210".to_owned(),
        hash_secret: "SECRETSECRETSECRETSECRETSECRET12".into(),
        pay_url: "https://sandbox.vnpayment.vn/paymentv2/vpcpay.html".to_owned(),
        api_url: api_url.to_owned(),
        server_ip: "127.0.0.1".parse().unwrap(),
    }
}

pub fn request(amount: Money, flow: CardFlow) -> AttemptRequest {
    AttemptRequest {
        order_id: order_id(),
        attempt: 1,
        request_key: format!("{ORDER}-1"),
        amount,
        description: "Wallet top-up".to_owned(),
        flow,
        return_url: "https://shop.test/done?a=1&s={CHECKOUT_SESSION_ID}".to_owned(),
        cancel_url: "https://shop.test/back".to_owned(),
        customer_email: Some("an@shop.test".to_owned()),
        locale: Some("vi-VN".to_owned()),
        payer_ip: "203.0.113.7".parse().unwrap(),
        bank_code: None,
        created_at: at(),
        expires_at: at() + TimeDelta::minutes(15),
    }
}

pub fn attempt(provider_reference: &str, amount: Money, flow: CardFlow) -> AttemptRef {
    AttemptRef {
        order_id: order_id(),
        attempt: 1,
        request_key: format!("{ORDER}-1"),
        provider_reference: provider_reference.to_owned(),
        amount,
        flow,
        created_at: at(),
    }
}

pub fn refund(attempt: AttemptRef, payment_id: &str, amount: Money, created_at: DateTime<Utc>) -> RefundInstruction {
    RefundInstruction {
        refund_id: REFUND.parse().unwrap(),
        payment_id: payment_id.to_owned(),
        paid: attempt.amount,
        attempt,
        amount,
        reason: "the customer asked".to_owned(),
        requested_by: "an.operator".to_owned(),
        created_at,
    }
}

pub fn notification(headers: &[(&str, &str)], body: &[u8]) -> RawNotification {
    RawNotification {
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        query: String::new(),
        body: body.to_vec(),
    }
}

/// The fields of a form, as the company reads them.
pub fn form(request: &Request) -> Vec<(String, String)> {
    form_urlencoded::parse(&request.body).into_owned().collect()
}

pub fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

pub fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}

/// The name of an observation, for tables.
pub fn short(observation: &Observation) -> String {
    match observation {
        Observation::Pending { note: Some(note) } => format!("Pending {note}"),
        Observation::Pending { note: None } => "Pending".to_owned(),
        Observation::Declined { reason } => format!("Declined {reason}"),
        Observation::ReadyToCapture => "ReadyToCapture".to_owned(),
        Observation::InFlight { .. } => "InFlight".to_owned(),
        Observation::Review { .. } => "Review".to_owned(),
        Observation::Paid(fact) => format!("Paid {} {}", fact.payment_id, fact.amount),
        Observation::Failed { reason } => format!("Failed {reason}"),
        Observation::Cancelled => "Cancelled".to_owned(),
        Observation::Expired => "Expired".to_owned(),
    }
}
