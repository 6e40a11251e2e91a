//! Bank transfers that operators make for refunds and payouts. An id of the bank belongs to only one of them.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::schema::payouts;
use super::statement::{Cached, Parameters, Statement};

/// Makes others who record a transfer under this id, in its normal form, wait until the transaction ends.
///
/// # Errors
/// Database errors.
pub async fn lock_id(conn: &mut AsyncPgConnection, normal: &str) -> Result<(), StorageError> {
    sql_query("SELECT pg_advisory_xact_lock(hashtextextended('bank transfer ' || $1, 0))")
        .bind::<Text, _>(normal)
        .execute(conn)
        .await?;
    Ok(())
}

struct OfRefund {
    transfer: String,
    except: Option<Uuid>,
}

impl Statement for OfRefund {
    const TEXT: &'static str = include_str!("sql/is_transfer_of_refund.sql");
    type Row = Bool;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.transfer)?;
        parameters.add::<Nullable<SqlUuid>, _>(&self.except)
    }
}

/// Whether a refund by bank transfer, other than `except`, was sent under this id, however it was written.
///
/// # Errors
/// Database errors.
pub async fn is_of_refund(
    conn: &mut AsyncPgConnection,
    transfer: &str,
    except: Option<Uuid>,
) -> Result<bool, StorageError> {
    Ok(Cached(OfRefund { transfer: transfer.to_owned(), except }).get_result(conn).await?)
}

/// Whether a payout was sent under this id, in its normal form, from any of our accounts.
///
/// # Errors
/// Database errors.
pub async fn is_of_payout(conn: &mut AsyncPgConnection, normal: &str) -> Result<bool, StorageError> {
    let sent = payouts::table.filter(payouts::bank_transaction_id.eq(normal));
    Ok(diesel::select(exists(sent)).get_result(conn).await?)
}
