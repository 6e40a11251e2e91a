//! Usage: deductions for consumption, and reversals that give them back.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{App, Error};
use crate::domain::account_flow::{FlowId, FlowPosition};
use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::posting::{Booked, PostingOutcome, Refusal};
use crate::domain::product::Product;
use crate::domain::wallet::Wallet;
use crate::domain::wallet_key::WalletKey;
use crate::storage::transaction::transact;
use crate::storage::{Connection, clock, ledger};

pub use crate::domain::movement::reversal::NewReversal;
pub use crate::domain::movement::usage::NewUsage;

/// A booked usage, from this request or an earlier one.
#[derive(Debug, Clone)]
pub struct Usage {
    pub id: String,
    /// What was deducted, positive.
    pub amount: Money,
    /// The wallet that paid.
    pub product: Product,
    pub balance_after: Money,
    /// The part that became debt.
    pub debt: Money,
    pub created_at: DateTime<Utc>,
    pub replayed: bool,
}

/// Books one usage.
///
/// # Errors
/// 402 when the wallet is short or a spending cap is reached; 422 for an unknown product, and when the id was used with
/// other content.
pub async fn book_usage(app: &App, new: NewUsage) -> Result<Usage, Error> {
    app.products.require(&app.pool, &new.product).await?;
    if new.amount.is_zero() {
        let wallets = wallets_of(app, [&new]).await?;
        return Ok(of_nothing(new, &wallets));
    }
    let answer = app.poster.post(vec![new.posting()]).await?.pop();
    read_outcome(answer.ok_or(Error::Internal("an answer of the poster to every posting"))?)
}

/// Books the usages of one request in their order. Each has its own answer.
///
/// # Errors
/// Only when the whole request failed: the queue is full, the database failed, the service stops. Some usages may be
/// booked then, and the same request shows which.
pub async fn book_batch(app: &App, new: Vec<NewUsage>) -> Result<Vec<Result<Usage, Error>>, Error> {
    let (mut asked, mut postings) = (Vec::new(), Vec::new());
    for usage in new {
        match app.products.require(&app.pool, &usage.product).await {
            Ok(()) if usage.amount.is_zero() => asked.push(Ok(BatchItem::Nothing(usage))),
            Ok(()) => {
                asked.push(Ok(BatchItem::Posted));
                postings.push(usage.posting());
            }
            Err(refused @ Error::Invalid(_)) => asked.push(Err(refused)),
            Err(error) => return Err(error),
        }
    }
    let mut answers = app.poster.post(postings).await?.into_iter();
    let nothing: Vec<&NewUsage> = asked.iter().filter_map(BatchItem::nothing).collect();
    let wallets = if nothing.is_empty() { WalletSnapshot::default() } else { wallets_of(app, nothing).await? };
    let mut results = Vec::with_capacity(asked.len());
    for item in asked {
        let result = match item {
            Ok(BatchItem::Posted) => match answers.next() {
                Some(outcome) => read_outcome(outcome),
                None => Err(Error::Internal("an answer of the poster to every posting")),
            },
            Ok(BatchItem::Nothing(usage)) => Ok(of_nothing(usage, &wallets)),
            Err(refused) => Err(refused),
        };
        // An item with an unknown result must not be reported as refused, so a bug fails the whole request.
        match result {
            Err(error @ (Error::Internal(_) | Error::Storage(_))) => return Err(error),
            result => results.push(result),
        }
    }
    Ok(results)
}

/// One item of a batch that is not refused beforehand.
enum BatchItem {
    /// The poster answers in the order of these.
    Posted,
    Nothing(NewUsage),
}

impl BatchItem {
    fn nothing(asked: &Result<Self, Error>) -> Option<&NewUsage> {
        match asked {
            Ok(Self::Nothing(usage)) => Some(usage),
            _ => None,
        }
    }
}

/// The wallets for the usages of zero, and when they were read.
#[derive(Default)]
struct WalletSnapshot {
    all: Vec<Wallet>,
    at: DateTime<Utc>,
}

async fn wallets_of(app: &App, usages: impl IntoIterator<Item = &NewUsage>) -> Result<WalletSnapshot, Error> {
    let customers: BTreeSet<&CustomerId> = usages.into_iter().map(|usage| &usage.customer).collect();
    let mut conn = app.pool.get().await?;
    let all = ledger::read_wallets_of(&mut conn, customers).await?;
    Ok(WalletSnapshot { all, at: clock::now(&mut conn).await? })
}

/// Answers a usage of nothing. It moves no wallet, so nothing is stored: its id stays free, and a repetition is
/// answered in the same way.
fn of_nothing(new: NewUsage, wallets: &WalletSnapshot) -> Usage {
    let currency = new.amount.currency();
    let key = WalletKey { customer: new.customer, currency, product: new.product };
    let wallet = wallets.all.iter().find(|wallet| wallet.key == key);
    Usage {
        id: new.id,
        amount: new.amount,
        product: key.product,
        balance_after: wallet.map_or(Money::zero(currency), Wallet::balance),
        debt: Money::zero(currency),
        created_at: wallets.at,
        replayed: false,
    }
}

