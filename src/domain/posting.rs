//! Postings: one change of one wallet, and the ledger's answer to it.
//!
//! A posting cannot be spelled outside the domain: [`super::movement`] has a constructor for each thing that can
//! happen to money, and kind, sign, counterpart and fingerprint follow from it. The ledger
//! ([`crate::storage::ledger::post`]) takes what those constructors made.

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::client_data::ClientData;
use super::entry::{Entry, EntryKind};
use super::hold::Hold;
use super::label::Label;
use super::money::Money;
use super::product::Product;
use super::take_back::{Reach, TakeBackId, TakeBackOrigin, TakenFrom};
use super::wallet_key::WalletKey;

pub use super::refusal::{CapPeriod, CapReached, Refusal, Shortfall};

/// What to do when a deduction exceeds what is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInsufficient {
    Refuse,
    /// Book it all the same: the missing part becomes debt. For usage that has already happened.
    Book,
}

/// What a posting changes: a wallet, or the wallet of a hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    Wallet {
        key: WalletKey,
        /// Pays the whole amount of a deduction when the wallet is short. A deduction is never split over both.
        fallback: Option<WalletKey>,
    },
    /// The ledger finds the hold's wallet itself.
    Hold(Uuid),
}

/// One change of one wallet. Amounts are in the wallet's currency, and greater than zero unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::domain) enum Change {
    /// Paid money comes in; it repays debt first.
    Credit {
        amount: Money,
    },
    /// Consumption: takes granted credit in burn order, then paid money.
    Deduct {
        amount: Money,
        on_insufficient: OnInsufficient,
    },
    /// Unheld paid money leaves; never granted credit, never into debt.
    Withdraw {
        amount: Money,
    },
    /// As `Withdraw`, for an account that is being closed: `Withdraw` moves nothing of it.
    PayOut {
        amount: Money,
    },
    /// Money is taken from one wallet by force: unheld paid money, the rest becomes debt.
    TakeBack {
        amount: Money,
    },
    /// Promotional credit comes in; it does not repay debt.
    Grant {
        terms: GrantTerms,
    },
    /// Takes back what is left of a grant and not held, at most this amount. If nothing is left, nothing is booked.
    RevokeGrant {
        grant_id: Uuid,
        amount: Money,
    },
    /// Gives a grant back what was revoked of it.
    RestoreGrant {
        grant_id: Uuid,
        amount: Money,
    },
    /// Reserves an amount for this long from now.
    OpenHold {
        id: Uuid,
        amount: Money,
        lifetime: Duration,
    },
    /// The actual amount of a hold, zero or more, in the hold's currency. If it is less than was held, the rest is
    /// freed; if it is more, the difference is taken from what is available.
    Capture {
        amount: Decimal,
    },
    Release,
    /// The hold expires this long from now, if that is later than its present expiry.
    Extend {
        lifetime: Duration,
    },
    /// Takes back an order's money and bonus ([`super::take_back`]); the wallet is the order's.
    Collect(Box<Collection>),
    /// Gives back what a source took, each movement to its wallet.
    GiveBack(Restitution),
    /// Gives back what a deduction took, into the same parts.
    Reverse {
        parts: ReversedParts,
    },
    /// No change of its own: lapsed holds and grants are expired, as before every posting.
    Sweep,
}

/// The terms of a grant that is to be opened.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::domain) struct GrantTerms {
    pub id: Uuid,
    pub amount: Money,
    /// Lower burns first.
    pub priority: i16,
    pub expires_at: Option<DateTime<Utc>>,
    pub reason: String,
    pub order_id: Option<Uuid>,
    pub created_by: String,
    pub client: ClientData,
}

/// What a source asks of the customer's wallets.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::domain) struct Collection {
    pub origin: TakeBackOrigin,
    pub money: Money,
    pub bonus: Money,
    /// The order's bonus.
    pub grant_id: Option<Uuid>,
    pub reach: Reach,
}

impl Collection {
    /// Whether an operator pays money out on request, also into debt: a claim and a freeze stop that. What a company
    /// takes back, and the reversal of a wrong approval, are not voluntary.
    pub fn is_voluntary(&self) -> bool {
        match self.reach {
            Reach::Request { .. } | Reach::Closing => true,
            Reach::OrderWallet => matches!(self.origin.id, TakeBackId::Refund(_)),
            Reach::AllWallets => false,
        }
    }
}

