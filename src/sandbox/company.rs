//! What every simulated company has in common: a journal, faults, outgoing notifications, and the steps by which it
//! handles one API call.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};

use super::faults::{Fault, FaultKind, Faults};
use super::journal::{Journal, Received};
use super::outbox::Outbox;
use super::reply::{Body, Reply};

/// What distinguishes one company from another, fixed in its module.
pub(super) struct Profile {
    pub name: &'static str,
    /// The names that [`Company::act`] takes, each with what it does.
    pub actions: &'static [(&'static str, &'static str)],
    /// How often a notification is sent at most.
    pub attempts: u32,
    /// Whether the delay between two attempts doubles.
    pub doubling: bool,
    /// Whether a reply of our service (status, body) ends the attempts.
    pub settled: fn(u16, &str) -> bool,
    /// The company's own error body for a status.
    pub failure: fn(u16) -> Value,
}

/// The parts that every simulated company has.
pub(super) struct SharedParts {
    pub profile: Profile,
    pub journal: Journal,
    pub faults: Faults,
    pub outbox: Arc<Outbox>,
    /// Signs a response again after the fault `other_order` has changed it, because VNPay signs its responses.
    pub reseal: Box<dyn Fn(&mut Value) + Send + Sync>,
}

/// A simulated company, as the control API and the index page see it.
pub(super) trait Company: Send + Sync {
    fn shared(&self) -> &SharedParts;
    /// Does to the payment what the button of that name does.
    fn act(&self, id: &str, action: &str, options: &Options) -> Result<Acted, SceneError>;
    /// All payments that the company knows, for the control API.
    fn payments(&self) -> Value;
    /// Changes a setting that only one company has, such as VNPay's throttle.
    fn switch(&self, name: &str, options: &Options) -> Result<Value, SceneError> {
        let _ = options;
        Err(SceneError::NoSuchAction(name.to_owned()))
    }
    fn name(&self) -> &'static str {
        self.shared().profile.name
    }
    fn actions(&self) -> &'static [(&'static str, &'static str)] {
        self.shared().profile.actions
    }
}

pub(super) fn any_2xx(status: u16, _: &str) -> bool {
    (200..300).contains(&status)
}

/// The result of an action.
#[derive(Debug)]
pub(super) struct Acted {
    /// The payment afterwards, as its company's API shows it.
    pub object: Value,
    /// The page that the browser opens next; `None` when it stays on the payment page.
    pub redirect: Option<String>,
}

/// Why an action cannot be played.
#[derive(Debug, thiserror::Error)]
pub(super) enum SceneError {
    #[error("there is no payment {0} here")]
    NotFound(String),
    #[error("there is no action {0}; GET /control/{{company}}/actions lists them")]
    NoSuchAction(String),
    #[error("{0}")]
    Refused(String),
}

/// The fields of a form or of a control call, besides the action's name.
#[derive(Debug, Default, Clone)]
pub(super) struct Options(pub Map<String, Value>);

impl Options {
    /// The text of a field. An empty field counts as absent, because an HTML form sends its empty fields.
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

impl SharedParts {
    /// Handles one API call: writes it to the journal, checks it (`prepare`), carries it out (`work`), and lets a fault
    /// spoil the response.
    ///
    /// If a fault has `stored`, `work` receives the response that it must store in place of the real one.
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
            // The journal comes first: this future is dropped if the caller hangs up during the wait.
            self.journal.note(received);
            wait(fault.delay_ms.unwrap_or(120_000)).await;
            return reply.into_response();
        }
        received.status = Some(reply.status);
        self.journal.note(received);
        reply.into_response()
    }

    /// The spoilt response. `real` is the correct one, if the call took effect.
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
            (FaultKind::Timeout, _) => Reply::json(504, (self.profile.failure)(504)),
            (FaultKind::Status | FaultKind::Slow | FaultKind::OtherOrder, _) => self.status_reply(fault),
        }
    }

    fn status_reply(&self, fault: &Fault) -> Reply {
        let status = fault.status.unwrap_or(500);
        let reply = Reply::json(status, (self.profile.failure)(status));
        match fault.should_retry {
            Some(retry) => reply.with_header("Stripe-Should-Retry", retry.to_string()),
            None => reply,
        }
    }
}

/// Replaces every id that ties a response to one order, so that the response is about another order.
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
                    // All metadata belongs to the other order.
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

/// Another id of the same form: the part after the last `_` or `-` is reversed, and its last character is replaced.
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
