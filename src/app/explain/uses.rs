//! Which debits used a credit, page by page and in both directions.

use rust_decimal::Decimal;
use uuid::Uuid;

use super::history::History;
use crate::app::Error;
use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::explain::MoneyRange;
use crate::domain::explain::debts::Repayment;
use crate::domain::money::Money;
use crate::domain::page::{Page, Place};
use crate::storage::Connection;
use crate::storage::ledger::explain as store;

/// One page reads about this many entries of a wallet at most, including those that used nothing of the credit.
const MAX_ENTRIES_READ: i64 = 5_000;

/// A part of what a credit brought, as a caller names it: without a currency, which the credit has.
#[derive(Debug, Clone, Copy)]
pub struct RequestedPart {
    pub from: Decimal,
    pub amount: Decimal,
}

impl RequestedPart {
    fn overlap(self, range: &MoneyRange) -> Option<MoneyRange> {
        let position = |units| Money::from_ledger(units, range.to.currency());
        MoneyRange::new(position(self.from), position(self.from + self.amount))?.overlap(range)
    }
}

/// Which page of what a credit paid for.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    /// Restricts the page to a part of what the credit brought as a whole: debt repayment first, then the rest.
    pub part: Option<RequestedPart>,
    /// A place is the number of an entry. What comes after it in the list has lower numbers.
    pub page: Page<i64>,
}

impl PageRequest {
    /// Whether the list is read backwards, from lower numbers to higher ones.
    pub(super) fn is_backwards(&self) -> bool {
        matches!(self.page.place, Place::Before(_))
    }

    /// The numbers between two limits that may be on the page.
    fn within(&self, first: i64, last: i64) -> (i64, i64) {
        match self.page.place {
            Place::Start => (first, last),
            Place::After(below) => (first, last.min(below.saturating_sub(1))),
            Place::Before(above) => (first.max(above.saturating_add(1)), last),
        }
    }

    /// The place where a page begins whose first entry in reading order has this number.
    fn place_of(&self, first: i64) -> i64 {
        if self.is_backwards() { first - 1 } else { first + 1 }
    }

    fn limit(&self) -> usize {
        usize::try_from(self.page.limit).unwrap_or(usize::MAX)
    }
}

/// How a debit used the credit.
pub(super) enum CreditUse {
    /// An amount of the grant that the credit opened.
    Granted(Money),
    /// A range of the wallet's line of paid money.
    Paid(MoneyRange),
    /// Debt of this debit that the credit repaid, as a range of that debt.
    RepaidDebt(MoneyRange),
}

/// A page of debits with their uses of the credit, in the order in which they are read.
#[derive(Default)]
pub(super) struct UsesPage {
    pub uses: Vec<(Entry, CreditUse)>,
    /// The place where the next page in reading order begins.
    pub goes_on: Option<i64>,
    pub complete: bool,
}

/// The debits that used a credit's money: first those that took it from the balance, then those whose debt it repaid,
/// which are older than the credit. Read backwards, the debts come first.
pub(super) async fn uses_of_money(
    conn: &mut Connection,
    history: &mut History<'_>,
    credit: &Entry,
    request: PageRequest,
) -> Result<UsesPage, Error> {
    let mut repayments = Vec::new();
    // On the line of what the credit brought as a whole, everything below the border repaid debt.
    let (mut border, mut complete) = (Money::zero(credit.currency()), true);
    if credit.debt.is_negative() {
        let debts = history.debts(conn, credit).await?;
        complete = debts.reaches(credit.seq);
        border = -credit.debt;
        if credit.label.kind() == EntryKind::Reversal {
            if !complete {
                // The debt that the reversal cancelled is not money that it brought. That amount is unknown, so no
                // position on the reversal's line is known either.
                return Ok(UsesPage::default());
            }
            border -= debts.cancelled_by(credit.seq);
        }
        repayments = debts.repayments_by(credit.seq).to_vec();
    }
    let requested = |range: &MoneyRange| request.part.map_or(Some(*range), |part| part.overlap(range));
    let in_balance = MoneyRange::credited_by(credit).and_then(|credited| {
        let to_line = credited.from - border;
        Some(requested(&credited.shift(-to_line))?.shift(to_line))
    });
    let mut page = UsesPage { complete, ..UsesPage::default() };
    for of_debts in [request.is_backwards(), !request.is_backwards()] {
        let room = request.limit().saturating_sub(page.uses.len());
        let more = match in_balance {
            _ if of_debts => {
                uses_of_debts(conn, history.customer, credit.wallet_id, &repayments, request, room).await?
            }
            Some(range) => uses_of_range(conn, history.customer, credit.wallet_id, range, request, room).await?,
            None => UsesPage::default(),
        };
        page.uses.extend(more.uses);
        page.goes_on = more.goes_on;
        if page.goes_on.is_some() {
            break;
        }
    }
    Ok(page)
}

