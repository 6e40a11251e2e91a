//! Explain: what paid for a deduction, and what a payment paid for. First in, first out; nothing is written for it.

use std::collections::HashMap;
use std::pin::Pin;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::{App, Caller, Error, orders};
use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::explain::Stretch;
use crate::domain::id::IdKind;
use crate::storage::ledger::{self, explain as store};
use crate::storage::{Connection, payments, transfers};

/// The most pieces of paid money that one answer names.
const PIECES: usize = 100;
/// How many transfers back money is followed.
const TRANSFERS: usize = 8;
/// How many entries of a wallet one page looks at, that paid for nothing included.
const LOOKED_AT: i64 = 5_000;

/// Which entry: its wallet and its number there.
#[derive(Debug, Clone, Copy)]
pub struct FlowId {
    pub wallet: Uuid,
    pub seq: i64,
}

/// A wallet's currency and product, as columns.
#[derive(Debug, Clone, Default)]
pub struct WalletName {
    pub currency: String,
    pub product: String,
}

/// What paid for an entry.
#[derive(Debug)]
pub struct PaidBy {
    pub entry: Entry,
    pub wallet: WalletName,
    pub grants: Vec<GrantPart>,
    /// The oldest first.
    pub money: Vec<MoneyPart>,
    /// Whether `money` is all of it.
    pub complete: bool,
}

#[derive(Debug)]
pub struct GrantPart {
    pub id: Uuid,
    pub amount: Decimal,
    pub reason: String,
}

/// A piece of paid money, and the entry with which it came to the customer.
#[derive(Debug)]
pub struct MoneyPart {
    pub amount: Decimal,
    pub entry: Entry,
    pub wallet: WalletName,
    /// The transfers that brought it from there to the wallet that spent it, the last one first.
    pub transfers: Vec<String>,
}

impl MoneyPart {
    /// The top-up order that it was paid with, as the API shows its id.
    #[must_use]
    pub fn order(&self) -> Option<&str> {
        let of_an_order = matches!(
            self.entry.label.kind,
            EntryKind::Recharge | EntryKind::RefundReturned | EntryKind::DisputeReturned
        );
        self.entry.label.reference.as_deref().filter(|id| of_an_order && IdKind::TopUpOrder.parse(id).is_some())
    }
}

/// What paid for an entry that took something: which grants, and paid money of which payments.
///
/// # Errors
/// 404; 422 `not_a_deduction` for an entry that brought something.
pub async fn paid_by(app: &App, customer: &CustomerId, flow: Option<FlowId>) -> Result<PaidBy, Error> {
    let mut conn = app.pool.get().await?;
    let entry = find(&mut conn, customer, flow).await?;
    if entry.amount > Decimal::ZERO {
        let detail = "this flow brought money in; ask what it paid for".to_owned();
        return Err(Error::Unprocessable { code: "not_a_deduction", detail });
    }
    let wallets = names(&mut conn, customer).await?;
    let mut trail = Trail { customer, wallets: &wallets, money: Vec::new(), complete: true };
    if let Some(stretch) = Stretch::taken_by(&entry) {
        trail.follow(&mut conn, entry.wallet_id, stretch, &[]).await?;
    }
    let (money, complete) = (trail.money, trail.complete);
    let used: Vec<Uuid> = entry.grant_uses.iter().map(|(id, _)| *id).collect();
    let known = if used.is_empty() { Vec::new() } else { store::grant_reasons(&mut conn, customer, used).await? };
    let grants = entry
        .grant_uses
        .iter()
        .map(|(id, used)| GrantPart {
            id: *id,
            amount: -*used,
            reason: known.iter().find(|(grant, _)| grant == id).map(|(_, reason)| reason.clone()).unwrap_or_default(),
        })
        .collect();
    let wallet = wallets.get(&entry.wallet_id).cloned().unwrap_or_default();
    Ok(PaidBy { entry, wallet, grants, money, complete })
}

