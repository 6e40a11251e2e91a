//! The poster: usage and holds of many requests, written by few transactions.
//!
//! Requests put their postings into a bounded queue. A lane takes what is there and writes it in one flush;
//! while that is on its way to the disk, the next one is collected and sent after it on the same connection.
//! There is no timer: an idle service writes a single posting at once. No answer leaves before its commit.
//!
//! A flush goes through the fast path first ([`crate::storage::ledger::fast`]); what that does not settle is
//! decided by [`crate::storage::ledger::post`] under locks. Order is kept within one request; between requests
//! none is promised. A caller who goes away changes nothing: what was queued is booked.
//!
//! The lanes run on a thread of their own, beside the HTTP workers: the tasks that drive their connections
//! wake up on the same core as the lane that waits for them.

mod lane;
mod queue;
mod slow;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use self::queue::{Job, Queue};

use crate::app::Error;
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
    /// Postings waiting, beyond which callers are told to come back; one request that brings more is let in alone.
    pub queue: usize,
    /// The memory that waiting postings may take, in bytes, on the same terms.
    pub queue_bytes: usize,
    /// Postings in one flush, unless one request brings more.
    pub flush: usize,
    /// False: every request is written by a transaction of its own, as many at a time as the pool has connections.
    /// For comparison only.
    pub batching: bool,
}

impl Default for PosterSettings {
    fn default() -> Self {
        Self { lanes: 1, pipeline: 2, queue: 20_000, queue_bytes: 32 << 20, flush: 1_000, batching: true }
    }
}

/// What became of one posting, or why that is not known.
pub type Answer = Result<PostingOutcome, StorageError>;

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

    /// Books the postings of one request, in order, and answers each on its own; what went wrong with one of them
    /// is its answer alone.
    ///
    /// # Errors
    /// 503 `poster_full` when too much is waiting, 503 when the database is away or the service stops. Whether
    /// anything was booked is then told by the same request with the same ids.
    pub async fn post(&self, postings: Vec<Posting>) -> Result<Vec<Answer>, Error> {
        if postings.is_empty() {
            return Ok(Vec::new());
        }
        if !self.queue.settings.batching {
            if self.queue.closed.load(Ordering::SeqCst) {
                return Err(stopping());
            }
            return decided(lane::alone(self.pool.clone(), postings).await.ok_or_else(stopping)?);
        }
        let (reply, outcome) = oneshot::channel();
        self.queue.push(Job::new(postings, reply))?;
        decided(outcome.await.map_err(|_| stopping())?)
    }

    /// Postings that wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Takes no more postings and waits until all that were taken are answered.
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

fn unavailable(code: &'static str, detail: &str) -> Error {
    Error::Unavailable { code, detail: detail.to_owned(), retry_after_seconds: 1 }
}

fn stopping() -> Error {
    unavailable("shutting_down", "the service is stopping; repeat the request")
}

/// A request that lost the database on the way has failed as a whole, whatever was booked of it before: of what was
/// lost nobody knows whether it is booked, so it may not be told as refused. The same request again tells of all.
fn decided(answers: Vec<Answer>) -> Result<Vec<Answer>, Error> {
    let lost = |answer: &Answer| answer.as_ref().err().is_some_and(StorageError::is_connection_lost);
    match answers.iter().position(lost) {
        None => Ok(answers),
        Some(at) => Err(answers.into_iter().nth(at).and_then(Answer::err).map_or_else(stopping, Error::Storage)),
    }
}
