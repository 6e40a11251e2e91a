#![allow(clippy::unwrap_used, clippy::expect_used)]

use uuid::Uuid;

use super::RefundState::{AwaitingSecondApproval, Failed, Pending, Succeeded};
use super::*;
use crate::domain::customer::CustomerId;
use crate::domain::money::Money;
use crate::domain::movement::bonus::{bonus_restored, bonus_revoked};
use crate::domain::movement::hold::NewHold;
use crate::domain::movement::top_up::{AppliedPayment, Bonus, top_up};
use crate::domain::movement::usage::NewUsage;
use crate::domain::movement::{OfOrder, TakeBackId};
use crate::domain::order::{Completion, OrderState};
use crate::domain::payment::{Channel, DisputeStatus, ProviderName};
use crate::domain::posting::{Booked, OnInsufficient, Posting, Refusal, WalletKey};
use crate::domain::product::Product;
use crate::domain::wallet::{Effects, Wallet};

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

/// 100 received, 97 of it credited after fee and tax, and a bonus of 10.
fn order() -> Order {
    Order {
        id: Uuid::nil(),
        customer: CustomerId::new("alice").unwrap(),
        currency: "USD".parse().unwrap(),
        product: Product::main(),
        channel: Channel::Card,
        provider: ProviderName::Stripe,
        merchant_account: "default".to_owned(),
        state: OrderState::Completed(Completion { at: now(), received: dec("100") }),
        reason: None,
        declines: 0,
        held_for_review: false,
        amount: dec("100"),
        fee: dec("2"),
        tax: dec("1"),
        bonus: dec("10"),
        credited_amount: dec("97"),
        refunded_amount: Decimal::ZERO,
        reference: "R".to_owned(),
        agreement_version: "1".to_owned(),
        return_url: None,
        card_flow: None,
        remitter: None,
        bank_account_id: None,
        bank_account_version: None,
        vnpay_bank_code: None,
        payer_ip: "::1".parse().unwrap(),
        locale: None,
        created_at: now(),
        expires_at: now(),
        updated_at: now(),
        ask_at: None,
        asked: 0,
        version: 1,
    }
}

fn returned_so_far(refunded: &str, disputed: &str, debited: &str, bonus_taken: &str) -> ReturnedSoFar {
    ReturnedSoFar {
        refunded: dec(refunded),
        disputed: dec(disputed),
        debited: dec(debited),
        bonus_taken: dec(bonus_taken),
    }
}

fn due(money: &str, bonus: &str) -> Due {
    Due { money: dec(money), bonus: dec(bonus) }
}

#[test]
fn the_table_of_moves_knows_no_way_back() {
    let allowed = [
        (AwaitingSecondApproval, Pending),
        (AwaitingSecondApproval, Failed),
        (Pending, Succeeded),
        (Pending, Failed),
        (Succeeded, Failed),
    ];
    for from in RefundState::ALL {
        for to in RefundState::ALL {
            assert_eq!(from.may_become(to), allowed.contains(&(from, to)), "{from:?} -> {to:?}");
        }
        assert_eq!(RefundState::parse(from.as_str()), Some(from));
    }
}

#[test]
fn parts_are_pro_rata_and_add_up_to_the_whole() {
    assert_eq!(returned_so_far("33.33", "0", "0", "0").due(&order()), due("32.33", "3.33"));
    assert_eq!(returned_so_far("66.66", "0", "32.33", "3.33").due(&order()), due("32.33", "3.34"));
    assert_eq!(returned_so_far("100", "0", "64.66", "6.67").due(&order()), due("32.34", "3.33"));
}

#[test]
fn what_failed_is_due_to_the_wallet() {
    assert_eq!(returned_so_far("0", "0", "97", "4").due(&order()), due("-97", "-4"));
    // Of the bonus only 4 were left to take; half of it is still covered by the half that stays returned_so_far.
    assert_eq!(returned_so_far("50", "0", "97", "4").due(&order()), due("-48.5", "1"));
}

#[test]
fn disputed_money_that_is_refunded_too_is_taken_once() {
    assert_eq!(returned_so_far("0", "100", "0", "0").due(&order()), due("97", "10"));
    assert_eq!(returned_so_far("100", "100", "97", "10").due(&order()), due("0", "0"));
    // The question of the payer's bank is closed by that refund: nothing comes back to the wallet.
    assert_eq!(returned_so_far("100", "0", "97", "10").due(&order()), due("0", "0"));
}

