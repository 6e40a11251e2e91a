//! The tests of bank transactions.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn money(amount: &str) -> Money {
    Money::new(amount.parse().unwrap(), "CNY".parse().unwrap()).unwrap()
}

fn day(n: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, n).unwrap()
}

fn identity(id: &str) -> Identity {
    Identity::of(id, day(21), money("100"), Some("Alice")).unwrap()
}

fn stated(id: &str, received: &str) -> StatedLine {
    StatedLine {
        account: Uuid::nil(),
        stated_id: id.to_owned(),
        identity: identity(id),
        amount: None,
        received: money(received),
        received_on: day(21),
        remitter: Some("Alice".to_owned()),
        another_line: false,
    }
}

fn line(n: i32, amount: &str) -> BankTransaction {
    BankTransaction {
        payment_id: Uuid::from_u128(u128::from(n.unsigned_abs())),
        account: Uuid::nil(),
        identity: identity("T"),
        n,
        stated_id: "T".to_owned(),
        amount: money(amount),
        received_on: day(21),
        remitter: Some("Alice".to_owned()),
        payer: "ALICE".to_owned(),
        amount_is_open: false,
        stated_by: "operator:anna".to_owned(),
        stated_at: DateTime::UNIX_EPOCH,
    }
}

fn used(applied: &str) -> UsedPart {
    UsedPart { applied: money(applied), refunded: money("0"), unapplied_taken: money("0") }
}

#[test]
fn one_line_written_in_many_ways_is_one() {
    for written in ["FT26325-ab12", "ft26325-AB12", "FT26325ab12", " ft 26325/AB.12 ", "ＦＴ２６３２５－ａｂ１２"]
    {
        assert_eq!(identity(written).as_str(), "FT26325AB12", "{written}");
    }
    assert_ne!(identity("FT26325-ab12"), identity("FT26325-ab13"));
    assert_eq!(identity("FT1").payment_id(1), "FT1");
    assert_eq!(identity("FT1").payment_id(2), "FT1#2");
}

#[test]
fn a_placeholder_is_known_by_day_amount_and_remitter() {
    for placeholder in ["NONREF", "not provided", "Not-Provided.", "---", ""] {
        let of = |day, amount: &str, remitter| Identity::of(placeholder, day, money(amount), remitter);
        assert_eq!(of(day(21), "100", None), Err(NoIdentity::RemitterNeeded));
        assert_eq!(of(day(21), "100", Some(" - ")), Err(NoIdentity::RemitterNeeded));
        let first = of(day(21), "100", Some("Nguyen Van A")).unwrap();
        assert_eq!(first.as_str(), "none:2026-11-21:100:NGUYENVANA");
        assert_eq!(of(day(21), "100.00", Some("NGUYEN  VAN-A")).unwrap(), first);
        assert_ne!(of(day(22), "100", Some("Nguyen Van A")).unwrap(), first);
        assert_ne!(of(day(21), "101", Some("Nguyen Van A")).unwrap(), first);
        assert_ne!(of(day(21), "100", Some("Nguyen Van B")).unwrap(), first);
    }
}

#[test]
fn an_identity_has_a_bound_although_its_normal_form_may_grow() {
    // One character of this kind has a normal form of eighteen.
    let of = |count| Identity::of(&"\u{fdfa}".repeat(count), day(21), money("1"), None);
    assert!(of(5).is_ok());
    assert_eq!(of(50), Err(NoIdentity::TooLong));
}

#[test]
fn a_line_serves_as_many_orders_as_it_is_worth() {
    assert_eq!(place(&stated("T", "100"), &[]), Ok(LinePlace::New { n: 1, amount: money("100") }));
    let whole = StatedLine { amount: Some(money("160")), ..stated("T", "100") };
    assert_eq!(place(&whole, &[]), Ok(LinePlace::New { n: 1, amount: money("160") }));
    assert_eq!(place(&StatedLine { amount: Some(money("99")), ..stated("T", "100") }, &[]), Err(Misplaced::Amount));

    let known = [(line(1, "160"), used("100"))];
    let first = known[0].0.payment_id;
    assert_eq!(place(&stated("T", "60"), &known), Ok(LinePlace::Known { payment_id: first, amount: money("160") }));
    assert_eq!(place(&stated("T", "60.01"), &known), Err(Misplaced::Used(first)));
    assert_eq!(place(&StatedLine { amount: Some(money("161")), ..stated("T", "60") }, &known), Err(Misplaced::Amount));
}

