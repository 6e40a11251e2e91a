//! Which payment of an order a refund takes, and how much of it.
//!
//! Several payments can serve an order, and each goes back to its own payer. So a refund stays within one payment: the
//! one that was applied last and has something left. The next refund takes the one before it.

use uuid::Uuid;

use crate::domain::money::Money;
use crate::domain::payment::{Application, Payment};

/// A payment that serves an order, and what of it can go back for that order.
#[derive(Debug, Clone, PartialEq)]
pub struct PaymentLeft {
    pub payment: Payment,
    /// What of it serves the order and has not gone back.
    pub of_order: Money,
}

impl PaymentLeft {
    /// `applied` are the applications to the order that stand; `returned` is what went back of the order, by payment.
    #[must_use]
    pub fn new(payment: Payment, applied: &[Application], returned: &[(Uuid, Money)]) -> Self {
        let (id, currency) = (payment.id, payment.currency());
        let here = applied.iter().filter(|one| one.payment_id == id).map(|one| one.amount);
        let back = returned.iter().filter(|(of, _)| *of == id).map(|(_, amount)| *amount);
        let of_order = Money::sum(currency, here) - Money::sum(currency, back);
        Self { payment, of_order }
    }

    /// What can go back. The payment may serve other orders, too.
    #[must_use]
    pub fn left(&self) -> Money {
        self.of_order.min(self.payment.amount - self.payment.refunded).or_zero()
    }

    /// The payment that the next refund takes. `all` are the payments of an order, the last applied one first. If none
    /// has anything left, it is the last applied one.
    #[must_use]
    pub fn next(mut all: Vec<Self>) -> Option<Self> {
        let n = all.iter().position(|one| one.left().is_positive()).unwrap_or(0);
        (n < all.len()).then(|| all.swap_remove(n))
    }
}
