//! Bank statements: the files in which a bank says what happened on one of our accounts.
//!
//! A file is accepted as a whole or not at all: its opening balance and its lines must add up to its closing balance.
//! If files overlap, a line that both contain is one line: of identical lines, as many count as the file with the most
//! of them has. Credits that are already recorded in other words are refused ([`repeats`]).
//!
//! A line on which money arrived is one payment. If an operator has stated this payment before, [`matching`] finds it;
//! [`suggestion`] says which order a new one may be for.

pub mod camt053;
pub mod csv;
pub mod matching;
pub mod mt940;
pub mod repeats;
pub mod suggestion;
pub mod text;

use std::collections::HashMap;
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use self::csv::CsvMapping;
use super::bank_transaction::Identity;
use super::customer::CustomerId;
use super::money::{Currency, Money};
use super::own_word::ProposalEnd;
use super::reference::find_references;

/// The most bytes of a file.
pub const MAX_FILE_BYTES: usize = 10 << 20;
/// The most lines of a file.
pub const MAX_LINES: usize = 20_000;
/// The most characters that are kept of a name or an id, and of the text of a line.
const MAX_NAME: usize = 200;
const MAX_TEXT: usize = 1_000;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementFormat {
    Csv,
    Camt053,
    Mt940,
}

impl StatementFormat {
    pub const ALL: [Self; 3] = [Self::Csv, Self::Camt053, Self::Mt940];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Camt053 => "camt053",
            Self::Mt940 => "mt940",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// The form of a file, by its content.
    fn of(text: &str) -> Self {
        let start = text.trim_start();
        match () {
            () if start.starts_with('<') => Self::Camt053,
            () if start.starts_with("{1:") || start.starts_with(":20:") => Self::Mt940,
            () => Self::Csv,
        }
    }
}

impl fmt::Display for StatementFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a file is not a statement: a sentence that names the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Unreadable {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    fn at(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self(format!("{place}: {what}"))
    }
}

/// One line of a statement.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementLine {
    pub booked_on: NaiveDate,
    /// Positive if money arrived, negative if it left.
    pub amount: Money,
    pub bank_id: Option<String>,
    /// The other side, as the bank writes it.
    pub remitter: Option<String>,
    pub remitter_account: Option<String>,
    /// What the payer wrote, and whatever else the bank says.
    pub text: String,
}

impl StatementLine {
    /// A line whose texts are trimmed and cut to what is kept.
    fn new(booked_on: NaiveDate, amount: Money, texts: LineTexts) -> Self {
        let name = |text: Option<String>| text.map(|text| tidy(&text, MAX_NAME)).filter(|text| !text.is_empty());
        Self {
            booked_on,
            amount,
            bank_id: name(texts.bank_id),
            remitter: name(texts.remitter),
            remitter_account: name(texts.remitter_account),
            text: tidy(&texts.text, MAX_TEXT),
        }
    }

    /// Whether it brought money.
    #[must_use]
    pub fn is_credit(&self) -> bool {
        self.amount.is_positive()
    }

    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::of_line(self.bank_id.as_deref(), self.booked_on, self.amount, self.remitter.as_deref(), &self.text)
    }

    /// Whether two files say the same about a line. Where the bank gives an id, its texts do not matter: they differ
    /// between the formats of one bank.
    #[must_use]
    pub fn fingerprint(&self) -> Vec<u8> {
        let identity = self.identity();
        let text = if identity.is_by_id() { "" } else { self.text.as_str() };
        let parts =
            [self.booked_on.to_string(), self.amount.to_string(), identity.as_str().to_owned(), text.to_owned()];
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(format!("{}:{part}", part.len()));
        }
        hasher.finalize().to_vec()
    }

    /// Our references in the text of the line.
    #[must_use]
    pub fn references(&self) -> Vec<String> {
        find_references(&self.text)
    }
}

/// The texts of a line as the file has them.
#[derive(Debug, Clone, Default)]
struct LineTexts {
    bank_id: Option<String>,
    remitter: Option<String>,
    remitter_account: Option<String>,
    text: String,
}

fn tidy(text: &str, most: usize) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(most).collect()
}

/// What a file says.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadStatement {
    pub format: StatementFormat,
    /// The account as the file names it.
    pub account: Option<String>,
    /// `None` if the file has no balances.
    pub opening: Option<Money>,
    pub closing: Option<Money>,
    /// The days of its first and its last line, or of its balances.
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// In the order of their days.
    pub lines: Vec<StatementLine>,
}

