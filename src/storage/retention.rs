//! Deletes what is needed only for a while, in small batches.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::ledger::HOLD_SWEEPER;
use super::statement::{Cached, Parameters, Statement};

/// How long something is kept, in seconds.
pub type Seconds = i64;

struct PruneIdempotencyKeys {
    age: Seconds,
    limit: i64,
}

impl Statement for PruneIdempotencyKeys {
    const TEXT: &'static str = include_str!("sql/prune_idempotency_keys.sql");
    type Row = BigInt;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.age)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

/// Deletes idempotency keys older than `age` whose resource no longer changes. The key of a transfer, a grant, a refund
/// or an adjustment moves to that row. Returns how many were deleted.
///
/// # Errors
/// [`StorageError`].
pub async fn prune_idempotency_keys(
    conn: &mut AsyncPgConnection,
    age: Seconds,
    limit: i64,
) -> Result<i64, StorageError> {
    Ok(Cached(PruneIdempotencyKeys { age, limit }).get_result(conn).await?)
}

struct Events {
    age: Seconds,
    limit: i64,
}

impl Statement for Events {
    const TEXT: &'static str = include_str!("sql/prune_events.sql");
    type Row = BigInt;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.age)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

/// Deletes numbered events older than `age`, but never the last one. Returns how many were deleted.
///
/// # Errors
/// [`StorageError`].
pub async fn prune_events(conn: &mut AsyncPgConnection, age: Seconds, limit: i64) -> Result<i64, StorageError> {
    Ok(Cached(Events { age, limit }).get_result(conn).await?)
}

struct Deliveries {
    age: Seconds,
    limit: i64,
}

impl Statement for Deliveries {
    const TEXT: &'static str = include_str!("sql/prune_webhook_deliveries.sql");
    type Row = BigInt;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.age)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

/// Deletes deliveries of webhooks older than `age`, with their attempts. Returns how many were deleted.
///
/// # Errors
/// [`StorageError`].
pub async fn prune_webhook_deliveries(
    conn: &mut AsyncPgConnection,
    age: Seconds,
    limit: i64,
) -> Result<i64, StorageError> {
    Ok(Cached(Deliveries { age, limit }).get_result(conn).await?)
}

struct Endpoints(i64);

impl Statement for Endpoints {
    const TEXT: &'static str = include_str!("sql/prune_webhook_endpoints.sql");
    type Row = BigInt;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.0)
    }
}

/// Removes deleted endpoints of webhooks that no delivery refers to. Returns how many were removed.
///
/// # Errors
/// [`StorageError`].
pub async fn prune_webhook_endpoints(conn: &mut AsyncPgConnection, limit: i64) -> Result<i64, StorageError> {
    Ok(Cached(Endpoints(limit)).get_result(conn).await?)
}

struct Notifications {
    foreign: Seconds,
    age: Seconds,
    limit: i64,
}

impl Statement for Notifications {
    const TEXT: &'static str = include_str!("sql/prune_provider_events.sql");
    type Row = BigInt;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.foreign)?;
        parameters.add::<BigInt, _>(&self.age)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

/// Deletes processed notifications of providers: foreign and ignored ones older than `foreign`, all others older than
/// `age`. Returns how many were deleted.
///
/// # Errors
/// [`StorageError`].
pub async fn prune_provider_events(
    conn: &mut AsyncPgConnection,
    foreign: Seconds,
    age: Seconds,
    limit: i64,
) -> Result<i64, StorageError> {
    Ok(Cached(Notifications { foreign, age, limit }).get_result(conn).await?)
}

struct OldHolds {
    age: Seconds,
    limit: i64,
}

impl Statement for OldHolds {
    const TEXT: &'static str = include_str!("sql/old_holds.sql");
    type Row = (SqlUuid, Timestamptz);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.age)?;
        parameters.add::<BigInt, _>(&self.limit)?;
        parameters.add::<Text, _>(&HOLD_PRUNER)?;
        parameters.add::<Text, _>(&HOLD_SWEEPER)
    }
}

struct PruneHolds {
    ids: Vec<Uuid>,
    reached: DateTime<Utc>,
}

impl Statement for PruneHolds {
    const TEXT: &'static str = include_str!("sql/prune_holds.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<SqlUuid>, _>(&self.ids)?;
        parameters.add::<Timestamptz, _>(&self.reached)?;
        parameters.add::<Text, _>(&HOLD_PRUNER)
    }
}

/// The name of the row in `worker_marks` that stores up to which expiry holds were checked for deletion.
const HOLD_PRUNER: &str = "holds_pruned";

/// Deletes closed holds that expired longer than `age` ago, except those of which something was given back. Reversals
/// of these holds wait for the caller's transaction. Returns the number of holds that it checked.
///
/// # Errors
/// [`StorageError`].
pub async fn prune_holds(conn: &mut AsyncPgConnection, age: Seconds, limit: i64) -> Result<usize, StorageError> {
    let old: Vec<(Uuid, DateTime<Utc>)> = Cached(OldHolds { age, limit }).load(conn).await?;
    let Some((_, reached)) = old.last() else { return Ok(0) };
    let statement = PruneHolds { ids: old.iter().map(|(id, _)| *id).collect(), reached: *reached };
    Cached(statement).execute(conn).await?;
    Ok(old.len())
}
