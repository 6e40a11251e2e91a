//! What paid for an entry: back from what it took to where the money came to the customer.

use std::collections::HashMap;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::past::Past;
use super::{FlowId, WalletName, find, names};
use crate::app::Error;
use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::explain::Stretch;
use crate::domain::explain::debts::Repayment;
use crate::domain::id::IdKind;
use crate::storage::Connection;
use crate::storage::ledger::{self, explain as store};

/// The most pieces of paid money that one answer names.
const PIECES: usize = 100;
/// How often money that moved on is followed back.
const HOPS: usize = 16;
/// How often that is done for one answer, all pieces together.
const STEPS: usize = 500;

/// What paid for an entry.
#[derive(Debug)]
pub struct PaidBy {
    pub entry: Entry,
    pub wallet: WalletName,
    pub grants: Vec<GrantPart>,
    /// The oldest first.
    pub money: Vec<MoneyPart>,
    /// What repaid the part that became debt, the first first.
    pub repaid_by: Vec<MoneyPart>,
    /// How much of the debt was repaid so far.
    pub repaid: Decimal,
    /// How much of the debt was given back before anything had repaid it.
    pub struck: Decimal,
    /// Whether `money` and `repaid_by` are all of it, each with the entry that it came to the customer with.
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
    /// The entries that brought it on from there, transfers in and reversals, the last one first.
    pub through: Vec<FlowId>,
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

/// What paid for an entry that took something: which grants, and paid money of which payments; for what became debt,
/// which payments have repaid it so far.
///
/// # Errors
/// 404; 422 `not_a_deduction` for an entry that brought something.
pub async fn what_paid_for(
    conn: &mut Connection,
    customer: &CustomerId,
    flow: Option<FlowId>,
) -> Result<PaidBy, Error> {
    let entry = find(conn, customer, flow).await?;
    if entry.amount > Decimal::ZERO {
        let detail = "this flow brought money in; ask what it paid for".to_owned();
        return Err(Error::Unprocessable { code: "not_a_deduction", detail });
    }
    let wallets = names(conn, customer).await?;
    let mut trail = Trail { past: Past::of(customer), wallets: &wallets, steps_left: STEPS, complete: true };
    let money = match Stretch::taken_by(&entry) {
        Some(stretch) => trail.follow(conn, Line::Paid { wallet: entry.wallet_id, stretch }).await?,
        None => Vec::new(),
    };
    let (mut repaid_by, mut repaid, mut struck) = (Vec::new(), Decimal::ZERO, Decimal::ZERO);
    if entry.debt > Decimal::ZERO {
        let debts = trail.past.debts(conn, &entry).await?;
        trail.complete &= debts.knows(entry.seq);
        repaid = debts.repaid_of(entry.seq);
        struck = debts.struck_of(entry.seq);
        if let Some(all) = Stretch::new(Decimal::ZERO, repaid) {
            repaid_by = trail.follow(conn, Line::Debt { debtor: Box::new(entry.clone()), repaid: all }).await?;
        }
    }
    let complete = trail.complete;
    let grants = grants(conn, customer, &entry).await?;
    let wallet = wallets.get(&entry.wallet_id).cloned().unwrap_or_default();
    Ok(PaidBy { entry, wallet, grants, money, repaid_by, repaid, struck, complete })
}

async fn grants(conn: &mut Connection, customer: &CustomerId, entry: &Entry) -> Result<Vec<GrantPart>, Error> {
    let used: Vec<Uuid> = entry.grant_uses.iter().map(|(id, _)| *id).collect();
    let known = if used.is_empty() { Vec::new() } else { store::grant_reasons(conn, customer, used).await? };
    let part = |(id, used): &(Uuid, Decimal)| GrantPart {
        id: *id,
        amount: -*used,
        reason: known.iter().find(|(grant, _)| grant == id).map(|(_, reason)| reason.clone()).unwrap_or_default(),
    };
    Ok(entry.grant_uses.iter().map(part).collect())
}

/// Money whose origin is asked for.
#[derive(Clone)]
enum Line {
    /// A part of what went out of a wallet's paid money.
    Paid { wallet: Uuid, stretch: Stretch },
    /// A part of what was repaid of an entry's debt.
    Debt { debtor: Box<Entry>, repaid: Stretch },
}

impl Line {
    fn length(&self) -> Decimal {
        match self {
            Self::Paid { stretch, .. } => stretch.length(),
            Self::Debt { repaid, .. } => repaid.length(),
        }
    }
}

/// What an entry brought, or a part of it: counted from the border between what repaid debt, below zero, and what
/// came into the balance.
struct Piece {
    entry: Entry,
    part: Stretch,
}

impl Piece {
    /// Whether it came to the customer before this entry.
    fn moved_on(&self) -> bool {
        matches!(self.entry.label.kind, EntryKind::TransferIn | EntryKind::Reversal)
    }
}

enum Step {
    Ask(Line),
    Tell(Box<Piece>),
}

/// How money came on from where it is told to have come from, the last move first.
#[derive(Clone, Default)]
struct Way {
    through: Vec<FlowId>,
    transfers: Vec<String>,
}

/// Where paid money came from, while it is followed back.
struct Trail<'t> {
    past: Past<'t>,
    wallets: &'t HashMap<Uuid, WalletName>,
    steps_left: usize,
    complete: bool,
}

