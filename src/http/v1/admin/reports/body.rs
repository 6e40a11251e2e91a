//! How the reports of finance look on the wire.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::payment::Channel;
use crate::domain::report::activity::{Activity, RowKey};
use crate::domain::report::entries::ReportedEntry;
use crate::domain::report::{self, AgeBucket, ExpiryBucket, GrantAge, Parts};
use crate::http::edge::wire::{
    CurrencyCode, CursorText, CustomerIdText, EntryKindName, FlowIdText, PaymentChannel, ProductCode, SignedAmount,
};

/// A line of the roll-forward: why what is owed to customers changed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportLine {
    /// Payments that were credited.
    Credited,
    /// Promotional credit that was given.
    Granted,
    /// Consumption, less what was given back of it.
    Used,
    /// Promotional credit that expired or was revoked.
    Expired,
    /// Money of orders that went back to payers.
    Refunded,
    /// Money that payers disputed, less what was won back.
    Disputed,
    /// Bonus of orders whose money went back, and money that was taken in place of spent bonus.
    BonusTakenBack,
    /// Corrections by operators, reversed approvals among them.
    Adjusted,
    /// Money between the wallets of one customer: zero in total, but not for each product.
    Transferred,
    /// The rest of accounts that are being closed, which was paid out by bank transfer, less what came back.
    PaidOut,
    /// What closed accounts owed, and we wrote off, less what came later.
    WrittenOff,
}

impl From<report::ReportLine> for ReportLine {
    fn from(line: report::ReportLine) -> Self {
        match line {
            report::ReportLine::Credited => Self::Credited,
            report::ReportLine::Granted => Self::Granted,
            report::ReportLine::Used => Self::Used,
            report::ReportLine::Expired => Self::Expired,
            report::ReportLine::Refunded => Self::Refunded,
            report::ReportLine::Disputed => Self::Disputed,
            report::ReportLine::BonusTakenBack => Self::BonusTakenBack,
            report::ReportLine::Adjusted => Self::Adjusted,
            report::ReportLine::Transferred => Self::Transferred,
            report::ReportLine::PaidOut => Self::PaidOut,
            report::ReportLine::WrittenOff => Self::WrittenOff,
        }
    }
}

impl From<ReportLine> for report::ReportLine {
    fn from(line: ReportLine) -> Self {
        match line {
            ReportLine::Credited => Self::Credited,
            ReportLine::Granted => Self::Granted,
            ReportLine::Used => Self::Used,
            ReportLine::Expired => Self::Expired,
            ReportLine::Refunded => Self::Refunded,
            ReportLine::Disputed => Self::Disputed,
            ReportLine::BonusTakenBack => Self::BonusTakenBack,
            ReportLine::Adjusted => Self::Adjusted,
            ReportLine::Transferred => Self::Transferred,
            ReportLine::PaidOut => Self::PaidOut,
            ReportLine::WrittenOff => Self::WrittenOff,
        }
    }
}

/// Whether a row is a day or a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportPeriod {
    Day,
    Month,
}

/// By what rows are separated, in addition to the period and the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportSplit {
    Product,
    Channel,
}

/// A page of what happened.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActivityReport {
    /// The oldest period first.
    #[schema(max_items = 100)]
    pub data: Vec<ActivityRow>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    pub previous_cursor: Option<CursorText>,
    pub next_cursor: Option<CursorText>,
    pub has_more: bool,
}

