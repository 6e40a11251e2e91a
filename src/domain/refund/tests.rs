#![allow(clippy::unwrap_used, clippy::expect_used)]

use uuid::Uuid;

use super::RefundState::{AwaitingSecondApproval, Failed, Pending, Succeeded};
use super::refundable::{RefundBasis, Refundable};
use super::*;
use crate::domain::bonus::BonusTerms;
use crate::domain::client_data::ClientData;
use crate::domain::customer::CustomerId;
use crate::domain::order::{Completion, OrderState};
use crate::domain::payment::{Channel, DisputeStatus, ProviderName};
use crate::domain::product::Product;
use crate::domain::take_back::OrderBonus;
use crate::domain::wallet::{StoredWallet, Wallet, WalletMarks, WalletParts};

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
        amount: usd("99"),
        payable: usd("100"),
        fee: usd("2"),
        fee_on_top: false,
        fee_refundable: true,
        tax: usd("1"),
        tax_included: usd("0"),
        tax_rule: None,
        bonus: usd("10"),
        bonus_terms: BonusTerms::default(),
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
        buyer: None,
        client: ClientData::none(),
        transfer_id: None,
        created_at: now(),
        due_at: None,
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

fn due(money: &str, bonus: &str) -> Demand {
    Demand { money: usd(money), bonus: usd(bonus) }
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
    // Only 4 of the bonus of 10 could be taken. Half of the payment has now gone back, so 5 are due, which is 1 more.
    assert_eq!(returned_so_far("50", "0", "97", "4").due(&order()), due("-48.5", "1"));
}

#[test]
fn disputed_money_that_is_refunded_too_is_taken_once() {
    assert_eq!(returned_so_far("0", "100", "0", "0").due(&order()), due("97", "10"));
    assert_eq!(returned_so_far("100", "100", "97", "10").due(&order()), due("0", "0"));
    // The refund settles the inquiry of the payer's bank, so nothing comes back to the wallet.
    assert_eq!(returned_so_far("100", "0", "97", "10").due(&order()), due("0", "0"));
}

