//! Usage: deductions for consumption.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::idempotency::fingerprint64;
use super::{App, Error};
use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind, Label};
use crate::domain::money::{Currency, Money};
use crate::domain::posting::{Booked, Change, OnInsufficient, Outcome, Posting, Refusal, WalletKey};
use crate::domain::product::Product;
use crate::domain::reversal::parts_to_give_back;
use crate::storage::ledger;
use crate::storage::transaction::transact;

/// One usage as a service reports it.
#[derive(Debug, Clone)]
pub struct NewUsage {
    /// The caller's id: 1–128 characters, unique per customer.
    pub id: String,
    pub customer: CustomerId,
    /// Greater than zero, up to 8 decimals.
    pub amount: Money,
    pub product: Product,
    /// Whether the main wallet pays as a whole when the product's wallet is short.
    pub fallback_to_main: bool,
    pub on_insufficient: OnInsufficient,
    pub description: Option<String>,
    pub metadata: Option<serde_json::Value>,
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Usage that was booked, now or before.
#[derive(Debug, Clone)]
pub struct Usage {
    pub id: String,
    pub currency: Currency,
    /// What was deducted, positive.
    pub amount: Decimal,
    /// The wallet that paid.
    pub product: Product,
    pub balance_after: Decimal,
    /// The part that became debt.
    pub debt: Decimal,
    pub created_at: DateTime<Utc>,
    pub replayed: bool,
}

impl NewUsage {
    /// The posting that books it. A product's usage names the main wallet as fallback; the main wallet's own
    /// needs none.
    #[must_use]
    pub fn posting(self) -> Posting {
        let wallet =
            |product: Product| WalletKey { customer: self.customer.clone(), currency: self.amount.currency(), product };
        let fallback = (self.fallback_to_main && !self.product.is_main()).then(|| wallet(Product::main()));
        let amount = self.amount.amount();
        let fingerprint = fingerprint64(&[
            self.amount.currency().code(),
            &amount.normalize().to_string(),
            self.product.as_column(),
            if fallback.is_some() { "main_wallet" } else { "none" },
            if self.on_insufficient == OnInsufficient::Book { "book" } else { "refuse" },
            self.description.as_deref().unwrap_or_default(),
            &self.metadata.as_ref().map(ToString::to_string).unwrap_or_default(),
            &self.occurred_at.map(|at| at.timestamp_micros().to_string()).unwrap_or_default(),
        ]);
        Posting {
            wallet: wallet(self.product.clone()),
            fallback,
            change: Change::Deduct { amount, on_insufficient: self.on_insufficient },
            label: Label {
                kind: EntryKind::Usage,
                key: self.id,
                fingerprint,
                counterpart: "usage".to_owned(),
                reference: None,
                description: self.description,
                metadata: self.metadata,
                occurred_at: self.occurred_at,
            },
        }
    }
}

/// Books one usage.
///
/// # Errors
/// 402 when the wallet is short or a spending cap is reached; 422 for an unknown product, and when the id was used
/// with another content.
pub async fn book(app: &App, new: NewUsage) -> Result<Usage, Error> {
    app.products.require(&app.pool, &new.product).await?;
    let currency = new.amount.currency();
    let answer = app.poster.post(vec![new.posting()]).await?.pop();
    read_outcome(answer.ok_or(Error::NotFound("usage"))??, currency)
}

/// Books the usages of one request, in order; each has its own answer.
///
/// # Errors
/// Only when none was decided: the queue is full, the database is away.
pub async fn book_all(app: &App, new: Vec<NewUsage>) -> Result<Vec<Result<Usage, Error>>, Error> {
    let (mut asked, mut postings) = (Vec::new(), Vec::new());
    for usage in new {
        match app.products.require(&app.pool, &usage.product).await {
            Ok(()) => {
                asked.push(Ok(usage.amount.currency()));
                postings.push(usage.posting());
            }
            Err(refused @ Error::Invalid(_)) => asked.push(Err(refused)),
            Err(error) => return Err(error),
        }
    }
    let mut answers = app.poster.post(postings).await?.into_iter();
    let mut read = |currency| read_outcome(answers.next().ok_or(Error::NotFound("usage"))??, currency);
    Ok(asked.into_iter().map(|currency| currency.and_then(&mut read)).collect())
}

fn read_outcome(outcome: Outcome, currency: Currency) -> Result<Usage, Error> {
    let (booked, replayed) = match outcome {
        Outcome::Booked(booked) => (booked, false),
        Outcome::Replayed(booked) => (booked, true),
        Outcome::Refused(refusal) => return Err(Error::refused(refusal)),
    };
    let entry = booked.entry.ok_or(Error::NotFound("usage"))?;
    Ok(Usage {
        id: entry.label.key,
        currency,
        amount: -entry.amount,
        product: booked.wallet.map(|wallet| wallet.product).unwrap_or_default(),
        balance_after: entry.balance_after,
        debt: entry.debt,
        created_at: entry.created_at,
        replayed,
    })
}

/// A reversal as a service asks for it.
#[derive(Debug, Clone)]
pub struct NewReversal {
    /// The caller's id: 1–128 characters, unique per customer.
    pub id: String,
    pub customer: CustomerId,
    /// The usage's id, or the hold's for a capture.
    pub usage_id: String,
    /// All that is left when absent.
    pub amount: Option<Decimal>,
}

/// A reversal that was booked, now or before.
#[derive(Debug, Clone)]
pub struct Reversal {
    pub id: String,
    pub currency: Currency,
    /// What was given back, positive.
    pub amount: Decimal,
    pub product: Product,
    pub balance_after: Decimal,
    pub created_at: DateTime<Utc>,
    pub replayed: bool,
}

/// Gives a deduction back, into the parts that it was taken from; never more than it was.
///
/// # Errors
/// 404 for an unknown usage; 422 `more_than_taken`, and when the id was used with another content.
pub async fn reverse(app: &App, new: &NewReversal) -> Result<Reversal, Error> {
    let asked = new.amount.map(|amount| amount.normalize().to_string()).unwrap_or_default();
    let fingerprint = fingerprint64(&[&new.usage_id, &asked]);
    transact(&app.pool, async |conn| {
        let missing = || Error::NotFound("usage");
        let (original, hold) = ledger::find_deduction(conn, &new.customer, &new.usage_id).await?.ok_or_else(missing)?;
        let wallet = ledger::key_of_wallet(conn, &new.customer, original.wallet_id).await?.ok_or_else(missing)?;
        // Under the wallet's lock, so that two reversals count each other. Where another wallet than the product's own
        // paid, that is the main wallet, which is locked before a product's.
        ledger::lock_wallet(conn, &wallet).await?;
        let known = ledger::find_entry(conn, &new.customer, EntryKind::Reversal, &new.id).await?;
        if let Some(entry) = known {
            if entry.label.fingerprint != fingerprint {
                return Err(Error::refused(Refusal::KeyReused));
            }
            return Ok(reversal(&entry, &wallet, true));
        }
        let reversed = ledger::find_reversals(conn, &new.customer, &new.usage_id).await?;
        let parts = parts_to_give_back(&original, hold.as_ref(), &reversed, new.amount).map_err(Error::refused)?;
        let posting = Posting {
            wallet: wallet.clone(),
            fallback: None,
            change: Change::Reverse { parts },
            label: Label {
                kind: EntryKind::Reversal,
                key: new.id.clone(),
                fingerprint,
                counterpart: original.label.counterpart.clone(),
                reference: Some(new.usage_id.clone()),
                description: None,
                metadata: None,
                occurred_at: None,
            },
        };
        match ledger::post(conn, &[posting]).await?.pop() {
            Some(Outcome::Booked(Booked { entry: Some(entry), .. })) => Ok(reversal(&entry, &wallet, false)),
            Some(Outcome::Refused(refusal)) => Err(Error::refused(refusal)),
            _ => Err(missing()),
        }
    })
    .await
}

fn reversal(entry: &Entry, wallet: &WalletKey, replayed: bool) -> Reversal {
    Reversal {
        id: entry.label.key.clone(),
        currency: wallet.currency,
        amount: entry.amount,
        product: wallet.product.clone(),
        balance_after: entry.balance_after,
        created_at: entry.created_at,
        replayed,
    }
}
