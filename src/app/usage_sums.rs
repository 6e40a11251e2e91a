//! Usage of folded days, summed by day, product and labels.

use super::{App, Error, reports};
use crate::domain::customer::CustomerId;
use crate::domain::page::{Page, Rows};
use crate::domain::report::entries::Days;
use crate::domain::usage_sum::{UsageSum, UsageSumPlace};
use crate::storage::usage_sums as store;

/// A page of the sums of a range of days, the oldest day first.
///
/// # Errors
/// 409 `too_recent`, 422 for days out of order or too many, database errors.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    days: &Days,
    page: &Page<UsageSumPlace>,
) -> Result<Rows<UsageSum>, Error> {
    reports::require_folded(app, days, reports::MOST_DAYS).await?;
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, customer, days, page).await?)
}
