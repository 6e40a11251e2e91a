//! The poster: writes the usage and holds of many requests in few transactions.
//!
//! A request puts its postings into a bounded queue. A lane takes what waits there and writes it in one flush. While
//! that flush is on its way to the disk, the lane collects the next one and sends it after it on the same connection.
//! There is no timer: an idle service writes a single posting at once. No answer leaves before its commit.
//!
//! A flush tries the fast path first ([`crate::storage::ledger::fast`]). What the fast path does not book,
//! [`crate::storage::ledger::post`] decides under locks. Postings of one request are booked in their order; between
//! requests no order is promised. A caller who disconnects changes nothing: what was queued is booked.
//!
//! The lanes run on a thread of their own beside the HTTP workers, so that the tasks that drive their connections wake
//! up on the same core as the lane that waits for them.

mod full_path;
mod lane;
mod queue;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use self::queue::{Job, Queue};
use super::EngineError;
use crate::domain::posting::{Posting, PostingOutcome};
use crate::storage::StorageError;
use crate::storage::pool::Pool;

/// How the poster works.
#[derive(Debug, Clone)]
pub struct PosterSettings {
    /// Connections that flushes are pipelined on.
    pub lanes: usize,
    /// Flushes outstanding on one connection.
    pub pipeline: usize,
    /// How many postings may wait. Beyond it, callers get 503 `overloaded`; into an empty queue every request goes.
    pub queue: usize,
    /// The memory that waiting postings may take, in bytes. The same rule holds.
    pub queue_bytes: usize,
    /// Postings in one flush. A single request with more is written in one flush too.
    pub flush: usize,
    /// False: each request is written by a transaction of its own, as many at a time as the pool has connections. Only
    /// to compare both ways.
    pub batching: bool,
}

impl Default for PosterSettings {
    fn default() -> Self {
        Self { lanes: 1, pipeline: 2, queue: 20_000, queue_bytes: 32 << 20, flush: 1_000, batching: true }
    }
}

/// What became of one posting, or why that is not known.
pub type PostingAnswer = Result<PostingOutcome, StorageError>;

/// The handle that use cases hold; cloning shares it.
#[derive(Clone)]
pub struct Poster {
    queue: Arc<Queue>,
    pool: Pool,
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poster").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

impl Poster {
    /// Starts the lanes on their own thread.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be started.
    pub fn start(pool: &Pool, settings: PosterSettings) -> std::io::Result<Self> {
        let lanes = if settings.batching { settings.lanes.max(1) } else { 0 };
        let queue = Arc::new(Queue::new(settings, lanes));
        let poster = Self { queue, pool: pool.clone() };
        if lanes == 0 {
            return Ok(poster);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (shared, pool) = (Arc::clone(&poster.queue), pool.clone());
        std::thread::Builder::new().name("poster".to_owned()).spawn(move || {
            runtime.block_on(async {
                let lanes = (0..lanes).map(|_| lane::run(&shared, &pool));
                futures_util::future::join_all(lanes).await;
            });
        })?;
        Ok(poster)
    }

    /// Books the postings of one request in their order, and answers each on its own. An error of one posting is the
    /// answer to that posting alone.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`] when too much is waiting, [`EngineError::ShuttingDown`], and lost connections. After
    /// those, some postings may be booked; the same request with the same ids returns what became of each.
    pub async fn post(&self, postings: Vec<Posting>) -> Result<Vec<PostingAnswer>, EngineError> {
        if postings.is_empty() {
            return Ok(Vec::new());
        }
        if !self.queue.settings.batching {
            if self.queue.closed.load(Ordering::SeqCst) {
                return Err(EngineError::ShuttingDown);
            }
            return decided(lane::post_unbatched(self.pool.clone(), postings).await.ok_or(EngineError::ShuttingDown)?);
        }
        let (reply, outcome) = oneshot::channel();
        self.queue.push(Job::new(postings, reply))?;
        decided(outcome.await.map_err(|_| EngineError::ShuttingDown)?)
    }

    /// Postings that wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Takes no more postings, and waits until every one that was taken has its answer.
    pub async fn drain(&self) {
        self.queue.closed.store(true, Ordering::SeqCst);
        self.queue.arrived.notify_waiters();
        self.queue.arrived.notify_one();
        loop {
            let stopped = self.queue.stopped.notified();
            if self.queue.lanes_running.load(Ordering::SeqCst) == 0 {
                return;
            }
            stopped.await;
        }
    }
}

/// If the connection was lost, the whole request fails: some postings may have committed, so none may be reported as
/// refused. Retrying with the same ids reports the true outcome of each.
fn decided(answers: Vec<PostingAnswer>) -> Result<Vec<PostingAnswer>, EngineError> {
    let is_lost = |answer: &PostingAnswer| matches!(answer, Err(error) if error.is_connection_lost());
    if !answers.iter().any(is_lost) {
        return Ok(answers);
    }
    let lost = answers.into_iter().filter_map(Result::err).find(StorageError::is_connection_lost);
    Err(lost.map_or(EngineError::ShuttingDown, EngineError::Storage))
}
