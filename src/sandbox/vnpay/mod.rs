//! The simulated VNPay PAY 2.1.0: the pay page, IPN and return, querydr and refund.

mod api;
mod dashboard;
mod fields;
mod model;
mod page;
mod scenes;
mod sign;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use actix_web::web;
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use self::model::{Order, Try};
use super::company::{Acted, Company, Options, Profile, SceneError, SharedParts};
use super::config::VnpayCredentials;
use super::outbox::{Notification, Outgoing};
use super::tools::lock;

#[derive(Debug, Default)]
struct Books {
    /// Oldest first. A reference may be used again on another day.
    orders: Vec<Order>,
    /// The pairs `(day, vnp_RequestId)`, because a request id is unique within a day.
    requests: BTreeSet<(String, String)>,
    /// For how many seconds querydr is refused after an accepted call; 0: not at all.
    throttle: i64,
    throttled_until: Option<DateTime<Utc>>,
}

impl Books {
    /// Finds an order by its reference (the latest with it) or by a transaction number.
    fn order(&mut self, id: &str) -> Option<&mut Order> {
        self.orders
            .iter_mut()
            .rev()
            .find(|order| order.txn_ref == id || order.tries.iter().any(|one| one.number.to_string() == id))
    }
}

pub(super) const PROFILE: Profile =
    Profile { name: "vnpay", actions: scenes::ACTIONS, attempts: 10, doubling: false, settled, failure };

pub(super) struct Vnpay {
    pub shared: SharedParts,
    credentials: VnpayCredentials,
    books: Mutex<Books>,
}

/// The body of an internal error of VNPay.
fn failure(_: u16) -> Value {
    json!({ "vnp_ResponseCode": "99", "vnp_Message": "Unknown error" })
}

/// Whether the reply to an IPN ends the attempts.
fn settled(status: u16, answer: &str) -> bool {
    let code =
        serde_json::from_str::<Value>(answer).ok().and_then(|body| Some(body.get("RspCode")?.as_str()?.to_owned()));
    status == 200 && matches!(code.as_deref(), Some("00" | "02"))
}

impl Vnpay {
    pub fn new(mut shared: SharedParts, credentials: VnpayCredentials) -> Self {
        let secret = credentials.hash_secret.clone();
        shared.reseal = Box::new(move |answer| sign::seal_answer(secret.expose_secret(), answer));
        Self { shared, credentials, books: Mutex::default() }
    }

    pub fn routes(config: &mut web::ServiceConfig) {
        page::routes(config);
        api::routes(config);
        dashboard::routes(config);
    }

    /// The signed parameters of IPN and return URL for one attempt.
    fn result_query(&self, order: &Order, one: &Try) -> String {
        let paid = one.outcome.status == "00";
        let number = one.number.to_string();
        let fields = [
            ("vnp_TmnCode", self.credentials.tmn_code.clone()),
            ("vnp_Amount", one.amount.to_string()),
            ("vnp_BankCode", order.bank_code.clone()),
            ("vnp_BankTranNo", if paid { format!("VNP{number}") } else { String::new() }),
            ("vnp_CardType", "ATM".to_owned()),
            ("vnp_PayDate", one.pay_date.clone()),
            ("vnp_OrderInfo", order.info.clone()),
            ("vnp_TransactionNo", number),
            ("vnp_ResponseCode", one.outcome.response.to_owned()),
            ("vnp_TransactionStatus", one.outcome.status.to_owned()),
            ("vnp_TxnRef", order.txn_ref.clone()),
        ];
        let fields: BTreeMap<String, String> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let query = sign::query(&fields);
        let seal = sign::seal(self.credentials.hash_secret.expose_secret(), &query);
        format!("{query}&vnp_SecureHash={seal}")
    }

    /// The URL that the browser opens with the result.
    fn return_url(&self, order: &Order, one: &Try) -> String {
        // The URL is parsed, so that a space in it becomes valid in a Location header.
        let base = url::Url::parse(&order.return_url).map(String::from);
        let base = base.unwrap_or_else(|_| order.return_url.clone());
        let joint = if base.contains('?') { '&' } else { '?' };
        format!("{base}{joint}{}", self.result_query(order, one))
    }

    /// Sends the IPN of an attempt that is about to be added to the order.
    fn notify(&self, order: &Order, one: &Try) {
        let query = self.result_query(order, one);
        let make = move |service: &str| Outgoing {
            method: reqwest::Method::GET,
            url: format!("{service}/v1/providers/vnpay/ipn?{query}"),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let notification = Notification {
            event: event_id(order, order.tries.len()),
            kind: format!("ipn {}/{}", one.outcome.response, one.outcome.status),
            payment: order.txn_ref.clone(),
            make: Arc::new(make),
        };
        self.shared.outbox.post(notification, order.silent);
    }
}

/// The id of a notification. VNPay has none, so it is the reference with the number of the attempt, counted from 0.
fn event_id(order: &Order, index: usize) -> String {
    format!("{}-{index}", order.txn_ref)
}

impl Company for Vnpay {
    fn shared(&self) -> &SharedParts {
        &self.shared
    }

    fn act(&self, id: &str, action: &str, options: &Options) -> Result<Acted, SceneError> {
        self.play(id, action, options)
    }

    fn payments(&self) -> Value {
        let books = lock(&self.books);
        json!({ "orders": books.orders.iter().rev().map(Order::shown).collect::<Vec<_>>() })
    }

    /// The switch `throttle`, with `seconds`: for this long after an accepted querydr, every other one gets code 94, as
    /// in VNPay's own test system. 0 switches it off.
    fn switch(&self, name: &str, options: &Options) -> Result<Value, SceneError> {
        let seconds = options.integer("seconds").filter(|seconds| (0..=86_400).contains(seconds));
        match (name, seconds) {
            ("throttle", Some(seconds)) => {
                let mut books = lock(&self.books);
                books.throttle = seconds;
                books.throttled_until = None;
                Ok(json!({ "throttle": seconds }))
            }
            ("throttle", None) => Err(SceneError::Refused("wanted {\"seconds\": 0 to 86400}".to_owned())),
            _ => Err(SceneError::NoSuchAction(name.to_owned())),
        }
    }
}
