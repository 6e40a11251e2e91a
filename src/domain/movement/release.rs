//! Release: a hold ends, and what it reserved is free again.

use uuid::Uuid;

use super::hold::of_hold;
use crate::domain::posting::{Change, Posting};

/// Frees what the hold reserves. Repeating it, and releasing an expired hold, changes nothing.
#[must_use]
pub fn release(hold_id: Uuid) -> Posting {
    of_hold(hold_id, Change::Release, "release")
}
