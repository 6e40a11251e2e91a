//! PostgreSQL, through diesel only. Functions take a connection and return domain types; they hold no rules.
//!
//! A balance changes in one place: [`ledger::post`].

pub mod adjustments;
pub mod approvals;
pub mod attempts;
pub mod audit;
pub mod billing_profiles;
pub mod catalogue;
pub mod check;
pub mod disputes;
pub mod environment;
pub mod events;
pub mod flows;
pub mod grants;
pub mod idempotency;
pub mod ledger;
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

use crate::domain::money::{Currency, MoneyError};

/// What can go wrong between us and the database. Internals stay inside: the edge shows none of it.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error(transparent)]
    Database(#[from] DieselError),
    #[error("no connection to the database: {0}")]
    Unreachable(String),
    /// The database holds what our own code never writes.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
    #[error("the database cannot be migrated: {0}")]
    Migration(String),
}

impl StorageError {
    /// Serialization failures and deadlocks: the same transaction may succeed when run again. So may one whose
    /// key somebody else wrote at the same time through another wallet: the next run finds it.
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

    /// The connection is gone: whether the transaction committed is unknown.
    #[must_use]
    pub fn is_connection_lost(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Database(DieselError::DatabaseError(kind, info)) => {
                // What a session is told when the server stops, or another process of it has crashed (57P01, 57P02):
                // diesel does not hand out the code.
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

/// A currency as a column holds it.
pub(crate) fn currency_from_column(code: &str) -> Result<Currency, StorageError> {
    code.parse().map_err(|error: MoneyError| StorageError::Corrupt(format!("currency {code}: {error}")))
}
