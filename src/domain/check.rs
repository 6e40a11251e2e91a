//! The report of `topup check`: the rules that the books must obey, and what breaks them.
//!
//! A report shows what the database holds, even a currency or an amount that this program would never write. So its
//! amounts are bare numbers, and its currencies are texts.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

/// A report lists at most this many disagreements of one rule. It counts all of them.
pub const LISTED: i64 = 100;

/// An equation that must hold.
#[derive(Debug, PartialEq, Eq)]
pub struct BookRule {
    pub name: &'static str,
    /// The equation in words.
    pub says: &'static str,
}

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The name of a [`BookRule`].
    pub rule: String,
    /// The id as the API shows it (`wal_…`, `hold_…`, `tuo_…`). `wal_…:7` is the seventh entry of a wallet.
    pub subject: String,
    pub customer: Option<String>,
    /// The value that follows from the other records.
    pub expected: String,
    /// The value that the database holds.
    pub found: String,
}

/// A total that is computed in two ways: `expected` from the entries and holds, `found` from the other records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The name of the figure's [`BookRule`].
    pub name: String,
    pub currency: Option<String>,
    pub counterpart: Option<String>,
    pub expected: Decimal,
    pub found: Decimal,
}

/// A count of objects, and their sum if they have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// `wallets`, `entries` (one total per counterpart), `paid`, `granted`, `held`, `debt`, `open_holds`,
    /// `taken_back_debt` or `unapplied_payments` (whose sum is what is not applied yet).
    pub name: String,
    pub currency: Option<String>,
    pub counterpart: Option<String>,
    pub count: i64,
    pub sum: Option<Decimal>,
}

/// A rule with the number of its disagreements.
#[derive(Debug, Clone)]
pub struct CheckedRule {
    pub rule: &'static BookRule,
    pub disagreements: i64,
}

/// What a check found. All of it describes one moment.
#[derive(Debug, Clone)]
pub struct Report {
    pub as_of: DateTime<Utc>,
    /// What the books contain, counted and summed.
    pub totals: Vec<Total>,
    /// The totals that are computed in two ways.
    pub figures: Vec<Figure>,
    /// Every rule that was checked.
    pub rules: Vec<CheckedRule>,
    /// The first [`LISTED`] disagreements of every rule.
    pub disagreements: Vec<Disagreement>,
}

impl Report {
    /// Whether every rule holds.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.disagreements.is_empty()
    }

    /// The number of disagreements, listed or not.
    #[must_use]
    pub fn disagreement_count(&self) -> i64 {
        self.rules.iter().map(|checked| checked.disagreements).sum()
    }
}

/// The result of one rule in a stored check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleResult {
    pub name: String,
    /// The equation in words.
    pub says: String,
    pub disagreements: i64,
}

/// The result of a stored check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCheck {
    /// Who ran it: `topup check`, or `system` for a worker.
    pub checked_by: String,
    pub as_of: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    pub totals: Vec<Total>,
    pub figures: Vec<Figure>,
    pub rules: Vec<RuleResult>,
    /// As in [`Report::disagreements`].
    pub disagreements: Vec<Disagreement>,
}