/// Where paid money came from, while it is followed back.
struct Trail<'t> {
    customer: &'t CustomerId,
    wallets: &'t HashMap<Uuid, WalletName>,
    money: Vec<MoneyPart>,
    complete: bool,
}

impl Trail<'_> {
    fn follow<'f>(
        &'f mut self,
        conn: &'f mut Connection,
        wallet: Uuid,
        stretch: Stretch,
        transfers: &'f [String],
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'f>> {
        Box::pin(async move {
            let limit = i64::try_from(PIECES + 1).unwrap_or(i64::MAX);
            for entry in store::brought_within(conn, self.customer, wallet, stretch, limit).await? {
                let Some(brought) = Stretch::brought_by(&entry) else { continue };
                let Some(part) = stretch.overlap(&brought) else { continue };
                if self.money.len() >= PIECES {
                    self.complete = false;
                    return Ok(());
                }
                let before = if entry.label.kind == EntryKind::TransferIn && transfers.len() < TRANSFERS {
                    ledger::find_entry(conn, self.customer, EntryKind::TransferOut, &entry.label.key).await?
                } else {
                    None
                };
                let taken = before.as_ref().and_then(Stretch::taken_by);
                let there = taken.and_then(|taken| part.before_transfer(&brought, &taken));
                if let (Some(before), Some(there)) = (before, there) {
                    let transfers = [transfers, &[entry.label.key]].concat();
                    self.follow(conn, before.wallet_id, there, &transfers).await?;
                } else {
                    let wallet = self.wallets.get(&entry.wallet_id).cloned().unwrap_or_default();
                    self.money.push(MoneyPart { amount: part.length(), entry, wallet, transfers: transfers.to_vec() });
                }
            }
            Ok(())
        })
    }
}

/// An entry that something was taken by, and how much of it the payment or grant paid.
#[derive(Debug)]
pub struct PaidForPart {
    pub amount: Decimal,
    pub entry: Entry,
    pub wallet: WalletName,
    /// Where the money went on, when it was transferred: the entry in the other wallet.
    pub transferred_to: Option<FlowId>,
}

/// A page of what an entry paid for.
#[derive(Debug)]
pub struct PaidFor {
    /// The newest first.
    pub parts: Vec<PaidForPart>,
    /// Below which number to go on; `None`: that was all.
    pub next: Option<i64>,
}

/// What an entry that brought something has paid for, below a number.
///
/// # Errors
/// 404; 422 `not_a_payment` for an entry that took something.
pub async fn paid_for(
    app: &App,
    customer: &CustomerId,
    flow: Option<FlowId>,
    below: Option<i64>,
    limit: i64,
) -> Result<PaidFor, Error> {
    let mut conn = app.pool.get().await?;
    let entry = find(&mut conn, customer, flow).await?;
    of_entry(&mut conn, customer, &entry, below.unwrap_or(i64::MAX), limit).await
}

/// What the money of a top-up order has paid for, below a number.
///
/// # Errors
/// 404.
pub async fn order_paid_for(
    app: &App,
    caller: &Caller,
    customer: Option<&str>,
    order: Option<Uuid>,
    below: Option<i64>,
    limit: i64,
) -> Result<PaidFor, Error> {
    let mut conn = app.pool.get().await?;
    let order = orders::read::owned(&mut conn, caller, customer, order).await?;
    let (kind, key) = if let Some(applied) = payments::application_to_order(&mut conn, order.id).await? {
        (EntryKind::Recharge, format!("{}:{}", IdKind::Payment.show(applied.payment_id), applied.n))
    } else if let Some(transfer) = transfers::of_order(&mut conn, order.id).await? {
        (EntryKind::TransferIn, IdKind::Transfer.show(transfer.id))
    } else {
        // Nothing has arrived for it, so it has paid for nothing.
        return Ok(PaidFor { parts: Vec::new(), next: None });
    };
    let entry = ledger::find_entry(&mut conn, &order.customer, kind, &key).await?.ok_or(Error::NotFound("flow"))?;
    of_entry(&mut conn, &order.customer, &entry, below.unwrap_or(i64::MAX), limit).await
}