#[test]
fn what_is_refundable_is_what_neither_refund_nor_dispute_took() {
    let order = order();
    assert_eq!(returned_so_far("30", "0", "0", "0").refundable(&order, usd("70")), usd("70"));
    assert_eq!(returned_so_far("30", "50", "0", "0").refundable(&order, usd("70")), usd("20"));
    assert_eq!(returned_so_far("30", "90", "0", "0").refundable(&order, usd("70")), usd("0"));
    // 20 of the bonus are spent, whatever was taken for them so far.
    let spent = |refunded: &str| ReturnedSoFar { bonus_spent: usd("20"), ..returned_so_far(refunded, "0", "0", "0") };
    assert_eq!(spent("0").refundable(&order, usd("100")), usd("80"));
    assert_eq!(spent("40").refundable(&order, usd("60")), usd("40"));
    assert_eq!(spent("90").refundable(&order, usd("10")), usd("0"));
    // The payment serves another order too, and was refunded there.
    assert_eq!(returned_so_far("0", "0", "0", "0").refundable(&order, usd("50")), usd("50"));
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

/// The fee of 2 stays, and 2 cents of the tax of 1, which is on 99. The payer can get 97.98, and the wallet gives all
/// of its 97 for that.
#[test]
fn a_fee_that_is_not_refundable_stays() {
    let order = Order { fee_refundable: false, ..order() };
    let none = returned_so_far("0", "0", "0", "0");
    assert_eq!(none.refundable(&order, usd("100")), usd("97.98"));
    assert_eq!(returned_so_far("48.99", "0", "0", "0").due(&order), due("48.5", "5"));
    assert_eq!(returned_so_far("97.98", "0", "48.5", "5").due(&order), due("48.5", "5"));
    // The company gave back the fee as well: that is our loss, not the wallet's.
    assert_eq!(returned_so_far("100", "0", "97", "10").due(&order), due("0", "0"));
}

/// A wallet of alice with this much paid money, of which a part is held.
fn wallet(paid: Money, held: Money, debt: Money) -> Wallet {
    let nothing = Money::zero(paid.currency());
    let key = order().wallet();
    StoredWallet {
        key,
        id: Uuid::nil(),
        parts: WalletParts { paid, granted: nothing, held, debt, paid_in: nothing, paid_out: nothing },
        entry_seq: 0,
        version: 0,
        marks: WalletMarks::default(),
        bonus_owed: nothing,
        guard: None,
        low_balance: None,
        active_grant: None,
        grants: Vec::new(),
        updated_at: now(),
    }
    .into()
}

fn cents(units: i64) -> Money {
    Money::from_ledger(rust_decimal::Decimal::new(units, 2), "USD".parse().unwrap())
}

proptest::proptest! {
    /// The parts add up, none is negative, and the wallet has money for the amount, and for no cent more of what is
    /// spent or held.
    #[test]
    fn what_can_be_refunded_is_the_sum_of_its_parts(
        (fee, tax, bonus) in (0_i64..900, 0_i64..900, 0_i64..2_000),
        fee_goes_back in proptest::bool::ANY,
        (refunded, disputed, spent_bonus) in (0_i64..10_000, 0_i64..10_000, 0_i64..2_000),
        (paid, held, debt) in (0_i64..12_000, 0_i64..12_000, 0_i64..3_000),
    ) {
        let order = Order {
            amount: cents(10_000 - tax),
            fee: cents(fee),
            fee_refundable: fee_goes_back,
            tax: cents(tax),
            bonus: cents(bonus),
            credited_amount: cents(10_000 - fee - tax),
            ..order()
        };
        let refunded = cents(refunded).min(order.returnable());
        let spent = cents(spent_bonus.min(bonus));
        let grant = OrderBonus { grant_id: Uuid::nil(), spent, expired: cents(0) };
        let mut returned = ReturnedSoFar::nothing(order.currency());
        returned.refunded = refunded;
        returned.disputed = cents(disputed).min(order.returnable() - refunded);
        let returned = returned.with_bonus(Some(grant));
        let due = returned.due(&order);
        let returned = ReturnedSoFar { debited: due.money, bonus_taken: due.bonus, ..returned };
        let wallet = wallet(cents(paid), cents(held.min(paid)), cents(debt));
        let basis = |wallet| RefundBasis {
            order: &order, left: usd("100") - refunded, returned, bonus: Some(grant), wallet,
        };
        let parts = Refundable::of(&basis(Some(&wallet)));
        let taken_off = [parts.fee, parts.disputed, parts.bonus, parts.spent, parts.held, parts.amount];
        proptest::prop_assert!(taken_off.iter().all(|part| !part.is_negative()), "{parts:?}");
        proptest::prop_assert_eq!(Money::sum(order.currency(), taken_off), parts.left_of_payment);
        proptest::prop_assert_eq!(parts.left_of_payment, usd("100") - refunded);
        proptest::prop_assert_eq!(parts.at_most(), returned.refundable(&order, usd("100") - refunded));
        let asked = |refund: Money| {
            let due = ReturnedSoFar { refunded: refunded + refund, ..returned }.due(&order);
            due.money.or_zero() + due.bonus.or_zero()
        };
        if parts.amount.is_positive() {
            proptest::prop_assert!(asked(parts.amount) <= wallet.movable(), "{parts:?}");
        }
        if (parts.spent + parts.held).is_positive() {
            proptest::prop_assert!(asked(parts.amount + cents(1)) > wallet.movable(), "{parts:?}");
        }
        if parts.spent.is_positive() {
            let beyond = parts.amount + parts.held + cents(1);
            proptest::prop_assert!(asked(beyond) > wallet.movable_beyond_holds(), "{parts:?}");
        }
        // Without a wallet there is nothing to give.
        proptest::prop_assert!(asked(Refundable::of(&basis(None)).amount).is_zero());
    }
}
