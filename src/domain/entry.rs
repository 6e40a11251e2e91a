//! Entries: the immutable lines of the ledger.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::product::Product;

/// Before the product, in the counterpart of usage that another wallet than the product's own paid.
const USAGE_OF: &str = "usage:";

/// What an entry records. The numbers stand in `entries.kind` and in the table `entry_kinds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    Recharge,
    Usage,
    Capture,
    Reversal,
    Refund,
    RefundReturned,
    TransferIn,
    TransferOut,
    Grant,
    Expire,
    Adjust,
    Bonus,
    /// The bonus of an order whose money went back.
    BonusRevoked,
    BonusRestored,
    /// Money that a payer disputes at the payment company.
    Dispute,
    DisputeReturned,
}

impl EntryKind {
    pub const ALL: [Self; 16] = [
        Self::Recharge,
        Self::Usage,
        Self::Capture,
        Self::Reversal,
        Self::Refund,
        Self::RefundReturned,
        Self::TransferIn,
        Self::TransferOut,
        Self::Grant,
        Self::Expire,
        Self::Adjust,
        Self::Bonus,
        Self::BonusRevoked,
        Self::BonusRestored,
        Self::Dispute,
        Self::DisputeReturned,
    ];

    /// The number in the column.
    #[must_use]
    pub fn code(self) -> i16 {
        match self {
            Self::Recharge => 1,
            Self::Usage => 2,
            Self::Capture => 3,
            Self::Reversal => 4,
            Self::Refund => 5,
            Self::RefundReturned => 6,
            Self::TransferIn => 7,
            Self::TransferOut => 8,
            Self::Grant => 9,
            Self::Expire => 10,
            Self::Adjust => 11,
            Self::Bonus => 12,
            Self::BonusRevoked => 13,
            Self::BonusRestored => 14,
            Self::Dispute => 15,
            Self::DisputeReturned => 16,
        }
    }

    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Everything about an entry that is not arithmetic: what it was for and how a repeat is recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    pub kind: EntryKind,
    /// The caller's dedupe key: unique per customer and kind, 1–200 characters.
    pub key: String,
    /// A hash of what was asked, so that the same key with another content is noticed.
    pub fingerprint: i64,
    /// The other side of the book: `provider:stripe`, `usage`, `transfer`, ….
    pub counterpart: String,
    /// The order, transfer or hold that it belongs to, as shown by the API.
    pub reference: Option<String>,
    pub description: Option<String>,
    pub metadata: Option<serde_json::Value>,
    pub occurred_at: Option<DateTime<Utc>>,
}

impl Label {
    /// The label of a product's usage that another wallet pays: the counterpart names the product
    /// (`usage:whatsapp`), for its spend guard counts what it was used for. The main wallet's own usage has none.
    #[must_use]
    pub fn paid_for(&self, product: &Product) -> Self {
        let mut label = self.clone();
        if !product.is_main() {
            label.counterpart = Self::counterpart_paid_for(product);
        }
        label
    }

    /// The counterpart of [`Label::paid_for`].
    #[must_use]
    pub fn counterpart_paid_for(product: &Product) -> String {
        format!("{USAGE_OF}{}", product.as_column())
    }

    /// The product that was used, where another wallet than its own paid.
    #[must_use]
    pub fn product_paid_for(&self) -> Option<Product> {
        self.counterpart.strip_prefix(USAGE_OF).and_then(Product::new)
    }
}

/// One immutable line of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub wallet_id: Uuid,
    /// Gapless within the wallet, from 1.
    pub seq: i64,
    pub label: Label,
    /// Signed: change of paid + change of granted − change of debt.
    pub amount: Decimal,
    /// The signed change of granted credit in it.
    pub granted: Decimal,
    /// The signed change of debt in it.
    pub debt: Decimal,
    /// paid + granted − debt, after it.
    pub balance_after: Decimal,
    /// All paid money that ever came in, after it; with `paid_out` it tells which top-up paid for what.
    pub paid_in: Decimal,
    pub paid_out: Decimal,
    /// Never runs backwards within a wallet.
    pub created_at: DateTime<Utc>,
    /// Which grants it took from (negative) or gave back to (positive).
    pub grant_uses: Vec<(Uuid, Decimal)>,
}

impl Entry {
    /// The signed change of paid money in it.
    #[must_use]
    pub fn paid(&self) -> Decimal {
        self.amount - self.granted + self.debt
    }
}