async fn of_entry(
    conn: &mut Connection,
    customer: &CustomerId,
    entry: &Entry,
    below: i64,
    limit: i64,
) -> Result<PaidFor, Error> {
    if entry.amount < Decimal::ZERO {
        let detail = "this flow took money out; ask what paid for it".to_owned();
        return Err(Error::Unprocessable { code: "not_a_payment", detail });
    }
    let (found, next) = match (Stretch::brought_by(entry), entry.grant_uses.as_slice()) {
        (Some(stretch), _) => of_stretch(conn, customer, entry.wallet_id, stretch, below, limit).await?,
        (None, [(grant, _)]) => of_grant(conn, customer, *grant, below, limit).await?,
        // All of it repaid debt.
        (None, _) => (Vec::new(), None),
    };
    let moved: Vec<String> = found
        .iter()
        .filter(|(entry, _)| entry.label.kind == EntryKind::TransferOut)
        .map(|(entry, _)| entry.label.key.clone())
        .collect();
    let mut arrived = HashMap::new();
    if !moved.is_empty() {
        for entry in ledger::find_entries(conn, customer, EntryKind::TransferIn, moved).await? {
            arrived.insert(entry.label.key, FlowId { wallet: entry.wallet_id, seq: entry.seq });
        }
    }
    let wallets = names(conn, customer).await?;
    let part = |(entry, amount): (Entry, Decimal)| PaidForPart {
        amount,
        wallet: wallets.get(&entry.wallet_id).cloned().unwrap_or_default(),
        transferred_to: arrived.get(&entry.label.key).copied().filter(|_| entry.label.kind == EntryKind::TransferOut),
        entry,
    };
    Ok(PaidFor { parts: found.into_iter().map(part).collect(), next })
}

type Found = (Vec<(Entry, Decimal)>, Option<i64>);

async fn of_stretch(
    conn: &mut Connection,
    customer: &CustomerId,
    wallet: Uuid,
    stretch: Stretch,
    below: i64,
    limit: i64,
) -> Result<Found, Error> {
    let (first, last) = store::taken_between(conn, customer, wallet, stretch).await?;
    let mut from = last.min(below.saturating_sub(1));
    let mut found = Vec::new();
    let (mut looked_at, mut chunk) = (0, limit + 1);
    while from >= first && looked_at < LOOKED_AT {
        for entry in store::downwards(conn, customer, wallet, from, first, chunk).await? {
            let taken = Stretch::taken_by(&entry).and_then(|taken| taken.overlap(&stretch));
            if let Some(taken) = taken {
                if found.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
                    return Ok((found, Some(entry.seq + 1)));
                }
                found.push((entry, taken.length()));
            }
        }
        // Numbers have no gaps.
        from -= chunk;
        looked_at += chunk;
        chunk = 500;
    }
    Ok((found, (from >= first).then_some(from + 1)))
}

async fn of_grant(
    conn: &mut Connection,
    customer: &CustomerId,
    grant: Uuid,
    below: i64,
    limit: i64,
) -> Result<Found, Error> {
    let mut found = store::taken_from_grant(conn, customer, grant, below, limit + 1).await?;
    let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        found.pop();
    }
    let next = found.last().filter(|_| more).map(|(entry, _)| entry.seq);
    Ok((found, next))
}

async fn find(conn: &mut Connection, customer: &CustomerId, flow: Option<FlowId>) -> Result<Entry, Error> {
    let missing = || Error::NotFound("flow");
    let flow = flow.ok_or_else(missing)?;
    store::entry(conn, customer, flow.wallet, flow.seq).await?.ok_or_else(missing)
}

async fn names(conn: &mut Connection, customer: &CustomerId) -> Result<HashMap<Uuid, WalletName>, Error> {
    let wallets = store::wallets_by_id(conn, customer).await?;
    Ok(wallets.into_iter().map(|(id, currency, product)| (id, WalletName { currency, product })).collect())
}
