#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use chrono::Duration;
use rust_decimal::Decimal;

use super::*;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::movement::OfOrder;
use crate::domain::movement::bonus::Bonus;
use crate::domain::movement::capture::capture;
use crate::domain::movement::dispute::of_dispute;
use crate::domain::movement::expiry::sweep;
use crate::domain::movement::give_back::give_back;
use crate::domain::movement::hold::NewHold;
use crate::domain::movement::refund::of_refund;
use crate::domain::movement::release::release;
use crate::domain::movement::reversal::NewReversal;
use crate::domain::movement::take_back::{Asked, take_back};
use crate::domain::movement::top_up::{AppliedPayment, top_up, top_up_without_order};
use crate::domain::movement::transfer::transfer;
use crate::domain::movement::usage::NewUsage;
use crate::domain::payment::ProviderName;
use crate::domain::product::Product;
use crate::domain::take_back::Reach;

const ORDER: Uuid = Uuid::from_u128(1);
const GRANT: Uuid = Uuid::from_u128(2);
const FIRST: Uuid = Uuid::from_u128(3);
const SECOND: Uuid = Uuid::from_u128(4);
const HOLD: Uuid = Uuid::from_u128(5);

fn ann() -> CustomerId {
    CustomerId::new("ann").unwrap()
}

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn usd(text: &str) -> Money {
    Money::new(dec(text), "USD".parse().unwrap()).unwrap()
}

fn key(product: &str) -> WalletKey {
    WalletKey { customer: ann(), currency: "USD".parse().unwrap(), product: Product::from_column(product) }
}

/// A book with the wallets `main`, `gpu` and `whatsapp`, without money.
struct Desk(Book, u128);

impl Desk {
    fn new() -> Self {
        let now = "2026-11-21T00:00:00Z".parse().unwrap();
        let wallets = ["", "gpu", "whatsapp"].map(|product| (key(product), Wallet::empty(key(product), now)));
        Self(Book::new(now, wallets.into(), HashMap::new(), HashMap::new(), TakeBacks::default()), 100)
    }

    fn post(&mut self, posting: &Posting) -> PostingOutcome {
        self.0.decide(posting)
    }

    fn book(&mut self, posting: &Posting) -> Booked {
        match self.post(posting) {
            PostingOutcome::Booked(booked) => booked,
            other => panic!("{posting:#?} was not booked: {other:#?}"),
        }
    }

    /// An order of the main wallet, with its bonus.
    fn order(&mut self, credited: &str, bonus: &str) {
        self.order_with_expiry(credited, bonus, None);
    }

    fn order_with_expiry(&mut self, credited: &str, bonus: &str, expires_at: Option<DateTime<Utc>>) {
        let bonus = (bonus != "0").then(|| Bonus { grant_id: GRANT, amount: usd(bonus), expires_at });
        let payment =
            AppliedPayment { id: ORDER, application: 1, provider: ProviderName::Stripe, merchant_account: "m" };
        for posting in of_order(|order| top_up(order, payment, usd(credited), bonus)) {
            self.book(&posting);
        }
    }

    fn top_up(&mut self, product: &str, amount: &str) {
        if amount == "0" {
            return;
        }
        self.1 += 1;
        let id = Uuid::from_u128(self.1);
        let payment = AppliedPayment { id, application: 1, provider: ProviderName::Stripe, merchant_account: "m" };
        self.book(&top_up_without_order(&ann(), &Product::from_column(product), payment, usd(amount)));
    }

    /// The postings of both sides, or the refusal of the first.
    fn transfer(&mut self, from: &str, to: &str, amount: &str) -> PostingOutcome {
        self.1 += 1;
        let (from, to) = (Product::from_column(from), Product::from_column(to));
        let [out, into] = transfer(Uuid::from_u128(self.1), &ann(), usd(amount), &from, &to);
        match self.post(&out) {
            PostingOutcome::Booked(_) => self.post(&into),
            refused => refused,
        }
    }

    fn usage(&mut self, id: &str, product: &str, amount: &str, on_insufficient: OnInsufficient) -> PostingOutcome {
        let usage = NewUsage {
            id: id.to_owned(),
            customer: ann(),
            amount: usd(amount),
            product: Product::from_column(product),
            fallback_to_main: false,
            on_insufficient,
            description: None,
            metadata: None,
            occurred_at: None,
        };
        self.post(&usage.posting())
    }

    fn spend(&mut self, id: &str, product: &str, amount: &str) -> Booked {
        match self.usage(id, product, amount, OnInsufficient::Refuse) {
            PostingOutcome::Booked(booked) => booked,
            other => panic!("{other:#?}"),
        }
    }

