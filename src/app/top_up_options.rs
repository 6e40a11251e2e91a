//! Top-up options as a customer sees them: the amounts, and every channel with the reason when it cannot be chosen.

use super::catalogue::{self, FieldLocation};
use super::{App, Error};
use crate::domain::customer::CustomerId;
use crate::domain::money::Currency;
use crate::domain::offer::Offer;
use crate::domain::product::Product;

/// The offer to a customer in one currency, for the main wallet or a product.
///
/// # Errors
/// 422 for a currency or product that is not offered.
pub async fn get(app: &App, customer: &CustomerId, currency: Currency, product: &Product) -> Result<Offer, Error> {
    let mut conn = app.pool.get().await?;
    let offered = catalogue::offered_channels(app);
    catalogue::offer(&mut conn, offered, customer, currency, product, FieldLocation::Query).await
}
