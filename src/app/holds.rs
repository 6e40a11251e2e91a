//! Holds: an amount is reserved; later the actual amount is captured, or the hold is released.

use chrono::Duration;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{App, Error};
use crate::domain::hold::Hold;
use crate::domain::money::Money;
use crate::domain::movement::capture::capture as captured;
use crate::domain::movement::extend::extend as extended;
use crate::domain::movement::release::release as released;
use crate::domain::posting::{Booked, Posting, PostingOutcome};
use crate::storage::ledger;

pub use crate::domain::movement::hold::NewHold;

/// A hold after an operation, with what the operation booked.
#[derive(Debug, Clone)]
pub struct HoldDone {
    pub hold: Hold,
    /// paid + granted − debt of the wallet, after a capture that took something.
    pub balance_after: Option<Money>,
    pub replayed: bool,
}

/// Reserves an amount.
///
/// # Errors
/// 402 when less is available or a spending cap is reached; 422 for an unknown product, and when the id was used with
/// other content.
pub async fn open(app: &App, new: NewHold) -> Result<HoldDone, Error> {
    app.products.require(&app.pool, &new.product).await?;
    run(app, new.posting(Uuid::now_v7())).await
}

/// Captures the actual amount, zero or more, in the hold's currency. Less than was held frees the rest. More takes the
/// rest from what is available; if that is not enough, the capture is refused and the hold stays open. Repeating a
/// capture with the same amount changes nothing.
///
/// # Errors
/// 404; 409 `hold_expired`, `hold_closed`; 402 for the part beyond the hold.
pub async fn capture(app: &App, hold_id: Option<Uuid>, amount: Decimal) -> Result<HoldDone, Error> {
    let hold_id = hold_id.ok_or(Error::NotFound("hold"))?;
    run(app, captured(hold_id, amount)).await
}

/// Frees what is held. Repeating a release, and releasing an expired hold, changes nothing.
///
/// # Errors
/// 404; 409 `hold_closed` once it is captured.
pub async fn release(app: &App, hold_id: Option<Uuid>) -> Result<HoldDone, Error> {
    let hold_id = hold_id.ok_or(Error::NotFound("hold"))?;
    run(app, released(hold_id)).await
}

/// Moves the expiry of a hold to `lifetime` (at most 24 hours) from now, if that is later.
///
/// # Errors
/// 404; 409 `hold_expired`, `hold_closed`.
pub async fn extend(app: &App, hold_id: Option<Uuid>, lifetime: Duration) -> Result<HoldDone, Error> {
    let hold_id = hold_id.ok_or(Error::NotFound("hold"))?;
    run(app, extended(hold_id, lifetime)).await
}

/// Reads a hold. A hold whose time is over shows as expired, even before a sweep has written that.
///
/// # Errors
/// 404.
pub async fn get(app: &App, hold_id: Option<Uuid>) -> Result<Hold, Error> {
    let missing = || Error::NotFound("hold");
    let mut conn = app.pool.get().await?;
    ledger::find_hold(&mut conn, hold_id.ok_or_else(missing)?).await?.ok_or_else(missing)
}

async fn run(app: &App, posting: Posting) -> Result<HoldDone, Error> {
    let (booked, replayed): (Booked, bool) = match app.poster.post(vec![posting]).await?.pop() {
        Some(PostingOutcome::Booked(booked)) => (booked, false),
        Some(PostingOutcome::Replayed(booked)) => (booked, true),
        Some(PostingOutcome::Refused(refusal)) => return Err(Error::refused(refusal)),
        None => return Err(Error::Internal("an answer of the poster to every posting")),
    };
    let hold = booked.hold.ok_or(Error::Internal("the hold of a posting on a hold"))?;
    Ok(HoldDone { hold, balance_after: booked.entry.map(|entry| entry.balance_after), replayed })
}