/// The part of what a source took that goes back to the wallets.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::domain) struct Restitution {
    pub id: TakeBackId,
    pub of: TakenFrom,
    pub money: Money,
    pub bonus: Money,
    pub grant_id: Option<Uuid>,
}

/// What a reversal gives back, decided from the original entry by [`super::reversal`].
#[derive(Debug, Clone, PartialEq)]
pub(in crate::domain) struct ReversedParts {
    pub debt: Money,
    pub paid: Money,
    pub grants: Vec<(Uuid, Money)>,
    /// When it was taken: the spend guards make room again in the periods that counted it.
    pub taken_at: DateTime<Utc>,
    /// The product that another wallet paid for. Its guard counted the usage as well.
    pub paid_for: Option<Product>,
}

/// One request to the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Posting {
    pub(in crate::domain) target: Target,
    pub(in crate::domain) change: Change,
    pub(in crate::domain) label: Label,
}

/// What a posting is deduplicated by in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DedupeKey {
    pub customer: String,
    /// `None` for a hold: its key is stored in the table of holds, and is unique per customer there.
    pub kind: Option<EntryKind>,
    pub key: String,
}

/// What two postings of one flush have in common when the second repeats the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RepeatKey<'p> {
    Entry(&'p str, EntryKind, &'p str),
    OpenHold(&'p str, &'p str),
    OfHold(Uuid),
}

/// A posting that the fast path can book in the common case, with the values that its statement needs.
#[derive(Debug, Clone, Copy)]
pub enum FastPosting<'p> {
    Deduction(Deduction<'p>),
    OpenHold(HoldOpening<'p>),
    Capture(HoldCapture<'p>),
}

/// An ordinary deduction.
#[derive(Debug, Clone, Copy)]
pub struct Deduction<'p> {
    pub wallet: &'p WalletKey,
    pub amount: Money,
    pub label: &'p Label,
}

/// The opening of a hold.
#[derive(Debug, Clone, Copy)]
pub struct HoldOpening<'p> {
    pub wallet: &'p WalletKey,
    pub id: Uuid,
    pub amount: Money,
    pub lifetime: Duration,
    pub label: &'p Label,
}

/// The capture of a hold. The hold names the wallet and the currency of the amount.
#[derive(Debug, Clone, Copy)]
pub struct HoldCapture<'p> {
    pub hold_id: Uuid,
    pub amount: Decimal,
    pub label: &'p Label,
}

