//! Postings: what the ledger can be asked to do, and what it answers.

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::customer::CustomerId;
use super::entry::{Entry, EntryKind, Label};
use super::hold::Hold;
use super::money::Currency;
use super::product::Product;

/// The identity of a wallet. Its order is the order in which writers lock wallets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalletKey {
    pub customer: CustomerId,
    pub currency: Currency,
    pub product: Product,
}

impl WalletKey {
    /// Stands where a posting names a hold, whose wallet the ledger looks up.
    #[must_use]
    pub fn of_the_hold() -> Self {
        Self { customer: CustomerId::nobody(), currency: Currency::none(), product: Product::main() }
    }
}

/// What to do when a deduction exceeds what is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInsufficient {
    Refuse,
    /// Book it all the same: what is short becomes debt. For usage that has already happened.
    Book,
}

/// One change of one wallet. Amounts are greater than zero unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Paid money comes in; it repays debt first.
    Credit {
        amount: Decimal,
    },
    /// Consumption: granted credit in burn order, then paid money.
    Deduct {
        amount: Decimal,
        on_insufficient: OnInsufficient,
    },
    /// Unheld paid money leaves; never granted credit, never into debt.
    Withdraw {
        amount: Decimal,
    },
    /// Money is taken back by force (dispute, wrong approval): unheld paid money, the rest becomes debt.
    TakeBack {
        amount: Decimal,
    },
    /// Promotional credit comes in; it does not repay debt.
    Grant {
        grant: NewGrant,
    },
    /// Takes back what is left of a grant and not held, this much at most; nothing is left: nothing is booked.
    RevokeGrant {
        grant_id: Uuid,
        amount: Decimal,
    },
    /// Gives a grant back what was revoked of it.
    RestoreGrant {
        grant_id: Uuid,
        amount: Decimal,
    },
    /// Reserves an amount for so long from now.
    OpenHold {
        id: Uuid,
        amount: Decimal,
        lifetime: Duration,
    },
    /// The actual amount of a hold, zero or more: less frees the rest, more is taken from what is available.
    Capture {
        hold_id: Uuid,
        amount: Decimal,
    },
    Release {
        hold_id: Uuid,
    },
    /// Lets a hold live so long from now, if that is later than it would.
    Extend {
        hold_id: Uuid,
        lifetime: Duration,
    },
    /// Gives back what a deduction took, into the same parts.
    Reverse {
        parts: ReversedParts,
    },
    /// No change of its own: lapsed holds and grants are expired, as before every posting.
    Sweep,
}

/// A grant as it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewGrant {
    pub id: Uuid,
    pub amount: Decimal,
    /// Lower burns first.
    pub priority: i16,
    pub expires_at: Option<DateTime<Utc>>,
    pub reason: String,
    pub order_id: Option<Uuid>,
    pub created_by: String,
}

/// What a reversal gives back, decided from the original entry by [`super::reversal`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReversedParts {
    pub debt: Decimal,
    pub paid: Decimal,
    pub grants: Vec<(Uuid, Decimal)>,
    /// When it was taken: the spend guards make room again in the periods that counted it.
    pub taken_at: DateTime<Utc>,
    /// The product whose guard counted it as well, where another wallet than the product's own paid.
    pub paid_for: Option<Product>,
}

/// One request to the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Posting {
    /// The wallet to change. A posting that names a hold is about the hold's wallet; there this is not looked at.
    pub wallet: WalletKey,
    /// Where a deduction is taken from as a whole when `wallet` is short; never split over both.
    pub fallback: Option<WalletKey>,
    pub change: Change,
    pub label: Label,
}

impl Posting {
    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let Label { key, counterpart, reference, description, metadata, .. } = &self.label;
        let texts = [Some(key), Some(counterpart), reference.as_ref(), description.as_ref()];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        size_of::<Self>() + texts + metadata.as_ref().map_or(0, value_bytes)
    }

    /// Writes down what has lapsed in a wallet, and nothing else.
    #[must_use]
    pub fn sweep(wallet: WalletKey) -> Self {
        let label = Label {
            kind: EntryKind::Expire,
            key: "sweep".to_owned(),
            fingerprint: 0,
            counterpart: "promotion".to_owned(),
            reference: None,
            description: None,
            metadata: None,
            occurred_at: None,
        };
        Self { wallet, fallback: None, change: Change::Sweep, label }
    }
}

/// A pair of a map takes its key, its value and its share of a node.
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

/// The answer to one posting.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Booked(Booked),
    /// The same key with the same content was booked before; this is what it was.
    Replayed(Booked),
    Refused(Refusal),
}

/// What was booked: an entry, a hold, or both (a captured hold).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Booked {
    /// The wallet that was moved.
    pub wallet: Option<WalletKey>,
    pub entry: Option<Entry>,
    pub hold: Option<Hold>,
}

/// What a short wallet had to offer.
#[derive(Debug, Clone, PartialEq)]
pub struct Shortfall {
    pub wallet: WalletKey,
    pub required: Decimal,
    pub available: Decimal,
    pub held: Decimal,
}

/// Which spending cap is in the way.
#[derive(Debug, Clone, PartialEq)]
pub struct CapReached {
    /// The wallet that the cap belongs to.
    pub wallet: WalletKey,
    /// `day` or `month`.
    pub period: &'static str,
    pub cap: Decimal,
    /// In this period so far, with what open holds reserve.
    pub spent: Decimal,
    pub required: Decimal,
    /// When the period ends.
    pub resets_at: DateTime<Utc>,
}

/// Why a posting was not booked. A refusal changes nothing and burns no key.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("the balance is too low")]
    Insufficient(Shortfall),
    #[error("this key was used before with another content")]
    KeyReused,
    #[error("the wallet is frozen")]
    Frozen,
    #[error("the spending cap of this {} is reached", .0.period)]
    CapReached(Box<CapReached>),
    #[error("the wallet would exceed what the ledger can hold")]
    TooLarge,
    #[error("there is no such hold")]
    HoldNotFound,
    #[error("the hold has expired")]
    HoldExpired,
    #[error("the hold is already {status}")]
    HoldClosed { status: &'static str },
    #[error("more than was taken cannot be given back")]
    MoreThanTaken,
}
