//! Money that is taken back: a payment company or an operator took it from us, so the customer's wallets have to give
//! it.
//!
//! # An example
//!
//! A customer paid 100 by card, moved them to the product `whatsapp`, and spent 30 there. Now the payer disputes the
//! 100.
//!
//! 1. The dispute takes 70 from `whatsapp`. No wallet has the other 30, so they become a claim on the customer.
//! 2. The customer tops up 50. The top-up is credited, and 30 of it are taken in the same transaction. The claim ends.
//! 3. The dispute is won. 100 are given back: first 30 to the wallet that was topped up, then 70 to `whatsapp`.
//!
//! # Sources and movements
//!
//! A **source** is what takes money back: a refund, a dispute, or the reversal of a wrong approval. It concerns one
//! payment, and asks for all or a part of what that payment brought to an order, or to a wallet without an order.
//!
//! Each time that it takes from a wallet, this is recorded as a **movement** ([`Taken`]). A movement is of one wallet,
//! and the movements of a source are numbered from 1.
//!
//! # Which wallets give
//!
//! [`Reach`] says which wallets a source may take from, and what happens if they have too little. If the money has
//! already left us, that is [`Reach::AllWallets`]: the order's wallet gives first, then the main wallet, then those of
//! the products in the order of their codes. Each gives only paid money that no hold reserves and that exceeds its
//! debt. What is missing becomes a [`Claim`] on the customer in that currency. A claim is in no wallet's figures.
//!
//! # While a claim is open
//!
//! No wallet of that customer and currency keeps money that it could give. Whatever appears is taken in the same
//! transaction, for the oldest claim first.
//!
//! - **Refused**, with the sum that would end the claims: usage that may be refused, new holds, captures beyond their
//!   hold, transfers, refunds and payouts.
//! - **Allowed:** usage that has already happened, captures within a hold, releases, reversals, grants and top-ups.
//!
//! # Giving back
//!
//! A refund can fail, and a dispute can be won. Then what the source still claims is cancelled first. After that its
//! movements are given back, the last one first, each into the wallet that it came from.
//!
//! # The bonus
//!
//! If an order brought a bonus, a share of the bonus goes back with the order's money. As far as that share is left and
//! not held, it is revoked from the grant. The rest was spent or is held, so money is taken for it, against the
//! counterpart `promotion`.
//!
//! Such bonus can return later, when a hold is released or usage is reversed. Then the bonus is revoked, and the money
//! that was taken for it goes back to its wallet in the same transaction.
//!
//! # The invariant
//!
//! For each source at all times: taken − given back + still claimed = what it asks for. `topup check` verifies it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::counterpart::Counterpart;
use super::customer::CustomerId;
use super::id::IdKind;
use super::money::{Currency, Money};
use super::product::Product;
use super::wallet_key::WalletKey;

/// The source: the refund, dispute or reversed approval for which money is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TakeBackId {
    Refund(Uuid),
    Dispute(Uuid),
    /// The adjustment that reverses an approval.
    Adjustment(Uuid),
}

impl TakeBackId {
    /// The id as the API shows it.
    #[must_use]
    pub fn shown(self) -> String {
        match self {
            Self::Refund(id) => IdKind::Refund.show(id),
            Self::Dispute(id) => IdKind::Dispute.show(id),
            Self::Adjustment(id) => IdKind::Adjustment.show(id),
        }
    }

    /// Reads what [`TakeBackId::shown`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let refund = || IdKind::Refund.parse(text).map(Self::Refund);
        let dispute = || IdKind::Dispute.parse(text).map(Self::Dispute);
        refund().or_else(dispute).or_else(|| IdKind::Adjustment.parse(text).map(Self::Adjustment))
    }
}

/// What brought the money that is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenFrom {
    Order(Uuid),
    /// A payment that an operator applied to a wallet, without an order.
    Payment(Uuid),
}

impl TakenFrom {
    /// The id as the API shows it: the reference of the entries.
    #[must_use]
    pub fn shown(self) -> String {
        match self {
            Self::Order(id) => IdKind::TopUpOrder.show(id),
            Self::Payment(id) => IdKind::Payment.show(id),
        }
    }

