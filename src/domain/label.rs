//! The label of an entry: everything about it that is not arithmetic.

use chrono::{DateTime, Utc};

use super::counterpart::Counterpart;
use super::entry_kind::EntryKind;
use super::product::Product;

/// What an entry was for, and how a repeated request is recognised. Only [`super::movement`] makes new ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    pub(in crate::domain) kind: EntryKind,
    /// It is unique per customer and kind; 1–200 characters.
    pub(in crate::domain) key: String,
    pub(in crate::domain) fingerprint: i64,
    pub(in crate::domain) counterpart: Counterpart,
    pub(in crate::domain) reference: Option<String>,
    pub(in crate::domain) description: Option<String>,
    pub(in crate::domain) metadata: Option<serde_json::Value>,
    pub(in crate::domain) occurred_at: Option<DateTime<Utc>>,
}

impl Label {
    pub(in crate::domain) fn new(kind: EntryKind, key: String, fingerprint: i64, counterpart: Counterpart) -> Self {
        Self {
            kind,
            key,
            fingerprint,
            counterpart,
            reference: None,
            description: None,
            metadata: None,
            occurred_at: None,
        }
    }

    #[must_use]
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// This label with another key: a capture gets the key of its hold.
    #[must_use]
    pub fn with_key(self, key: String) -> Self {
        Self { key, ..self }
    }

    /// The key by which a repeated request is recognised. It is unique per customer and kind.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    #[must_use]
    pub fn into_key(self) -> String {
        self.key
    }

    /// The hash of what was requested, so that the same key with other content is noticed.
    #[must_use]
    pub fn fingerprint(&self) -> i64 {
        self.fingerprint
    }

    /// The other side of the book.
    #[must_use]
    pub fn counterpart(&self) -> &Counterpart {
        &self.counterpart
    }

    /// The order, transfer, hold, grant or usage that the entry belongs to, as the API shows its id.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// For usage and captures, the id by which reversals name the entry. For a capture it is the hold's id, although
    /// the capture has the hold's key.
    #[must_use]
    pub fn reversed_as(&self) -> &str {
        self.reference.as_deref().unwrap_or(&self.key)
    }

    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    #[must_use]
    pub fn metadata(&self) -> Option<&serde_json::Value> {
        self.metadata.as_ref()
    }

    #[must_use]
    pub fn occurred_at(&self) -> Option<DateTime<Utc>> {
        self.occurred_at
    }

    /// The label of a product's usage that another wallet pays: the counterpart names the product, because the
    /// product's spend guard counts what it was used for. The main wallet's own usage has no other wallet to name.
    pub(in crate::domain) fn paid_for(&self, product: &Product) -> Self {
        let counterpart =
            if product.is_main() { self.counterpart.clone() } else { Counterpart::Usage(Some(product.clone())) };
        Self { counterpart, ..self.clone() }
    }

    /// The product that was used, if another wallet than its own paid.
    #[must_use]
    pub fn product_paid_for(&self) -> Option<&Product> {
        match &self.counterpart {
            Counterpart::Usage(product) => product.as_ref(),
            _ => None,
        }
    }

    /// How many bytes its texts take on the heap.
    pub(in crate::domain) fn bytes(&self) -> usize {
        let texts = [Some(&self.key), self.reference.as_ref(), self.description.as_ref()];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        texts + self.counterpart.bytes() + self.metadata.as_ref().map_or(0, value_bytes)
    }
}

/// The approximate memory of one pair of a map besides its value: the key, and a share of the map's node.
const PAIR_BYTES: usize = 128;

fn value_bytes(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(values) => values.iter().map(|value| size_of_val(value) + value_bytes(value)).sum(),
        serde_json::Value::Object(pairs) => {
            pairs.iter().map(|(key, value)| PAIR_BYTES + key.len() + value_bytes(value)).sum()
        }
        _ => 0,
    }
}

/// The columns of a label in the table `entries`. Storage makes a [`Label`] from them; that is safe, because a label
/// alone books nothing.
#[derive(Debug, Clone)]
pub struct StoredLabel {
    pub kind: EntryKind,
    pub key: String,
    pub fingerprint: i64,
    pub counterpart: Counterpart,
    pub reference: Option<String>,
    pub description: Option<String>,
    pub metadata: Option<serde_json::Value>,
    pub occurred_at: Option<DateTime<Utc>>,
}

impl From<StoredLabel> for Label {
    fn from(stored: StoredLabel) -> Self {
        Self {
            kind: stored.kind,
            key: stored.key,
            fingerprint: stored.fingerprint,
            counterpart: stored.counterpart,
            reference: stored.reference,
            description: stored.description,
            metadata: stored.metadata,
            occurred_at: stored.occurred_at,
        }
    }
}
