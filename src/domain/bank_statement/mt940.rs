//! MT940 of SWIFT: a bank's statement as tagged lines.
//!
//! The existing libraries refuse what banks write into field 86, so this module reads the few fields that matter.
//! Several messages in one file must follow each other without a gap.

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use super::camt053::join;
use super::{LineTexts, ReadStatement, StatementFormat, StatementLine, Unreadable, money, text};
use crate::domain::money::{Currency, Money};

/// A field: its tag without the colons, and its lines.
struct Field<'t> {
    tag: &'t str,
    lines: Vec<&'t str>,
}

/// # Errors
/// [`Unreadable`], with the field.
pub fn read(text: &str, currency: Currency) -> Result<ReadStatement, Unreadable> {
    let fields = fields(text);
    let mut whole: Option<ReadStatement> = None;
    for message in fields.split_inclusive(|field| matches!(field.tag, "62F" | "62M")) {
        if message.iter().all(|field| !matches!(field.tag, "60F" | "60M" | "61")) {
            continue;
        }
        let next = one(message, currency)?;
        whole = Some(match whole {
            None => next,
            Some(before) => join(before, next)?,
        });
    }
    whole.ok_or_else(|| Unreadable::new("the file has no statement"))
}

fn fields(text: &str) -> Vec<Field<'_>> {
    let mut fields: Vec<Field<'_>> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        let tagged = line.strip_prefix(':').and_then(|rest| rest.split_once(':'));
        match tagged.filter(|(tag, _)| (2..=3).contains(&tag.len()) && tag.starts_with(|c: char| c.is_ascii_digit())) {
            Some((tag, rest)) => fields.push(Field { tag, lines: vec![rest] }),
            // The envelope of a message, and its end.
            None if line.starts_with('{') || line.starts_with('-') && line.len() <= 2 => {}
            None => {
                if let Some(last) = fields.last_mut() {
                    last.lines.push(line);
                }
            }
        }
    }
    fields
}

