//! CSV files. Each bank names its columns as it likes, so each account has a mapping.
//!
//! The rows before the names of the columns are searched for balances only. Every row after the names is a line, unless
//! it begins with a label that the mapping names.

use serde::{Deserialize, Serialize};

use super::text::{self, TextEncoding};
use super::{LineTexts, MAX_LINES, ReadStatement, StatementFormat, StatementLine, Unreadable, days, money};
use crate::domain::money::{Currency, Money};

/// Which columns have the amount of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountColumns {
    /// In one column; a minus means that money left.
    Signed(String),
    /// In two columns, one of which is empty or zero.
    Split { credit: String, debit: String },
    /// In one column; another column gives the direction by one of two words.
    Sided { amount: String, side: String, credit: String, debit: String },
}

/// How the CSV files of an account are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvMapping {
    /// `None`: the mark at the beginning decides, else it is UTF-8.
    pub encoding: Option<TextEncoding>,
    /// One ASCII character.
    pub delimiter: u8,
    /// Whether amounts have a comma before their decimals.
    pub decimal_comma: bool,
    pub date: String,
    /// As `strftime` writes it: `%Y-%m-%d`.
    pub date_format: String,
    pub amount: AmountColumns,
    pub bank_id: Option<String>,
    pub remitter: Option<String>,
    pub remitter_account: Option<String>,
    /// The columns whose texts are joined.
    pub text: Vec<String>,
    /// The balance after each line. It gives the balances of the file.
    pub balance: Option<String>,
    /// The words before the balances of the file.
    pub opening_label: Option<String>,
    pub closing_label: Option<String>,
    /// Rows that begin with one of these words are not lines.
    pub ignored_labels: Vec<String>,
    pub newest_first: bool,
}

/// The places of the mapped columns.
struct Places {
    date: usize,
    amount: AmountPlaces,
    bank_id: Option<usize>,
    remitter: Option<usize>,
    remitter_account: Option<usize>,
    text: Vec<usize>,
    balance: Option<usize>,
}

enum AmountPlaces {
    Signed(usize),
    Split { credit: usize, debit: usize },
    Sided { amount: usize, side: usize },
}

impl CsvMapping {
    /// The places of the columns, if this row has all of their names.
    fn places(&self, row: &[&str]) -> Option<Places> {
        let at = |name: &String| row.iter().position(|cell| cell == name);
        let maybe = |name: &Option<String>| match name {
            Some(name) => at(name).map(Some),
            None => Some(None),
        };
        Some(Places {
            date: at(&self.date)?,
            amount: match &self.amount {
                AmountColumns::Signed(amount) => AmountPlaces::Signed(at(amount)?),
                AmountColumns::Split { credit, debit } => {
                    AmountPlaces::Split { credit: at(credit)?, debit: at(debit)? }
                }
                AmountColumns::Sided { amount, side, .. } => {
                    AmountPlaces::Sided { amount: at(amount)?, side: at(side)? }
                }
            },
            bank_id: maybe(&self.bank_id)?,
            remitter: maybe(&self.remitter)?,
            remitter_account: maybe(&self.remitter_account)?,
            text: self.text.iter().map(at).collect::<Option<_>>()?,
            balance: maybe(&self.balance)?,
        })
    }

    fn amount(&self, row: &[&str], places: &AmountPlaces) -> Result<rust_decimal::Decimal, String> {
        let cell = |at: usize| row.get(at).copied().unwrap_or_default();
        let read = |text: &str| {
            text::amount(text, self.decimal_comma).ok_or_else(|| format!("`{text}` is not an amount of this account"))
        };
        let optional = |text: &str| if text.is_empty() { Ok(rust_decimal::Decimal::ZERO) } else { read(text) };
        match places {
            AmountPlaces::Signed(at) => read(cell(*at)),
            AmountPlaces::Split { credit, debit } => {
                let (credit, debit) = (optional(cell(*credit))?, optional(cell(*debit))?);
                match credit.is_zero() || debit.is_zero() {
                    // Some banks write the column of debits with a minus.
                    true => Ok(credit - debit.abs()),
                    false => Err("has both a credit and a debit".to_owned()),
                }
            }
            AmountPlaces::Sided { amount, side } => {
                let (value, said) = (read(cell(*amount))?.abs(), cell(*side));
                let AmountColumns::Sided { credit, debit, .. } = &self.amount else { return Ok(value) };
                match said {
                    said if said == credit => Ok(value),
                    said if said == debit => Ok(-value),
                    said => Err(format!("`{said}` is neither `{credit}` nor `{debit}`")),
                }
            }
        }
    }