    #[must_use]
    pub fn order(self) -> Option<Uuid> {
        match self {
            Self::Order(id) => Some(id),
            Self::Payment(_) => None,
        }
    }

    #[must_use]
    pub fn payment(self) -> Option<Uuid> {
        match self {
            Self::Payment(id) => Some(id),
            Self::Order(_) => None,
        }
    }

    /// The part for the money itself; bonus has parts of its own.
    #[must_use]
    pub fn money(self) -> TakenPart {
        match self {
            Self::Order(_) => TakenPart::Money,
            Self::Payment(_) => TakenPart::WalletMoney,
        }
    }
}

/// What a movement takes, and the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TakenPart {
    /// Paid money, for the order's money.
    Money,
    /// Paid money, for what a payment brought to a wallet without an order.
    WalletMoney,
    /// Paid money, for bonus that was spent.
    BonusMoney,
    /// Bonus that was still there.
    Bonus,
}

impl TakenPart {
    pub const ALL: [Self; 4] = [Self::Money, Self::WalletMoney, Self::BonusMoney, Self::Bonus];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::WalletMoney => "wallet_money",
            Self::BonusMoney => "bonus_money",
            Self::Bonus => "bonus",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == text)
    }
}

/// Which wallets give what a source asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// The order's wallet, then the wallets of these products; refused if their unheld paid money is less.
    Request { also: Vec<Product> },
    /// The order's wallet, then the main wallet, of an account that is being closed: its closing has moved the money
    /// there. Refused if their unheld paid money is less.
    Closing,
    /// The order's wallet; what it lacks becomes its debt.
    OrderWallet,
    /// All wallets of the customer in that currency. What they cannot give becomes a claim on the customer.
    AllWallets,
}

/// What every movement of a source has in common.
#[derive(Debug, Clone, PartialEq)]
pub struct TakeBackOrigin {
    pub id: TakeBackId,
    pub of: TakenFrom,
    /// The counterpart of the money.
    pub counterpart: Counterpart,
    /// The description of the entries.
    pub description: Option<String>,
}

/// What is still claimed of one part of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    pub origin: TakeBackOrigin,
    pub customer: CustomerId,
    /// Any but [`TakenPart::Bonus`].
    pub part: TakenPart,
    /// The order's bonus, for bonus money.
    pub grant_id: Option<Uuid>,
    /// Zero once the claim has ended.
    pub amount: Money,
    pub created_at: DateTime<Utc>,
}

/// One movement: what was taken from one wallet, or revoked from its bonus.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    pub origin: TakeBackOrigin,
    /// The number of the movement among those of its source, from 1.
    pub n: i32,
    pub part: TakenPart,
    /// The order's bonus, unless it is for money.
    pub grant_id: Option<Uuid>,
    pub wallet: WalletKey,
    pub wallet_id: Uuid,
    pub taken: Money,
    pub given_back: Money,
    /// In how many entries it was given back.
    pub returns: i32,
    pub taken_at: DateTime<Utc>,
}

impl Taken {
    /// What has not been given back.
    #[must_use]
    pub fn outstanding(&self) -> Money {
        self.taken - self.given_back
    }
}

/// The bonus that an order brought, and how much of it is spent or expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderBonus {
    pub grant_id: Uuid,
    /// Spent, or reserved by open holds.
    pub spent: Money,
    /// Expired unspent.
    pub expired: Money,
}

/// The sum of what is claimed from a customer in each currency.
#[must_use]
pub fn sums(claims: &[Claim]) -> Vec<Money> {
    let mut sums: BTreeMap<Currency, Money> = BTreeMap::new();
    for Claim { amount, .. } in claims {
        *sums.entry(amount.currency()).or_insert(Money::zero(amount.currency())) += *amount;
    }
    sums.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_reads_back() {
        let id = Uuid::from_u128(7);
        for source in [TakeBackId::Refund(id), TakeBackId::Dispute(id), TakeBackId::Adjustment(id)] {
            assert_eq!(TakeBackId::parse(&source.shown()), Some(source));
        }
        assert_eq!(TakeBackId::parse(&IdKind::Hold.show(id)), None);
    }
}