fn one(message: &[Field<'_>], currency: Currency) -> Result<ReadStatement, Unreadable> {
    let first_line = |field: &Field<'_>| field.lines.first().copied().unwrap_or_default().to_owned();
    let balance = |tags: [&str; 2]| {
        let field = message.iter().find(|field| tags.contains(&field.tag));
        let field = field.ok_or_else(|| Unreadable::new(format!("a message has no field {}", tags.join("/"))))?;
        read_balance(&first_line(field), currency).map_err(|what| Unreadable::at(format!("field {}", field.tag), what))
    };
    let ((opening, from), (closing, to)) = (balance(["60F", "60M"])?, balance(["62F", "62M"])?);
    let mut lines = Vec::new();
    let mut at = message.iter().enumerate().peekable();
    while let Some((n, field)) = at.next() {
        if field.tag != "61" {
            continue;
        }
        let said = at.next_if(|(_, next)| next.tag == "86").map(|(_, next)| next.lines.concat());
        let line = read_line(field, said.as_deref().unwrap_or_default(), currency);
        lines.extend(line.map_err(|what| Unreadable::at(format!("field 61, the {}th of the message", n + 1), what))?);
    }
    Ok(ReadStatement {
        format: StatementFormat::Mt940,
        account: message.iter().find(|field| field.tag == "25").map(first_line),
        opening: Some(opening),
        closing: Some(closing),
        from,
        to,
        lines,
    })
}

/// `C261120CNY1234,56`.
fn read_balance(said: &str, currency: Currency) -> Result<(Money, NaiveDate), String> {
    let wrong = || format!("`{said}` is not a balance");
    let (side, rest) = said.split_at_checked(1).ok_or_else(wrong)?;
    let (date, rest) = rest.split_at_checked(6).ok_or_else(wrong)?;
    let (code, amount) = rest.split_at_checked(3).ok_or_else(wrong)?;
    if code != currency.code() {
        return Err(format!("is in {code}, and the account in {currency}"));
    }
    let amount = money(text::amount(amount, true).ok_or_else(wrong)?, currency)?;
    let amount = match side {
        "C" => amount,
        "D" => Money::zero(currency) - amount,
        _ => return Err(wrong()),
    };
    Ok((amount, short_day(date).ok_or_else(wrong)?))
}

fn short_day(digits: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(&format!("20{digits}"), "%Y%m%d").ok()
}

/// `2611201120CR500,00NTRFTU0123456X//BANK-7`, with the text of its field 86.
fn read_line(field: &Field<'_>, said: &str, currency: Currency) -> Result<Option<StatementLine>, String> {
    let whole = field.lines.first().copied().unwrap_or_default();
    let wrong = || format!("`{whole}` is not a line");
    let (date, rest) = whole.split_at_checked(6).ok_or_else(wrong)?;
    let value_day = short_day(date).ok_or_else(wrong)?;
    let entry = rest.get(..4).filter(|entry| entry.bytes().all(|b| b.is_ascii_digit()));
    let rest = entry.map_or(rest, |_| rest.get(4..).unwrap_or_default());
    let booked_on = entry.map_or(Some(value_day), |entry| booking_day(value_day, entry)).ok_or_else(wrong)?;
    let (sign, rest) = match rest {
        rest if rest.starts_with("RC") => (-1, rest.get(2..)),
        rest if rest.starts_with("RD") => (1, rest.get(2..)),
        rest if rest.starts_with('C') => (1, rest.get(1..)),
        rest if rest.starts_with('D') => (-1, rest.get(1..)),
        _ => return Err(wrong()),
    };
    // The third letter of the currency may come before the amount.
    let rest = rest.unwrap_or_default().trim_start_matches(|c: char| c.is_ascii_uppercase());
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ',').ok_or_else(wrong)?;
    let (amount, rest) = rest.split_at_checked(end).ok_or_else(wrong)?;
    let amount = text::amount(amount, true).ok_or_else(wrong)? * Decimal::from(sign);
    if amount.is_zero() {
        return Ok(None);
    }
    let (ours, bank_id) =
        rest.get(4..).unwrap_or_default().split_once("//").unwrap_or((rest.get(4..).unwrap_or(""), ""));
    let details = Details::of(said);
    let ours = if ours == "NONREF" { "" } else { ours };
    let texts = LineTexts {
        bank_id: Some(bank_id.to_owned()),
        remitter: details.name,
        remitter_account: details.account,
        text: format!("{} {ours} {}", details.text, field.lines.get(1).copied().unwrap_or_default()),
    };
    Ok(Some(StatementLine::new(booked_on, money(amount, currency)?, texts)))
}

/// The booking day has no year: the year is the one that brings it next to the value day.
fn booking_day(value_day: NaiveDate, entry: &str) -> Option<NaiveDate> {
    let (month, day) = (entry.get(..2)?.parse().ok()?, entry.get(2..)?.parse().ok()?);
    let years = [value_day.year() - 1, value_day.year(), value_day.year() + 1];
    let days = years.into_iter().filter_map(|year| NaiveDate::from_ymd_opt(year, month, day));
    days.min_by_key(|day| (*day - value_day).num_days().abs())
}

/// What field 86 says: with `?20`-subfields, or as a free text.
#[derive(Default)]
struct Details {
    name: Option<String>,
    account: Option<String>,
    text: String,
}

impl Details {
    fn of(said: &str) -> Self {
        let Some((_, rest)) = said.split_once('?') else {
            return Self { text: said.to_owned(), ..Self::default() };
        };
        let mut details = Self::default();
        let (mut name, mut purpose) = (String::new(), String::new());
        for part in rest.split('?') {
            let Some((number, value)) = part.split_at_checked(2) else { continue };
            match number.parse::<u8>() {
                Ok(20..=29 | 60..=63) => purpose.push_str(value),
                Ok(31) => details.account = Some(value.to_owned()),
                Ok(32 | 33) => name.push_str(value),
                _ => {}
            }
        }
        details.name = (!name.is_empty()).then_some(name);
        details.text = purpose;
        details
    }
}
