//! What an entry paid for: forward from what it brought to what was taken of it, and to the debts that it repaid.

use std::collections::HashMap;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::past::{Past, REVERSALS};
use super::{FlowId, WalletName, find, names};
use crate::app::{App, Caller, Error, orders};
use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::explain::Stretch;
use crate::domain::explain::given_back::GivenBack;
use crate::domain::id::IdKind;
use crate::storage::ledger::{self, explain as store};
use crate::storage::{Connection, payments, transfers};

/// How many entries of a wallet one page looks at, that paid for nothing included.
const LOOKED_AT: i64 = 5_000;
/// In how many pieces money is told to have gone on from one entry.
const WENT_ON: usize = 100;

/// What is asked about an entry that brought something.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Only what this part of it paid for: of a line that begins with what repaid debt.
    pub part: Option<Stretch>,
    /// Only entries below this number.
    pub below: Option<i64>,
    /// At most so many, 1 or more.
    pub limit: i64,
}

/// An entry that something was taken by, or whose debt was repaid, and how much of it the payment or grant paid.
#[derive(Debug)]
pub struct PaidForPart {
    pub amount: Decimal,
    /// Whether it was debt, which was repaid.
    pub debt: bool,
    pub entry: Entry,
    pub wallet: WalletName,
    /// Where the money went on, when it was transferred: the entry in the other wallet.
    pub transferred_to: Option<FlowId>,
    pub went_on: Vec<WentOn>,
}

/// Paid money that went on with another entry, by a transfer or because it was given back: ask that one what this
/// part of it paid for.
#[derive(Debug, Clone, Copy)]
pub struct WentOn {
    pub to: FlowId,
    pub part: Stretch,
}

/// A page of what an entry paid for.
#[derive(Debug, Default)]
pub struct PaidFor {
    /// The newest first.
    pub parts: Vec<PaidForPart>,
    /// Below which number to go on; `None`: that was all.
    pub next: Option<i64>,
    /// False where there was too much debt, or too many reversals, to tell all of it, or a reversal that cannot be
    /// explained. Also for what went back into a grant, by a reversal or with a restored bonus: that is not followed,
    /// the grant's first entry tells all that the grant paid for.
    pub complete: bool,
}

/// What an entry that brought something has paid for.
///
/// # Errors
/// 404; 422 `not_a_payment` for an entry that took something.
pub async fn what_it_paid_for(
    conn: &mut Connection,
    customer: &CustomerId,
    flow: Option<FlowId>,
    question: Question,
) -> Result<PaidFor, Error> {
    let entry = find(conn, customer, flow).await?;
    of_entry(conn, customer, &entry, question).await
}

/// What the money of a top-up order has paid for.
///
/// # Errors
/// 404.
pub async fn order_paid_for(
    app: &App,
    caller: &Caller,
    customer: Option<&str>,
    order: Option<Uuid>,
    question: Question,
) -> Result<PaidFor, Error> {
    let mut conn = app.pool.get().await?;
    let order = orders::read::owned(&mut conn, caller, customer, order).await?;
    let (kind, key) = if let Some(applied) = payments::application_to_order(&mut conn, order.id).await? {
        (EntryKind::Recharge, format!("{}:{}", IdKind::Payment.show(applied.payment_id), applied.n))
    } else if let Some(transfer) = transfers::of_order(&mut conn, order.id).await? {
        (EntryKind::TransferIn, IdKind::Transfer.show(transfer.id))
    } else {
        // Nothing has arrived for it, so it has paid for nothing.
        return Ok(PaidFor { complete: true, ..PaidFor::default() });
    };
    let entry = ledger::find_entry(&mut conn, &order.customer, kind, &key).await?.ok_or(Error::NotFound("flow"))?;
    of_entry(&mut conn, &order.customer, &entry, question).await
}

/// What the money was used for.
enum Use {
    Granted(Decimal),
    /// On the line of the wallet's paid money that went out.
    Paid(Stretch),
    /// On the line of what was repaid of the entry's debt.
    Debt(Stretch),
}

#[derive(Default)]
struct Found {
    uses: Vec<(Entry, Use)>,
    next: Option<i64>,
    complete: bool,
}

