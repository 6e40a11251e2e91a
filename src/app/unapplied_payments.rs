//! Payments that serve no order, or not with all of their money. They wait for an operator.

use super::{App, Error};
use crate::domain::page::{Page, Rows};
use crate::domain::payment::Payment;
use crate::storage::payments;

/// A page of payments with an unapplied rest, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, page: &Page) -> Result<Rows<Payment>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(payments::unapplied(&mut conn, page).await?)
}