/// What happened in one period and currency. Every figure is a sum of account flows; those of fee and tax are sums of
/// papers.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActivityRow {
    /// The day, or the first day of the month.
    period: NaiveDate,
    currency: CurrencyCode,
    /// The product of the wallets, if the report separates products; the empty text is the main wallet.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    /// The channel by which the money came or went, if the report separates channels. Null: none.
    channel: Option<PaymentChannel>,
    /// The money that arrived and was credited: credited + fee + tax, less what reversed approvals took back.
    gross: SignedAmount,
    fee: SignedAmount,
    /// The tax that payers paid on top.
    tax: SignedAmount,
    /// The tax that the gross contains.
    tax_included: SignedAmount,
    /// The part that wallets got.
    credited: SignedAmount,
    /// Promotional credit that was given.
    granted: SignedAmount,
    /// Consumption of topped-up money, and what was booked as debt, less what was given back.
    used_paid: SignedAmount,
    /// Consumption of promotional credit, less what was given back.
    used_granted: SignedAmount,
    /// Promotional credit that expired or was revoked.
    expired: SignedAmount,
    /// What wallets gave for refunds.
    refunded: SignedAmount,
    /// The fee that credit notes gave back, less what their cancellations undid.
    returned_fee: SignedAmount,
    /// The tax, paid on top, that credit notes gave back, less what their cancellations undid.
    returned_tax: SignedAmount,
    /// The tax that the amounts of credit notes contain, less what their cancellations undid.
    returned_tax_included: SignedAmount,
    /// The tax that is due: tax + tax_included − returned_tax − returned_tax_included.
    tax_due: SignedAmount,
    /// What wallets gave for disputes, less what was won back.
    disputed: SignedAmount,
    /// Bonus that went with refunds and disputes, and money in place of spent bonus.
    bonus_taken_back: SignedAmount,
    /// Corrections; negative if they took more than they gave.
    adjusted: SignedAmount,
    /// What came from other wallets less what went there: zero, unless the report separates products.
    transferred: SignedAmount,
    /// The rest of accounts that are being closed, which was paid out by bank transfer, less what came back.
    paid_out: SignedAmount,
    /// What closed accounts owed, and we wrote off, less what came later.
    written_off: SignedAmount,
    /// How much more is owed to customers through all of this.
    change: SignedAmount,
}

impl ActivityRow {
    #[must_use]
    pub fn of(key: &RowKey, row: &Activity) -> Self {
        Self {
            period: key.period,
            currency: CurrencyCode::of(key.currency),
            product: key.product.clone(),
            channel: key.channel.and_then(|name| name.parse::<Channel>().ok()).map(PaymentChannel::from),
            gross: row.gross.into(),
            fee: row.fee.into(),
            tax: row.tax.into(),
            tax_included: row.tax_included.into(),
            credited: row.credited.into(),
            granted: row.granted.into(),
            used_paid: row.used_paid.into(),
            used_granted: row.used_granted.into(),
            expired: row.expired.into(),
            refunded: row.refunded.into(),
            returned_fee: row.returned_fee.into(),
            returned_tax: row.returned_tax.into(),
            returned_tax_included: row.returned_tax_included.into(),
            tax_due: row.tax_due().into(),
            disputed: row.disputed.into(),
            bonus_taken_back: row.bonus_taken_back.into(),
            adjusted: row.adjusted.into(),
            transferred: row.transferred.into(),
            paid_out: row.paid_out.into(),
            written_off: row.written_off.into(),
            change: row.change().into(),
        }
    }
}

/// What is owed to customers, and why it changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct RollForwardReport {
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// One for each currency that ever occurred.
    #[schema(max_items = 200)]
    pub currencies: Vec<RollForward>,
}

/// One currency: opening + all lines = closing, in each of the four columns.
#[derive(Debug, Serialize, ToSchema)]
pub struct RollForward {
    currency: CurrencyCode,
    /// Before the first day.
    opening: OwedParts,
    #[schema(max_items = 11)]
    lines: Vec<RollForwardLine>,
    /// What is owed at the end of the last day.
    closing: OwedParts,
}

/// One line of the roll-forward.
#[derive(Debug, Serialize, ToSchema)]
pub struct RollForwardLine {
    line: ReportLine,
    change: OwedParts,
}

/// What is owed, or its change.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwedParts {
    /// paid + granted − debt.
    total: SignedAmount,
    /// Money that was topped up.
    paid: SignedAmount,
    /// Promotional credit.
    granted: SignedAmount,
    /// What customers owe.
    debt: SignedAmount,
    /// The number of account flows behind it.
    #[schema(minimum = 0, example = 42)]
    entries: i64,
}

impl From<Parts> for OwedParts {
    fn from(parts: Parts) -> Self {
        Self {
            total: parts.amount.into(),
            paid: parts.paid().into(),
            granted: parts.granted.into(),
            debt: parts.debt.into(),
            entries: parts.entries,
        }
    }
}

impl From<&report::RollForward> for RollForward {
    fn from(rolled: &report::RollForward) -> Self {
        let line = |(line, parts): &(report::ReportLine, Parts)| RollForwardLine {
            line: (*line).into(),
            change: (*parts).into(),
        };
        Self {
            currency: CurrencyCode::of(rolled.currency),
            opening: rolled.opening.into(),
            lines: rolled.lines.iter().map(line).collect(),
            closing: rolled.closing.into(),
        }
    }
}

