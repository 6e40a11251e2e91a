#![allow(clippy::unwrap_used, clippy::expect_used)]

use uuid::Uuid;

use super::RefundState::{AwaitingSecondApproval, Failed, Pending, Succeeded};
use super::*;
use crate::domain::customer::CustomerId;
use crate::domain::order::{Completion, OrderState};
use crate::domain::payment::{Channel, DisputeStatus, ProviderName};
use crate::domain::product::Product;

fn usd(text: &str) -> Money {
    Money::from_ledger(text.parse().unwrap(), "USD".parse().unwrap())
}

fn now() -> DateTime<Utc> {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

/// 100 received, 97 of it credited after fee and tax, and a bonus of 10.
fn order() -> Order {
    Order {
        id: Uuid::nil(),
        customer: CustomerId::new("alice").unwrap(),
        product: Product::main(),
        channel: Channel::Card,
        provider: ProviderName::Stripe,
        merchant_account: "default".to_owned(),
        state: OrderState::Completed(Completion { at: now(), received: usd("100") }),
        reason: None,
        declines: 0,
        held_for_review: false,
        amount: usd("100"),
        fee: usd("2"),
        fee_refundable: true,
        tax: usd("1"),
        bonus: usd("10"),
        credited_amount: usd("97"),
        refunded_amount: usd("0"),
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
        refunded: usd(refunded),
        disputed: usd(disputed),
        charged: usd(disputed),
        debited: usd(debited),
        bonus_taken: usd(bonus_taken),
        bonus_spent: usd("0"),
        bonus_expired: usd("0"),
    }
}

fn due(money: &str, bonus: &str) -> Due {
    Due { money: usd(money), bonus: usd(bonus) }
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
fn bonus_that_expired_counts_as_taken() {
    let some_expired =
        |returned: &str| ReturnedSoFar { bonus_expired: usd("4"), ..returned_so_far(returned, "0", "0", "0") };
    assert_eq!(some_expired("100").due(&order()).bonus, usd("6"));
    assert_eq!(some_expired("30").due(&order()).bonus, usd("0"));
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
    assert_eq!(returned_so_far("30", "0", "0", "0").refundable(&order, usd("100"), usd("30")), usd("70"));
    assert_eq!(returned_so_far("30", "50", "0", "0").refundable(&order, usd("100"), usd("30")), usd("20"));
    assert_eq!(returned_so_far("30", "90", "0", "0").refundable(&order, usd("100"), usd("30")), usd("0"));
    // 20 of the bonus are spent, whatever was taken for them so far.
    let spent = |refunded: &str| ReturnedSoFar { bonus_spent: usd("20"), ..returned_so_far(refunded, "0", "0", "0") };
    assert_eq!(spent("0").refundable(&order, usd("100"), usd("0")), usd("80"));
    assert_eq!(spent("40").refundable(&order, usd("100"), usd("40")), usd("40"));
    assert_eq!(spent("90").refundable(&order, usd("100"), usd("90")), usd("0"));
    // The payment serves another order too, and was refunded there.
    assert_eq!(returned_so_far("0", "0", "0", "0").refundable(&order, usd("250"), usd("200")), usd("50"));
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

/// The fee of 2 stays: the payer can get 98, tax included, and the wallet gives all of its 97 for that.
#[test]
fn a_fee_that_is_not_refundable_stays() {
    let order = Order { fee_refundable: false, ..order() };
    let none = returned_so_far("0", "0", "0", "0");
    assert_eq!(none.refundable(&order, usd("100"), usd("0")), usd("98"));
    assert_eq!(returned_so_far("49", "0", "0", "0").due(&order), due("48.5", "5"));
    assert_eq!(returned_so_far("98", "0", "48.5", "5").due(&order), due("48.5", "5"));
    // The company gave back the fee as well: that is our loss, not the wallet's.
    assert_eq!(returned_so_far("100", "0", "97", "10").due(&order), due("0", "0"));
}
