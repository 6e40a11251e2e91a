//! Seals: each wallet's entries are hashed in stretches, each stretch with the one before it, and signed.
//!
//! To change, move or remove a sealed entry unnoticed, the whole chain from there on must be rewritten. Without the key
//! the signatures prevent that. If the owner of the key does it, heads that are kept elsewhere reveal it. [`form`] says
//! what is hashed.

pub mod form;
pub mod heads;
pub mod key;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::customer::CustomerId;
use form::{Record, SealLine, Stretch};
use heads::Head;
use key::{SealKey, SealPublicKey};

/// The version of the form that new seals have.
pub const FORM: i16 = 1;

/// A SHA-256.
pub type Hash = [u8; 32];

/// Takes the place of the seal before the first one.
pub const NO_SEAL: Hash = [0; 32];

/// When a wallet is sealed.
#[derive(Debug, Clone, Copy)]
pub struct Ripeness {
    /// This many unsealed entries are a stretch; no stretch is longer.
    pub entries: i64,
    /// Fewer are sealed, too, once the oldest of them is this old.
    pub age: chrono::Duration,
}

impl Default for Ripeness {
    fn default() -> Self {
        Self { entries: 1_000, age: chrono::Duration::hours(1) }
    }
}

impl Ripeness {
    /// The stretches to seal in a wallet, each by its first and last number. The entries after `sealed` up to `last`
    /// are unsealed. All complete stretches are sealed. If there is none, the shorter rest is sealed once its first
    /// entry, made at `oldest`, is old enough.
    #[must_use]
    pub fn stretches(self, sealed: i64, last: i64, oldest: DateTime<Utc>, now: DateTime<Utc>) -> Vec<(i64, i64)> {
        let whole = (last - sealed) / self.entries;
        let stretch = |n: i64| (sealed + n * self.entries + 1, sealed + (n + 1) * self.entries);
        match whole {
            0 if last > sealed && now - oldest >= self.age => vec![(sealed + 1, last)],
            _ => (0..whole).map(stretch).collect(),
        }
    }
}

/// How far a wallet is sealed.
#[derive(Debug, Clone)]
pub struct SealedWallet {
    pub customer: CustomerId,
    pub wallet_id: Uuid,
    pub currency: String,
    /// Empty for the main wallet.
    pub product: String,
    /// The number of its last entry.
    pub last_seq: i64,
    /// The number of its last sealed entry; 0: none is.
    pub sealed_to: i64,
    /// Of its last seal.
    pub hash: Hash,
    /// When its first unsealed entry was made.
    pub oldest_unsealed: Option<DateTime<Utc>>,
}

impl SealedWallet {
    /// A stretch of it.
    #[must_use]
    pub fn stretch(&self, (from_seq, to_seq): (i64, i64), previous_hash: Hash) -> Stretch<'_> {
        Stretch {
            customer: &self.customer,
            wallet_id: self.wallet_id,
            currency: &self.currency,
            product: &self.product,
            from_seq,
            to_seq,
            previous_hash,
        }
    }

    /// Where its chain ends; `None` while nothing is sealed.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        (self.sealed_to > 0).then(|| Head {
            customer: self.customer.clone(),
            wallet_id: self.wallet_id,
            to_seq: self.sealed_to,
            hash: self.hash,
        })
    }
}

/// One sealed stretch of a wallet's entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    pub customer: CustomerId,
    pub wallet_id: Uuid,
    pub from_seq: i64,
    pub to_seq: i64,
    pub form: i16,
    pub previous_hash: Hash,
    pub hash: Hash,
    pub key_id: String,
    /// Ed25519, over [`Seal::signed`].
    pub signature: Vec<u8>,
    pub sealed_at: DateTime<Utc>,
}

impl Seal {
    /// Seals a stretch.
    #[must_use]
    pub fn new(stretch: &Stretch<'_>, lines: &[SealLine], key: &SealKey, sealed_at: DateTime<Utc>) -> Self {
        let mut seal = Self {
            customer: stretch.customer.clone(),
            wallet_id: stretch.wallet_id,
            from_seq: stretch.from_seq,
            to_seq: stretch.to_seq,
            form: FORM,
            previous_hash: stretch.previous_hash,
            hash: stretch.hash(lines),
            key_id: key.id().to_owned(),
            signature: Vec::new(),
            sealed_at,
        };
        seal.signature = key.sign(&seal.signed());
        seal
    }

    /// What the signature covers.
    #[must_use]
    pub fn signed(&self) -> Vec<u8> {
        let mut record = Record::new(b'T');
        record.number(self.form.into());
        record.text(Some(&self.wallet_id.to_string()));
        record.number(self.from_seq);
        record.number(self.to_seq);
        record.text(Some(&hex::encode(self.hash)));
        record.time(Some(self.sealed_at));
        record.end()
    }

    /// Whether it is signed with this key.
    #[must_use]
    pub fn is_signed_by(&self, key: &SealPublicKey) -> bool {
        key.id == self.key_id && key.verifies(&self.signed(), &self.signature)
    }

    /// Whether it follows this seal of its wallet, or is the first one.
    #[must_use]
    pub fn follows(&self, before: Option<&Self>) -> bool {
        let (end, hash) = before.map_or((0, NO_SEAL), |seal| (seal.to_seq, seal.hash));
        self.from_seq == end + 1 && self.previous_hash == hash
    }
}

#[cfg(test)]
mod tests;
