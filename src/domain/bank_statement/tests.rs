//! The tests of bank statements: files of three made-up banks, matching, and suggestions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use chrono::NaiveDate;
use proptest::prelude::*;
use uuid::Uuid;

use super::csv::{AmountColumns, CsvMapping};
use super::matching::{Match, StatedPayment, match_lines, stretches};
use super::suggestion::{OpenOrder, Suggestion, suggest};
use super::text::TextEncoding;
use super::*;
use crate::domain::reference::make_reference;

fn cny(amount: &str) -> Money {
    Money::new(amount.parse().unwrap(), "CNY".parse().unwrap()).unwrap()
}

fn mapping() -> CsvMapping {
    CsvMapping {
        encoding: None,
        delimiter: b';',
        decimal_comma: true,
        date: "Buchungstag".to_owned(),
        date_format: "%d.%m.%Y".to_owned(),
        amount: AmountColumns::Signed("Betrag".to_owned()),
        bank_id: Some("Referenz".to_owned()),
        remitter: Some("Auftraggeber".to_owned()),
        remitter_account: Some("Konto des Auftraggebers".to_owned()),
        text: vec!["Verwendungszweck".to_owned()],
        balance: None,
        opening_label: Some("Saldo alt".to_owned()),
        closing_label: Some("Saldo neu".to_owned()),
        ignored_labels: vec!["Summe".to_owned()],
        newest_first: true,
    }
}

fn huatong() -> CsvMapping {
    CsvMapping {
        encoding: Some(TextEncoding::Gbk),
        delimiter: b',',
        decimal_comma: false,
        date: "交易日期".to_owned(),
        date_format: "%Y%m%d".to_owned(),
        amount: AmountColumns::Split { credit: "收入金额".to_owned(), debit: "支出金额".to_owned() },
        bank_id: Some("交易流水号".to_owned()),
        remitter: Some("对方户名".to_owned()),
        remitter_account: Some("对方账号".to_owned()),
        text: vec!["摘要".to_owned()],
        balance: Some("账户余额".to_owned()),
        opening_label: None,
        closing_label: None,
        ignored_labels: Vec::new(),
        newest_first: false,
    }
}

fn lotus() -> CsvMapping {
    CsvMapping {
        encoding: None,
        delimiter: b'\t',
        decimal_comma: false,
        date: "Value date".to_owned(),
        date_format: "%d/%m/%Y".to_owned(),
        amount: AmountColumns::Sided {
            amount: "Amount (CNY)".to_owned(),
            side: "Direction".to_owned(),
            credit: "CR".to_owned(),
            debit: "DR".to_owned(),
        },
        bank_id: Some("Trace".to_owned()),
        remitter: Some("Payer / payee".to_owned()),
        remitter_account: None,
        text: vec!["Narrative".to_owned()],
        balance: None,
        opening_label: Some("Opening balance".to_owned()),
        closing_label: Some("Closing balance".to_owned()),
        ignored_labels: Vec::new(),
        newest_first: false,
    }
}

const PINEHILL: &[u8] = include_bytes!("../../../tests/bank_statements/pinehill.csv");
const HUATONG: &[u8] = include_bytes!("../../../tests/bank_statements/huatong.csv");
const LOTUS: &[u8] = include_bytes!("../../../tests/bank_statements/lotus.csv");
const CAMT: &[u8] = include_bytes!("../../../tests/bank_statements/pinehill.camt053.xml");
const MT940: &[u8] = include_bytes!("../../../tests/bank_statements/pinehill.mt940");

fn read_as(bytes: &[u8], mapping: Option<&CsvMapping>) -> ReadStatement {
    read(bytes, "CNY".parse().unwrap(), mapping).unwrap()
}

/// The five files say the same about the account, each in the dialect of its bank.
#[test]
fn files_of_three_banks_are_read_in_their_dialects() {
    let files = [
        (PINEHILL, Some(mapping()), StatementFormat::Csv, 4),
        (HUATONG, Some(huatong()), StatementFormat::Csv, 4),
        (LOTUS, Some(lotus()), StatementFormat::Csv, 4),
        (CAMT, None, StatementFormat::Camt053, 5),
        (MT940, None, StatementFormat::Mt940, 4),
    ];
    for (bytes, mapping, format, lines) in files {
        let read = read_as(bytes, mapping.as_ref());
        assert_eq!((read.format, read.lines.len()), (format, lines), "{read:#?}");
        assert_eq!((read.opening, read.closing), (Some(cny("10000")), Some(cny("11730.50"))), "{read:#?}");
        let sums = StatementSums::of(&read.lines, "CNY".parse().unwrap());
        assert_eq!((sums.credits, sums.debits), (cny("1750"), cny("19.50")));
        assert_eq!(sums.after(read.opening.unwrap()), read.closing.unwrap());
        let days = ["2026-11-19", "2026-11-21"].map(|day| day.parse::<NaiveDate>().unwrap());
        assert_eq!([read.from, read.to], days);
        assert_eq!(read.lines[0].amount, cny("100"));
        assert!(read.lines.windows(2).all(|two| two[0].booked_on <= two[1].booked_on), "{read:#?}");
    }
}

