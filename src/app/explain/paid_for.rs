//! What a credit paid for: the way forward from its money to the debits that used it, and to the debt that it repaid.

use std::collections::HashMap;

use uuid::Uuid;

use super::history::{History, MAX_REVERSALS};
use super::uses::{CreditUse, PageRequest, uses_of_grant, uses_of_money};
use super::{find, wallet_of};
use crate::app::{App, Caller, Error, orders};
use crate::domain::account_flow::FlowId;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::explain::MoneyRange;
use crate::domain::explain::returned_money::ReturnedMoney;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::page::Place;
use crate::domain::wallet_key::WalletKey;
use crate::storage::ledger::{self, explain as store};
use crate::storage::{Connection, applications, transfers};

/// One item names at most this many flows by which its money went on.
const MAX_NEXT_FLOWS: usize = 100;

/// A debit that the credit paid for, or whose debt it repaid.
#[derive(Debug)]
pub struct PaidForItem {
    /// How much of the debit the credit paid.
    pub amount: Money,
    /// Whether the credit repaid debt of the debit. The debit is then older than the credit.
    pub debt: bool,
    pub entry: Entry,
    pub wallet: WalletKey,
    /// For a transfer: the transfer in of the other wallet.
    pub transferred_to: Option<FlowId>,
    /// The flows by which this money went on: a transfer in, or reversals that gave it back.
    pub went_on: Vec<NextFlow>,
}

/// A flow by which money went on. A question about this part of the flow follows the money further.
#[derive(Debug, Clone, Copy)]
pub struct NextFlow {
    pub to: FlowId,
    pub part: MoneyRange,
}

/// A page of what a credit paid for.
#[derive(Debug, Default)]
pub struct PaidForPage {
    /// Newest first.
    pub items: Vec<PaidForItem>,
    /// The page before this one is above this number; `None` on the first page.
    pub previous: Option<i64>,
    /// The next page is below this number; `None` on the last page.
    pub next: Option<i64>,
    /// False in three cases. Some of it is not known: there were too many changes of debt or reversals, or a reversal
    /// that cannot be explained. Or the credit returned promotional credit to grants (a reversal, a restored bonus):
    /// that part is not followed, because the entry that opened the grant lists everything that the grant paid for. Or
    /// several payments serve the order that was asked about.
    pub complete: bool,
}

/// Explains what a credit paid for.
///
/// # Errors
/// 404; 422 `not_a_payment` for a debit.
pub async fn what_it_paid_for(
    conn: &mut Connection,
    customer: &CustomerId,
    flow: Option<FlowId>,
    request: PageRequest,
) -> Result<PaidForPage, Error> {
    let entry = find(conn, customer, flow).await?;
    explain_credit(conn, customer, &entry, request).await
}

/// Explains what the money of a top-up order paid for. Of an order that several payments serve, it is the money of the
/// first one; the others are explained by their flows.
///
/// # Errors
/// 404.
pub async fn order_paid_for(
    app: &App,
    caller: &Caller,
    customer: Option<&CustomerId>,
    order: Option<Uuid>,
    request: PageRequest,
) -> Result<PaidForPage, Error> {
    let mut conn = app.pool.get().await?;
    let order = orders::read::owned(&mut conn, caller, customer, order).await?;
    let applied = applications::standing(&mut conn, &order).await?;
    let (kind, key) = if let Some(first) = applied.first() {
        (EntryKind::Recharge, format!("{}:{}", IdKind::Payment.show(first.payment_id), first.n))
    } else if let Some(transfer) = transfers::of_order(&mut conn, order.id).await? {
        (EntryKind::TransferIn, IdKind::Transfer.show(transfer.id))
    } else {
        // No money has arrived for the order, so it has paid for nothing.
        return Ok(PaidForPage { complete: true, ..PaidForPage::default() });
    };
    let entry = ledger::find_entry(&mut conn, &order.customer, kind, &key).await?;
    let entry = entry.ok_or(Error::Internal("the entry of an order's money"))?;
    let mut page = explain_credit(&mut conn, &order.customer, &entry, request).await?;
    // Each further application has an entry of its own.
    page.complete &= applied.len() <= 1;
    Ok(page)
}

