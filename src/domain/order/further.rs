//! What a later application adds to a completed order, and what its reversal takes from it.
//!
//! The sums over the applications that stand are [`Order::divide`] of what was received in all: an order that is paid
//! in two parts has the same credit, fee and tax as one that is paid at once. So a later part is divided as the
//! difference that it makes, and the application that came last is the first one to be reversed. When the last one is
//! reversed, the order keeps the amounts of that one, and its reason says what happened.

use super::{Completion, Division, Order, OrderState};
use crate::domain::money::Money;
use crate::domain::payment::Application;

impl Order {
    /// What a further amount adds to a completed order. The bonus belongs to the money that completed the order, so it
    /// adds none. `None` where too little comes: nothing is left to credit, or a part is taken back by rounding to the
    /// minor unit.
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