    fn hold(&mut self, id: Uuid, product: &str, amount: &str) -> PostingOutcome {
        let hold = NewHold {
            id: format!("h{id}"),
            customer: ann(),
            amount: usd(amount),
            product: Product::from_column(product),
            lifetime: Duration::hours(1),
            description: None,
            metadata: None,
        };
        self.post(&hold.posting(id))
    }

    fn dispute(&mut self, id: Uuid, money: &str, bonus: &str) {
        self.take(|order| of_dispute(order, id, ProviderName::Stripe), money, bonus, Reach::AllWallets);
    }

    fn take(
        &mut self,
        origin: impl Fn(OfOrder<'_>) -> crate::domain::take_back::TakeBackOrigin,
        money: &str,
        bonus: &str,
        reach: Reach,
    ) -> PostingOutcome {
        let posting = of_order(|order| {
            let asked = Asked { money: usd(money), bonus: Some((GRANT, usd(bonus))), reach: reach.clone() };
            take_back(order, origin(order), asked)
        });
        self.post(&posting)
    }

    fn win(&mut self, id: Uuid, money: &str, bonus: &str) {
        let posting = of_order(|order| {
            let origin = of_dispute(order, id, ProviderName::Stripe);
            give_back(order, &origin, usd(money), Some((GRANT, usd(bonus))))
        });
        self.book(&posting);
    }

    fn paid(&self) -> [Money; 3] {
        ["", "gpu", "whatsapp"].map(|product| self.0.wallets[&key(product)].parts().paid)
    }

    fn granted(&self) -> Money {
        self.0.wallets[&key("")].parts().granted
    }

    /// What is claimed, oldest first. All wallets are marked if and only if something is claimed.
    fn claimed(&self) -> Vec<Money> {
        let claims: Vec<Money> =
            self.0.take_backs.claims.iter().map(|claim| claim.amount).filter(|amount| !amount.is_zero()).collect();
        for wallet in self.0.wallets.values() {
            assert_eq!(wallet.is_claimed(), !claims.is_empty(), "{}", wallet.key.product);
            assert!(claims.is_empty() || wallet.movable().is_zero(), "{}", wallet.key.product);
        }
        claims
    }
}

fn of_order<R>(make: impl Fn(OfOrder<'_>) -> R) -> R {
    let (customer, product) = (ann(), Product::main());
    make(OfOrder { id: ORDER, customer: &customer, product: &product })
}

fn usds<const N: usize>(texts: [&str; N]) -> [Money; N] {
    texts.map(usd)
}

fn is_owed(outcome: &PostingOutcome, sum: &str) -> bool {
    *outcome == PostingOutcome::Refused(Refusal::TakenBackDebt(usd(sum)))
}

#[test]
fn money_is_taken_from_the_orders_wallet_first_then_main_then_by_code_and_the_rest_is_claimed() {
    let mut desk = Desk::new();
    desk.order("100", "0");
    desk.transfer("", "whatsapp", "40");
    desk.transfer("", "gpu", "30");
    desk.spend("u", "gpu", "5");
    desk.dispute(FIRST, "60", "0");
    assert_eq!(desk.paid(), usds(["0", "0", "35"]));
    assert_eq!(desk.claimed(), []);
    desk.dispute(SECOND, "40", "0");
    assert_eq!((desk.paid(), desk.claimed()), (usds(["0", "0", "0"]), vec![usd("5")]));
}

#[test]
fn while_it_stands_nothing_new_is_spent_and_what_runs_goes_on() {
    let mut desk = Desk::new();
    desk.order("100", "0");
    assert!(matches!(desk.hold(HOLD, "", "20"), PostingOutcome::Booked(_)));
    let spent = desk.spend("u", "", "50");
    desk.dispute(FIRST, "100", "0");
    assert_eq!((desk.paid(), desk.claimed()), (usds(["20", "0", "0"]), vec![usd("70")]));

    assert!(is_owed(&desk.usage("v", "gpu", "1", OnInsufficient::Refuse), "70"));
    assert!(is_owed(&desk.hold(SECOND, "whatsapp", "1"), "70"));
    assert!(is_owed(&desk.transfer("", "gpu", "1"), "70"));
    assert!(is_owed(&desk.post(&capture(HOLD, dec("20.01"))), "70"));
    let refund = |order: OfOrder<'_>| of_refund(order, SECOND, ProviderName::Stripe);
    assert!(is_owed(&desk.take(refund, "1", "0", Reach::Request { also: Vec::new() }), "70"));

    // Usage that has happened makes ordinary debt, which a top-up repays first.
    assert!(matches!(desk.usage("w", "gpu", "4", OnInsufficient::Book), PostingOutcome::Booked(_)));
    desk.top_up("gpu", "10");
    assert_eq!(desk.claimed(), [usd("64")]);
    // A capture within the hold; what it frees is taken.
    desk.book(&capture(HOLD, dec("15")));
    assert_eq!((desk.paid(), desk.claimed()), (usds(["0", "0", "0"]), vec![usd("59")]));
    let reversal = NewReversal { id: "r".to_owned(), customer: ann(), usage_id: "u".to_owned(), amount: None };
    let posting = reversal.posting(key(""), spent.entry.as_ref().unwrap(), None, &[]).unwrap();
    desk.book(&posting);
    assert_eq!((desk.paid(), desk.claimed()), (usds(["0", "0", "0"]), vec![usd("9")]));
    // The last cent ends the claim, and the rest stays.
    desk.top_up("whatsapp", "10");
    assert_eq!((desk.paid(), desk.claimed()), (usds(["0", "0", "1"]), vec![]));
    desk.spend("x", "whatsapp", "1");
}

#[test]
fn the_oldest_source_is_paid_first_and_a_win_strikes_before_it_gives_back() {
    let mut desk = Desk::new();
    desk.order("100", "0");
    desk.transfer("", "gpu", "30");
    desk.spend("u", "", "70");
    desk.dispute(FIRST, "60", "0");
    desk.dispute(SECOND, "40", "0");
    assert_eq!(desk.claimed(), [usd("30"), usd("40")]);
    desk.top_up("whatsapp", "35");
    assert_eq!(desk.claimed(), [usd("35")]);
    // The first took 30 of gpu and 30 of whatsapp. What comes back is taken for the second.
    desk.win(FIRST, "10", "0");
    assert_eq!((desk.paid(), desk.claimed()), (usds(["0", "0", "0"]), vec![usd("25")]));
    desk.win(SECOND, "40", "0");
    assert_eq!((desk.paid(), desk.claimed()), (usds(["0", "0", "15"]), vec![]));
    desk.win(FIRST, "50", "0");
    assert_eq!((desk.paid(), desk.claimed()), (usds(["0", "30", "35"]), vec![]));
}

#[test]
fn more_than_was_taken_is_never_given_back() {
    let mut desk = Desk::new();
    desk.order("100", "0");
    desk.dispute(FIRST, "60", "0");
    let posting = of_order(|order| {
        let origin = of_dispute(order, FIRST, ProviderName::Stripe);
        give_back(order, &origin, usd("60.01"), None)
    });
    assert_eq!(desk.post(&posting), PostingOutcome::Refused(Refusal::MoreThanTaken));
    assert_eq!(desk.paid(), usds(["40", "0", "0"]));
}

#[test]
fn a_spent_bonus_is_taken_as_money_and_exchanged_when_it_returns() {
    let mut desk = Desk::new();
    desk.order("100", "20");
    let spent = desk.spend("u", "", "12");
    desk.transfer("", "gpu", "95");
    // 8 of the bonus are left. Money is taken for the other 10 of its share: 100 in all, 5 from main and 95 from gpu.
    desk.dispute(FIRST, "90", "18");
    assert_eq!((desk.paid(), desk.granted(), desk.claimed()), (usds(["0", "0", "0"]), usd("0"), vec![]));
    let kinds = |desk: &Desk| {
        let all = desk.0.effects.values().flat_map(|effects| &effects.entries);
        let count = |kind| all.clone().filter(|entry| entry.label.kind() == kind).count();
        (count(EntryKind::BonusRevoked), count(EntryKind::BonusTaken), count(EntryKind::BonusTakenReturned))
    };
    assert_eq!(kinds(&desk), (1, 1, 0));
    let reversal = NewReversal { id: "r".to_owned(), customer: ann(), usage_id: "u".to_owned(), amount: None };
    desk.book(&reversal.posting(key(""), spent.entry.as_ref().unwrap(), None, &[]).unwrap());
    // 10 of the 12 that came back are revoked, and the money taken for them is back in its wallets.
    assert_eq!((desk.paid(), desk.granted()), (usds(["0", "10", "0"]), usd("2")));
    assert_eq!(kinds(&desk), (2, 1, 1));
    desk.win(FIRST, "90", "18");
    assert_eq!((desk.paid(), desk.granted()), (usds(["5", "95", "0"]), usd("20")));
}

/// What is owed of a bonus does not expire: it settles what was taken, or is claimed, for it.
#[test]
fn a_bonus_that_returns_after_its_expiry_is_exchanged_too() {
    for topped_up in ["0", "20"] {
        let mut desk = Desk::new();
        let tomorrow = desk.0.now + Duration::days(1);
        desk.order_with_expiry("100", "20", Some(tomorrow));
        let spent = desk.spend("u", "", "20");
        desk.top_up("gpu", topped_up);
        desk.dispute(FIRST, "100", "20");
        desk.0.now = tomorrow + Duration::days(1);
        let reversal = NewReversal { id: "r".to_owned(), customer: ann(), usage_id: "u".to_owned(), amount: None };
        desk.book(&reversal.posting(key(""), spent.entry.as_ref().unwrap(), None, &[]).unwrap());
        assert_eq!((desk.paid(), desk.granted(), desk.claimed()), (usds(["0", topped_up, "0"]), usd("0"), vec![]));
        assert!(desk.0.wallets.values().all(|wallet| wallet.bonus_owed().amount().is_zero()));
        // The whole money comes back; so does the bonus, as long as no posting has noticed its expiry.
        desk.win(FIRST, "100", "20");
        desk.book(&sweep(key("")));
        assert_eq!((desk.paid(), desk.granted()), (usds(["100", topped_up, "0"]), usd("0")));
    }
}

#[test]
fn a_held_bonus_counts_as_spent_until_it_is_released() {
    let mut desk = Desk::new();
    desk.order("100", "20");
    assert!(matches!(desk.hold(HOLD, "", "20"), PostingOutcome::Booked(_)));
    let refund = |order: OfOrder<'_>| of_refund(order, FIRST, ProviderName::Stripe);
    let outcome = desk.take(refund, "100", "20", Reach::Request { also: Vec::new() });
    assert!(matches!(outcome, PostingOutcome::Refused(Refusal::Insufficient(_))), "{outcome:?}");
    desk.dispute(SECOND, "100", "20");
    assert_eq!(desk.claimed(), [usd("20")]);
    // Nothing is taken: the returned bonus ends the claim.
    desk.book(&release(HOLD));
    assert_eq!((desk.paid(), desk.granted(), desk.claimed()), (usds(["0", "0", "0"]), usd("0"), vec![]));
    assert!(desk.0.wallets.values().all(|wallet| wallet.bonus_owed().amount().is_zero()));
}

#[test]
fn a_refund_on_request_takes_from_the_named_products_too_or_from_nobody() {
    let mut desk = Desk::new();
    desk.order("100", "0");
    desk.transfer("", "gpu", "60");
    desk.transfer("", "whatsapp", "30");
    let refund = |order: OfOrder<'_>| of_refund(order, FIRST, ProviderName::Stripe);
    let gpu = || vec![Product::from_column("gpu")];
    let refused = desk.take(refund, "71", "0", Reach::Request { also: gpu() });
    let PostingOutcome::Refused(Refusal::Insufficient(short)) = refused else { panic!("{refused:?}") };
    assert_eq!((short.required, short.available), (usd("71"), usd("70")));
    assert_eq!(desk.paid(), usds(["10", "60", "30"]));
    assert!(matches!(desk.take(refund, "70", "0", Reach::Request { also: gpu() }), PostingOutcome::Booked(_)));
    assert_eq!((desk.paid(), desk.claimed()), (usds(["0", "0", "30"]), vec![]));
}

#[test]
fn what_the_orders_wallet_alone_lacks_is_its_debt_and_stops_nothing() {
    let mut desk = Desk::new();
    desk.order("100", "20");
    desk.spend("u", "", "20");
    desk.transfer("", "gpu", "60");
    desk.take(|order| of_dispute(order, FIRST, ProviderName::Stripe), "100", "20", Reach::OrderWallet);
    assert_eq!((desk.paid(), desk.claimed()), (usds(["0", "60", "0"]), vec![]));
    assert_eq!(desk.0.wallets[&key("")].parts().debt, usd("80"));
    desk.spend("v", "gpu", "60");
}

/// The clock of the database was an hour fast when the wallets last changed, and was then corrected.
#[test]
fn a_clock_that_ran_ahead_decides_nothing_once_it_is_right() {
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    let ahead = now + Duration::hours(1);
    let mut wallet = Wallet::empty(key(""), ahead);
    wallet.low_balance = None;
    let book = Book::new(now, [(key(""), wallet)].into(), HashMap::new(), HashMap::new(), TakeBacks::default());
    let mut desk = Desk(book, 100);
    desk.top_up("", "10");
    let hold = NewHold {
        id: "h-1".to_owned(),
        customer: ann(),
        amount: usd("4"),
        product: Product::main(),
        lifetime: Duration::minutes(1),
        description: None,
        metadata: None,
    };
    let opened = desk.book(&hold.posting(HOLD)).hold.unwrap();
    assert_eq!((opened.created_at, opened.expires_at), (now, now + Duration::minutes(1)));
    // The written time never runs backwards.
    let captured = desk.book(&capture(HOLD, dec("3"))).entry.unwrap();
    assert_eq!((captured.amount, captured.created_at), (usd("-3"), ahead));
}
