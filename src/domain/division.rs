//! Which parts of a payment its refunds and disputes take.
//!
//! Money that a company took back comes from the unapplied rest first, then from the wallets that an operator applied a
//! part to, then from the order. A refund keeps its parts. Whenever a refund or dispute appears, fails, is won or
//! begins to count, what refunds leave is divided again among the disputes in force, one after the other. So a refund
//! and a dispute of different money take both parts, and those of the same money take it once. When the refund fails,
//! the dispute takes the parts that the refund gave.
//!
//! Example: of a payment of 100, 10 serve nothing, 30 were applied to a wallet and 60 to an order. A refund of 100
//! takes 10, 30 and 60. A dispute of 100 finds nothing left and turns to the order, which gives each cent once. When
//! the refund fails, the dispute takes 10, 30 and 60.

use chrono::{DateTime, Utc};

use crate::domain::customer::CustomerId;
use crate::domain::money::Money;
use crate::domain::product::Product;
use crate::domain::take_back::TakeBackId;

/// What a payment brought to the wallets of a customer without an order, and what was taken back of it.
#[derive(Debug, Clone, PartialEq)]
pub struct WalletCredit {
    pub customer: CustomerId,
    /// Of the wallet that was credited last, which gives first.
    pub product: Product,
    pub amount: Money,
    /// What refunds and disputes in force take from it; disputes that count only once lost take nothing before.
    pub asked: Money,
    /// What the customer's wallets owe for them: taken, or still claimed, less what they got back.
    pub taken: Money,
}

impl WalletCredit {
    /// What the wallets have to give; a negative amount goes back to them.
    #[must_use]
    pub fn due(&self) -> Money {
        self.asked - self.taken
    }
}

/// The parts of a payment that a refund or dispute takes. An order gives what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenParts {
    pub from_unapplied: Money,
    pub from_wallet: Money,
}

/// A refund or dispute in force.
#[derive(Debug, Clone, PartialEq)]
pub struct TakenShare {
    pub id: TakeBackId,
    /// Whether an order's wallet gives the rest. Without an order no wallet does, and the rest counts as taken from the
    /// unapplied part.
    pub has_order: bool,
    pub amount: Money,
    pub parts: TakenParts,
    /// Whether its parts are fixed: those of a recorded refund are, because a credit note names them. Refunds never
    /// overlap, because together they are never more than the payment.
    pub is_fixed: bool,
    /// Whether it takes money now, and not only when it is lost.
    pub charged: bool,
    pub created_at: DateTime<Utc>,
}

impl TakenShare {
    /// A refund or dispute that is about to count, and has no parts yet.
    #[must_use]
    pub fn new(id: TakeBackId, has_order: bool, amount: Money, charged: bool, created_at: DateTime<Utc>) -> Self {
        let nothing = Money::zero(amount.currency());
        let parts = TakenParts { from_unapplied: nothing, from_wallet: nothing };
        Self { id, has_order, amount, parts, is_fixed: false, charged, created_at }
    }
}

/// Divides the payment again. `unapplied` is the part of the payment that serves nothing, before anything is taken
/// back; `credited` is what it brought to wallets without an order.
pub fn divide(unapplied: Money, credited: Money, standing: &mut [TakenShare]) {
    let is_dispute = |one: &TakenShare| matches!(one.id, TakeBackId::Dispute(_));
    standing.sort_by_key(|one| (!one.is_fixed, is_dispute(one), !one.charged, one.created_at, one.id));
    let (mut rest, mut credit) = (unapplied, credited);
    for one in standing {
        if !one.is_fixed {
            let from_rest = one.amount.min(rest);
            let from_wallet = (one.amount - from_rest).min(credit);
            let from_unapplied = if one.has_order { from_rest } else { one.amount - from_wallet };
            one.parts = TakenParts { from_unapplied, from_wallet };
        }
        rest = (rest - one.parts.from_unapplied).or_zero();
        credit = (credit - one.parts.from_wallet).or_zero();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use uuid::Uuid;

    fn usd(amount: i64) -> Money {
        Money::from_ledger(amount.into(), "USD".parse().unwrap())
    }

    fn standing(n: u32, amount: i64) -> TakenShare {
        let (id, at) = (TakeBackId::Dispute(Uuid::from_u128(n.into())), DateTime::from_timestamp(n.into(), 0).unwrap());
        TakenShare::new(id, true, usd(amount), true, at)
    }

    /// 10 serve nothing, 30 were applied to a wallet, and 60 to an order, if there is one.
    fn divided(has_order: bool, mut all: Vec<TakenShare>) -> Vec<(Money, Money)> {
        all.iter_mut().for_each(|one| one.has_order = has_order);
        divide(usd(10), usd(30), &mut all);
        all.iter().map(|one| (one.parts.from_unapplied, one.parts.from_wallet)).collect()
    }

    #[test]
    fn the_rest_gives_first_then_the_wallet_then_the_order() {
        assert_eq!(divided(true, vec![standing(1, 8)]), [(usd(8), usd(0))]);
        assert_eq!(divided(true, vec![standing(1, 25)]), [(usd(10), usd(15))]);
        assert_eq!(divided(true, vec![standing(1, 100)]), [(usd(10), usd(30))]);
        // One after the other they take different money.
        let two = divided(true, vec![standing(1, 25), standing(2, 75)]);
        assert_eq!(two, [(usd(10), usd(15)), (usd(0), usd(15))]);
        // The first has ended; the second is divided again.
        assert_eq!(divided(true, vec![standing(2, 75)]), [(usd(10), usd(30))]);
        // Without an order no other wallet can give the rest.
        assert_eq!(divided(false, vec![standing(1, 50)]), [(usd(20), usd(30))]);
        assert_eq!(divided(false, vec![standing(1, 40), standing(2, 40)]), [(usd(10), usd(30)), (usd(40), usd(0))]);
    }

    #[test]
    fn a_refund_keeps_its_parts_and_what_waits_to_be_lost_comes_last() {
        let fixed = TakenShare { is_fixed: true, ..standing(3, 60) };
        assert_eq!(divided(true, vec![standing(1, 40), fixed]), [(usd(0), usd(0)), (usd(10), usd(30))]);
        // A refund that comes after a dispute of the same money takes its parts: they stay when the dispute is won.
        let refund = TakenShare { id: TakeBackId::Refund(Uuid::from_u128(2)), ..standing(2, 100) };
        assert_eq!(divided(true, vec![standing(1, 100), refund]), [(usd(10), usd(30)), (usd(0), usd(0))]);
        let waiting = TakenShare { charged: false, ..standing(1, 40) };
        assert_eq!(divided(true, vec![waiting, standing(2, 40)]), [(usd(10), usd(30)), (usd(0), usd(0))]);
    }
}
