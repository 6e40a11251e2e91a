#![allow(clippy::unwrap_used)]

use super::OrderStatus::{Cancelled, Completed, Expired, Failed, Pending, Processing};
use super::*;

#[test]
fn the_table_of_moves_is_the_designs() {
    let allowed = [
        (Pending, Processing),
        (Pending, Completed),
        (Processing, Completed),
        (Pending, Failed),
        (Processing, Failed),
        (Pending, Cancelled),
        (Pending, Expired),
        (Cancelled, Completed),
        (Expired, Completed),
        (Failed, Completed),
    ];
    for from in OrderStatus::ALL {
        for to in OrderStatus::ALL {
            assert_eq!(from.may_become(to), allowed.contains(&(from, to)), "{from} -> {to}");
        }
    }
}

#[test]
fn every_word_of_a_column_is_read_back_as_what_was_written() {
    assert!(OrderStatus::ALL.into_iter().all(|status| OrderStatus::parse(status.as_str()) == Some(status)));
    assert!(Awaited::ALL.into_iter().all(|awaited| Awaited::parse(awaited.as_str()) == Some(awaited)));
    assert!(FailedBy::ALL.into_iter().all(|by| FailedBy::parse(by.as_str()) == Some(by)));
    assert_eq!((OrderStatus::parse("declined"), Awaited::parse(""), FailedBy::parse("")), (None, None, None));
}

fn usd(amount: i64) -> Money {
    Money::from_ledger(amount.into(), "USD".parse().unwrap())
}

fn at() -> DateTime<Utc> {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

fn order(state: OrderState) -> Order {
    Order {
        id: Uuid::nil(),
        customer: CustomerId::new("alice").unwrap(),
        product: Product::main(),
        channel: Channel::Paypal,
        provider: ProviderName::PayPal,
        merchant_account: "default".to_owned(),
        state,
        reason: None,
        declines: 0,
        held_for_review: false,
        amount: usd(100),
        payable: usd(100),
        fee: usd(0),
        fee_on_top: false,
        fee_refundable: true,
        tax: usd(0),
        tax_included: usd(0),
        tax_rule: None,
        bonus: usd(0),
        bonus_terms: BonusTerms::default(),
        credited_amount: usd(100),
        refunded_amount: usd(0),
        reference: "R".to_owned(),
        agreement_version: "1".to_owned(),
        return_url: None,
        card_flow: None,
        remitter: None,
        bank_account_id: None,
        bank_account_version: None,
        vnpay_bank_code: None,
        payer_ip: IpAddr::from([127, 0, 0, 1]),
        locale: None,
        buyer: None,
        client: ClientData::none(),
        transfer_id: None,
        created_at: at(),
        due_at: None,
        expires_at: at(),
        updated_at: at(),
        ask_at: None,
        asked: 0,
        version: 1,
    }
}

/// The text of a reason may be anything: only the state decides.
#[test]
fn a_declined_order_is_known_by_its_state_whatever_its_reason_says() {
    let declined = Observation::Declined { reason: "INSTRUMENT_DECLINED".to_owned() };
    let waiting = order(OrderState::Processing(Awaited::Provider));
    assert!(matches!(judge(&waiting, &declined, false), Verdict::Decline(_)));

    let mut told = waiting;
    told.reason = Some("not paid yet: the payer can try again at the provider".to_owned());
    assert!(!told.was_declined() && !told.awaits_payer());
    told.state = OrderState::Processing(Awaited::Payer);
    told.reason = None;
    assert!(told.was_declined() && told.awaits_payer());
    // A second decline counts as well.
    assert!(matches!(judge(&told, &declined, false), Verdict::Decline(_)));
}

#[test]
fn money_on_its_way_ends_the_wait_for_the_payer_even_with_the_same_reason() {
    let mut declined = order(OrderState::Processing(Awaited::Payer));
    declined.reason = Some("pending at the provider".to_owned());
    let on_its_way = Observation::InFlight { reason: "pending at the provider".to_owned() };
    let waiting = OrderState::Processing(Awaited::Provider);
    assert_eq!(judge(&declined, &on_its_way, false), Verdict::Become(waiting, "pending at the provider".to_owned()));
    declined.state = waiting;
    assert_eq!(judge(&declined, &on_its_way, false), Verdict::Nothing);
}

#[test]
fn the_providers_clock_expires_a_pending_order_and_fails_a_processing_one() {
    let state = |from| match judge(&order(from), &Observation::Expired, false) {
        Verdict::Become(state, _) => Some(state),
        _ => None,
    };
    assert_eq!(state(OrderState::Pending), Some(OrderState::Expired));
    let failed = OrderState::Failed(FailedBy::Provider);
    assert_eq!(state(OrderState::Processing(Awaited::Provider)), Some(failed));
    assert_eq!(state(OrderState::Cancelled), None);
}

#[test]
fn the_bonus_is_pro_rata_for_a_short_transfer_and_frozen_for_a_long_one() {
    let mut order = order(OrderState::Pending);
    order.bonus = usd(20);
    let bonus = |received| order.divide(usd(received)).bonus;
    assert_eq!([50, 100, 900].map(bonus), [10, 20, 20].map(usd));
}

/// What arrives is compared with the payable amount, and divided in its proportions: amount 100, a fee of 10 on top.
#[test]
fn a_fee_on_top_is_paid_and_not_taken_off() {
    let order = Order { payable: usd(110), fee: usd(10), fee_on_top: true, ..order(OrderState::Pending) };
    let parts = |received| {
        let division = order.divide(usd(received));
        (division.credited, division.fee)
    };
    assert_eq!(
        [110, 11, 220].map(parts),
        [(100, 10), (10, 1), (200, 20)].map(|(credited, fee)| (usd(credited), usd(fee)))
    );
    let fact = |amount| PaymentFact {
        payment_id: "P".to_owned(),
        amount: usd(amount),
        merchant_account: "default".to_owned(),
        live: false,
    };
    assert!(matches!(judge(&order, &Observation::Paid(fact(110)), false), Verdict::Complete(_)));
    assert!(matches!(judge(&order, &Observation::Paid(fact(100)), false), Verdict::KeepShort(..)));
}

/// The parts of a later amount are what is missing to the parts of all of it, to the minor unit. The bonus stays.
#[test]
fn what_comes_in_parts_is_divided_as_if_it_came_at_once() {
    let cents = |units: i64| Money::from_ledger(rust_decimal::Decimal::new(units, 2), "USD".parse().unwrap());
    let terms = Order { fee: cents(333), tax: cents(709), bonus: usd(5), ..order(OrderState::Pending) };
    for (first, further) in [(6_000, 4_000), (1, 9_999), (3_333, 100), (10_000, 50), (12_000, 7_777), (4_999, 5_002)] {
        let (first, further) = (cents(first), cents(further));
        let given = terms.divide(first);
        let state = OrderState::Completed(Completion { at: at(), received: first });
        let completed = Order { state, bonus: given.bonus, credited_amount: given.credited, ..terms.clone() };
        let (added, all) = (completed.divide_further(further).unwrap(), terms.divide(first + further));
        let sums = [given.credited + added.credited, given.fee + added.fee, given.tax + added.tax];
        assert_eq!((sums, added.bonus), ([all.credited, all.fee, all.tax], usd(0)), "{first} and {further}");
        assert_eq!(added.credited + added.fee + added.tax, further);
    }
    // A cent of which a fee of almost all takes the cent.
    let dear = Order { fee: usd(99), ..order(OrderState::Completed(Completion { at: at(), received: usd(50) })) };
    assert_eq!(dear.divide_further(cents(1)), None);
}