/// Reads a file of an account in this currency. The content of the file decides its form; a CSV needs the mapping of
/// its columns.
///
/// # Errors
/// [`Unreadable`].
pub fn read(bytes: &[u8], currency: Currency, mapping: Option<&CsvMapping>) -> Result<ReadStatement, Unreadable> {
    let text = text::decode(bytes, mapping.and_then(|mapping| mapping.encoding))?;
    let read = match StatementFormat::of(&text) {
        StatementFormat::Camt053 => camt053::read(&text, currency)?,
        StatementFormat::Mt940 => mt940::read(&text, currency)?,
        StatementFormat::Csv => {
            let missing = "the file is a CSV, and the account has no mapping of columns; save one first";
            csv::read(&text, currency, mapping.ok_or_else(|| Unreadable::new(missing))?)?
        }
    };
    if read.lines.len() > MAX_LINES {
        return Err(Unreadable::new(format!("the file has more than {MAX_LINES} lines; send it in parts")));
    }
    Ok(read)
}

/// An amount of a file, in the account's currency.
fn money(amount: Decimal, currency: Currency) -> Result<Money, String> {
    Money::new(amount, currency).and_then(Money::require_minor_unit).map_err(|error| format!("the amount {error}"))
}

/// The day of the first line and of the last one.
fn days(lines: &[StatementLine]) -> Option<(NaiveDate, NaiveDate)> {
    let days = || lines.iter().map(|line| line.booked_on);
    days().min().zip(days().max())
}

/// What a statement adds up to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StatementSums {
    pub lines: i32,
    /// What arrived.
    pub credits: Money,
    /// The sum of what left, without its sign.
    pub debits: Money,
}

impl StatementSums {
    /// The sums of lines in one currency.
    #[must_use]
    pub fn of(lines: &[StatementLine], currency: Currency) -> Self {
        let sum = |is_credit| {
            Money::sum(currency, lines.iter().filter(|line| line.is_credit() == is_credit).map(|line| line.amount))
        };
        Self {
            lines: i32::try_from(lines.len()).unwrap_or(i32::MAX),
            credits: sum(true),
            debits: Money::zero(currency) - sum(false),
        }
    }

    /// The balance after the lines.
    #[must_use]
    pub fn after(&self, opening: Money) -> Money {
        opening + self.credits - self.debits
    }
}

/// A recorded statement.
#[derive(Debug, Clone, PartialEq)]
pub struct BankStatement {
    pub id: Uuid,
    pub account: Uuid,
    pub format: StatementFormat,
    /// SHA-256 of the file.
    pub sha256: Vec<u8>,
    pub opening: Money,
    pub closing: Money,
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub sums: StatementSums,
    /// The operator says that the opening balance is right, although it is not the last closing one.
    pub confirmed_gap: bool,
    pub second_needed: bool,
    pub uploaded_by: String,
    /// The customers that the uploading operator and the second operator are, by their tokens. The file credits no
    /// order of these customers.
    pub uploader_customer: Option<CustomerId>,
    pub approver_customer: Option<CustomerId>,
    pub uploaded_at: DateTime<Utc>,
    pub end: Option<ProposalEnd>,
    /// When its lines were recorded.
    pub applied_at: Option<DateTime<Utc>>,
}

impl BankStatement {
    /// Whether it waits for a second operator.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.applied_at.is_none() && self.end.is_none()
    }
}

/// The status of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementState {
    Waiting,
    Applied,
    Withdrawn,
}

/// Numbers the lines that are identical within one file, each kind from 1. A line of another file that has the same
/// number is the same line.
#[must_use]
pub fn number_repeats(lines: &[StatementLine]) -> Vec<(Vec<u8>, i32)> {
    let mut counted: HashMap<Vec<u8>, i32> = HashMap::new();
    let mut numbered = Vec::with_capacity(lines.len());
    for line in lines {
        let fingerprint = line.fingerprint();
        let count = counted.entry(fingerprint.clone()).or_default();
        *count += 1;
        numbered.push((fingerprint, *count));
    }
    numbered
}

/// Which lines a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineList {
    All,
    /// An operator has to choose a payment.
    Tied,
    /// A part of the money is unapplied.
    Unapplied,
}

/// A recorded line, once for all files that contain it.
#[derive(Debug, Clone, PartialEq)]
pub struct BankLine {
    pub id: Uuid,
    pub account: Uuid,
    /// The file that brought it.
    pub statement_id: Uuid,
    pub line: StatementLine,
    /// Its payment. `None` for a debit, and while an operator has to choose one.
    pub payment_id: Option<Uuid>,
    /// The payments that fit it, if an operator has to choose.
    pub tie: Vec<Uuid>,
    /// When the line was recorded.
    pub created_at: DateTime<Utc>,
}

impl BankLine {
    /// Whether an operator has to say which payment it is.
    #[must_use]
    pub fn is_tied(&self) -> bool {
        !self.tie.is_empty()
    }
}

#[cfg(test)]
mod tests;