async fn of_entry(
    conn: &mut Connection,
    customer: &CustomerId,
    entry: &Entry,
    question: Question,
) -> Result<PaidFor, Error> {
    if entry.amount < Decimal::ZERO {
        let detail = "this flow took money out; ask what paid for it".to_owned();
        return Err(Error::Unprocessable { code: "not_a_payment", detail });
    }
    let mut past = Past::of(customer);
    let found = match (entry.label.kind, entry.grant_uses.as_slice()) {
        (EntryKind::Grant | EntryKind::Bonus, [(grant, _)]) => of_grant(conn, customer, *grant, question).await?,
        _ => {
            let mut found = of_money(conn, &mut past, entry, question).await?;
            // What went back into a grant is on no line of its own; a part that is asked for is never of it.
            found.complete &= entry.granted.is_zero() || question.part.is_some();
            found
        }
    };
    let arrived = arrived(conn, customer, &found.uses).await?;
    let (reversals, mut complete) = reversals(conn, customer, entry.wallet_id, &found.uses).await?;
    complete &= found.complete;
    let wallets = names(conn, customer).await?;
    let mut parts = Vec::new();
    for (entry, used) in found.uses {
        let there = arrived.get(&entry.label.key).copied().filter(|_| entry.label.kind == EntryKind::TransferOut);
        let back = match reversals.get(&entry.label.key).filter(|_| is_usage(&entry)) {
            Some(reversals) => {
                let back = past.given_back(conn, &entry, reversals).await?;
                complete &= back.len() == reversals.len();
                back
            }
            None => Vec::new(),
        };
        let mut went_on = went_on(&entry, &used, there, &back);
        complete &= went_on.len() <= WENT_ON;
        went_on.truncate(WENT_ON);
        parts.push(PaidForPart {
            amount: match used {
                Use::Granted(amount) => amount,
                Use::Paid(part) | Use::Debt(part) => part.length(),
            },
            debt: matches!(used, Use::Debt(_)),
            wallet: wallets.get(&entry.wallet_id).cloned().unwrap_or_default(),
            transferred_to: there,
            went_on,
            entry,
        });
    }
    Ok(PaidFor { parts, next: found.next, complete })
}

fn is_usage(entry: &Entry) -> bool {
    matches!(entry.label.kind, EntryKind::Usage | EntryKind::Capture)
}

fn went_on(entry: &Entry, used: &Use, there: Option<FlowId>, back: &[GivenBack]) -> Vec<WentOn> {
    if let (Some(to), Some(taken), Use::Paid(part)) = (there, Stretch::taken_by(entry), used) {
        return vec![WentOn { to, part: part.moved(taken.from, Decimal::ZERO) }];
    }
    let part = |back: &GivenBack| {
        let part = match used {
            Use::Granted(_) => None,
            Use::Paid(part) => back.of_paid(part),
            Use::Debt(part) => back.of_debt(part),
        };
        part.map(|part| WentOn { to: FlowId { wallet: entry.wallet_id, seq: back.by }, part })
    };
    back.iter().filter_map(part).collect()
}

/// Where transfers arrived, by their keys.
async fn arrived(
    conn: &mut Connection,
    customer: &CustomerId,
    uses: &[(Entry, Use)],
) -> Result<HashMap<String, FlowId>, Error> {
    let moved = uses.iter().filter(|(entry, _)| entry.label.kind == EntryKind::TransferOut);
    let moved: Vec<String> = moved.map(|(entry, _)| entry.label.key.clone()).collect();
    if moved.is_empty() {
        return Ok(HashMap::new());
    }
    let found = ledger::find_entries(conn, customer, EntryKind::TransferIn, moved).await?;
    let flow = |entry: Entry| (entry.label.key, FlowId { wallet: entry.wallet_id, seq: entry.seq });
    Ok(found.into_iter().map(flow).collect())
}

/// The reversals of usages, by the usages' ids, in their order; and whether that is all of them.
async fn reversals(
    conn: &mut Connection,
    customer: &CustomerId,
    wallet: Uuid,
    uses: &[(Entry, Use)],
) -> Result<(HashMap<String, Vec<Entry>>, bool), Error> {
    let usages = uses.iter().filter(|(entry, used)| is_usage(entry) && !matches!(used, Use::Granted(_)));
    let usages: Vec<String> = usages.map(|(entry, _)| entry.label.key.clone()).collect();
    let mut by_usage: HashMap<String, Vec<Entry>> = HashMap::new();
    if usages.is_empty() {
        return Ok((by_usage, true));
    }
    let found = store::reversals_of(conn, customer, wallet, usages, REVERSALS).await?;
    let whole = i64::try_from(found.len()).unwrap_or(REVERSALS) < REVERSALS;
    for reversal in found {
        by_usage.entry(reversal.label.reference.clone().unwrap_or_default()).or_default().push(reversal);
    }
    Ok((by_usage, whole))
}

