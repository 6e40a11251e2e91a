//! Top-up options as a customer sees them: the amounts, and every channel with the reason if it cannot be chosen.

use std::collections::BTreeSet;

use super::catalogue::{self, FieldLocation};
use super::{App, Error};
use crate::domain::catalogue::TopUpOptions;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::money::Currency;
use crate::domain::offer::Offer;
use crate::domain::product::Product;
use crate::storage::catalogue::top_up_options as store;
use crate::storage::{Connection, ledger};

/// The offer to a customer in one currency, for the main wallet or a product. Also returns all currencies in which the
/// main wallet or that product is offered. If no currency is named, the offer is in the currency of the wallet that the
/// customer used last, or else in the first of these currencies.
///
/// # Errors
/// 422 for a currency or product that is not offered.
pub async fn get(
    app: &App,
    customer: &CustomerId,
    currency: Option<Currency>,
    product: &Product,
) -> Result<(Offer, Vec<Currency>), Error> {
    let mut conn = app.pool.get().await?;
    let currencies = currencies(&mut conn, product).await?;
    let currency = match currency {
        Some(currency) => currency,
        None => {
            let wallets = ledger::read_wallets(&mut conn, customer).await?;
            let used = wallets.iter().filter(|wallet| currencies.contains(&wallet.key.currency));
            let last = used.max_by_key(|wallet| wallet.updated_at).map(|wallet| wallet.key.currency);
            let none = || {
                Error::field(
                    "?currency",
                    Code::CurrencyNotOffered,
                    "cannot be chosen, because no currency is offered yet",
                )
            };
            last.or(currencies.first().copied()).ok_or_else(none)?
        }
    };
    let offer = catalogue::offer(&mut conn, app, customer, currency, product, FieldLocation::Query).await?;
    Ok((offer, currencies))
}

/// The currencies that are offered for the main wallet or a product, in alphabetical order.
async fn currencies(conn: &mut Connection, product: &Product) -> Result<Vec<Currency>, Error> {
    let options = store::list(conn).await?;
    let applies = |options: &TopUpOptions| options.product.is_main() || options.product == *product;
    let all: BTreeSet<Currency> =
        options.iter().filter(|options| applies(options)).map(TopUpOptions::currency).collect();
    Ok(all.into_iter().collect())
}
