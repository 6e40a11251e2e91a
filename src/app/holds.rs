//! Holds: reserve, then capture the actual amount, or release.

use chrono::Duration;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::idempotency::fingerprint64;
use super::{App, Error};
use crate::domain::customer::CustomerId;
use crate::domain::entry::{EntryKind, Label};
use crate::domain::hold::Hold;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::posting::{Booked, Change, Outcome, Posting, WalletKey};
use crate::domain::product::Product;
use crate::storage::ledger;

/// A hold as it is asked for.
#[derive(Debug, Clone)]
pub struct NewHold {
    /// The caller's id, which only deduplicates; 1–128 characters, unique per customer.
    pub id: String,
    pub customer: CustomerId,
    /// Greater than zero, up to 8 decimals.
    pub amount: Money,
    pub product: Product,
    /// 1 second to 24 hours.
    pub lifetime: Duration,
    pub description: Option<String>,
    pub metadata: Option<serde_json::Value>,
}

/// A hold after an operation, and what the operation booked.
#[derive(Debug, Clone)]
pub struct HoldDone {
    pub hold: Hold,
    /// paid + granted − debt of the wallet after a capture that took something.
    pub balance_after: Option<Decimal>,
    pub replayed: bool,
}

/// Reserves an amount.
///
/// # Errors
/// 402 when less is available or a spending cap is reached; 422 for an unknown product, and when the id was used
/// with another content.
pub async fn open(app: &App, new: NewHold) -> Result<HoldDone, Error> {
    app.products.require(&app.pool, &new.product).await?;
    let currency = new.amount.currency();
    let amount = new.amount.amount();
    let fingerprint = fingerprint64(&[
        currency.code(),
        &amount.normalize().to_string(),
        new.product.as_column(),
        &new.lifetime.num_seconds().to_string(),
        new.description.as_deref().unwrap_or_default(),
        &new.metadata.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]);
    let id = Uuid::now_v7();
    let posting = Posting {
        wallet: WalletKey { customer: new.customer, currency, product: new.product },
        fallback: None,
        change: Change::OpenHold { id, amount, lifetime: new.lifetime },
        label: Label {
            kind: EntryKind::Capture,
            key: new.id,
            fingerprint,
            counterpart: "usage".to_owned(),
            reference: None,
            description: new.description,
            metadata: new.metadata,
            occurred_at: None,
        },
    };
    run(app, posting).await
}

/// Captures the actual amount, zero or more. Less than was held frees the rest; more takes the rest from what
/// is available, or is refused and leaves the hold open. Repeating it with the same amount changes nothing.
///
/// # Errors
/// 404; 409 `hold_expired`, `hold_closed`; 402 for the part beyond the hold.
pub async fn capture(app: &App, hold_id: Option<Uuid>, amount: Decimal) -> Result<HoldDone, Error> {
    let hold_id = hold_id.ok_or(Error::NotFound("hold"))?;
    run(app, of_hold(hold_id, Change::Capture { hold_id, amount }, &amount.normalize().to_string())).await
}

/// Frees what is held. Repeating it, and releasing what has expired, changes nothing.
///
/// # Errors
/// 404; 409 `hold_closed` once it is captured.
pub async fn release(app: &App, hold_id: Option<Uuid>) -> Result<HoldDone, Error> {
    let hold_id = hold_id.ok_or(Error::NotFound("hold"))?;
    run(app, of_hold(hold_id, Change::Release { hold_id }, "release")).await
}

/// Lets a hold live `lifetime` from now, if that is later than it would; never more than 24 hours from now.
///
/// # Errors
/// 404; 409 `hold_expired`, `hold_closed`.
pub async fn extend(app: &App, hold_id: Option<Uuid>, lifetime: Duration) -> Result<HoldDone, Error> {
    let hold_id = hold_id.ok_or(Error::NotFound("hold"))?;
    run(app, of_hold(hold_id, Change::Extend { hold_id, lifetime }, "extend")).await
}

/// Reads a hold; one whose time is over shows as expired, though no sweep has written it yet.
///
/// # Errors
/// 404.
pub async fn get(app: &App, hold_id: Option<Uuid>) -> Result<Hold, Error> {
    let missing = || Error::NotFound("hold");
    let mut conn = app.pool.get().await?;
    ledger::find_hold(&mut conn, hold_id.ok_or_else(missing)?).await?.ok_or_else(missing)
}

fn of_hold(hold_id: Uuid, change: Change, asked: &str) -> Posting {
    let shown = IdKind::Hold.show(hold_id);
    Posting {
        wallet: WalletKey::of_the_hold(),
        fallback: None,
        change,
        label: Label {
            kind: EntryKind::Capture,
            key: shown.clone(),
            fingerprint: fingerprint64(&[asked]),
            counterpart: "usage".to_owned(),
            reference: Some(shown),
            description: None,
            metadata: None,
            occurred_at: None,
        },
    }
}

async fn run(app: &App, posting: Posting) -> Result<HoldDone, Error> {
    let (booked, replayed): (Booked, bool) = match app.poster.post(vec![posting]).await?.pop().transpose()? {
        Some(Outcome::Booked(booked)) => (booked, false),
        Some(Outcome::Replayed(booked)) => (booked, true),
        Some(Outcome::Refused(refusal)) => return Err(Error::refused(refusal)),
        None => return Err(Error::NotFound("hold")),
    };
    let hold = booked.hold.ok_or(Error::NotFound("hold"))?;
    Ok(HoldDone { hold, balance_after: booked.entry.map(|entry| entry.balance_after), replayed })
}
