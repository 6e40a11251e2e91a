//! How much of a completed order its payer can get back now, as a sum of parts that a person can follow.
//!
//! `left_of_payment − fee − disputed − bonus − spent − held = amount`, to the cent. The wallet gives only unheld paid
//! money for a refund, so the amount is the largest for which it has enough. A refund stays within one payment
//! ([`super::payment_left`]), so these are the parts of the next one.

use rust_decimal::Decimal;

use super::ReturnedSoFar;
use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::domain::take_back::OrderBonus;
use crate::domain::wallet::Wallet;

/// The parts. All are in the currency of the order, and none is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refundable {
    /// The part of the order's payment that has not gone back.
    pub left_of_payment: Money,
    /// What cannot go back of it: the fee that is not refundable, with the tax on it.
    pub fee: Money,
    /// The part that the payer contests elsewhere.
    pub disputed: Money,
    /// The part that the wallet owes for bonus of the order that was spent.
    pub bonus: Money,
    /// The part for which the wallet lacks money, because it was spent or moved elsewhere.
    pub spent: Money,
    /// The part for which the wallet's money is reserved by open holds.
    pub held: Money,
    /// What the payer can get now.
    pub amount: Money,
}

/// The figures of an order's payment and wallet.
#[derive(Debug, Clone, Copy)]
pub struct RefundBasis<'a> {
    pub order: &'a Order,
    /// What of the payment can go back for this order.
    pub left: Money,
    /// With what became of the bonus ([`ReturnedSoFar::with_bonus`]).
    pub returned: ReturnedSoFar,
    pub bonus: Option<OrderBonus>,
    /// The order's wallet, without lapsed grants; `None` if the customer has none.
    pub wallet: Option<&'a Wallet>,
}

impl Refundable {
    #[must_use]
    pub fn of(basis: &RefundBasis<'_>) -> Self {
        let RefundBasis { order, left, returned, wallet, .. } = *basis;
        let nothing = Money::zero(order.currency());
        // What each part leaves of the order, as far as the payment goes.
        let of_payment = |of_order: Money| of_order.or_zero().min(left);
        let of_order = order.returnable() - returned.refunded;
        let left_of_payment = of_payment(order.received() - returned.refunded);
        let without_fee = of_payment(of_order);
        let without_disputed = of_payment(of_order - returned.disputed);
        let most = returned.refundable(order, left);
        let (movable, movable_and_held) =
            wallet.map_or((nothing, nothing), |wallet| (wallet.movable(), wallet.movable_beyond_holds()));
        let without_holds = basis.largest(most, movable_and_held);
        let amount = basis.largest(without_holds, movable);
        Self {
            left_of_payment,
            fee: left_of_payment - without_fee,
            disputed: without_fee - without_disputed,
            bonus: without_disputed - most,
            spent: most - without_holds,
            held: without_holds - amount,
            amount,
        }
    }

    /// The most that an operator can refund, who may take what the wallet lacks from elsewhere.
    #[must_use]
    pub fn at_most(&self) -> Money {
        self.amount + self.spent + self.held
    }
}

impl RefundBasis<'_> {
    /// The largest refund of the order for which this much of the customer's money is enough.
    #[must_use]
    pub fn at_most(&self, there: Money) -> Money {
        self.largest(self.returned.refundable(self.order, self.left), there)
    }

    /// What the wallet has to give in money for a refund.
    fn asked_of_wallet(&self, refund: Money) -> Money {
        let due = ReturnedSoFar { refunded: self.returned.refunded + refund, ..self.returned }.due(self.order);
        let grant = self.bonus.map(|bonus| bonus.grant_id);
        let unspent = grant.zip(self.wallet).map(|(id, wallet)| wallet.unheld_of_grant(id));
        let unspent = unspent.unwrap_or(Money::zero(self.order.currency()));
        due.money.or_zero() + (due.bonus.or_zero() - unspent).or_zero()
    }

    /// The largest refund up to `most` for which this much money is enough. What a refund takes from the wallet grows
    /// with the refund, so binary search finds it.
    fn largest(&self, most: Money, there: Money) -> Money {
        if self.asked_of_wallet(most) <= there {
            return most;
        }
        let currency = most.currency();
        let unit = Money::smallest(currency).amount();
        let money = |units: i64| Money::from_ledger(Decimal::from(units) * unit, currency);
        let (mut enough, mut too_much) = (0, i64::try_from((most.amount() / unit).ceil()).unwrap_or(i64::MAX));
        while too_much - enough > 1 {
            let middle = enough + (too_much - enough) / 2;
            match self.asked_of_wallet(money(middle)) <= there {
                true => enough = middle,
                false => too_much = middle,
            }
        }
        money(enough)
    }
}
