//! The entries behind a figure of a report.

use chrono::{DateTime, NaiveDate, Utc};

use super::Parts;
use crate::domain::account_flow::FlowId;
use crate::domain::calendar::Span;
use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::money::Currency;
use crate::domain::payment::Channel;
use crate::domain::product::Product;

/// The folded days that a report shows, and its filters.
#[derive(Debug, Clone)]
pub struct Days {
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    pub currency: Option<Currency>,
    pub product: Option<Product>,
}

/// Which entries are listed.
#[derive(Debug, Clone)]
pub struct EntriesWanted {
    pub span: Span,
    pub kinds: Vec<EntryKind>,
    pub currency: Option<Currency>,
    pub product: Option<Product>,
    pub channel: Option<Channel>,
}

/// An entry behind a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedEntry {
    pub id: FlowId,
    pub customer: CustomerId,
    pub product: Product,
    pub kind: EntryKind,
    pub parts: Parts,
    pub counterpart: Counterpart,
    pub reference: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// The key of a wallet, and the number of one of its entries: the position of a list of entries.
pub type EntryPlace = (String, String, String, i64);

/// A page of entries, by wallet and number. It can be shorter than its limit, or empty, although more entries follow.
#[derive(Debug, Clone, Default)]
pub struct EntriesPage {
    pub entries: Vec<ReportedEntry>,
    /// Where the page before this one ends; `None` on the first page.
    pub previous: Option<EntryPlace>,
    /// Where the next page begins; `None` on the last page.
    pub next: Option<EntryPlace>,
}
