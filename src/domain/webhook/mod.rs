//! Webhooks: partners' endpoints, and the deliveries of events to them.

pub mod address;
#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::event::EventKind;

/// The pauses before each further attempt of a delivery, in seconds: the schedule of Standard Webhooks.
const PAUSES: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// The most by which a pause is longer at random, in thousandths of the pause. So deliveries that failed together are
/// not tried again together.
pub const JITTER: i64 = 200;

/// How long every attempt of an endpoint may fail before it is disabled.
pub const FAILS_AT_MOST: TimeDelta = TimeDelta::days(5);

/// How long a secret still signs after another has replaced it.
pub const ROTATION: TimeDelta = TimeDelta::hours(24);

/// How many endpoints one owner may have.
pub const ENDPOINTS: i64 = 50;

/// The pause after a failed attempt; `None` after the last one. `tries` counts the attempts since the delivery was made
/// or asked for again. `jitter` is 0 to [`JITTER`].
#[must_use]
pub fn pause_after(tries: i32, jitter: i64) -> Option<TimeDelta> {
    let done = usize::try_from(tries).ok()?.checked_sub(1)?;
    let seconds = PAUSES.get(done)?;
    Some(TimeDelta::milliseconds(seconds * (1_000 + jitter.clamp(0, JITTER))))
}

/// Whether an endpoint gets deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointStatus {
    Enabled,
    /// Deliveries wait until it is enabled again.
    Paused,
    /// No deliveries are created any more.
    Disabled(DisabledBecause),
}

/// Why the service has disabled an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledBecause {
    /// It answered 410.
    Gone,
    /// Every attempt failed for too long.
    Failing,
}

impl DisabledBecause {
    pub const ALL: [Self; 2] = [Self::Gone, Self::Failing];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

impl EndpointStatus {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Disabled(_) => "disabled",
        }
    }

    /// Reads a status and the reason that belongs to it.
    #[must_use]
    pub fn parse(status: &str, because: Option<&str>) -> Option<Self> {
        match (status, because) {
            ("enabled", None) => Some(Self::Enabled),
            ("paused", None) => Some(Self::Paused),
            ("disabled", Some("gone")) => Some(Self::Disabled(DisabledBecause::Gone)),
            ("disabled", Some("failing")) => Some(Self::Disabled(DisabledBecause::Failing)),
            _ => None,
        }
    }
}

/// Where a partner takes events.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookEndpoint {
    pub id: Uuid,
    /// The caller who made it, for example `service:meter`.
    pub owner: String,
    pub url: String,
    pub description: Option<String>,
    /// Empty: events of every kind.
    pub kinds: Vec<EventKind>,
    pub status: EndpointStatus,
    /// Since when every attempt has failed; `None` if the last one did not.
    pub failing_since: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Where and how an endpoint takes events now.
#[derive(Clone, PartialEq, Eq)]
pub struct DeliveryTarget {
    pub owner: String,
    pub url: String,
    /// The secrets that sign, the current one first.
    pub secrets: Vec<String>,
}

/// The status of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStatus {
    Pending,
    Delivered,
    Failed,
}

impl DeliveryStatus {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Failed].into_iter().find(|status| status.as_str() == text)
    }
}

/// The delivery of one event to one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub id: Uuid,
    pub number: i64,
    pub event: Uuid,
    pub kind: EventKind,
    pub status: DeliveryStatus,
    /// When it is tried next; `None` once it is finished.
    pub due_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// The oldest first.
    pub attempts: Vec<DeliveryAttempt>,
}

/// One attempt of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAttempt {
    pub at: DateTime<Utc>,
    pub milliseconds: i32,
    /// The status of the answer; `None` without one.
    pub status: Option<i32>,
    /// Why there was no answer, or why the answer counts as a failure.
    pub error: Option<String>,
    /// The beginning of the answer's body.
    pub body: Option<String>,
}

impl DeliveryAttempt {
    /// Whether the partner has the event.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the partner wants no more events here.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.status == Some(410)
    }
}