impl Trail<'_> {
    async fn follow(&mut self, conn: &mut Connection, line: Line) -> Result<Vec<MoneyPart>, Error> {
        let mut money = Vec::new();
        // The next one last.
        let mut open = vec![(Step::Ask(line), Way::default())];
        while let Some((step, way)) = open.pop() {
            match step {
                Step::Ask(line) => {
                    let asked = line.length();
                    let pieces = self.pieces(conn, line).await?;
                    self.complete &= pieces.iter().map(|piece| piece.part.length()).sum::<Decimal>() == asked;
                    open.extend(pieces.into_iter().rev().map(|piece| (Step::Tell(Box::new(piece)), way.clone())));
                }
                Step::Tell(_) if money.len() >= PIECES => {
                    self.complete = false;
                    break;
                }
                Step::Tell(piece) => {
                    let further = way.through.len() < HOPS && self.steps_left > 0;
                    let behind = if further { self.behind(conn, &piece).await? } else { Vec::new() };
                    // What moved on has a line behind it as long as its own: less was not followed to its end.
                    let told: Decimal = behind.iter().map(Line::length).sum();
                    self.complete &= !piece.moved_on() || told == piece.part.length();
                    let Piece { entry, part } = *piece;
                    if behind.is_empty() {
                        let wallet = self.wallets.get(&entry.wallet_id).cloned().unwrap_or_default();
                        let Way { through, transfers } = way;
                        money.push(MoneyPart { amount: part.length(), entry, wallet, transfers, through });
                        continue;
                    }
                    self.steps_left -= 1;
                    let mut way = way;
                    way.through.push(FlowId { wallet: entry.wallet_id, seq: entry.seq });
                    if entry.label.kind == EntryKind::TransferIn {
                        way.transfers.push(entry.label.key);
                    }
                    open.extend(behind.into_iter().rev().map(|line| (Step::Ask(line), way.clone())));
                }
            }
        }
        Ok(money)
    }

    /// What brought the money of a line, in its order.
    async fn pieces(&mut self, conn: &mut Connection, line: Line) -> Result<Vec<Piece>, Error> {
        match line {
            Line::Paid { wallet, stretch } => {
                let limit = i64::try_from(PIECES + 1).unwrap_or(i64::MAX);
                let found = store::brought_within(conn, self.past.customer, wallet, stretch, limit).await?;
                let piece = |entry: Entry| {
                    let brought = Stretch::brought_by(&entry)?;
                    let part = stretch.overlap(&brought)?.moved(brought.from, Decimal::ZERO);
                    Some(Piece { entry, part })
                };
                Ok(found.into_iter().filter_map(piece).collect())
            }
            Line::Debt { debtor, repaid } => {
                let debts = self.past.debts(conn, &debtor).await?;
                let all = debts.of(debtor.seq);
                let first = all.partition_point(|done| done.repaid.to <= repaid.from);
                let part = |done: &Repayment| {
                    let part = repaid.overlap(&done.repaid)?.moved(done.repaid.from, done.money.from);
                    Some((done.by, part.moved(debts.repaid_by(done.by), Decimal::ZERO)))
                };
                let parts: Vec<(i64, Stretch)> = all.iter().skip(first).map_while(part).take(PIECES + 1).collect();
                let numbers = parts.iter().map(|(by, _)| *by).collect();
                let found = store::entries_by_seq(conn, self.past.customer, debtor.wallet_id, numbers).await?;
                let piece = |(by, part): (i64, Stretch)| {
                    let entry = found.iter().find(|entry| entry.seq == by)?.clone();
                    Some(Piece { entry, part })
                };
                Ok(parts.into_iter().filter_map(piece).collect())
            }
        }
    }

    /// The money behind a piece that only moved on with its entry, as far as it is known; nothing where it came to
    /// the customer with it.
    async fn behind(&mut self, conn: &mut Connection, piece: &Piece) -> Result<Vec<Line>, Error> {
        let entry = &piece.entry;
        let came_in = entry.paid();
        match entry.label.kind {
            EntryKind::TransferIn => {
                let key = &entry.label.key;
                let before = ledger::find_entry(conn, self.past.customer, EntryKind::TransferOut, key).await?;
                let line = before.and_then(|before| {
                    let taken = Stretch::taken_by(&before)?;
                    // Both lines end together.
                    let stretch = piece.part.moved(came_in, taken.to).overlap(&taken)?;
                    Some(Line::Paid { wallet: before.wallet_id, stretch })
                });
                Ok(line.into_iter().collect())
            }
            EntryKind::Reversal => {
                let Some((usage, all)) = self.past.behind(conn, entry).await? else { return Ok(Vec::new()) };
                let given = all.behind(&piece.part.moved(came_in, all.length()));
                let wallet = usage.wallet_id;
                let debt = given.debt.map(|repaid| Line::Debt { debtor: Box::new(usage), repaid });
                let paid = given.paid.map(|stretch| Line::Paid { wallet, stretch });
                Ok(debt.into_iter().chain(paid).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}
