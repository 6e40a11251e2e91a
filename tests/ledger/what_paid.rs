//! Compares what `explain` says with a simulation: in it, queues carry the origin of every single unit of money.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::Pin;

use chrono::Duration;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rust_decimal::Decimal;
use topup::app::explain::{PageRequest, PaidByCredit, PaidForPage, RequestedPart, what_it_paid_for, what_paid_for};
use topup::domain::account_flow::FlowId;
use topup::domain::customer::CustomerId;
use topup::domain::entry::{Entry, EntryKind};
use topup::domain::money::Money;
use topup::domain::movement::capture::capture;
use topup::domain::movement::transfer::transfer;
use topup::domain::page::{Page, Place};
use topup::domain::posting::{Booked, Posting, PostingOutcome};
use topup::domain::wallet_key::WalletKey;
use topup::storage::Connection;
use topup::storage::ledger::{find_deduction, key_of_wallet};
use topup::storage::pool::Pool;
use uuid::Uuid;

use crate::support::{adjust, book, booked_usage, database, grant, money, new_hold, recharge, reversal, usage, wallet};

fn id(entry: &Entry) -> FlowId {
    FlowId { wallet: entry.wallet_id, seq: entry.seq }
}

fn units(amount: Money) -> usize {
    let amount = amount.amount();
    assert_eq!(amount, amount.trunc());
    usize::try_from(i64::try_from(amount).unwrap()).unwrap()
}

/// What an entry took: the origin of each unit.
#[derive(Default)]
struct Taken {
    paid: Vec<FlowId>,
    owed: usize,
    /// In the order in which it was repaid.
    repaid: Vec<FlowId>,
    struck: usize,
    /// What reversals gave back of the debt, of that what had been repaid, and of the paid money.
    back: (usize, usize, usize),
}

#[derive(Default)]
struct Purse {
    paid: VecDeque<FlowId>,
    /// The debits that owe it, oldest first.
    owed: VecDeque<FlowId>,
}

#[derive(Default)]
struct Units {
    purses: HashMap<Uuid, Purse>,
    taken: HashMap<FlowId, Taken>,
    usages: HashMap<String, FlowId>,
    transfers: HashMap<String, FlowId>,
}

impl Units {
    fn follow(&mut self, entry: &Entry) {
        let (purse, label) = (self.purses.entry(entry.wallet_id).or_default(), &entry.label);
        let change = entry.amount - entry.granted;
        if entry.amount.is_negative() {
            let owed = units(entry.debt);
            let paid = purse.paid.drain(..units(-entry.paid())).collect();
            purse.owed.extend(std::iter::repeat_n(id(entry), owed));
            self.taken.insert(id(entry), Taken { paid, owed, ..Taken::default() });
            match label.kind() {
                EntryKind::Usage | EntryKind::Capture => self.usages.insert(label.reversed_as().to_owned(), id(entry)),
                EntryKind::TransferOut => self.transfers.insert(label.key().to_owned(), id(entry)),
                _ => None,
            };
            return;
        }
        let mut repays = units(-entry.debt);
        let money: Vec<FlowId> = match label.kind() {
            EntryKind::TransferIn => self.taken[&self.transfers[label.key()]].paid.clone(),
            EntryKind::Reversal => {
                let usage = self.usages[label.reference().unwrap()];
                let taken = self.taken.get_mut(&usage).unwrap();
                let mut struck = 0;
                purse.owed.retain(|debtor| {
                    let strike = *debtor == usage && struck < repays;
                    struck += usize::from(strike);
                    !strike
                });
                repays -= struck;
                taken.struck += struck;
                let all = units(change);
                let of_debt = all.min(taken.owed - taken.back.0);
                let (of_paid, of_repaid) = (all - of_debt, of_debt - struck);
                let end = taken.paid.len() - taken.back.2;
                let repaid = &taken.repaid[taken.back.1..][..of_repaid];
                let money = [repaid, &taken.paid[end - of_paid..end]].concat();
                taken.back.0 += of_debt;
                taken.back.1 += of_repaid;
                taken.back.2 += of_paid;
                money
            }
            _ => vec![id(entry); units(change)],
        };
        let mut money = money.into_iter();
        for unit in money.by_ref().take(repays) {
            let debtor = purse.owed.pop_front().unwrap();
            self.taken.get_mut(&debtor).unwrap().repaid.push(unit);
        }
        purse.paid.extend(money);
    }
}

struct Story {
    pool: Pool,
    wallets: Vec<WalletKey>,
    holds: Vec<Uuid>,
    usages: Vec<String>,
    entries: Vec<Entry>,
}

