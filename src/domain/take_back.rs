//! Taken-back money: a company or an operator took it from us, and the customer's wallets give it.
//!
//! **Sources.** A refund, a dispute and a reversed approval take back money of one payment: what it brought to an
//! order, and what it brought to a wallet without an order. Each is a source, and what it takes from the wallets is
//! recorded in movements ([`Taken`]), numbered from 1. A movement is of one wallet.
//!
//! **Reach.** For money that has already left, the wallets are taken from by force ([`Reach::AllWallets`]): from the
//! order's wallet, then from the main wallet, then from the products by code; only unheld paid money beyond the
//! wallet's debt. What is missing is a [`Claim`] on the customer in that currency. It is in no wallet's figures.
//!
//! **While a claim is open**, no wallet of that customer and currency has unheld paid money beyond its debt: whatever
//! appears is taken in the same transaction, for the oldest claim first. New usage that may be refused, new holds,
//! captures beyond their hold, transfers and refunds are refused with the sum that ends it. Captures within a hold,
//! releases, reversals, usage that has happened, grants and top-ups go on.
//!
//! **Giving back** first cancels what that source still claims; then it goes movement by movement, last taken
//! first, each into the wallet that it came from.
//!
//! **The bonus.** The share of an order's bonus that goes back with its money is revoked from the grant, as far as it
//! is left and not held. The rest was spent, so money is taken for it, against `promotion`. When bonus returns later (a
//! hold is released, usage is reversed), it is revoked, and the money goes back to its wallet in the same transaction.
//!
//! For each source at all times: taken − given back + still claimed = what it asks for. `topup check` verifies it.
//!
//! Example: 100 were paid by card and moved to `whatsapp`, where 30 were spent. A dispute of 100 takes 70 from
//! `whatsapp` and claims 30. A top-up of 50 is credited, and 30 of it are taken at once, so the claim ends.

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