async fn explain_credit(
    conn: &mut Connection,
    customer: &CustomerId,
    credit: &Entry,
    request: PageRequest,
) -> Result<PaidForPage, Error> {
    if credit.amount.is_negative() {
        let detail = "this flow took money out; ask what paid for it".to_owned();
        return Err(Error::Unprocessable { code: Code::NotAPayment, detail });
    }
    let mut history = History::of(customer);
    let page = match (credit.label.kind(), credit.grant_uses.as_slice()) {
        (EntryKind::Grant | EntryKind::Bonus, [(grant, _)]) => uses_of_grant(conn, customer, *grant, request).await?,
        _ => {
            let mut page = uses_of_money(conn, &mut history, credit, request).await?;
            // What the credit returned to grants is not followed, so the answer is incomplete. A requested part of the
            // line of paid money never contains it.
            page.complete &= credit.granted.is_zero() || request.part.is_some();
            page
        }
    };
    let arrivals = arrivals(conn, customer, &page.uses).await?;
    let (reversals, mut complete) = reversals(conn, customer, credit.wallet_id, &page.uses).await?;
    complete &= page.complete;
    let wallets = store::wallets_by_id(conn, customer).await?;
    let mut items = Vec::new();
    for (entry, used) in page.uses {
        let arrival = arrivals.get(entry.label.key()).copied().filter(|_| entry.label.kind() == EntryKind::TransferOut);
        let returned = match reversals.get(entry.label.reversed_as()).filter(|_| is_usage(&entry)) {
            Some(reversals) => {
                let returned = history.returned_money(conn, &entry, reversals).await?;
                complete &= returned.len() == reversals.len();
                returned
            }
            None => Vec::new(),
        };
        let mut went_on = next_flows(&entry, &used, arrival, &returned);
        complete &= went_on.len() <= MAX_NEXT_FLOWS;
        went_on.truncate(MAX_NEXT_FLOWS);
        items.push(PaidForItem {
            amount: match used {
                CreditUse::Granted(amount) => amount,
                CreditUse::Paid(part) | CreditUse::RepaidDebt(part) => part.length(),
            },
            debt: matches!(used, CreditUse::RepaidDebt(_)),
            wallet: wallet_of(&entry, &wallets)?,
            transferred_to: arrival,
            went_on,
            entry,
        });
    }
    if request.is_backwards() {
        items.reverse();
    }
    let (previous, next) = match request.page.place {
        Place::Start => (None, page.goes_on),
        Place::After(below) => (Some(below.saturating_sub(1)), page.goes_on),
        Place::Before(above) => (page.goes_on, Some(above.saturating_add(1))),
    };
    Ok(PaidForPage { items, previous, next, complete })
}

fn is_usage(entry: &Entry) -> bool {
    matches!(entry.label.kind(), EntryKind::Usage | EntryKind::Capture)
}

/// The flows by which the money of one use went on.
fn next_flows(debit: &Entry, used: &CreditUse, arrival: Option<FlowId>, returned: &[ReturnedMoney]) -> Vec<NextFlow> {
    if let (Some(to), Some(debited), CreditUse::Paid(part)) = (arrival, MoneyRange::debited_by(debit), used) {
        return vec![NextFlow { to, part: part.shift(-debited.from) }];
    }
    let with_reversal = |money: &ReturnedMoney| {
        let part = match used {
            CreditUse::Granted(_) => None,
            CreditUse::Paid(part) => money.locate_paid(part),
            CreditUse::RepaidDebt(part) => money.locate_debt(part),
        };
        part.map(|part| NextFlow { to: FlowId { wallet: debit.wallet_id, seq: money.reversal }, part })
    };
    returned.iter().filter_map(with_reversal).collect()
}

/// The transfers in that belong to the transfers out among the debits, by their keys.
async fn arrivals(
    conn: &mut Connection,
    customer: &CustomerId,
    uses: &[(Entry, CreditUse)],
) -> Result<HashMap<String, FlowId>, Error> {
    let transfers = uses.iter().filter(|(entry, _)| entry.label.kind() == EntryKind::TransferOut);
    let keys: Vec<String> = transfers.map(|(entry, _)| entry.label.key().to_owned()).collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let found = ledger::find_entries(conn, customer, EntryKind::TransferIn, keys).await?;
    let by_key = |entry: Entry| {
        let flow = FlowId::of(&entry);
        (entry.label.into_key(), flow)
    };
    Ok(found.into_iter().map(by_key).collect())
}

/// The reversals of the usages among the debits, by the usages' ids and oldest first; and whether these are all of
/// them.
async fn reversals(
    conn: &mut Connection,
    customer: &CustomerId,
    wallet: Uuid,
    uses: &[(Entry, CreditUse)],
) -> Result<(HashMap<String, Vec<Entry>>, bool), Error> {
    let usages = uses.iter().filter(|(entry, used)| is_usage(entry) && !matches!(used, CreditUse::Granted(_)));
    let usages: Vec<String> = usages.map(|(entry, _)| entry.label.reversed_as().to_owned()).collect();
    let mut by_usage: HashMap<String, Vec<Entry>> = HashMap::new();
    if usages.is_empty() {
        return Ok((by_usage, true));
    }
    let found = store::reversals_of(conn, customer, wallet, usages, MAX_REVERSALS).await?;
    let whole = i64::try_from(found.len()).unwrap_or(MAX_REVERSALS) < MAX_REVERSALS;
    for reversal in found {
        let usage =
            reversal.label.reference().map(str::to_owned).ok_or(Error::Internal("the usage that a reversal names"))?;
        by_usage.entry(usage).or_default().push(reversal);
    }
    Ok((by_usage, whole))
}
