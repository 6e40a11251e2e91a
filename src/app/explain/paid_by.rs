//! What paid for a debit: the way back from the money that it took to the credits that brought the money to the
//! customer.

use std::collections::HashMap;

use uuid::Uuid;

use super::history::History;
use super::{find, wallet_of};
use crate::app::Error;
use crate::domain::account_flow::FlowId;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::explain::MoneyRange;
use crate::domain::explain::debts::Repayment;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::wallet_key::WalletKey;
use crate::storage::Connection;
use crate::storage::ledger::{self, explain as store};

/// One answer names at most this many credits.
const MAX_CREDITS: usize = 100;
/// Money is followed back through at most this many transfers and reversals.
const MAX_HOPS: usize = 16;
/// One answer follows money back at most this many times, for all its credits together.
const MAX_STEPS: usize = 500;

/// What paid for a debit.
#[derive(Debug)]
pub struct PaidBy {
    pub entry: Entry,
    pub wallet: WalletKey,
    pub grants: Vec<PaidByGrant>,
    /// Oldest first.
    pub credits: Vec<PaidByCredit>,
    /// The payments that repaid the part that became debt, oldest first.
    pub repaid_by: Vec<PaidByCredit>,
    /// How much of the debt was repaid so far.
    pub debt_repaid: Money,
    /// How much of the debt reversals cancelled. This part was never repaid.
    pub debt_cancelled: Money,
    /// Whether `credits` and `repaid_by` are complete, and each credit is the one that brought the money to the
    /// customer.
    pub complete: bool,
}

/// A grant, and how much of the debit it paid.
#[derive(Debug)]
pub struct PaidByGrant {
    pub id: Uuid,
    pub amount: Money,
    pub reason: String,
}

/// The credit that brought money to the customer, and how much of the debit it paid.
#[derive(Debug)]
pub struct PaidByCredit {
    pub amount: Money,
    pub entry: Entry,
    pub wallet: WalletKey,
    /// The transfers on the way from that credit to the debit, most recent first.
    pub transfers: Vec<String>,
    /// The entries on that way (transfers in and reversals), most recent first.
    pub through: Vec<FlowId>,
}

impl PaidByCredit {
    /// The top-up order that brought the money, as the API shows its id.
    #[must_use]
    pub fn order(&self) -> Option<&str> {
        let is_of_an_order = matches!(
            self.entry.label.kind(),
            EntryKind::Recharge
                | EntryKind::RefundReturned
                | EntryKind::DisputeReturned
                | EntryKind::BonusTakenReturned
        );
        self.entry.label.reference().filter(|id| is_of_an_order && IdKind::TopUpOrder.parse(id).is_some())
    }
}

/// Explains what paid for a debit: which grants, which payments, and for the part that became debt, which payments have
/// repaid it so far.
///
/// # Errors
/// 404; 422 `not_a_deduction` for a credit.
pub async fn what_paid_for(
    conn: &mut Connection,
    customer: &CustomerId,
    flow: Option<FlowId>,
) -> Result<PaidBy, Error> {
    let entry = find(conn, customer, flow).await?;
    if entry.amount.is_positive() {
        let detail = "this flow brought money in; ask what it paid for".to_owned();
        return Err(Error::Unprocessable { code: Code::NotADeduction, detail });
    }
    let wallets = store::wallets_by_id(conn, customer).await?;
    let wallet = wallet_of(&entry, &wallets)?;
    let mut tracer = Tracer { history: History::of(customer), wallets, steps_left: MAX_STEPS, complete: true };
    let credits = match MoneyRange::debited_by(&entry) {
        Some(range) => tracer.trace(conn, TracedMoney::Paid { wallet: entry.wallet_id, range }).await?,
        None => Vec::new(),
    };
    let zero = Money::zero(entry.currency());
    let (mut repaid_by, mut debt_repaid, mut debt_cancelled) = (Vec::new(), zero, zero);
    if entry.debt.is_positive() {
        let debts = tracer.history.debts(conn, &entry).await?;
        tracer.complete &= debts.knows_all_of(entry.seq);
        debt_repaid = debts.repaid_of(entry.seq);
        debt_cancelled = debts.cancelled_of(entry.seq);
        if let Some(repaid) = MoneyRange::new(zero, debt_repaid) {
            repaid_by = tracer.trace(conn, TracedMoney::Repaid { debit: Box::new(entry.clone()), repaid }).await?;
        }
    }
    let complete = tracer.complete;
    let grants = grants(conn, customer, &entry).await?;
    Ok(PaidBy { entry, wallet, grants, credits, repaid_by, debt_repaid, debt_cancelled, complete })
}