impl Story {
    fn learn(&mut self, outcomes: Vec<PostingOutcome>) {
        for outcome in outcomes {
            let PostingOutcome::Booked(Booked { entry, hold, .. }) = outcome else { continue };
            let Some(entry) = entry else {
                self.holds.extend(hold.map(|hold| hold.id));
                continue;
            };
            if matches!(entry.label.kind(), EntryKind::Usage | EntryKind::Capture) {
                self.usages.push(entry.label.reversed_as().to_owned());
            }
            self.entries.push(entry);
        }
    }

    async fn step(&mut self, n: usize, rng: &mut StdRng) {
        let at = self.wallets[rng.random_range(0..self.wallets.len())].clone();
        let amount = Decimal::from(rng.random_range(1..20));
        let key = format!("k{n}");
        let posting = match rng.random_range(0..100) {
            0..18 => recharge(&at, Uuid::now_v7(), amount),
            18..48 => booked_usage(&at, &key, amount),
            48..56 => usage(&at, &key, amount).posting(),
            // The correction takes the money by force. If it was spent, it becomes debt.
            56..60 => adjust(&at, &key, -amount),
            60..64 => grant(&at, Uuid::now_v7(), amount, 1, None),
            64..69 => new_hold(&at, &key, amount, Duration::hours(1)).posting(Uuid::now_v7()),
            69..73 if !self.holds.is_empty() => capture(self.holds.remove(0), amount),
            73..82 => {
                let to = self.wallets.iter().find(|other| **other != at && rng.random_bool(0.7)).cloned();
                let Some(to) = to else { return };
                let moved = transfer(Uuid::now_v7(), &at.customer, money(&at, amount), &at.product, &to.product);
                return self.both(moved).await;
            }
            _ => match self.reversal(&key, amount, rng).await {
                Some(reversal) => reversal,
                None => return,
            },
        };
        let outcomes = book(&self.pool, vec![posting]).await;
        self.learn(outcomes);
    }

    /// What leaves one wallet arrives in the other.
    async fn both(&mut self, [leaves, arrives]: [Posting; 2]) {
        let left = book(&self.pool, vec![leaves]).await;
        if matches!(left[..], [PostingOutcome::Booked(_)]) {
            self.learn(left);
            let arrived = book(&self.pool, vec![arrives]).await;
            self.learn(arrived);
        }
    }

    async fn reversal(&self, key: &str, amount: Decimal, rng: &mut StdRng) -> Option<Posting> {
        if self.usages.is_empty() {
            return None;
        }
        let usage = &self.usages[rng.random_range(self.usages.len().saturating_sub(12)..self.usages.len())];
        let mut conn = self.pool.get().await.unwrap();
        let customer = customer();
        let (original, _) = find_deduction(&mut conn, &customer, usage).await.unwrap().unwrap();
        let amount = Some(amount).filter(|_| rng.random_bool(0.7));
        let at = key_of_wallet(&mut conn, &customer, original.wallet_id).await.unwrap()?;
        drop(conn);
        reversal(&self.pool, &at, key, usage, amount).await.ok()
    }
}

fn customer() -> CustomerId {
    CustomerId::new("ann").unwrap()
}

/// How many units of which origin an entry took, as money and as debt that was repaid.
type Told = BTreeMap<(FlowId, FlowId, bool), usize>;

/// Follows the incoming money forward, page by page, with every part that went on. Reading backwards shows the same
/// pages.
fn walk<'w>(
    conn: &'w mut Connection,
    origin: FlowId,
    at: FlowId,
    part: Option<RequestedPart>,
    told: &'w mut Told,
) -> Pin<Box<dyn Future<Output = usize> + 'w>> {
    Box::pin(async move {
        let request = |place| PageRequest { part, page: Page { place, ..Page::newest(2) } };
        let shown = |page: &PaidForPage| -> Vec<(i64, Money, bool)> {
            page.items.iter().map(|item| (item.entry.seq, item.amount, item.debt)).collect()
        };
        let (mut place, mut sum, mut pages) = (Place::Start, 0, Vec::new());
        let mut previous = loop {
            let page = what_it_paid_for(conn, &customer(), Some(at), request(place)).await.unwrap();
            assert!(page.complete && page.items.len() <= 2);
            pages.push(shown(&page));
            for item in page.items {
                assert_eq!(item.debt, item.entry.seq < at.seq);
                sum += units(item.amount);
                *told.entry((origin, id(&item.entry), item.debt)).or_default() += units(item.amount);
                let mut on = 0;
                for went_on in item.went_on {
                    let amount = went_on.part.length();
                    on += units(amount);
                    let part = RequestedPart { from: went_on.part.from.amount(), amount: amount.amount() };
                    let next = walk(conn, origin, went_on.to, Some(part), told).await;
                    assert!(next <= units(amount));
                }
                assert!(on <= units(item.amount));
            }
            let Some(next) = page.next else { break page.previous };
            assert!(!matches!(place, Place::After(below) if next >= below));
            place = Place::After(next);
        };
        while let Some(above) = previous {
            let page = what_it_paid_for(conn, &customer(), Some(at), request(Place::Before(above))).await.unwrap();
            pages.pop();
            assert_eq!(Some(&shown(&page)), pages.last());
            previous = page.previous;
        }
        assert_eq!(pages.len(), 1);
        sum
    })
}