#[test]
fn the_texts_of_a_line_are_kept() {
    let names = |bytes, mapping: Option<&CsvMapping>| -> Vec<String> {
        read_as(bytes, mapping).lines.into_iter().map(|line| line.remitter.unwrap_or_default()).collect()
    };
    assert_eq!(names(HUATONG, Some(&huatong())), ["张三", "李四商贸有限公司", "某某主机公司", "王五"]);
    assert_eq!(names(PINEHILL, Some(&mapping()))[1], "Carol; Sons");
    assert_eq!(names(LOTUS, Some(&lotus()))[1], "CÔNG TY TRẦN");
    assert_eq!(
        names(CAMT, None),
        ["Alice Example", "Carol & Sons", "Bob Example", "Dora Example", "Example Hosting GmbH"]
    );
    assert_eq!(names(MT940, None), ["Alice Example", "Carol & Sons", "", "Example Hosting GmbH"]);
    let camt = read_as(CAMT, None);
    let ids: Vec<&str> = camt.lines.iter().map(|line| line.bank_id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["PH-0001", "PH-0002", "PH-0003-A", "PH-0003/2", "PH-0004"]);
    assert_eq!(camt.lines[0].remitter_account.as_deref(), Some("DE02300209000106531065"));
    assert_eq!(read_as(MT940, None).lines[2].text, "Bob Example pays fortwo months {REFERENCE}");
    assert_eq!(read_as(MT940, None).account.as_deref(), Some("10010010/6200000000000000001"));
}

#[test]
fn what_cannot_be_read_names_its_place() {
    let wrong = |bytes: &[u8], mapping: Option<&CsvMapping>, parts: &[&str]| {
        let said = read(bytes, "CNY".parse().unwrap(), mapping).unwrap_err().to_string();
        assert!(parts.iter().all(|part| said.contains(part)), "{said} does not say {parts:?}");
    };
    let pinehill = String::from_utf8(PINEHILL.to_vec()).unwrap();
    let with = |from: &str, to: &str| pinehill.replace(from, to).into_bytes();
    wrong(&with("-19,50", "-19.50"), Some(&mapping()), &["row 6", "-19.50"]);
    wrong(&with("400,00", "400,005"), Some(&mapping()), &["row 8", "decimals"]);
    wrong(&with("20.11.2026", "2026-11-20"), Some(&mapping()), &["row 8", "%d.%m.%Y"]);
    wrong(&with("Betrag", "Amount"), Some(&mapping()), &["names of all mapped columns"]);
    wrong(PINEHILL, None, &["mapping"]);
    wrong(HUATONG, Some(&CsvMapping { encoding: None, ..huatong() }), &["UTF-8"]);
    wrong(&LOTUS[..LOTUS.len() - 1], Some(&lotus()), &["UTF-16LE"]);
    let camt = String::from_utf8(CAMT.to_vec()).unwrap();
    wrong(camt.replace("Ccy=\"CNY\">400.00", "Ccy=\"USD\">400.00").as_bytes(), None, &["entry 2", "USD"]);
    wrong(camt.replace("OPBD", "XXXX").as_bytes(), None, &["OPBD"]);
    wrong(&CAMT[..900], None, &["not XML"]);
    let bomb = "<!DOCTYPE a [<!ENTITY b 'xx'>]><a>&b;</a>";
    wrong(bomb.as_bytes(), None, &["not XML"]);
    let mt940 = String::from_utf8(MT940.to_vec()).unwrap();
    wrong(mt940.replace(":60M:C261120CNY10500,00", ":60M:C261120CNY10501,00").as_bytes(), None, &["one before"]);
    wrong(mt940.replace("CR100,00", "X100,00").as_bytes(), None, &["field 61"]);
    wrong(mt940.replace("C261119CNY", "C261119USD").as_bytes(), None, &["USD"]);
}

proptest! {
    /// Whatever a file contains, reading it ends with an answer.
    #[test]
    fn no_file_makes_the_reader_fail(bytes in proptest::collection::vec(any::<u8>(), 0..400), head in 0_usize..4) {
        let start: &[u8] = [&b"<Document>"[..], b":20:x\n:60F:C2611", b"Buchungstag;Betrag\n", b""][head];
        let file = [start, bytes.as_slice()].concat();
        let _ = read(&file, "CNY".parse().unwrap(), Some(&mapping()));
    }
}

