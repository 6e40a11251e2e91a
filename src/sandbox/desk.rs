//! What every played company has: its log, its faults, its outgoing notifications; and the way one
//! API call is answered.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};

use super::faults::{Fault, FaultKind, Faults};
use super::journal::{Journal, Received};
use super::outbox::Outbox;
use super::reply::{Body, Reply};

pub(super) struct Desk {
    pub journal: Journal,
    pub faults: Faults,
    pub outbox: Arc<Outbox>,
    /// The company's own error answer for a status.
    pub failure: fn(u16) -> Value,
    /// Signs an answer again after `other_order` has twisted it (VNPay signs its answers).
    pub reseal: Box<dyn Fn(&mut Value) + Send + Sync>,
}

/// A played company, as the control API and the index page see it.
pub(super) trait Company: Send + Sync {
    fn name(&self) -> &'static str;
    fn desk(&self) -> &Desk;
    /// Does to the payment what the button of that name does.
    fn act(&self, id: &str, action: &str, options: &Options) -> Result<Acted, Unplayable>;
    /// The names that [`Company::act`] takes, with what each does.
    fn actions(&self) -> &'static [(&'static str, &'static str)];
    fn payments(&self) -> Value;
    /// A switch that belongs to one company alone, such as VNPay's throttle.
    fn switch(&self, name: &str, options: &Options) -> Result<Value, Unplayable> {
        let _ = options;
        Err(Unplayable::NoSuchAction(name.to_owned()))
    }
}

/// What came of an action.
#[derive(Debug)]
pub(super) struct Acted {
    /// The payment afterwards, as its company's API shows it.
    pub object: Value,
    /// Where the browser goes next; `None`: it stays on the payment page.
    pub redirect: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Unplayable {
    #[error("there is no payment {0} here")]
    NotFound(String),
    #[error("there is no action {0}; GET /control/{{company}}/actions lists them")]
    NoSuchAction(String),
    #[error("{0}")]
    Refused(String),
}

/// What a form or a control call says beside the action's name.
#[derive(Debug, Default, Clone)]
pub(super) struct Options(pub Map<String, Value>);

impl Options {
    /// Absent and empty are the same: an HTML form sends its empty fields.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// A number, as JSON or as the text of a form field.
    pub fn integer(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    pub fn flag(&self, name: &str) -> Option<bool> {
        let value = self.0.get(name)?;
        value.as_bool().or_else(|| value.as_str()?.parse().ok())
    }
}

impl Desk {
    /// Answers one API call: logs it, checks it (`prepare`),
    /// does it (`work`) and lets a fault spoil the answer.
    ///
    /// `work` is given the answer to store instead of a real one when a fault asks for that.
    pub async fn answer<T>(
        &self,
        operation: &'static str,
        request: &HttpRequest,
        body: &[u8],
        prepare: impl FnOnce() -> Result<T, Reply>,
        work: impl FnOnce(T, Option<Reply>) -> Reply,
    ) -> HttpResponse {
        let mut received = Received::of(operation, request, body);
        let fault = self.faults.take(operation);
        let reply = match &fault {
            Some(fault) if !fault.processed() => self.spoilt(fault, None),
            Some(fault) => {
                let reply = match prepare() {
                    Err(refusal) => refusal,
                    Ok(ready) => {
                        if fault.kind == FaultKind::Slow {
                            wait(fault.delay_ms.unwrap_or(1_000)).await;
                        }
                        let forced = fault.stored.then(|| self.status_reply(fault));
                        work(ready, forced)
                    }
                };
                self.spoilt(fault, Some(reply))
            }
            None => match prepare() {
                Err(refusal) => refusal,
                Ok(ready) => work(ready, None),
            },
        };
        if let Some(fault) = fault.filter(|fault| fault.kind == FaultKind::Timeout) {
            // Noted first: a caller that hangs up drops this future while it waits.
            self.journal.note(received);
            wait(fault.delay_ms.unwrap_or(120_000)).await;
            return reply.into_response();
        }
        received.status = Some(reply.status);
        self.journal.note(received);
        reply.into_response()
    }

    /// The spoilt answer; `real` is the right one, if the call took effect.
    fn spoilt(&self, fault: &Fault, real: Option<Reply>) -> Reply {
        match (fault.kind, real) {
            (FaultKind::Slow, Some(real)) => real,
            (FaultKind::HalfJson, real) => {
                let status = real.as_ref().map_or(200, |reply| reply.status);
                let text = match real.map(|reply| reply.body) {
                    Some(Body::Json(value)) => value.to_string(),
                    _ => "{\"id\":\"half".to_owned(),
                };
                let half = text.chars().count() / 2;
                let text = text.chars().take(half).collect();
                let body = Body::Text { content_type: "application/json", text };
                Reply { status: fault.status.unwrap_or(status), headers: Vec::new(), body }
            }
            (FaultKind::OtherOrder, Some(mut real)) => {
                if let Body::Json(value) = &mut real.body {
                    somebody_elses(value);
                    (self.reseal)(value);
                }
                real
            }
            (FaultKind::Html, _) => Reply::html(
                fault.status.unwrap_or(200),
                "<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>".to_owned(),
            ),
            (FaultKind::Timeout, _) => Reply::json(504, (self.failure)(504)),
            (FaultKind::Status | FaultKind::Slow | FaultKind::OtherOrder, _) => self.status_reply(fault),
        }
    }

    fn status_reply(&self, fault: &Fault) -> Reply {
        let status = fault.status.unwrap_or(500);
        let reply = Reply::json(status, (self.failure)(status));
        match fault.should_retry {
            Some(retry) => reply.with_header("Stripe-Should-Retry", retry.to_string()),
            None => reply,
        }
    }
}

/// Swaps every id that ties the answer to one order for another's.
fn somebody_elses(value: &mut Value) {
    const TIES: &[&str] = &[
        "id",
        "client_reference_id",
        "custom_id",
        "invoice_id",
        "vnp_TxnRef",
        "payment_intent",
        "top_up_order",
        "order_id",
    ];
    match value {
        Value::Array(items) => items.iter_mut().for_each(somebody_elses),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if TIES.contains(&name.as_str()) => {
                        *text = turned(text);
                    }
                    // The whole of the metadata belongs to the other order.
                    Value::Object(metadata) if name == "metadata" => {
                        for entry in metadata.values_mut() {
                            if let Value::String(text) = entry {
                                *text = turned(text);
                            }
                        }
                    }
                    other => somebody_elses(other),
                }
            }
        }
        _ => {}
    }
}

/// An id of the same form: the letters and digits after the last `_` or `-`, reversed and marked.
fn turned(id: &str) -> String {
    let cut = id.rfind(['_', '-']).map_or(0, |at| at.saturating_add(1));
    let (prefix, rest) = id.split_at_checked(cut).unwrap_or(("", id));
    let mut rest: String = rest.chars().rev().collect();
    rest.pop();
    format!("{prefix}{rest}9")
}

async fn wait(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