async fn grants(conn: &mut Connection, customer: &CustomerId, entry: &Entry) -> Result<Vec<PaidByGrant>, Error> {
    let used: Vec<Uuid> = entry.grant_uses.iter().map(|(id, _)| *id).collect();
    let reasons = if used.is_empty() { HashMap::new() } else { store::grant_reasons(conn, customer, used).await? };
    let paid = |(id, used): &(Uuid, Money)| {
        let reason = reasons.get(id).cloned().ok_or(Error::Internal("the grant of a grant use"))?;
        Ok(PaidByGrant { id: *id, amount: -*used, reason })
    };
    entry.grant_uses.iter().map(paid).collect()
}

/// Money whose origin is to be found.
#[derive(Clone)]
enum TracedMoney {
    /// A range of a wallet's line of paid money.
    Paid { wallet: Uuid, range: MoneyRange },
    /// A range of a debit's repaid debt.
    Repaid { debit: Box<Entry>, repaid: MoneyRange },
}

impl TracedMoney {
    fn length(&self) -> Money {
        match self {
            Self::Paid { range, .. } => range.length(),
            Self::Repaid { repaid, .. } => repaid.length(),
        }
    }
}

/// A range of what a credit brought.
struct CreditPart {
    entry: Entry,
    /// Counted from the border between what repaid debt (below zero) and what came into the balance (above zero).
    part: MoneyRange,
}

impl CreditPart {
    /// Whether the customer had this money already before the credit.
    fn only_moved_on(&self) -> bool {
        matches!(self.entry.label.kind(), EntryKind::TransferIn | EntryKind::Reversal)
    }
}

/// A task that a tracer still has to do.
enum Task {
    /// Find the credits that brought this money.
    FindCredits(TracedMoney),
    /// Follow this part of a credit back, or report the credit as the origin.
    FollowBack(Box<CreditPart>),
}

/// The way from an origin to the debit, most recent hop first.
#[derive(Clone, Default)]
struct Way {
    through: Vec<FlowId>,
    transfers: Vec<String>,
}

/// Follows paid money back to its origins.
struct Tracer<'c> {
    history: History<'c>,
    wallets: HashMap<Uuid, WalletKey>,
    steps_left: usize,
    complete: bool,
}

