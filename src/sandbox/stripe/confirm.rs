//! Confirms a card payment, as Stripe.js does.

use super::gate::Call;
use super::model::{Books, IntentStatus};
use super::problem::Problem;
use super::{Stripe, render};

impl Stripe {
    /// Confirms a payment from the card pop-up. The test card or test payment method decides the result
    /// (docs.stripe.com/testing).
    pub(super) fn confirm(&self, books: &mut Books, id: &str, call: &Call) -> Result<(), Problem> {
        let Some(intent) = books.intents.get_mut(id) else {
            return Err(Problem::missing("payment_intent", id, "intent"));
        };
        if intent.session.is_some() {
            return Err(Problem::impossible(
                "payment_intent_unexpected_state",
                "You cannot confirm PaymentIntents created by Checkout.",
            ));
        }
        if !matches!(intent.status, IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresAction) {
            return Err(Problem::impossible(
                "payment_intent_unexpected_state",
                "You cannot confirm this PaymentIntent because it has already succeeded or was \
                 canceled.",
            )
            .with("payment_intent", render::intent(intent, &self.public_url)));
        }
        let form = &call.form;
        intent.return_url = form.owned("return_url");
        let number = form
            .text("payment_method_data[card][number]")
            .map(|number| number.chars().filter(char::is_ascii_digit).collect::<String>());
        let decline = match (form.text("payment_method"), number.as_deref()) {
            (Some("pm_card_visa" | "pm_card_mastercard"), _) | (None, Some("4242424242424242")) => {
                self.succeed(books, id, None);
                return Ok(());
            }
            (Some("pm_card_authenticationRequired" | "pm_card_threeDSecure2Required"), _)
            | (None, Some("4000002500003155" | "4000002760003184")) => {
                self.ask_for_otp(books, id);
                return Ok(());
            }
            (Some("pm_card_visa_chargeDeclinedInsufficientFunds"), _) | (None, Some("4000000000009995")) => {
                "insufficient_funds"
            }
            (Some("pm_card_visa_chargeDeclined" | "pm_card_chargeDeclined"), _) | (None, Some("4000000000000002")) => {
                "generic_decline"
            }
            (Some(other), _) => {
                return Err(Problem::missing("PaymentMethod", other, "payment_method"));
            }
            (None, Some(_)) => {
                return Err(Problem::card("incorrect_number", "Your card number is incorrect."));
            }
            (None, None) => {
                return Err(Problem::impossible(
                    "payment_intent_unexpected_state",
                    "You cannot confirm this PaymentIntent because it's missing a payment method.",
                ));
            }
        };
        let message = "Your card was declined.";
        self.decline(books, id, "card_declined", Some(decline), message);
        let problem = Problem::card("card_declined", message).with("decline_code", decline.into());
        Err(match books.intents.get(id) {
            Some(intent) => problem.with("payment_intent", render::intent(intent, &self.public_url)),
            None => problem,
        })
    }
}