/// A page of the account flows behind a figure.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportEntryPage {
    #[schema(max_items = 100)]
    pub data: Vec<ReportEntry>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    pub previous_cursor: Option<CursorText>,
    pub next_cursor: Option<CursorText>,
    /// Whether there may be more. A page can be shorter than its limit, or empty, and have more after it.
    pub has_more: bool,
}

/// An account flow as finance sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportEntry {
    id: FlowIdText,
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    line: ReportLine,
    /// The kind of the entry, which is more exact than the type of the flow.
    kind: EntryKindName,
    change: OwedParts,
    /// The other side.
    #[schema(max_length = 128, example = "provider:stripe")]
    counterpart: String,
    /// The order, transfer, hold or usage that it belongs to.
    #[schema(max_length = 200, example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    reference: Option<String>,
    created_at: DateTime<Utc>,
}

impl From<&ReportedEntry> for ReportEntry {
    fn from(entry: &ReportedEntry) -> Self {
        Self {
            id: FlowIdText::of(entry.id),
            customer_id: CustomerIdText::of(&entry.customer),
            currency: CurrencyCode::of(entry.parts.amount.currency()),
            product: ProductCode::of_product(&entry.product),
            line: report::ReportLine::of(entry.kind).into(),
            kind: EntryKindName::new(entry.kind.name()),
            change: entry.parts.into(),
            counterpart: entry.counterpart.to_string(),
            reference: entry.reference.clone(),
            created_at: entry.created_at,
        }
    }
}

/// What is left of promotional credit now.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantAgeing {
    #[schema(max_items = 10000)]
    pub data: Vec<GrantAgeClass>,
}

/// What is left of the grants of one age and one time until their expiry.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantAgeClass {
    currency: CurrencyCode,
    age: GrantAgeDays,
    expires: GrantExpiryDays,
    #[schema(minimum = 1, example = 42)]
    grants: i64,
    remaining: SignedAmount,
}

/// How many days ago the grants were given.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub enum GrantAgeDays {
    #[serde(rename = "up_to_30")]
    UpTo30,
    #[serde(rename = "31_to_90")]
    UpTo90,
    #[serde(rename = "91_to_180")]
    UpTo180,
    #[serde(rename = "181_to_365")]
    UpTo365,
    #[serde(rename = "over_365")]
    Older,
}

/// In how many days the grants expire.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub enum GrantExpiryDays {
    /// They have expired; what is left is reserved by a hold, or is written off in a moment.
    #[serde(rename = "expired")]
    Lapsed,
    #[serde(rename = "up_to_7")]
    Within7,
    #[serde(rename = "8_to_30")]
    Within30,
    #[serde(rename = "31_to_90")]
    Within90,
    #[serde(rename = "91_to_365")]
    Within365,
    #[serde(rename = "over_365")]
    Later,
    #[serde(rename = "never")]
    Never,
}

impl From<&GrantAge> for GrantAgeClass {
    fn from(found: &GrantAge) -> Self {
        let age = match found.age {
            AgeBucket::UpTo30 => GrantAgeDays::UpTo30,
            AgeBucket::UpTo90 => GrantAgeDays::UpTo90,
            AgeBucket::UpTo180 => GrantAgeDays::UpTo180,
            AgeBucket::UpTo365 => GrantAgeDays::UpTo365,
            AgeBucket::Older => GrantAgeDays::Older,
        };
        let expires = match found.expiry {
            ExpiryBucket::Lapsed => GrantExpiryDays::Lapsed,
            ExpiryBucket::Within7 => GrantExpiryDays::Within7,
            ExpiryBucket::Within30 => GrantExpiryDays::Within30,
            ExpiryBucket::Within90 => GrantExpiryDays::Within90,
            ExpiryBucket::Within365 => GrantExpiryDays::Within365,
            ExpiryBucket::Later => GrantExpiryDays::Later,
            ExpiryBucket::Never => GrantExpiryDays::Never,
        };
        Self {
            currency: CurrencyCode::of(found.remaining.currency()),
            age,
            expires,
            grants: found.grants,
            remaining: found.remaining.into(),
        }
    }
}
