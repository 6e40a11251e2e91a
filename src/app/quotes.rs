//! Quotes: what an amount costs, before the customer places an order.

use super::catalogue::{self, FieldLocation};
use super::{App, Error, Problems};
use crate::domain::catalogue::Price;
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money, parse_plain_decimal};
use crate::domain::offer::Eligibility;
use crate::domain::payment::Channel;
use crate::domain::product::Product;

/// The quote that a caller requests. Nothing of it is checked yet.
#[derive(Debug, Clone)]
pub struct QuoteInput {
    pub currency: String,
    pub amount: String,
    pub channel: Option<Channel>,
    pub product: Option<String>,
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
/// 422 naming every field that is wrong. A channel that the customer cannot choose is not an error: the quote gives the
/// reason.
pub async fn quote(app: &App, customer: &CustomerId, input: &QuoteInput) -> Result<Quote, Error> {
    let mut problems = Problems::new();
    let currency = problems.checked_money("/currency", input.currency.parse::<Currency>());
    let amount = match currency {
        Some(currency) => catalogue::amount(&mut problems, "/amount", &input.amount, currency),
        None => problems.checked_money("/amount", parse_plain_decimal(&input.amount)).and(None),
    };
    let product = catalogue::product_or_main(&mut problems, "/product", input.product.as_deref());
    let (Some(amount), Some(product)) = (amount, product) else { return Err(problems.into_error()) };
    problems.finish()?;

    let mut conn = app.pool.get().await?;
    let offered = catalogue::offered_channels(app);
    let offer =
        catalogue::offer(&mut conn, offered, customer, amount.currency(), &product, FieldLocation::Body).await?;
    let channels: Vec<_> = offer
        .channels(Some(amount))
        .into_iter()
        .map(|one| {
            let price = offer.price(one.channel, amount).and_then(Result::ok);
            (one, price)
        })
        .collect();
    let recommended = channels.iter().find(|(one, _)| one.recommended).map(|(one, _)| one.channel);
    Ok(Quote { amount, product, chosen: input.channel.or(recommended), channels })
}