fn line(day: &str, amount: &str, id: Option<&str>, remitter: Option<&str>, text: &str) -> StatementLine {
    StatementLine {
        booked_on: day.parse().unwrap(),
        amount: cny(amount),
        bank_id: id.map(str::to_owned),
        remitter: remitter.map(str::to_owned),
        remitter_account: None,
        text: text.to_owned(),
    }
}

#[test]
fn identical_lines_are_numbered() {
    let twin = line("2026-11-20", "5", None, Some("Alice"), "coffee");
    let other = line("2026-11-20", "5", None, Some("Alice"), "tea");
    let with_id = line("2026-11-20", "5", Some("A-1"), Some("Alice"), "coffee");
    let same_id = line("2026-11-20", "5", Some("a 1"), None, "in other words");
    let numbered = number_repeats(&[twin.clone(), other, twin, with_id, same_id]);
    let numbers: Vec<i32> = numbered.iter().map(|(_, n)| *n).collect();
    assert_eq!(numbers, [1, 1, 2, 1, 2]);
}

fn stated(n: u128, id: &str, day: &str, amount: &str, payer: Option<&str>, reference: Option<&str>) -> StatedPayment {
    let received_on = day.parse().unwrap();
    StatedPayment {
        id: Uuid::from_u128(n),
        identity: Identity::of(id, received_on, cny(amount), payer.or(Some("x"))).unwrap(),
        amount: cny(amount),
        used: cny(amount),
        amount_is_open: false,
        received_on,
        payers: payer.map(str::to_owned).into_iter().collect(),
        references: reference.map(str::to_owned).into_iter().collect(),
    }
}