    /// The balance that a row states after this label.
    fn labelled(&self, row: &[&str], label: Option<&String>) -> Option<rust_decimal::Decimal> {
        let label = label?;
        let at = row.iter().position(|cell| cell.trim_end_matches([':', '：']) == label)?;
        row.iter().skip(at + 1).find_map(|cell| text::amount(cell, self.decimal_comma))
    }
}

/// # Errors
/// [`Unreadable`], with the row.
pub fn read(text: &str, currency: Currency, mapping: &CsvMapping) -> Result<ReadStatement, Unreadable> {
    let mut rows = ::csv::ReaderBuilder::new()
        .delimiter(mapping.delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let (mut opening, mut closing, mut places) = (None, None, None);
    let mut lines: Vec<(StatementLine, Option<Money>)> = Vec::new();
    for (n, record) in (1_usize..).zip(rows.records()) {
        let at = format!("row {n}");
        let record = record.map_err(|error| Unreadable::at(&at, format!("is not CSV: {error}")))?;
        let row: Vec<&str> = record.iter().map(str::trim).collect();
        let in_currency = |amount| money(amount, currency).map_err(|what| Unreadable::at(&at, what));
        if let Some(amount) = mapping.labelled(&row, mapping.opening_label.as_ref()) {
            opening = Some(in_currency(amount)?);
            continue;
        }
        if let Some(amount) = mapping.labelled(&row, mapping.closing_label.as_ref()) {
            closing = Some(in_currency(amount)?);
            continue;
        }
        let first = row.first().copied().unwrap_or_default();
        let is_ignored = mapping.ignored_labels.iter().any(|label| first.starts_with(label));
        let Some(known) = &places else {
            places = mapping.places(&row);
            continue;
        };
        if is_ignored || row.iter().all(|cell| cell.is_empty()) {
            continue;
        }
        if lines.len() >= MAX_LINES {
            return Err(Unreadable::new(format!("the file has more than {MAX_LINES} lines; send it in parts")));
        }
        if let Some(line) = line(&row, known, mapping, currency).map_err(|what| Unreadable::at(&at, what))? {
            lines.push(line);
        }
    }
    if places.is_none() {
        return Err(Unreadable::new("no row of the file has the names of all mapped columns"));
    }
    if mapping.newest_first {
        lines.reverse();
    }
    let before = |(line, after): &(StatementLine, Option<Money>)| after.map(|after| after - line.amount);
    let opening = opening.or_else(|| lines.first().and_then(before));
    let closing = closing.or_else(|| lines.last().and_then(|(_, after)| *after));
    let lines: Vec<StatementLine> = lines.into_iter().map(|(line, _)| line).collect();
    let (from, to) = days(&lines).ok_or_else(|| Unreadable::new("the file has no lines"))?;
    Ok(ReadStatement { format: StatementFormat::Csv, account: None, opening, closing, from, to, lines })
}

/// The line of a row, with the balance after it. A row of zero is not a line.
fn line(
    row: &[&str],
    places: &Places,
    mapping: &CsvMapping,
    currency: Currency,
) -> Result<Option<(StatementLine, Option<Money>)>, String> {
    let cell = |at: usize| row.get(at).copied().unwrap_or_default();
    let amount = mapping.amount(row, &places.amount)?;
    if amount.is_zero() {
        return Ok(None);
    }
    let date = cell(places.date);
    let booked_on = text::day(date, &mapping.date_format)
        .ok_or_else(|| format!("`{date}` is not a day as `{}` writes it", mapping.date_format))?;
    let balance = match places.balance.map(cell) {
        Some(text) => {
            let read = text::amount(text, mapping.decimal_comma);
            Some(money(read.ok_or_else(|| format!("`{text}` is not a balance"))?, currency)?)
        }
        None => None,
    };
    let named = |at: Option<usize>| at.map(cell).map(str::to_owned);
    let texts: Vec<&str> = places.text.iter().map(|at| cell(*at)).filter(|text| !text.is_empty()).collect();
    let texts = LineTexts {
        bank_id: named(places.bank_id),
        remitter: named(places.remitter),
        remitter_account: named(places.remitter_account),
        text: texts.join(" "),
    };
    Ok(Some((StatementLine::new(booked_on, money(amount, currency)?, texts), balance)))
}