fn read_outcome(outcome: PostingOutcome) -> Result<Usage, Error> {
    let (booked, replayed) = match outcome {
        PostingOutcome::Booked(booked) => (booked, false),
        PostingOutcome::Replayed(booked) => (booked, true),
        PostingOutcome::Refused(refusal) => return Err(Error::refused(refusal)),
    };
    let Booked { entry: Some(entry), wallet: Some(wallet), .. } = booked else {
        return Err(Error::Internal("the entry and the wallet of a booked usage"));
    };
    Ok(Usage {
        amount: -entry.amount,
        product: wallet.product,
        balance_after: entry.balance_after,
        debt: entry.debt,
        created_at: entry.created_at,
        id: entry.label.into_key(),
        replayed,
    })
}

/// A recorded usage.
#[derive(Debug, Clone)]
pub struct UsageRecord {
    pub entry: Entry,
    /// The wallet that paid.
    pub wallet: WalletKey,
    /// What reversals have given back, positive.
    pub reversed: Money,
}

impl UsageRecord {
    /// The account flow of the usage.
    #[must_use]
    pub fn flow(&self) -> FlowId {
        FlowId::of(&self.entry)
    }

    /// The place of the usage in a list.
    #[must_use]
    pub fn position(&self) -> FlowPosition {
        (self.entry.created_at, self.entry.seq, self.entry.wallet_id)
    }
}

/// A usage of the customer by its id, or a captured hold by the hold's id.
///
/// # Errors
/// 404.
pub async fn find(app: &App, customer: &CustomerId, id: Option<&str>) -> Result<UsageRecord, Error> {
    let missing = || Error::NotFound("usage");
    let id = id.ok_or_else(missing)?;
    let mut conn = app.pool.get().await?;
    let (entry, _) = ledger::find_deduction(&mut conn, customer, id).await?.ok_or_else(missing)?;
    let wallet = ledger::key_of_wallet(&mut conn, customer, entry.wallet_id).await?.ok_or_else(missing)?;
    let reversals = ledger::find_reversals(&mut conn, customer, entry.label.reversed_as()).await?;
    let reversed = Money::sum(wallet.currency, reversals.iter().map(|reversal| reversal.amount));
    Ok(UsageRecord { entry, wallet, reversed })
}

/// A booked reversal, from this request or an earlier one.
#[derive(Debug, Clone)]
pub struct Reversal {
    pub id: String,
    /// What was given back, positive.
    pub amount: Money,
    pub product: Product,
    pub balance_after: Money,
    /// The part that returned to grants whose time is over. It expires at once.
    pub expired: Money,
    pub created_at: DateTime<Utc>,
    pub replayed: bool,
}

/// Gives a deduction back into the parts that it was taken from, and never more than was taken.
///
/// # Errors
/// 404 for an unknown usage; 422 `more_than_taken`, and when the id was used with other content.
pub async fn reverse(app: &App, new: &NewReversal) -> Result<Reversal, Error> {
    transact(&app.pool, async |conn| {
        let missing = || Error::NotFound("usage");
        if let Some(hold) = IdKind::Hold.parse(&new.usage_id) {
            ledger::keep_hold(conn, hold).await?;
        }
        let (original, hold) = ledger::find_deduction(conn, &new.customer, &new.usage_id).await?.ok_or_else(missing)?;
        let wallet = ledger::key_of_wallet(conn, &new.customer, original.wallet_id).await?.ok_or_else(missing)?;
        // Under the wallet's lock, so that two reversals count each other. If another wallet than the product's own
        // paid, that is the main wallet, which is locked before a product's.
        ledger::lock_wallet(conn, &wallet).await?;
        let known = ledger::find_entry(conn, &new.customer, EntryKind::Reversal, &new.id).await?;
        if let Some(entry) = known {
            if !new.is_repeated_by(&entry) {
                return Err(Error::refused(Refusal::KeyReused));
            }
            return reversal(conn, &entry, &wallet, true).await;
        }
        let reversed = ledger::find_reversals(conn, &new.customer, original.label.reversed_as()).await?;
        let posting = new.posting(wallet.clone(), &original, hold.as_ref(), &reversed).map_err(Error::refused)?;
        match ledger::post(conn, &[posting]).await?.pop() {
            Some(PostingOutcome::Booked(Booked { entry: Some(entry), .. })) => {
                reversal(conn, &entry, &wallet, false).await
            }
            Some(PostingOutcome::Refused(refusal)) => Err(Error::refused(refusal)),
            _ => Err(Error::Internal("an entry or a refusal for a new reversal")),
        }
    })
    .await
}

async fn reversal(conn: &mut Connection, entry: &Entry, wallet: &WalletKey, replayed: bool) -> Result<Reversal, Error> {
    Ok(Reversal {
        id: entry.label.key().to_owned(),
        amount: entry.amount,
        product: wallet.product.clone(),
        balance_after: entry.balance_after,
        expired: ledger::returned_to_lapsed_grants(conn, &wallet.customer, entry).await?,
        created_at: entry.created_at,
        replayed,
    })
}
