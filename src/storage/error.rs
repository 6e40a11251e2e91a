//! What can go wrong between the service and its database.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

use super::connection::sqlstate::{self, Passing};

/// What can go wrong between the service and its database. The edge shows none of its text.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error(transparent)]
    Database(#[from] DieselError),
    #[error("no connection to the database: {0}")]
    Unreachable(String),
    #[error("the caller uses its whole share of the database connections")]
    ShareUsedUp,
    /// The database has a value that this code never writes.
    #[error("the database has an unexpected value: {0}")]
    Corrupt(String),
    #[error("the database cannot be migrated: {0}")]
    Migration(String),
    /// Another transaction changed what this one has to lock, while it waited. Running it again helps.
    #[error("another transaction changed what this one has to lock")]
    Overtaken,
}

/// Unique keys that two transactions may write at the same moment. The second one finds the first one's row when it
/// runs again.
const RACED_KEYS: [&str; 4] =
    ["entries_key_once", "holds_pkey", "top_up_orders_bonus_once", "top_up_orders_bonus_first"];

impl StorageError {
    /// Why the error is temporary; `None` for a bug. A caller gets 503 for a temporary error and 500 for a bug.
    #[must_use]
    pub fn passing(&self) -> Option<Passing> {
        match self {
            Self::Unreachable(_) | Self::Database(DieselError::BrokenTransactionManager) => Some(Passing::Away),
            Self::Database(error) => of_diesel(error),
            Self::ShareUsedUp => Some(Passing::TooSlow),
            Self::Overtaken => Some(Passing::Conflict),
            Self::Corrupt(_) | Self::Migration(_) => None,
        }
    }

    /// Whether the same transaction may succeed when it runs again at once. A session waits for a lock only briefly, so
    /// that its connection is soon free for others; the next run queues for the lock again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.passing(), Some(Passing::Conflict | Passing::Locked))
            || RACED_KEYS.iter().any(|key| self.violates(key))
    }

    /// Whether the connection is lost. Then it is unknown whether its transaction has committed.
    #[must_use]
    pub fn is_connection_lost(&self) -> bool {
        self.passing() == Some(Passing::Away)
    }

    /// Whether the caller has used up its share of the connections. The database may have no problem.
    #[must_use]
    pub fn is_of_caller(&self) -> bool {
        matches!(self, Self::ShareUsedUp)
    }

    /// Whether another session held a lock for longer than this one waits for it.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.passing() == Some(Passing::Locked)
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

    /// Whether a unique constraint refused a row. Partitions and shards append to its name, so a prefix is enough.
    #[must_use]
    pub fn violates(&self, constraint: &str) -> bool {
        self.violated_unique().is_some_and(|name| name.starts_with(constraint))
    }
}

fn of_diesel(error: &DieselError) -> Option<Passing> {
    match error {
        DieselError::DatabaseError(kind, info) => of_database(kind, info.as_ref()),
        DieselError::RollbackErrorOnCommit { rollback_error, commit_error } => {
            of_diesel(commit_error).or_else(|| of_diesel(rollback_error))
        }
        DieselError::BrokenTransactionManager => Some(Passing::Away),
        _ => None,
    }
}

fn of_database(kind: &DatabaseErrorKind, info: &(dyn DatabaseErrorInformation + Send + Sync)) -> Option<Passing> {
    match kind {
        DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => Some(Passing::Away),
        DatabaseErrorKind::SerializationFailure => Some(Passing::Conflict),
        DatabaseErrorKind::ReadOnlyTransaction => Some(Passing::ReadOnly),
        _ => sqlstate::of_message(info.message()),
    }
}