impl Posting {
    pub(in crate::domain) fn of_wallet(key: WalletKey, change: Change, label: Label) -> Self {
        Self { target: Target::Wallet { key, fallback: None }, change, label }
    }

    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    #[must_use]
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.label.bytes()
    }

    /// The hold that it closes or extends.
    #[must_use]
    pub fn hold(&self) -> Option<Uuid> {
        match self.target {
            Target::Hold(id) => Some(id),
            Target::Wallet { .. } => None,
        }
    }

    /// The wallet that it names.
    #[must_use]
    pub fn wallet(&self) -> Option<&WalletKey> {
        match &self.target {
            Target::Wallet { key, .. } => Some(key),
            Target::Hold(_) => None,
        }
    }

    #[must_use]
    pub fn fallback(&self) -> Option<&WalletKey> {
        match &self.target {
            Target::Wallet { fallback, .. } => fallback.as_ref(),
            Target::Hold(_) => None,
        }
    }

    /// The wallet that must exist before the posting is decided. Only a posting that puts something into a wallet
    /// makes it; a deduction from a wallet that does not exist is short.
    #[must_use]
    pub fn makes_wallet(&self) -> Option<&WalletKey> {
        let makes = matches!(
            self.change,
            Change::Credit { .. }
                | Change::Grant { .. }
                | Change::TakeBack { .. }
                | Change::Collect(_)
                | Change::GiveBack(_)
                | Change::Reverse { .. }
                | Change::Deduct { on_insufficient: OnInsufficient::Book, .. }
        );
        self.wallet().filter(|_| makes)
    }

    /// The wallet of the product whose guard counted what a reversal gives back, if another wallet paid.
    #[must_use]
    pub fn guarded_as_well(&self) -> Option<WalletKey> {
        match (&self.change, self.wallet()) {
            (Change::Reverse { parts }, Some(wallet)) => {
                parts.paid_for.clone().map(|product| WalletKey { product, ..wallet.clone() })
            }
            _ => None,
        }
    }

    /// Whether it reaches every wallet of its customer and currency, also one that is being made.
    #[must_use]
    pub fn reaches_all_wallets(&self) -> bool {
        match &self.change {
            Change::Collect(asked) => asked.reach == Reach::AllWallets,
            Change::GiveBack(_) => true,
            _ => false,
        }
    }

    /// The other wallets of the same customer and currency from which the posting may take.
    #[must_use]
    pub fn also_takes_from(&self) -> Vec<WalletKey> {
        match (&self.change, self.wallet()) {
            (Change::Collect(asked), Some(own)) => match &asked.reach {
                Reach::Request { also } => {
                    also.iter().map(|product| WalletKey { product: product.clone(), ..own.clone() }).collect()
                }
                Reach::Closing => vec![WalletKey { product: Product::main(), ..own.clone() }],
                Reach::OrderWallet | Reach::AllWallets => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The source and the order whose money it takes back or returns.
    #[must_use]
    pub fn taken_back_of(&self) -> Option<(TakeBackId, TakenFrom)> {
        match &self.change {
            Change::Collect(asked) => Some((asked.origin.id, asked.origin.of)),
            Change::GiveBack(given) => Some((given.id, given.of)),
            _ => None,
        }
    }

    /// The grants that it takes from or gives back to, even if they are used up.
    #[must_use]
    pub fn restored_grants(&self) -> Vec<Uuid> {
        match &self.change {
            Change::Reverse { parts } => parts.grants.iter().map(|(id, _)| *id).collect(),
            Change::RestoreGrant { grant_id, .. } => vec![*grant_id],
            Change::Collect(asked) => asked.grant_id.into_iter().collect(),
            Change::GiveBack(given) => given.grant_id.into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The key by which the ledger recognizes it once it is booked. Captures, releases and extensions are idempotent by
    /// the hold's state, sweeps by the clock, take-backs by the earlier requests of their source: they have no key.
    #[must_use]
    pub fn dedupe_key(&self) -> Option<DedupeKey> {
        let kind = match self.change {
            Change::OpenHold { .. } => None,
            Change::Sweep | Change::Collect(_) | Change::GiveBack(_) => return None,
            _ => Some(self.label.kind),
        };
        let customer = self.wallet()?.customer.as_str().to_owned();
        Some(DedupeKey { customer, kind, key: self.label.key.clone() })
    }

    /// The key by which a repetition within one flush is recognized.
    #[must_use]
    pub fn repeat_key(&self) -> RepeatKey<'_> {
        match &self.target {
            Target::Hold(id) => RepeatKey::OfHold(*id),
            Target::Wallet { key, .. } => {
                let customer = key.customer.as_str();
                match self.change {
                    Change::OpenHold { .. } => RepeatKey::OpenHold(customer, &self.label.key),
                    _ => RepeatKey::Entry(customer, self.label.kind, &self.label.key),
                }
            }
        }
    }

    /// The values that the fast path needs; `None` if the full path must decide.
    #[must_use]
    pub fn fast(&self) -> Option<FastPosting<'_>> {
        let label = &self.label;
        match (&self.change, &self.target) {
            (Change::Deduct { amount, .. }, Target::Wallet { key: wallet, .. }) => {
                Some(FastPosting::Deduction(Deduction { wallet, amount: *amount, label }))
            }
            (Change::OpenHold { id, amount, lifetime }, Target::Wallet { key: wallet, .. }) => {
                let (id, amount, lifetime) = (*id, *amount, *lifetime);
                Some(FastPosting::OpenHold(HoldOpening { wallet, id, amount, lifetime, label }))
            }
            (Change::Capture { amount }, Target::Hold(hold_id)) => {
                Some(FastPosting::Capture(HoldCapture { hold_id: *hold_id, amount: *amount, label }))
            }
            _ => None,
        }
    }
}

/// The ledger's answer to one posting.
#[derive(Debug, Clone, PartialEq)]
pub enum PostingOutcome {
    Booked(Booked),
    /// A posting with the same key and content was booked before, with this result.
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