/// The debits whose debt the credit repaid, at most `limit`.
async fn uses_of_debts(
    conn: &mut Connection,
    customer: &CustomerId,
    wallet: Uuid,
    repayments: &[Repayment],
    request: PageRequest,
    room: usize,
) -> Result<UsesPage, Error> {
    let (first, last) = request.within(i64::MIN, i64::MAX);
    let mut debts: Vec<(i64, MoneyRange)> = repayments
        .iter()
        .filter(|repayment| repayment.debit >= first && repayment.debit <= last)
        .filter_map(|repayment| {
            let part = request.part.map_or(Some(repayment.of_credit), |part| part.overlap(&repayment.of_credit))?;
            Some((repayment.debit, part.shift(repayment.of_debt.from - repayment.of_credit.from)))
        })
        .collect();
    debts.sort_by_key(|(debit, _)| if request.is_backwards() { *debit } else { -*debit });
    let goes_on = debts.get(room).map(|(debit, _)| request.place_of(*debit));
    debts.truncate(room);
    let mut page = UsesPage { uses: Vec::new(), goes_on, complete: true };
    if debts.is_empty() {
        return Ok(page);
    }
    let numbers = debts.iter().map(|(debit, _)| *debit).collect();
    let mut debits = store::entries_by_seq(conn, customer, wallet, numbers).await?;
    if !request.is_backwards() {
        debits.reverse();
    }
    for debit in debits {
        if let Some((_, part)) = debts.iter().find(|(seq, _)| *seq == debit.seq) {
            page.uses.push((debit, CreditUse::RepaidDebt(*part)));
        }
    }
    Ok(page)
}

/// The debits that took a range of a wallet's paid money, at most `limit`.
async fn uses_of_range(
    conn: &mut Connection,
    customer: &CustomerId,
    wallet: Uuid,
    range: MoneyRange,
    request: PageRequest,
    room: usize,
) -> Result<UsesPage, Error> {
    let (first, last) = store::debits_between(conn, customer, wallet, range).await?;
    // The entries that are not read yet.
    let (mut low, mut high) = request.within(first, last);
    let backwards = request.is_backwards();
    let mut uses = Vec::new();
    let (mut read, mut chunk) = (0, request.page.limit + 1);
    while low <= high && read < MAX_ENTRIES_READ {
        let entries = store::entries_between(conn, customer, wallet, (low, high), backwards, chunk).await?;
        if entries.is_empty() {
            return Ok(UsesPage { uses, goes_on: None, complete: true });
        }
        for entry in entries {
            // The entry with the first number may not be written yet, so progress is counted by the entries that are.
            match backwards {
                true => low = entry.seq + 1,
                false => high = entry.seq - 1,
            }
            let taken = MoneyRange::debited_by(&entry).and_then(|debited| debited.overlap(&range));
            let Some(taken) = taken else { continue };
            if uses.len() >= room {
                return Ok(UsesPage { uses, goes_on: Some(request.place_of(entry.seq)), complete: true });
            }
            uses.push((entry, CreditUse::Paid(taken)));
        }
        read += chunk;
        chunk = 500;
    }
    let unread = if backwards { low } else { high };
    Ok(UsesPage { uses, goes_on: (low <= high).then(|| request.place_of(unread)), complete: true })
}

/// How many entries one page searches for those that used a grant.
const WALK: i64 = 50_000;

/// The debits that used a grant. A page may be shorter than its limit although more follows.
pub(super) async fn uses_of_grant(
    conn: &mut Connection,
    customer: &CustomerId,
    grant: Uuid,
    request: PageRequest,
) -> Result<UsesPage, Error> {
    let Some(range) = store::uses_of_grant(conn, customer, grant).await? else {
        return Ok(UsesPage { uses: Vec::new(), goes_on: None, complete: true });
    };
    let backwards = request.is_backwards();
    let (first, last) = request.within(range.opened + 1, range.last);
    let walked = match backwards {
        true => (first, last.min(first.saturating_add(WALK - 1))),
        false => (first.max(last.saturating_sub(WALK - 1)), last),
    };
    let of_grant = (range.wallet, grant);
    let mut found = store::debits_of_grant(conn, customer, of_grant, walked, backwards, request.page.limit + 1).await?;
    let more = found.len() > request.limit();
    if more {
        found.pop();
    }
    let unread = match backwards {
        true => (walked.1 < last).then_some(walked.1),
        false => (walked.0 > first).then_some(walked.0),
    };
    let goes_on = found.last().filter(|_| more).map(|(entry, _)| entry.seq).or(unread);
    let uses = found.into_iter().map(|(entry, amount)| (entry, CreditUse::Granted(amount))).collect();
    Ok(UsesPage { uses, goes_on, complete: true })
}
