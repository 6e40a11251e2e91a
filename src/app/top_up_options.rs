//! What a customer may choose: amounts, and every channel with the reason where it is not for them.

use super::catalogue::{self, Place};
use super::{App, Error};
use crate::domain::customer::CustomerId;
use crate::domain::money::Currency;
use crate::domain::offer::Offer;
use crate::domain::product::Product;

/// What is offered to a customer.
///
/// # Errors
/// 422 for a currency or product that is not offered.
pub async fn get(app: &App, customer: &CustomerId, currency: Currency, product: &Product) -> Result<Offer, Error> {
    let mut conn = app.pool.get().await?;
    let offered = catalogue::offered_channels(app);
    catalogue::offer(&mut conn, offered, customer, currency, product, Place::Query).await
}
