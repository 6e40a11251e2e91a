//! Calls made to misbehave on purpose.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::tools::lock;

/// One order: "the next `times` calls of `operation` go wrong like this".
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    /// The operation's name as in the request log, or `*` for any.
    pub operation: String,
    pub kind: FaultKind,
    /// The status of the answer. Default: 500 for `status`, 200 for `html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How many calls. Default 1.
    #[serde(default = "once")]
    pub times: u32,
    /// Whether the call takes effect before the answer goes wrong. Default: yes for `slow`,
    /// `half_json` and `other_order`, which need a real answer to spoil; no for the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processed: Option<bool>,
    /// Stripe only: the spoiled `status` answer is stored under the request's idempotency key.
    #[serde(default)]
    pub stored: bool,
    /// Stripe only: the `Stripe-Should-Retry` header of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub should_retry: Option<bool>,
    /// How long `slow` and `timeout` keep the caller waiting, in milliseconds. Default 1,000 and
    /// 120,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}

fn once() -> u32 {
    1
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultKind {
    /// No answer while a sane caller waits.
    Timeout,
    /// Answered rightly, but only after `delay_ms`; the idempotency key is in flight meanwhile.
    Slow,
    /// The company's own error body with this status.
    Status,
    /// A web page where JSON belongs.
    Html,
    /// The first half of the right answer.
    HalfJson,
    /// The right answer, about somebody else's payment.
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

    /// The first fault that fits, used up once.
    pub fn take(&self, operation: &str) -> Option<Fault> {
        let mut waiting = lock(&self.waiting);
        waiting.retain(|fault| fault.times > 0);
        let fault = waiting.iter_mut().find(|fault| fault.operation == "*" || fault.operation == operation)?;
        fault.times = fault.times.saturating_sub(1);
        Some(fault.clone())
    }
}
