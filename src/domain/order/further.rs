//! What a later application adds to a completed order, and what its reversal takes from it.
//!
//! An order that is paid in two parts has the same credit, fee and tax as one that is paid at once: the sums of its
//! applications are [`Order::divide`] of all that was received. So a later part gets the difference that it makes.
//!
//! For example, an order has a fee of 1.00 for 100.00. First 60.00 come, with a fee of 0.60. When 40.00 more come, all
//! 100.00 have a fee of 1.00, so the later part has the other 0.40.
//!
//! Therefore the application that came last is reversed first. When the only one that is left is reversed, the order
//! keeps its amounts, and the reason of the order says what happened.

use super::{Completion, Division, Order, OrderState};
use crate::domain::money::Money;
use crate::domain::payment::Application;

impl Order {
    /// What a further amount adds to a completed order. It adds no bonus: the bonus belongs to the money that completed
    /// the order. `None` if the amount is too small: nothing would be left to credit, or rounding to the minor unit
    /// would make a part negative.
    #[must_use]
    pub fn divide_further(&self, further: Money) -> Option<Division> {
        let before = self.received();
        let (all, given) = (self.divide(before + further), self.divide(before));
        let added = Division {
            credited: all.credited - given.credited,
            fee: all.fee - given.fee,
            tax: all.tax - given.tax,
            tax_included: all.tax_included - given.tax_included,
            bonus: Money::zero(self.currency()),
        };
        let is_part = |part: Money| !part.is_negative() && part <= further;
        let fits = is_part(added.fee) && is_part(added.tax) && is_part(added.tax_included);
        (fits && added.credited.is_positive()).then_some(added)
    }

    /// Adds a further application to the amounts of a completed order.
    pub fn receive_further(&mut self, application: &Application) {
        if let OrderState::Completed(completion) = self.state {
            let received = completion.received + application.amount;
            self.state = OrderState::Completed(Completion { received, ..completion });
            self.credited_amount += application.credited();
        }
    }

    /// Takes a reversed application out of the amounts of a completed order, while another one stands.
    pub fn reverse_further(&mut self, application: &Application) {
        if let OrderState::Completed(completion) = self.state {
            let received = completion.received - application.amount;
            self.state = OrderState::Completed(Completion { received, ..completion });
            self.credited_amount -= application.credited();
        }
    }
}
