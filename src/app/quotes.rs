//! Quotes: the price of an order before the customer places it, and the signed text that fixes this price for a while.

use chrono::{DateTime, Utc};

use super::catalogue::{self, FieldLocation};
use super::{App, Error};
use crate::domain::catalogue::Price;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::money::Money;
use crate::domain::offer::Eligibility;
use crate::domain::payment::Channel;
use crate::domain::product::Product;
use crate::domain::quote::{FixedPrices, QUOTE_LIFE, QuoteKey};
use crate::storage::{Connection, clock, environment};

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
    /// Every channel, with its price if a rule sets one that leaves something to credit.
    pub channels: Vec<(Eligibility, Option<Price>)>,
    /// The text that fixes these prices, and its expiry; `None` if the customer can choose no channel.
    pub signed: Option<SignedQuote>,
}

/// A quote as an order names it.
#[derive(Debug, Clone)]
pub struct SignedQuote {
    pub text: String,
    pub expires_at: DateTime<Utc>,
}

impl Quote {
    /// The price through the chosen channel.
    #[must_use]
    pub fn price(&self) -> Option<Price> {
        let chosen = self.chosen?;
        self.channels.iter().find(|(one, _)| one.channel == chosen).and_then(|(_, price)| *price)
    }
}

/// Prices an amount, and signs the prices. Nothing is stored.
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
    let fixed = FixedPrices::of(&offer, amount, clock::now(&mut conn).await?);
    let signed = match fixed.prices.is_empty() {
        true => None,
        false => {
            Some(SignedQuote { text: fixed.sign(&key(&mut conn, app).await?, customer), expires_at: fixed.expires_at })
        }
    };
    Ok(Quote { amount, product, chosen: channel.or(recommended), channels, signed })
}

/// Reads the prices that a quote fixes. It must have been made for this customer, amount and product.
///
/// # Errors
/// 422 `/quote_id`: `invalid_quote` for any other text, `quote_expired`.
pub async fn read(
    conn: &mut Connection,
    app: &App,
    text: &str,
    customer: &CustomerId,
    amount: Money,
    product: &Product,
) -> Result<FixedPrices, Error> {
    let refused = |code, detail: &str| Err(Error::field("/quote_id", code, detail));
    let Ok(fixed) = FixedPrices::read(text, &key(conn, app).await?, customer) else {
        return refused(Code::InvalidQuote, "is not a quote of this customer");
    };
    let now = clock::now(conn).await?;
    if fixed.expires_at > now + QUOTE_LIFE {
        return refused(Code::InvalidQuote, "is not a quote that this service made");
    }
    if fixed.expires_at < now {
        return refused(Code::QuoteExpired, "has expired; ask for a new quote");
    }
    if fixed.amount != amount {
        return refused(Code::InvalidQuote, "is a quote of another amount");
    }
    if fixed.product != *product {
        return refused(Code::InvalidQuote, "is a quote of another product");
    }
    Ok(fixed)
}

async fn key(conn: &mut Connection, app: &App) -> Result<QuoteKey, Error> {
    environment::quote_key(conn, &app.settings.secret).await?.ok_or(Error::Internal("a stamp of the database"))
}
