//! PostgreSQL, through diesel only. Functions take a connection and return domain types. They contain no rules.
//!
//! A balance changes in one place: [`ledger::post`].

pub mod account_flows;
pub mod adjustments;
pub mod approvals;
pub mod attempts;
pub mod audit;
pub mod billing_profiles;
pub mod catalogue;
pub mod check;
pub mod clock;
pub(crate) mod columns;
pub mod disputes;
pub mod environment;
pub mod events;
pub mod grants;
pub mod idempotency;
pub mod ledger;
pub mod low_balance_alerts;
pub mod migrations;
pub mod orders;
pub mod payments;
pub mod pool;
pub mod provider_events;
pub mod refunds;
pub mod schema;
pub mod spend_guards;
pub mod statement;
pub mod transaction;
pub mod transfers;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
pub use diesel_async::AsyncPgConnection as Connection;

pub(crate) use self::columns::currency_from_column;

/// Why the database could not be used. The edge shows none of it to callers.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error(transparent)]
    Database(#[from] DieselError),
    #[error("no connection to the database: {0}")]
    Unreachable(String),
    /// The database holds a value that this program never writes.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
    #[error("the database cannot be migrated: {0}")]
    Migration(String),
}

impl StorageError {
    /// Whether the same transaction may succeed when it runs again: after a serialization failure or a deadlock, and
    /// when another transaction wrote the same key at the same time through another wallet. The next run finds that
    /// key.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(DieselError::DatabaseError(kind, info)) => {
                matches!(kind, DatabaseErrorKind::SerializationFailure)
                    || info.message().contains("deadlock detected")
                    || matches!(self.violated_unique(), Some("entries_key_once" | "holds_pkey"))
            }
            _ => false,
        }
    }

    /// Whether the connection was lost. It is then unknown whether the transaction committed.
    #[must_use]
    pub fn is_connection_lost(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Database(DieselError::DatabaseError(kind, info)) => {
                // The server's message when it stops or when one of its processes has crashed (57P01, 57P02). Diesel
                // does not give access to the code.
                matches!(kind, DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand)
                    || info.message().starts_with("terminating connection")
            }
            Self::Database(DieselError::BrokenTransactionManager) => true,
            _ => false,
        }
    }

    /// The name of the unique constraint that refused a row.
    #[must_use]
    pub fn violated_unique(&self) -> Option<&str> {
        match self {
            Self::Database(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)) => {
                info.constraint_name()
            }
            _ => None,
        }
    }
}
