//! A wallet as storage reads it back.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Wallet;
use crate::domain::grant::{Grant, burn_order};
use crate::domain::guard::{LowBalance, SpendGuard};
use crate::domain::money::Money;
use crate::domain::wallet_key::WalletKey;

/// A wallet as the tables have it, for storage to read back.
#[derive(Debug, Clone)]
pub struct StoredWallet {
    pub key: WalletKey,
    pub id: Uuid,
    pub parts: WalletParts,
    pub entry_seq: i64,
    pub version: i64,
    pub marks: WalletMarks,
    pub bonus_owed: Money,
    pub guard: Option<SpendGuard>,
    pub low_balance: Option<LowBalance>,
    pub active_grant: Option<Uuid>,
    pub grants: Vec<Grant>,
    pub updated_at: DateTime<Utc>,
}

/// The marks that stop a wallet from spending, whatever its balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WalletMarks {
    /// An operator has frozen this wallet.
    pub frozen: bool,
    /// An operator has frozen the customer.
    pub customer_frozen: bool,
    /// Taken-back money is claimed from the customer in this currency.
    pub claimed: bool,
    /// The customer's account is being closed, or is closed: only the closing moves money out.
    pub closing: bool,
    /// The closing gives back what is left, or has: no payment, credit or correction comes in.
    pub closed: bool,
}

/// The running parts of a wallet, all in its currency, as the columns have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalletParts {
    pub paid: Money,
    pub granted: Money,
    pub held: Money,
    pub debt: Money,
    pub paid_in: Money,
    pub paid_out: Money,
}

impl From<StoredWallet> for Wallet {
    fn from(stored: StoredWallet) -> Self {
        let WalletParts { paid, granted, held, debt, paid_in, paid_out } = stored.parts;
        let mut grants = stored.grants;
        grants.sort_by(burn_order);
        Self {
            key: stored.key,
            id: stored.id,
            paid,
            granted,
            held,
            debt,
            paid_in,
            paid_out,
            entry_seq: stored.entry_seq,
            version: stored.version,
            marks: stored.marks,
            bonus_owed: stored.bonus_owed,
            guard: stored.guard,
            low_balance: stored.low_balance,
            active_when_read: stored.active_grant,
            grants,
            updated_at: stored.updated_at,
        }
    }
}