fn origins(parts: &[PaidByCredit]) -> Vec<FlowId> {
    parts.iter().flat_map(|part| std::iter::repeat_n(id(&part.entry), units(part.amount))).collect()
}

async fn tell(seed: u64) -> (usize, usize, usize) {
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (pool, _) = database(2).await;
    let wallets = ["", "gpu"].map(|product| wallet("ann", "USD", product)).to_vec();
    let (holds, usages, entries) = (Vec::new(), Vec::new(), Vec::new());
    let mut story = Story { pool: pool.clone(), wallets, holds, usages, entries };
    for n in 0..150 {
        story.step(n, &mut rng).await;
    }
    let mut truth = Units::default();
    story.entries.iter().for_each(|entry| truth.follow(entry));

    let mut conn = pool.get().await.unwrap();
    let (mut backwards, mut owed, mut repaid, mut struck, mut given_back) = (Told::new(), 0, 0, 0, 0);
    for entry in story.entries.iter().filter(|entry| entry.amount.is_negative()) {
        let told = what_paid_for(&mut conn, &customer(), Some(id(entry))).await.unwrap();
        let taken = &truth.taken[&id(entry)];
        assert!(told.complete, "{entry:?}");
        let of_grants = told.grants.iter().map(|grant| grant.amount);
        assert_eq!(Money::sum(entry.currency(), of_grants), -entry.granted);
        assert_eq!(origins(&told.credits), taken.paid, "what paid for {entry:#?}: {:#?}", told.credits);
        assert_eq!(origins(&told.repaid_by), taken.repaid, "what repaid {entry:#?}: {:#?}", told.repaid_by);
        assert_eq!(
            (units(told.debt_repaid), units(told.debt_cancelled)),
            (taken.repaid.len(), taken.struck),
            "{entry:#?}"
        );
        for (origins, debt) in [(&taken.paid, false), (&taken.repaid, true)] {
            for origin in origins {
                *backwards.entry((*origin, id(entry), debt)).or_default() += 1;
            }
        }
        let reversed = |part: &&PaidByCredit| part.through.len() > part.transfers.len();
        given_back += told.credits.iter().chain(&told.repaid_by).filter(reversed).count();
        owed += taken.owed - taken.repaid.len() - taken.struck;
        repaid += taken.repaid.len();
        struck += taken.struck;
    }
    let debt: usize = truth.purses.values().map(|purse| purse.owed.len()).sum();
    assert_eq!(owed, debt);

    let mut onwards = Told::new();
    for entry in story.entries.iter().filter(|entry| entry.label.kind() == EntryKind::Recharge) {
        let used = walk(&mut conn, id(entry), id(entry), None, &mut onwards).await;
        assert!(used <= units(entry.amount));
    }
    let only = |these: &Told, those: &Told| {
        these
            .iter()
            .filter(|(key, n)| those.get(key) != Some(n))
            .map(|(key, n)| format!("{key:?} {n}"))
            .collect::<Vec<_>>()
    };
    let (on, back) = (only(&onwards, &backwards), only(&backwards, &onwards));
    assert!(on.is_empty() && back.is_empty(), "onwards {on:#?}\nbackwards {back:#?}");
    (repaid, struck, given_back)
}

#[tokio::test]
async fn both_directions_tell_where_every_unit_came_from() {
    let (mut repaid, mut struck, mut given_back) = (0, 0, 0);
    for seed in 100..106 {
        let told = tell(seed).await;
        repaid += told.0;
        struck += told.1;
        given_back += told.2;
    }
    assert!(repaid > 100 && struck > 50 && given_back > 50, "{repaid} {struck} {given_back}: nothing was tried");
}
