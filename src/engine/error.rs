//! Why an engine refuses or does not finish a piece of work.

use crate::storage::StorageError;

/// Why an engine could not process a request. All but [`EngineError::Storage`] are temporary.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Too many requests wait to be written, or to be read.
    #[error("too many requests are waiting; repeat the request in a moment")]
    Overloaded,
    /// A read that was made for several requests failed.
    #[error("the balances could not be read; repeat the request in a moment")]
    NotRead,
    /// The outcome of the postings is unknown: they could not be written in time, or their writer ended.
    #[error("the request could not be finished in time; repeat it with the same id, which shows what was booked")]
    Unanswered,
    /// Too many streams are open; the text says whose.
    #[error("{0}")]
    StreamsFull(&'static str),
    #[error("the service is stopping; repeat the request")]
    ShuttingDown,
    #[error(transparent)]
    Storage(#[from] StorageError),
}