impl Tracer<'_> {
    async fn trace(&mut self, conn: &mut Connection, money: TracedMoney) -> Result<Vec<PaidByCredit>, Error> {
        let mut origins = Vec::new();
        // A stack: the next task is the last one, so that origins come out oldest first.
        let mut tasks = vec![(Task::FindCredits(money), Way::default())];
        while let Some((task, way)) = tasks.pop() {
            match task {
                Task::FindCredits(money) => {
                    let wanted = money.length();
                    let parts = self.credits_of(conn, money).await?;
                    let found = Money::sum(wanted.currency(), parts.iter().map(|credit| credit.part.length()));
                    self.complete &= found == wanted;
                    let follow = |credit| (Task::FollowBack(Box::new(credit)), way.clone());
                    tasks.extend(parts.into_iter().rev().map(follow));
                }
                Task::FollowBack(_) if origins.len() >= MAX_CREDITS => {
                    self.complete = false;
                    break;
                }
                Task::FollowBack(credit) => {
                    let may_follow = way.through.len() < MAX_HOPS && self.steps_left > 0;
                    let sources = if may_follow { self.sources_of(conn, &credit).await? } else { Vec::new() };
                    // The sources of money that moved on are exactly as long as the money; shorter ones are not all.
                    let found = Money::sum(credit.entry.currency(), sources.iter().map(TracedMoney::length));
                    self.complete &= !credit.only_moved_on() || found == credit.part.length();
                    let CreditPart { entry, part } = *credit;
                    if sources.is_empty() {
                        let wallet = wallet_of(&entry, &self.wallets)?;
                        let Way { through, transfers } = way;
                        origins.push(PaidByCredit { amount: part.length(), entry, wallet, transfers, through });
                        continue;
                    }
                    self.steps_left -= 1;
                    let mut way = way;
                    way.through.push(FlowId::of(&entry));
                    if entry.label.kind() == EntryKind::TransferIn {
                        way.transfers.push(entry.label.into_key());
                    }
                    tasks.extend(sources.into_iter().rev().map(|money| (Task::FindCredits(money), way.clone())));
                }
            }
        }
        Ok(origins)
    }

    /// The parts of credits that brought this money, in its order.
    async fn credits_of(&mut self, conn: &mut Connection, money: TracedMoney) -> Result<Vec<CreditPart>, Error> {
        match money {
            TracedMoney::Paid { wallet, range } => {
                let limit = i64::try_from(MAX_CREDITS + 1).unwrap_or(i64::MAX);
                let credits = store::credits_within(conn, self.history.customer, wallet, range, limit).await?;
                let part_of = |entry: Entry| {
                    let credited = MoneyRange::credited_by(&entry)?;
                    let part = range.overlap(&credited)?.shift(-credited.from);
                    Some(CreditPart { entry, part })
                };
                Ok(credits.into_iter().filter_map(part_of).collect())
            }
            TracedMoney::Repaid { debit, repaid } => {
                let debts = self.history.debts(conn, &debit).await?;
                let repayments = debts.repayments_of(debit.seq);
                let first = repayments.partition_point(|repayment| repayment.of_debt.to <= repaid.from);
                let part_of = |repayment: &Repayment| {
                    let Repayment { credit, of_debt, of_credit, .. } = repayment;
                    // All that repaid debt lies below the border.
                    let border = debts.repaid_by(*credit);
                    Some((*credit, repaid.overlap(of_debt)?.shift(of_credit.from - of_debt.from - border)))
                };
                let parts: Vec<(i64, MoneyRange)> =
                    repayments.iter().skip(first).map_while(part_of).take(MAX_CREDITS + 1).collect();
                let numbers = parts.iter().map(|(seq, _)| *seq).collect();
                let credits = store::entries_by_seq(conn, self.history.customer, debit.wallet_id, numbers).await?;
                let credit_part = |(seq, part): (i64, MoneyRange)| {
                    let entry = credits.iter().find(|entry| entry.seq == seq)?.clone();
                    Some(CreditPart { entry, part })
                };
                Ok(parts.into_iter().filter_map(credit_part).collect())
            }
        }
    }

    /// The sources of a part of a credit that only moved on, as far as they are known. A credit that brought the money
    /// to the customer has none.
    async fn sources_of(&mut self, conn: &mut Connection, credit: &CreditPart) -> Result<Vec<TracedMoney>, Error> {
        let entry = &credit.entry;
        let came_into_balance = entry.paid();
        match entry.label.kind() {
            EntryKind::TransferIn => {
                let key = entry.label.key();
                let other_side = ledger::find_entry(conn, self.history.customer, EntryKind::TransferOut, key).await?;
                let source = other_side.and_then(|debit| {
                    let debited = MoneyRange::debited_by(&debit)?;
                    // The line of the transfer in and the line of the transfer out end at the same unit.
                    let range = credit.part.shift(debited.to - came_into_balance).overlap(&debited)?;
                    Some(TracedMoney::Paid { wallet: debit.wallet_id, range })
                });
                Ok(source.into_iter().collect())
            }
            EntryKind::Reversal => {
                let found = self.history.reversed_usage(conn, entry).await?;
                let Some((usage, returned)) = found else { return Ok(Vec::new()) };
                let (debt, paid) = returned.source_of(&credit.part.shift(returned.length() - came_into_balance));
                let wallet = usage.wallet_id;
                let repaid = debt.map(|repaid| TracedMoney::Repaid { debit: Box::new(usage), repaid });
                let paid = paid.map(|range| TracedMoney::Paid { wallet, range });
                Ok(repaid.into_iter().chain(paid).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}
