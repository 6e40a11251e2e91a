//! Why an engine refuses or does not finish a piece of work.

use crate::storage::StorageError;

/// Why an engine could not carry out a request. All but [`EngineError::Storage`] pass by themselves.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Too much waits to be written, or to be read.
    #[error("too many requests are waiting; repeat the request in a moment")]
    Overloaded,
    /// A read that was made for several requests failed.
    #[error("the balances could not be read; repeat the request in a moment")]
    NotRead,
    /// What became of the postings is not known: they could not be written in time, or their writer ended.
    #[error("the request could not be finished in time; repeat it with the same id, which shows what was booked")]
    Unanswered,
    /// This many streams are open already; the text says whose.
    #[error("{0}")]
    StreamsFull(&'static str),
    #[error("the service is stopping; repeat the request")]
    ShuttingDown,
    #[error(transparent)]
    Storage(#[from] StorageError),
}
