//! A caller's share of the connections, so that no caller keeps the others from the database.
//!
//! The edge runs each request under the [`Share`] of its caller. A request with a seat of the share may borrow a
//! connection; the seat is given back together with the connection. A request that holds a connection gets further ones
//! without another seat, because it would otherwise wait for itself. Shares count per process.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::StorageError;
use super::connection::PATIENCE;

/// How long a caller who borrows nothing is remembered. Every request ends much earlier.
const REMEMBERED: Duration = Duration::from_secs(300);
/// The most callers that are remembered.
const CALLERS: u64 = 100_000;

tokio::task_local! {
    static SHARE: Share;
}

/// The shares of all callers of one pool.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    /// The seats of each caller.
    seats: Cache<String, Arc<Semaphore>>,
    /// The connections of the pool.
    connections: usize,
}

impl Shares {
    pub(super) fn new(connections: usize) -> Self {
        Self { seats: Cache::builder().max_capacity(CALLERS).time_to_idle(REMEMBERED).build(), connections }
    }

    /// The share of a caller for one request: the pool divided by `parts`, and at least one connection. All
    /// requests of one caller must name the same number of parts.
    pub(super) fn of(&self, caller: String, parts: usize) -> Share {
        let seats = (self.connections / parts).max(1);
        Share { shares: self.clone(), caller, seats, held: Arc::default() }
    }
}

/// The share of one caller, as one request has it.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    caller: String,
    seats: usize,
    /// The connections that the request holds.
    held: Arc<AtomicUsize>,
}

impl Share {
    /// Runs a request under this share.
    pub async fn hold<F: Future>(self, request: F) -> F::Output {
        SHARE.scope(self, request).await
    }
}

/// The right of a request to hold one connection.
pub(super) struct Seat {
    _permit: Option<OwnedSemaphorePermit>,
    held: Arc<AtomicUsize>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A seat for the request that asks. `None` outside requests.
///
/// # Errors
/// [`StorageError::ShareUsedUp`] after 10 s.
pub(super) async fn seat() -> Result<Option<Seat>, StorageError> {
    let wanted = SHARE.try_with(|share| {
        let held = Arc::clone(&share.held);
        let is_first = held.load(Ordering::Relaxed) == 0;
        let seats = || Arc::new(Semaphore::new(share.seats));
        (held, is_first.then(|| share.shares.seats.get_with_by_ref(share.caller.as_str(), seats)))
    });
    let Ok((held, seats)) = wanted else { return Ok(None) };
    let permit = match seats {
        // The semaphore is never closed.
        Some(seats) => timeout(PATIENCE, seats.acquire_owned()).await.map_err(|_| StorageError::ShareUsedUp)?.ok(),
        None => None,
    };
    held.fetch_add(1, Ordering::Relaxed);
    Ok(Some(Seat { _permit: permit, held }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_caller_has_its_part_and_no_more_and_others_have_theirs() {
        let shares = Shares::new(8);
        let first = shares.of("alice".to_owned(), 4).hold(seat()).await.unwrap();
        let second = shares.of("alice".to_owned(), 4).hold(seat()).await.unwrap();
        let mut third = Box::pin(shares.of("alice".to_owned(), 4).hold(seat()));
        assert!(third.as_mut().now_or_never().is_none());
        shares.of("bob".to_owned(), 4).hold(seat()).await.unwrap();
        drop(first);
        third.await.unwrap();
        drop(second);
    }

    #[tokio::test]
    async fn a_request_does_not_wait_for_itself() {
        let shares = Shares::new(1);
        let nested = async {
            let outer = seat().await.unwrap();
            let inner = seat().await.unwrap();
            drop((outer, inner));
            seat().await.unwrap()
        };
        shares.of("alice".to_owned(), 4).hold(nested).await.unwrap();
        // Everything was given back.
        shares.of("alice".to_owned(), 4).hold(seat()).await.unwrap();
    }

    #[tokio::test]
    async fn work_that_is_no_request_needs_no_seat() {
        assert!(seat().await.unwrap().is_none());
    }
}