/// First what was taken of it since, then the debts that it repaid, which are older than it.
async fn of_money(
    conn: &mut Connection,
    past: &mut Past<'_>,
    entry: &Entry,
    question: Question,
) -> Result<Found, Error> {
    let mut repaid = Vec::new();
    let (mut border, mut known) = (Decimal::ZERO, true);
    if entry.debt < Decimal::ZERO {
        let debts = past.debts(conn, entry).await?;
        known = debts.reaches(entry.seq);
        border = -entry.debt;
        if entry.label.kind == EntryKind::Reversal {
            if !known {
                // What it struck out is no money that it brought, so nobody knows where on its line anything lies.
                return Ok(Found::default());
            }
            border -= debts.struck_by(entry.seq);
        }
        repaid = debts.by(entry.seq).to_vec();
    }
    let of_part = |line: &Stretch| question.part.map_or(Some(*line), |part| part.overlap(line));
    let brought = Stretch::brought_by(entry).and_then(|brought| {
        let part = of_part(&brought.moved(brought.from, border))?;
        Some(part.moved(border, brought.from))
    });
    let mut found = Found { complete: true, ..Found::default() };
    if let Some(stretch) = brought {
        found = of_stretch(conn, past.customer, entry.wallet_id, stretch, question).await?;
    }
    found.complete = known;
    if found.next.is_some() {
        return Ok(found);
    }
    let below = question.below.unwrap_or(i64::MAX);
    let mut debts: Vec<(i64, Stretch)> = repaid
        .iter()
        .filter(|part| part.debtor < below)
        .filter_map(|part| Some((part.debtor, of_part(&part.money)?.moved(part.money.from, part.repaid.from))))
        .collect();
    debts.sort_by_key(|(debtor, _)| -*debtor);
    let room = usize::try_from(question.limit).unwrap_or(usize::MAX).saturating_sub(found.uses.len());
    found.next = debts.get(room).map(|(debtor, _)| *debtor + 1);
    debts.truncate(room);
    if debts.is_empty() {
        return Ok(found);
    }
    let numbers = debts.iter().map(|(debtor, _)| *debtor).collect();
    for debtor in store::entries_by_seq(conn, past.customer, entry.wallet_id, numbers).await?.into_iter().rev() {
        if let Some((_, part)) = debts.iter().find(|(seq, _)| *seq == debtor.seq) {
            found.uses.push((debtor, Use::Debt(*part)));
        }
    }
    Ok(found)
}

async fn of_stretch(
    conn: &mut Connection,
    customer: &CustomerId,
    wallet: Uuid,
    stretch: Stretch,
    question: Question,
) -> Result<Found, Error> {
    let limit = question.limit;
    let (first, last) = store::taken_between(conn, customer, wallet, stretch).await?;
    let mut from = last.min(question.below.unwrap_or(i64::MAX).saturating_sub(1));
    let mut uses = Vec::new();
    let (mut looked_at, mut chunk) = (0, limit + 1);
    while from >= first && looked_at < LOOKED_AT {
        let entries = store::downwards(conn, customer, wallet, from, first, chunk).await?;
        if entries.is_empty() {
            return Ok(Found { uses, next: None, complete: true });
        }
        for entry in entries {
            // The number to begin with may not be there yet, so the entries tell how far it came.
            from = entry.seq - 1;
            let Some(taken) = Stretch::taken_by(&entry).and_then(|taken| taken.overlap(&stretch)) else { continue };
            if uses.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
                return Ok(Found { uses, next: Some(entry.seq + 1), complete: true });
            }
            uses.push((entry, Use::Paid(taken)));
        }
        looked_at += chunk;
        chunk = 500;
    }
    Ok(Found { uses, next: (from >= first).then_some(from + 1), complete: true })
}

async fn of_grant(
    conn: &mut Connection,
    customer: &CustomerId,
    grant: Uuid,
    question: Question,
) -> Result<Found, Error> {
    let (below, limit) = (question.below.unwrap_or(i64::MAX), question.limit);
    let mut found = store::taken_from_grant(conn, customer, grant, below, limit + 1).await?;
    let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        found.pop();
    }
    let next = found.last().filter(|_| more).map(|(entry, _)| entry.seq);
    let uses = found.into_iter().map(|(entry, amount)| (entry, Use::Granted(amount))).collect();
    Ok(Found { uses, next, complete: true })
}
