//! Quotes: what an amount costs, before the customer places an order.

use super::catalogue::{self, FieldLocation};
use super::{App, Error};
use crate::domain::catalogue::Price;
use crate::domain::customer::CustomerId;
use crate::domain::money::Money;
use crate::domain::offer::Eligibility;
use crate::domain::payment::Channel;
use crate::domain::product::Product;

/// The quote that a caller requests.
#[derive(Debug, Clone)]
pub struct NewQuote {
    /// Greater than zero; fits the currency's minor unit.
    pub amount: Money,
    pub channel: Option<Channel>,
    /// The main wallet, or the product to top up.
    pub product: Product,
}

/// What an amount costs through each channel.
#[derive(Debug, Clone)]
pub struct Quote {
    pub amount: Money,
    pub product: Product,
    /// The requested channel, or the recommended one when the caller named none.
    pub chosen: Option<Channel>,
    /// Every channel, with its price where a rule sets one that leaves something to credit.
    pub channels: Vec<(Eligibility, Option<Price>)>,
}

impl Quote {
    /// The price through the chosen channel.
    #[must_use]
    pub fn price(&self) -> Option<Price> {
        let chosen = self.chosen?;
        self.channels.iter().find(|(one, _)| one.channel == chosen).and_then(|(_, price)| *price)
    }
}

/// Prices an amount. Nothing is stored: an order computes and keeps its own price when it is created.
///
/// # Errors
/// 422 for a currency or product that is not offered. A channel that the customer cannot choose is not an error: the
/// quote gives the reason.
pub async fn quote(app: &App, customer: &CustomerId, new: NewQuote) -> Result<Quote, Error> {
    let NewQuote { amount, channel, product } = new;
    let mut conn = app.pool.get().await?;
    let offer = catalogue::offer(&mut conn, app, customer, amount.currency(), &product, FieldLocation::Body).await?;
    let channels: Vec<_> = offer
        .channels(Some(amount))
        .into_iter()
        .map(|one| {
            let price = offer.price(one.channel, amount).and_then(Result::ok);
            (one, price)
        })
        .collect();
    let recommended = channels.iter().map(|(one, _)| one).filter(|one| one.recommended).min_by_key(|one| one.rank);
    let recommended = recommended.map(|one| one.channel);
    Ok(Quote { amount, product, chosen: channel.or(recommended), channels })
}
