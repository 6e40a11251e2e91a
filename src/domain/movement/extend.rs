//! Extension: a running call takes longer, so its hold lives longer.

use chrono::Duration;
use uuid::Uuid;

use super::hold::of_hold;
use crate::domain::posting::{Change, Posting};

/// Moves the hold's expiry to `lifetime` from now, if that is later, but never beyond the longest life of a hold.
#[must_use]
pub fn extend(hold_id: Uuid, lifetime: Duration) -> Posting {
    of_hold(hold_id, Change::Extend { lifetime }, "extend")
}
