//! Usage: deductions for consumption.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::idempotency::fingerprint64;
use super::{App, Error};
use crate::domain::customer::CustomerId;
use crate::domain::entry::{EntryKind, Label};
use crate::domain::money::{Currency, Money};
use crate::domain::posting::{Change, OnInsufficient, Outcome, Posting, WalletKey};
use crate::domain::product::Product;

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
/// 402 when the wallet is short or a spending cap is reached; 422 when the id was used with another content.
pub async fn book(app: &App, new: NewUsage) -> Result<Usage, Error> {
    let currency = new.amount.currency();
    let outcome = app.poster.post(vec![new.posting()]).await?.pop();
    outcome.map_or(Err(Error::NotFound("usage")), |outcome| read_outcome(outcome, currency))
}

/// Books the usages of one request, in order; each has its own answer.
///
/// # Errors
/// Only when none was decided: the queue is full, the database is away.
pub async fn book_all(app: &App, new: Vec<NewUsage>) -> Result<Vec<Result<Usage, Error>>, Error> {
    let currencies: Vec<Currency> = new.iter().map(|usage| usage.amount.currency()).collect();
    let outcomes = app.poster.post(new.into_iter().map(NewUsage::posting).collect()).await?;
    Ok(outcomes.into_iter().zip(currencies).map(|(outcome, currency)| read_outcome(outcome, currency)).collect())
}

fn read_outcome(outcome: Outcome, currency: Currency) -> Result<Usage, Error> {
    let (booked, replayed) = match outcome {
        Outcome::Booked(booked) => (booked, false),
        Outcome::Replayed(booked) => (booked, true),
        Outcome::Refused(refusal) => return Err(Error::refused(refusal, currency)),
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
