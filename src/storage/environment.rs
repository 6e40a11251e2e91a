//! The stamp of the database: test or live.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StorageError;
use super::schema::{environment, payments, top_up_orders, wallets};
use crate::domain::deployment::Deployment;
use crate::domain::environment::Environment;
use crate::domain::quote::{InstallationSecret, QuoteKey};

/// Reads the stamp; `None` when the database has none yet.
///
/// # Errors
/// [`StorageError`].
pub async fn read(conn: &mut AsyncPgConnection) -> Result<Option<Environment>, StorageError> {
    let stamp: Option<String> = environment::table.select(environment::stamp).first(conn).await.optional()?;
    stamp.map(|stamp| stamp.parse().map_err(|_| StorageError::Corrupt(format!("environment {stamp}")))).transpose()
}

/// The key that signs the quotes of this database and this installation; `None` where the database has no stamp yet.
///
/// # Errors
/// [`StorageError`].
pub async fn quote_key(
    conn: &mut AsyncPgConnection,
    installation: &InstallationSecret,
) -> Result<Option<QuoteKey>, StorageError> {
    let row: Option<(String, Vec<u8>)> =
        environment::table.select((environment::stamp, environment::quote_secret)).first(conn).await.optional()?;
    row.map(|(stamp, secret)| {
        let known = stamp.parse().map_err(|_| StorageError::Corrupt(format!("environment {stamp}")))?;
        Ok(QuoteKey::new(&secret, installation, known))
    })
    .transpose()
}

/// The name of this database at the payment companies; `None` if the database has no stamp yet.
///
/// # Errors
/// [`StorageError`].
pub async fn deployment(conn: &mut AsyncPgConnection) -> Result<Option<Deployment>, StorageError> {
    let name: Option<String> = environment::table.select(environment::deployment).first(conn).await.optional()?;
    name.map(|name| name.parse().map_err(|_| StorageError::Corrupt(format!("deployment {name}")))).transpose()
}

/// Stamps a database that has no stamp. An unused database, without wallets, orders and payments, can be stamped again.
/// Returns the stamp that applies.
///
/// # Errors
/// [`StorageError`].
pub async fn stamp(conn: &mut AsyncPgConnection, wanted: Environment) -> Result<Environment, StorageError> {
    if let Some(stamp) = read(conn).await?
        && (stamp == wanted || is_used(conn).await?)
    {
        return Ok(stamp);
    }
    diesel::insert_into(environment::table)
        .values((environment::singleton.eq(true), environment::stamp.eq(wanted.as_str())))
        .on_conflict(environment::singleton)
        .do_update()
        .set(environment::stamp.eq(wanted.as_str()))
        .execute(conn)
        .await?;
    Ok(wanted)
}

/// Whether there is a wallet, an order or a payment.
pub(super) async fn is_used(conn: &mut AsyncPgConnection) -> Result<bool, StorageError> {
    use diesel::dsl::exists;
    let wallets = diesel::select(exists(wallets::table.select(wallets::id))).get_result::<bool>(conn).await?;
    let orders =
        diesel::select(exists(top_up_orders::table.select(top_up_orders::id))).get_result::<bool>(conn).await?;
    let payments = diesel::select(exists(payments::table.select(payments::id))).get_result::<bool>(conn).await?;
    Ok(wallets || orders || payments)
}