#[test]
fn another_line_under_a_known_id_must_be_claimed() {
    let known = [(line(1, "100"), used("100")), (line(2, "100"), used("100"))];
    let (first, second) = (known[0].0.payment_id, known[1].0.payment_id);
    for other in [
        StatedLine { received_on: day(20), ..stated("T", "100") },
        StatedLine { remitter: Some("Bob".to_owned()), ..stated("T", "100") },
    ] {
        assert_eq!(place(&other, &known), Err(Misplaced::AnotherLine(first)));
        let claimed = StatedLine { another_line: true, ..other };
        assert_eq!(place(&claimed, &known), Ok(LinePlace::New { n: 3, amount: money("100") }));
    }
    let unknown = StatedLine { remitter: None, ..stated("T", "100") };
    assert_eq!(place(&unknown, &known), Err(Misplaced::Used(second)));
    assert_eq!(place(&StatedLine { another_line: true, ..unknown }, &[]), Err(Misplaced::NoFirstLine));
}

#[test]
fn a_line_whose_approval_was_reversed_is_worth_what_is_stated_next() {
    let open = BankTransaction { amount_is_open: true, ..line(1, "900") };
    let known = |applied: &str| [(open.clone(), used(applied))];
    let takes = |stated: &StatedLine, applied: &str| place(stated, &known(applied));
    let of = |amount: &str| Ok(LinePlace::Known { payment_id: open.payment_id, amount: money(amount) });
    assert_eq!(takes(&stated("T", "90"), "0"), of("90"));
    // What serves other orders stays.
    assert_eq!(takes(&stated("T", "90"), "60"), of("150"));
    assert_eq!(takes(&StatedLine { amount: Some(money("200")), ..stated("T", "90") }, "60"), of("200"));
    let less = StatedLine { amount: Some(money("149")), ..stated("T", "90") };
    assert_eq!(takes(&less, "60"), Err(Misplaced::Amount));
    // Its day and its remitter are stated again as well.
    assert_eq!(takes(&StatedLine { received_on: day(20), ..stated("T", "90") }, "0"), of("90"));

    assert_eq!(open.restated(money("0"), used("0")), Ok(money("0")));
    assert_eq!(open.restated(money("59.99"), used("60")), Err(Misplaced::Amount));
    let refunded = UsedPart { applied: money("0"), refunded: money("30"), unapplied_taken: money("30") };
    assert_eq!(open.restated(money("29"), refunded), Err(Misplaced::Amount));
    assert_eq!(open.restated(money("30"), refunded), Ok(money("30")));
}

#[test]
fn a_difference_beyond_the_share_surprises() {
    let share = |percent: &str| Percent::new(percent.parse().unwrap()).unwrap();
    for (received, is) in [("95", false), ("105", false), ("94.99", true), ("105.01", true), ("100", false)] {
        assert_eq!(is_surprising(money("100"), money(received), share("5")), is, "{received}");
    }
    assert!(is_surprising(money("100"), money("100.01"), share("0")));
    assert!(!is_surprising(money("100"), money("200"), share("100")));
}

#[test]
fn no_day_is_ahead_of_the_last_time_zone() {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    assert_eq!(latest_day(at("2026-11-26T09:59:59Z")), day(26));
    assert_eq!(latest_day(at("2026-11-26T10:00:00Z")), day(27));
}

#[test]
fn an_unknown_remitter_may_be_anybody() {
    assert!(are_different(Some("Alice"), Some("Bob")));
    assert!(!are_different(Some("Alice"), Some("ALICE ")));
    assert!(!are_different(None, Some("Bob")));
    assert!(!are_different(Some("-"), Some("Bob")));
}

proptest! {
    #[test]
    fn the_normal_form_is_its_own(text in "\\PC{0,40}") {
        let normal = normal_form(&text);
        prop_assert_eq!(normal_form(&normal), normal.clone());
        prop_assert!(!normal.contains(|c: char| c.is_ascii_lowercase() || c.is_ascii_punctuation() || c == ' '));
    }
}
