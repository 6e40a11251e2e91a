//! What a seal hashes, byte by byte: `src/docs/seals.md` describes the same for people.
//!
//! A stretch is a text of records. A record is a letter, its fields and a line feed. A field is `<bytes>:<text>,` with
//! the length of the text in bytes, or `-,` for a null. So no text can be read as another field.

use chrono::{DateTime, SecondsFormat, Utc};
use hmac::{Hmac, KeyInit, Mac};
use rust_decimal::Decimal;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{FORM, Hash};
use crate::domain::customer::CustomerId;

/// A record that is being written.
#[derive(Debug)]
pub struct Record(Vec<u8>);

impl Record {
    #[must_use]
    pub fn new(letter: u8) -> Self {
        Self(vec![letter])
    }

    pub fn text(&mut self, text: Option<&str>) {
        field(&mut self.0, text);
    }

    pub fn number(&mut self, number: i64) {
        field(&mut self.0, Some(&number.to_string()));
    }

    pub fn time(&mut self, at: Option<DateTime<Utc>>) {
        field(&mut self.0, at.map(time).as_deref());
    }

    fn amount(&mut self, amount: Option<Decimal>) {
        field(&mut self.0, amount.map(|amount| amount.normalize().to_string()).as_deref());
    }

    /// Its bytes.
    #[must_use]
    pub fn end(mut self) -> Vec<u8> {
        self.0.push(b'\n');
        self.0
    }
}

fn field(to: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => to.extend(text_field(text).into_bytes()),
        None => to.extend(b"-,"),
    }
}

/// A text with its length in bytes.
fn text_field(text: &str) -> String {
    format!("{}:{text},", text.len())
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The stretch of a wallet that is sealed.
#[derive(Debug, Clone)]
pub struct Stretch<'s> {
    pub customer: &'s CustomerId,
    pub wallet_id: Uuid,
    pub currency: &'s str,
    /// Empty for the main wallet.
    pub product: &'s str,
    pub from_seq: i64,
    pub to_seq: i64,
    pub previous_hash: Hash,
}

impl Stretch<'_> {
    /// The hash of the stretch with these entries, in the order of their numbers.
    #[must_use]
    pub fn hash(&self, lines: &[SealLine]) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(self.head());
        for line in lines {
            hasher.update(line.records());
        }
        hasher.finalize().into()
    }

    /// What is hashed.
    #[must_use]
    pub fn content(&self, lines: &[SealLine]) -> Vec<u8> {
        lines.iter().fold(self.head(), |mut content, line| {
            content.extend(line.records());
            content
        })
    }

    fn head(&self) -> Vec<u8> {
        let mut record = Record::new(b'S');
        record.number(FORM.into());
        record.text(Some(self.customer.as_str()));
        record.text(Some(&self.wallet_id.to_string()));
        record.text(Some(self.currency));
        record.text(Some(self.product));
        record.number(self.from_seq);
        record.number(self.to_seq);
        record.text(Some(&hex::encode(self.previous_hash)));
        record.end()
    }
}

/// An entry's columns as the database has them, with its grant uses. The texts are digests already.
#[derive(Debug, Clone)]
pub struct SealLine {
    pub(crate) seq: i64,
    pub(crate) kind: i16,
    pub(crate) key: String,
    pub(crate) fingerprint: i64,
    pub(crate) amount: Decimal,
    pub(crate) granted: Option<Decimal>,
    pub(crate) debt: Option<Decimal>,
    pub(crate) balance_after: Decimal,
    pub(crate) paid_in: Decimal,
    pub(crate) paid_out: Decimal,
    pub(crate) counterpart: String,
    pub(crate) reference: Option<String>,
    pub(crate) occurred_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    /// As `entries.text_digest` has them after an erasure.
    pub(crate) texts: String,
    /// By grant id.
    pub(crate) grant_uses: Vec<(Uuid, Decimal)>,
}

impl SealLine {
    /// The record of the entry, and one for each use of a grant.
    #[must_use]
    pub fn records(&self) -> Vec<u8> {
        let mut record = Record::new(b'E');
        record.number(self.seq);
        record.number(self.kind.into());
        record.text(Some(&self.key));
        record.number(self.fingerprint);
        record.amount(Some(self.amount));
        record.amount(self.granted);
        record.amount(self.debt);
        record.amount(Some(self.balance_after));
        record.amount(Some(self.paid_in));
        record.amount(Some(self.paid_out));
        record.text(Some(&self.counterpart));
        record.text(self.reference.as_deref());
        record.time(self.occurred_at);
        record.time(Some(self.created_at));
        record.text(Some(&self.texts));
        let mut bytes = record.end();
        for (grant, amount) in &self.grant_uses {
            let mut record = Record::new(b'G');
            record.text(Some(&grant.to_string()));
            record.amount(Some(*amount));
            bytes.extend(record.end());
        }
        bytes
    }
}

/// The texts of an entry.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    pub description: Option<String>,
    pub metadata: Option<Value>,
}

impl Texts {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.description.is_none() && self.metadata.is_none()
    }
}

/// An entry as the database has it: its line without digests, unless its texts were erased, and its texts.
#[derive(Debug, Clone)]
pub struct StoredLine {
    pub(crate) line: SealLine,
    pub(crate) texts: Texts,
}

impl StoredLine {
    /// Whether its digests need the customer's secret.
    #[must_use]
    pub fn has_texts(&self) -> bool {
        !self.texts.is_empty()
    }

    #[must_use]
    pub fn created_at(&self) -> DateTime<Utc> {
        self.line.created_at
    }

    /// The line with the digests of the texts; `None` if they need a secret and there is none.
    #[must_use]
    pub fn digested(mut self, secret: Option<&[u8]>, wallet_id: Uuid) -> Option<SealLine> {
        if self.has_texts() {
            self.line.texts = digests(&self.texts, secret?, wallet_id, self.line.seq);
        }
        Some(self.line)
    }
}

/// The digests of an entry's texts, `<description>:<metadata>`, each a `-` where there is no text. They are keyed by
/// the customer's secret, and differ from entry to entry even if the texts are the same.
#[must_use]
pub fn digests(texts: &Texts, secret: &[u8], wallet_id: Uuid, seq: i64) -> String {
    let digest = |name: &str, text: Option<String>| match text {
        None => "-".to_owned(),
        Some(text) => {
            let mut record = Record::new(b'D');
            record.text(Some(name));
            record.text(Some(&wallet_id.to_string()));
            record.number(seq);
            record.text(Some(&text));
            keyed(secret, &record.end())
        }
    };
    let metadata = texts.metadata.as_ref().map(metadata_text);
    format!("{}:{}", digest("description", texts.description.clone()), digest("metadata", metadata))
}

/// The digests of an entry without texts.
pub const NO_TEXTS: &str = "-:-";

fn keyed(secret: &[u8], bytes: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(bytes);
    hex::encode(mac.finalize().into_bytes())
}

/// Names and texts of metadata as fields, by the names' bytes. A value that is no text, which the API does not accept,
/// is written as JSON.
fn metadata_text(metadata: &Value) -> String {
    match metadata {
        Value::Object(texts) => {
            let mut texts: Vec<(&String, &Value)> = texts.iter().collect();
            texts.sort_by_key(|(name, _)| *name);
            let value = |value: &Value| match value {
                Value::String(text) => text_field(text),
                other => text_field(&other.to_string()),
            };
            texts.into_iter().map(|(name, said)| text_field(name) + &value(said)).collect()
        }
        other => text_field(&other.to_string()),
    }
}
