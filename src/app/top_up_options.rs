//! Top-up options as a customer sees them: the amounts, and every channel with the reason when it cannot be chosen.

use super::catalogue::{self, FieldLocation};
use super::{App, Error, Problems};
use crate::domain::customer::CustomerId;
use crate::domain::money::Currency;
use crate::domain::offer::Offer;

/// The offer to a customer in one currency, for the main wallet or a product.
///
/// # Errors
/// 422 for a currency or product that is malformed or not offered.
pub async fn get(app: &App, customer: &CustomerId, currency: &str, product: Option<&str>) -> Result<Offer, Error> {
    let mut problems = Problems::new();
    let currency = problems.checked_money("?currency", currency.parse::<Currency>());
    let product = catalogue::product_or_main(&mut problems, "?product", product);
    let (Some(currency), Some(product)) = (currency, product) else { return Err(problems.into_error()) };
    let mut conn = app.pool.get().await?;
    let offered = catalogue::offered_channels(app);
    catalogue::offer(&mut conn, offered, customer, currency, &product, FieldLocation::Query).await
}