#[test]
fn what_is_refundable_is_what_neither_refund_nor_dispute_took() {
    let order = order();
    assert_eq!(returned_so_far("30", "0", "0", "0").refundable(&order, dec("100"), dec("30")), dec("70"));
    assert_eq!(returned_so_far("30", "50", "0", "0").refundable(&order, dec("100"), dec("30")), dec("20"));
    assert_eq!(returned_so_far("30", "90", "0", "0").refundable(&order, dec("100"), dec("30")), dec("0"));
    // The payment serves another order too, and was refunded there.
    assert_eq!(returned_so_far("0", "0", "0", "0").refundable(&order, dec("250"), dec("200")), dec("50"));
}

#[test]
fn questions_grow_rare_and_end() {
    let minutes = |asked| next_question(Pending, asked, Duration::days(30)).map(|wait| wait.num_minutes());
    assert_eq!([0, 1, 5, 9, 1000].map(minutes), [1, 2, 32, 360, 360].map(Some));
    let days = |age| next_question(Succeeded, 0, Duration::days(age)).map(|wait| wait.num_days());
    assert_eq!([0, 1, 5, 14].map(days), [Some(1), Some(2), Some(2), None]);
    assert_eq!(next_question(Failed, 0, Duration::zero()), None);
}

#[test]
fn old_news_of_a_dispute_are_none() {
    use DisputeStatus::{Lost, Open, Won};
    let news = [(Open, Won), (Open, Lost), (Lost, Won)];
    for from in [Open, Won, Lost] {
        for to in [Open, Won, Lost] {
            assert_eq!(from.may_become(to), news.contains(&(from, to)), "{from:?} -> {to:?}");
        }
    }
}

fn wallet() -> Wallet {
    let key = WalletKey {
        customer: CustomerId::new("alice").unwrap(),
        currency: "USD".parse().unwrap(),
        product: Product::main(),
    };
    Wallet::empty(key, now())
}

fn apply(wallet: &mut Wallet, posting: &Posting) -> Result<Booked, Refusal> {
    wallet.apply(&posting.change, &posting.label, None, now(), &mut Effects::default())
}

fn usd(text: &str) -> Money {
    Money::new(dec(text), "USD".parse().unwrap()).unwrap()
}

#[test]
fn hard_case_46_a_bonus_is_revoked_as_far_as_it_is_left_and_restored() {
    let (id, order, mut wallet) = (Uuid::from_u128(9), order(), wallet());
    let payment =
        AppliedPayment { id: Uuid::nil(), application: 1, provider: ProviderName::Stripe, merchant_account: "m" };
    let bonus = Bonus { grant_id: id, amount: usd("10") };
    let [_, bonus] = &top_up(OfOrder::from(&order), payment, usd("97"), Some(bonus))[..] else { panic!() };
    apply(&mut wallet, bonus).unwrap();
    // 3 are spent, and 2 reserved by a running call.
    let (customer, product) = (wallet.key.customer.clone(), Product::main());
    let usage = NewUsage {
        id: "u".to_owned(),
        customer: customer.clone(),
        amount: usd("3"),
        product: product.clone(),
        fallback_to_main: false,
        on_insufficient: OnInsufficient::Refuse,
        description: None,
        metadata: None,
        occurred_at: None,
    };
    apply(&mut wallet, &usage.posting()).unwrap();
    let (id_of_caller, lifetime) = ("h".to_owned(), Duration::hours(1));
    let hold =
        NewHold { id: id_of_caller, customer, amount: usd("2"), product, lifetime, description: None, metadata: None };
    apply(&mut wallet, &hold.posting(Uuid::from_u128(7))).unwrap();

    let cause = TakeBackId::Refund(Uuid::nil());
    let revoke = |amount: &str| bonus_revoked(OfOrder::from(&order), cause, id, usd(amount));
    let entry = apply(&mut wallet, &revoke("10")).unwrap().entry.unwrap();
    assert_eq!((entry.amount, entry.granted, entry.debt), (dec("-5"), dec("-5"), Decimal::ZERO));
    assert_eq!(entry.grant_uses, [(id, dec("-5"))]);
    assert_eq!((wallet.granted, wallet.held, wallet.available().amount()), (dec("2"), dec("2"), dec("0")));
    assert_eq!(apply(&mut wallet, &revoke("1")).unwrap().entry, None);

    let restore = |amount: &str| bonus_restored(OfOrder::from(&order), cause, id, usd(amount));
    let refused = apply(&mut wallet, &restore("8.00000001"));
    assert_eq!(refused, Err(Refusal::MoreThanTaken));
    let entry = apply(&mut wallet, &restore("5")).unwrap().entry.unwrap();
    assert_eq!((entry.amount, entry.granted), (dec("5"), dec("5")));
    assert_eq!((wallet.granted, wallet.available().amount()), (dec("7"), dec("5")));
}
