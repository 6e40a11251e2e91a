//! The schema of this version, and whether a database has it.

use std::collections::BTreeSet;

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use secrecy::SecretString;

use super::StorageError;
use super::columns::YesOrNo;
use super::pool::connect;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// An arbitrary number that no other code locks: two migrating processes run one after the other.
const LOCK: i64 = 0x0074_6f70_7570;

#[derive(diesel::QueryableByName)]
struct Ran {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Versions of this program's migrations that the database has not run, oldest first.
///
/// # Errors
/// Database errors.
pub async fn pending(conn: &mut AsyncPgConnection) -> Result<Vec<String>, StorageError> {
    let known: YesOrNo = diesel::sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS yes")
        .get_result(conn)
        .await?;
    let ran: BTreeSet<String> = if known.yes {
        let rows: Vec<Ran> = diesel::sql_query("SELECT version FROM __diesel_schema_migrations").load(conn).await?;
        rows.into_iter().map(|row| row.version).collect()
    } else {
        BTreeSet::new()
    };
    Ok(ours()?.into_iter().filter(|version| !ran.contains(version)).collect())
}

/// Runs the pending migrations and returns how many there were. Several processes may call it at once.
///
/// # Errors
/// Database errors. Each migration is a transaction of its own, so those before the failed one stay.
pub async fn run(url: &SecretString) -> Result<usize, StorageError> {
    let url = url.clone();
    // Diesel's harness blocks and needs a multi-threaded runtime around it, so it gets one of its own.
    let work = move || {
        let failed = |error: &dyn std::fmt::Display| StorageError::Migration(error.to_string());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        runtime.block_on(async {
            let mut conn = connect(&url).await?;
            diesel::sql_query("SELECT pg_advisory_lock($1)").bind::<BigInt, _>(LOCK).execute(&mut conn).await?;
            let mut harness = AsyncMigrationHarness::new(conn);
            let ran = harness.run_pending_migrations(MIGRATIONS).map_err(|error| failed(&error))?.len();
            Ok(ran)
        })
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| StorageError::Migration(error.to_string()))?
}

fn ours() -> Result<BTreeSet<String>, StorageError> {
    let migrations: Vec<Box<dyn Migration<Pg>>> =
        MIGRATIONS.migrations().map_err(|error| StorageError::Migration(error.to_string()))?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}
