//! What operators search for, and what they find. A text is matched as a whole or by its beginning, in normal form.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::bank_transaction::normal_form;
use super::customer::CustomerId;
use super::id::IdKind;
use super::money::{Money, parse_plain_decimal};
use super::reference::reference_prefix;

/// The fewest and the most characters of a text to look for.
pub const LENGTH: std::ops::RangeInclusive<usize> = 3..=100;

/// All texts that begin with one: from `first` on, and before `end`, in the order of code points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    pub first: String,
    pub end: String,
}

impl Prefix {
    fn of(text: impl Into<String>) -> Option<Self> {
        let first = text.into();
        // No text that is searched for contains the last code point.
        let end = format!("{first}\u{10FFFF}");
        (!first.is_empty()).then_some(Self { first, end })
    }
}

/// The ids that begin with some digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    pub first: Uuid,
    pub last: Uuid,
}

/// A text to look for, in the forms in which it may be stored.
#[derive(Debug, Clone)]
pub struct SearchTerms {
    /// As it was written, for ids that companies and platforms chose.
    pub raw: Prefix,
    /// In lower case, for names and addresses.
    pub lower: Prefix,
    /// The normal form of bank ids and of remitters; `None` if nothing is left in it.
    pub normal: Option<Prefix>,
    /// The beginning of a reference code.
    pub reference: Option<Prefix>,
    pub amount: Option<rust_decimal::Decimal>,
    /// The kind that our id names, and its range; no kind for a bare UUID.
    id: Option<(Option<IdKind>, IdRange)>,
}

impl SearchTerms {
    /// Reads a text. `None` if it is too short, too long, or contains control characters.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if !LENGTH.contains(&text.chars().count()) || text.chars().any(|c| c.is_control() || c == '\u{10FFFF}') {
            return None;
        }
        Some(Self {
            raw: Prefix::of(text)?,
            lower: Prefix::of(text.to_lowercase())?,
            normal: Prefix::of(normal_form(text)),
            reference: reference_prefix(text).and_then(Prefix::of),
            amount: parse_plain_decimal(&text.replace(',', "")).ok(),
            id: id_range(text),
        })
    }

    /// The ids of one kind that begin with the text.
    #[must_use]
    pub fn ids(&self, kind: IdKind) -> Option<IdRange> {
        let (named, range) = self.id?;
        named.is_none_or(|named| named == kind).then_some(range)
    }
}

fn id_range(text: &str) -> Option<(Option<IdKind>, IdRange)> {
    let kinds = [IdKind::TopUpOrder, IdKind::Payment, IdKind::Refund, IdKind::Dispute];
    let named = kinds.into_iter().find_map(|kind| Some((Some(kind), text.strip_prefix(kind.prefix())?)));
    let bare = || Uuid::try_parse(text).is_ok().then_some((None, text));
    let (kind, digits) = named.or_else(bare)?;
    let digits: String = digits.chars().filter(|c| *c != '-').collect();
    let is_hex = !digits.is_empty() && digits.len() <= 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return None;
    }
    Some((kind, IdRange { first: filled_with(&digits, '0')?, last: filled_with(&digits, 'f')? }))
}

fn filled_with(digits: &str, filler: char) -> Option<Uuid> {
    let missing = 32_usize.checked_sub(digits.len())?;
    let whole: String = digits.chars().chain(std::iter::repeat_n(filler, missing)).collect();
    Uuid::try_parse(&whole).ok()
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundKind {
    Order,
    Payment,
    Refund,
    Dispute,
    Customer,
}

/// The id of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundId {
    Ours(IdKind, Uuid),
    Customer(CustomerId),
}

/// What a text can match, as the statements of the search name it.
pub const MATCHES: [&str; 12] = [
    "reference",
    "id",
    "amount",
    "customer_id",
    "name",
    "email",
    "remitter",
    "bank_transaction_id",
    "provider_reference",
    "provider_payment_id",
    "provider_refund_id",
    "provider_dispute_id",
];

/// One thing that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub kind: FoundKind,
    pub id: FoundId,
    pub customer: Option<CustomerId>,
    /// What the text matched: one of [`MATCHES`].
    pub matched: String,
    pub status: Option<String>,
    pub money: Option<Money>,
    pub created_at: Option<DateTime<Utc>>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    pub found: Vec<Found>,
    /// Whether more matched than is listed.
    pub is_cut: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn terms(text: &str) -> SearchTerms {
        SearchTerms::read(text).unwrap()
    }

    #[test]
    fn ids_are_found_by_their_beginning() {
        let range = terms("tuo_0193A").ids(IdKind::TopUpOrder).unwrap();
        assert_eq!(range.first.as_simple().to_string(), format!("0193a{}", "0".repeat(27)));
        assert_eq!(range.last.as_simple().to_string(), format!("0193a{}", "f".repeat(27)));
        assert_eq!(terms("tuo_0193a").ids(IdKind::Payment), None);
        let bare = "0193a5a2-7c0e-7f6f-9a2f-4c1d9e3b0001";
        for kind in [IdKind::TopUpOrder, IdKind::Refund] {
            let range = terms(bare).ids(kind).unwrap();
            assert_eq!((range.first, range.last), (bare.parse().unwrap(), bare.parse().unwrap()));
        }
        for other in ["tuo_", "tuo_xyz", "0193a5a2", &format!("tuo_{}", "0".repeat(33))] {
            assert_eq!(terms(other).ids(IdKind::TopUpOrder), None, "{other}");
        }
    }

    #[test]
    fn a_text_is_read_in_each_form() {
        let found = terms(" tu2c-g5jq ");
        assert_eq!(found.reference.unwrap().first, "TU2CG5JQ");
        assert_eq!(found.normal.unwrap().first, "TU2CG5JQ");
        assert_eq!(found.raw.first, "tu2c-g5jq");
        assert_eq!(terms("1,250.00").amount, Some("1250.00".parse().unwrap()));
        assert_eq!(terms("Zhang San").normal.unwrap().first, "ZHANGSAN");
        assert!(terms("---").normal.is_none());
        for bad in ["", "ab", "a\u{0}bc", &"x".repeat(101)] {
            assert!(SearchTerms::read(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_prefix_is_a_range() {
        let prefix = Prefix::of("pi_3").unwrap();
        for inside in ["pi_3", "pi_3Mtw", "pi_3\u{1F600}"] {
            assert!(inside >= prefix.first.as_str() && inside < prefix.end.as_str(), "{inside}");
        }
        for outside in ["pi_2", "pi_4", "pi_"] {
            assert!(outside < prefix.first.as_str() || outside >= prefix.end.as_str(), "{outside}");
        }
    }
}
