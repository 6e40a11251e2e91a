//! Entries: the immutable lines of the ledger.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::label::Label;

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
