//! Entries: the immutable lines of the ledger.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::label::Label;
use super::money::{Currency, Money};

pub use super::entry_kind::{EntryKind, Sign};

/// One immutable line of the ledger. Its amounts are in the wallet's currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub wallet_id: Uuid,
    /// Gapless within the wallet, from 1.
    pub seq: i64,
    pub label: Label,
    /// Signed: change of paid + change of granted − change of debt.
    pub amount: Money,
    /// The signed change of granted credit in it.
    pub granted: Money,
    /// The signed change of debt in it.
    pub debt: Money,
    /// paid + granted − debt, after it.
    pub balance_after: Money,
    /// All paid money that ever came in, after it. With `paid_out` it shows which top-up paid for what.
    pub paid_in: Money,
    pub paid_out: Money,
    /// Never runs backwards within a wallet.
    pub created_at: DateTime<Utc>,
    /// Which grants it took from (negative) or gave back to (positive).
    pub grant_uses: Vec<(Uuid, Money)>,
}

impl Entry {
    /// The wallet's currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.amount.currency()
    }

    /// The grant, if a usage or a capture took from exactly one. Then the entry's row names the grant itself.
    #[must_use]
    pub fn only_grant(&self) -> Option<Uuid> {
        match (self.label.kind(), self.grant_uses.as_slice()) {
            (EntryKind::Usage | EntryKind::Capture, [(id, _)]) => Some(*id),
            _ => None,
        }
    }

    /// The signed change of paid money in it.
    #[must_use]
    pub fn paid(&self) -> Money {
        self.amount - self.granted + self.debt
    }
}
