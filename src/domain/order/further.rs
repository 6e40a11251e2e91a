//! What a later application adds to a completed order, and what its reversal takes from it.
//!
//! The sums over the applications that stand are [`Order::divide`] of what was received in all: an order that is paid
//! in two parts has the same credit, fee and tax as one that is paid at once. So a later part is divided as the
//! difference that it makes, and the application that came last is the first one to be reversed. When the last one is
//! reversed, the order keeps the amounts of that one, and its reason says what happened.

use super::{Completion, Order, OrderState};
use crate::domain::payment::Application;

impl Order {
    /// Takes a reversed application out of the amounts of a completed order, while another one stands.
    pub fn reverse_further(&mut self, application: &Application) {
        if let OrderState::Completed(completion) = self.state {
            let received = completion.received - application.amount;
            self.state = OrderState::Completed(Completion { received, ..completion });
            self.credited_amount -= application.credited();
        }
    }
}
