//! Payments that are not ours, according to their company.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StorageError;
use super::schema::foreign_payments;
use crate::domain::payment::ProviderName;

/// Remembers that a payment is not ours.
///
/// # Errors
/// Database errors.
pub async fn remember(
    conn: &mut AsyncPgConnection,
    provider: ProviderName,
    payment_id: &str,
) -> Result<(), StorageError> {
    diesel::insert_into(foreign_payments::table)
        .values((foreign_payments::provider.eq(provider.as_str()), foreign_payments::payment_id.eq(payment_id)))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether a payment is known not to be ours.
///
/// # Errors
/// Database errors.
pub async fn is_known(
    conn: &mut AsyncPgConnection,
    provider: ProviderName,
    payment_id: &str,
) -> Result<bool, StorageError> {
    let known = foreign_payments::table.find((provider.as_str(), payment_id));
    Ok(diesel::select(diesel::dsl::exists(known)).get_result(conn).await?)
}