/// Which payments are read for lines: an old line that still waits for a choice must not make an upload read all
/// payments since then.
#[test]
fn an_old_line_adds_its_own_days_and_not_all_days_since() {
    let lines = [
        line("2026-11-20", "100", Some("A"), None, ""),
        line("2026-01-10", "100", Some("old"), None, ""),
        line("2026-11-24", "100", Some("B"), None, ""),
        line("2026-11-20", "100", Some("C"), None, ""),
        line("2026-11-20", "300", Some("D"), None, ""),
    ];
    let found: Vec<(Money, String, String)> = stretches(&lines)
        .into_iter()
        .map(|found| (found.amount, found.first_day.to_string(), found.last_day.to_string()))
        .collect();
    let days = |amount, first: &str, last: &str| (cny(amount), first.to_owned(), last.to_owned());
    let wanted = [
        days("100", "2026-01-07", "2026-01-13"),
        days("100", "2026-11-17", "2026-11-27"),
        days("300", "2026-11-17", "2026-11-23"),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn a_line_and_a_payment_that_fit_alone_are_one() {
    let reference = make_reference(77);
    let payments = [
        stated(1, "A-1", "2026-11-20", "100", Some("Alice"), None),
        // Mistyped ids.
        stated(2, "B-l", "2026-11-20", "100", Some("Bob"), Some(&reference)),
        stated(3, "C-l", "2026-11-18", "300", Some("Nguyễn Văn A"), None),
    ];
    let lines = [
        line("2026-11-20", "100", Some("a1"), None, ""),
        line("2026-11-25", "100", Some("B-1"), Some("BOB"), &format!("for {reference}")),
        line("2026-11-21", "300", Some("C-1"), Some("NGUYEN VAN A"), ""),
        line("2026-11-22", "300", Some("C-2"), Some("NGUYEN VAN A"), "four days later"),
    ];
    let bound = |n| Match::Bound(Uuid::from_u128(n));
    assert_eq!(match_lines(&lines, &payments), [bound(1), bound(2), bound(3), Match::Free]);
}

#[test]
fn a_line_that_names_another_order_is_another_payment() {
    let (ours, other) = (make_reference(77), make_reference(78));
    let by_hand = [stated(1, "A-l", "2026-11-20", "100", Some("Alice"), Some(&ours))];
    let unnamed = [stated(1, "A-l", "2026-11-20", "100", Some("Alice"), None)];
    let named = line("2026-11-20", "100", Some("A-1"), Some("Alice"), &format!("for {other}"));
    let plain = line("2026-11-20", "100", Some("A-1"), Some("Alice"), "thank you");
    let bound = Match::Bound(Uuid::from_u128(1));
    for (line, payments, wanted) in [
        (&named, &by_hand, Match::Free),
        (&plain, &by_hand, bound.clone()),
        (&named, &unnamed, bound.clone()),
        (&plain, &unnamed, bound),
    ] {
        assert_eq!(match_lines(std::slice::from_ref(line), payments), [wanted], "{line:?}");
    }
}

/// Each of 5,000 lines finds its payment among 5,000, by its id, its order or its figures. Comparing each line with
/// each payment would take minutes, while the account is locked.
#[test]
fn thousands_of_lines_are_matched_with_thousands_of_payments() {
    let mut payments = Vec::new();
    let mut lines = Vec::new();
    for n in 0..5_000_u32 {
        let (amount, payer) = (format!("{}.25", n + 1), format!("Payer {n} of Many"));
        let reference = make_reference(u64::from(n) * 7_919);
        payments.push(stated(u128::from(n), &format!("P-{n}"), "2026-11-20", &amount, Some(&payer), Some(&reference)));
        let words = "thank you very much ".repeat(20);
        lines.push(match n % 3 {
            0 => line("2026-11-20", &amount, Some(&format!("p {n}")), None, &words),
            1 => line("2026-11-29", &amount, Some(&format!("L-{n}")), Some("Somebody"), &format!("{words}{reference}")),
            _ => line("2026-11-21", &amount, Some(&format!("L-{n}")), Some(&payer), &words),
        });
    }
    lines.reverse();
    let wanted: Vec<Match> = (0..5_000_u128).rev().map(|n| Match::Bound(Uuid::from_u128(n))).collect();
    assert!(match_lines(&lines, &payments) == wanted);
}

#[test]
fn what_several_fit_or_contradicts_is_a_tie() {
    let tie = |ids: &[u128]| Match::Tie(ids.iter().map(|n| Uuid::from_u128(*n)).collect());
    let alike =
        [stated(1, "A-1", "2026-11-20", "100", Some("Alice"), None), stated(2, "A-2", "2026-11-21", "100", None, None)];
    let one = line("2026-11-20", "100", Some("Z"), Some("Alice"), "");
    assert_eq!(match_lines(std::slice::from_ref(&one), &alike), [tie(&[1, 2])]);
    // Two lines and one payment.
    let two = [one.clone(), line("2026-11-20", "100", Some("Y"), Some("Alice"), "")];
    assert_eq!(match_lines(&two, &alike[..1]), [tie(&[1]), tie(&[1])]);
    // The same id with another amount: an operator decides.
    let mistyped = [stated(1, "Z", "2026-11-20", "1000", Some("Alice"), None)];
    assert_eq!(match_lines(std::slice::from_ref(&one), &mistyped), [tie(&[1])]);
    // Once its approval is reversed, the line decides how much arrived.
    let open = [StatedPayment { amount_is_open: true, used: cny("0"), ..mistyped[0].clone() }];
    assert_eq!(match_lines(std::slice::from_ref(&one), &open), [Match::Bound(Uuid::from_u128(1))]);
    let used = [StatedPayment { amount_is_open: true, used: cny("150"), ..mistyped[0].clone() }];
    assert_eq!(match_lines(&[one], &used), [tie(&[1])]);
}

/// Forty lines with the answers that an operator wants: `tests/bank_statements/suggestions.csv`.
#[test]
fn forty_lines_have_the_wanted_suggestions() {
    let mut rows = ::csv::ReaderBuilder::new()
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(&include_bytes!("../../../tests/bank_statements/suggestions.csv")[..]);
    let (mut orders, mut lines) = (Vec::new(), Vec::new());
    for row in rows.records().map(Result::unwrap) {
        let cells: Vec<&str> = row.iter().collect();
        let [kind, name, day, amount, remitter, text] = cells[..] else { panic!("{cells:?}") };
        let remitter = (!remitter.is_empty()).then(|| remitter.to_owned());
        let n: u128 = name.trim_start_matches('O').split('/').next().unwrap().parse().unwrap_or_default();
        match kind {
            "order" => orders.push(OpenOrder {
                id: Uuid::from_u128(n),
                reference: make_reference(u64::try_from(n).unwrap() * 7_919),
                amount: cny(amount),
                remitter,
                created_on: day.parse().unwrap(),
            }),
            _ => lines.push((name.to_owned(), n, day.to_owned(), amount.to_owned(), remitter, text.to_owned())),
        }
    }
    assert_eq!(lines.len(), 40);
    for (wanted, n, day, amount, remitter, text) in lines {
        // `<O3>` in a text means the reference of that order.
        let text = orders
            .iter()
            .fold(text, |text, order| text.replace(&format!("<O{}>", order.id.as_u128()), &order.reference));
        let line = line(&day, &amount, None, remitter.as_deref(), &text);
        let found = match suggest(&line, &orders) {
            Suggestion::Nothing => "none".to_owned(),
            Suggestion::Tie => "tie".to_owned(),
            Suggestion::Order(id, score) => {
                assert_eq!(
                    (id, Some(score)),
                    (Uuid::from_u128(n), wanted.split_once('/').and_then(|(_, s)| s.parse().ok())),
                    "{line:?}"
                );
                wanted.clone()
            }
        };
        assert_eq!(found, wanted, "{line:?}");
    }
}
