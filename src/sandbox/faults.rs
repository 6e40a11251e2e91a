//! Faults: calls that go wrong on purpose.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::tools::lock;

/// One fault: the next `times` calls of `operation` go wrong in this way.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    /// The name of the operation, as in the journal, or `*` for any.
    pub operation: String,
    pub kind: FaultKind,
    /// The status of the response. Default: 500 for `status`, 200 for `html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The number of calls. Default: 1.
    #[serde(default = "once")]
    pub times: u32,
    /// Whether the call takes effect before the response goes wrong. Default: yes for `slow`, `half_json` and
    /// `other_order`, which need a real response to spoil, and no for the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processed: Option<bool>,
    /// Stripe only: the `status` response is stored under the idempotency key of the request.
    #[serde(default)]
    pub stored: bool,
    /// Stripe only: the `Stripe-Should-Retry` header of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub should_retry: Option<bool>,
    /// How long `slow` and `timeout` let the caller wait, in milliseconds. Default: 1,000 and 120,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}

fn once() -> u32 {
    1
}

/// The way in which a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultKind {
    /// There is no response within the time that a caller usually waits.
    Timeout,
    /// The response is correct, but comes after `delay_ms`. Meanwhile the idempotency key is in flight.
    Slow,
    /// An error response of the company with this status.
    Status,
    /// A web page instead of JSON.
    Html,
    /// The first half of the correct response.
    HalfJson,
    /// The correct response, but about another payment.
    OtherOrder,
}

impl Fault {
    pub fn processed(&self) -> bool {
        self.stored
            || self
                .processed
                .unwrap_or(matches!(self.kind, FaultKind::Slow | FaultKind::HalfJson | FaultKind::OtherOrder))
    }
}

/// The faults that have not yet occurred.
#[derive(Debug, Default)]
pub(super) struct Faults {
    waiting: Mutex<VecDeque<Fault>>,
}

impl Faults {
    pub fn add(&self, fault: Fault) {
        lock(&self.waiting).push_back(fault);
    }

    pub fn clear(&self) {
        lock(&self.waiting).clear();
    }

    pub fn list(&self) -> Vec<Fault> {
        lock(&self.waiting).iter().cloned().collect()
    }

    /// The first fault for an operation. This call uses it once.
    pub fn take(&self, operation: &str) -> Option<Fault> {
        let mut waiting = lock(&self.waiting);
        waiting.retain(|fault| fault.times > 0);
        let fault = waiting.iter_mut().find(|fault| fault.operation == "*" || fault.operation == operation)?;
        fault.times = fault.times.saturating_sub(1);
        Some(fault.clone())
    }
}
