//! The poster: writes the usage and holds of many requests in few transactions.
//!
//! A request puts its postings into a bounded queue. A lane takes all waiting postings and writes them in one flush.
//! While that flush is being written to disk, the lane collects the next one, and sends it on the same connection.
//! There is no timer: an idle service writes a single posting at once. No answer is sent before its commit.
//!
//! A flush tries the fast path ([`crate::storage::ledger::fast`]) and answers each request that is completely booked.
//! [`leftovers`] decides the rest under locks, while the lane goes on. If another session holds the lock of a wallet
//! for long, the wallet is parked: [`parked`] writes its postings alone until they succeed again, so that only the
//! first flush that meets such a wallet waits for it. A request that has no answer after ten seconds gets 503; its
//! postings may still be booked, and the same ids show whether they are.
//!
//! Postings of one request are booked in their order; between requests no order is promised. A caller who disconnects
//! changes nothing: what was queued is booked.
//!
//! All of this runs on a thread of its own, apart from the HTTP workers, so that the tasks that drive the connections
//! of the lanes wake up on the same core as the lane that waits for them. A lane that panics is started again.

mod full_path;
mod lane;
mod leftovers;
mod parked;
mod queue;
mod recent;
mod supervision;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use self::parked::Parked;
use self::queue::{Job, Queue};
use self::recent::Recent;
use super::{EngineError, Supervisor};
use crate::domain::posting::{Posting, PostingOutcome};
use crate::storage::StorageError;
use crate::storage::pool::Pool;

/// How long a request waits for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the poster works.
#[derive(Debug, Clone)]
pub struct PosterSettings {
    /// The number of connections on which flushes are pipelined.
    pub lanes: usize,
    /// The most flushes outstanding on one connection.
    pub pipeline: usize,
    /// How many postings may wait. Beyond it, callers get 503 `overloaded`; an empty queue takes any request. The same
    /// number may wait for the full path, and the same number to be written alone.
    pub queue: usize,
    /// The memory that waiting postings may take, in bytes. An empty queue takes any request here, too.
    pub queue_bytes: usize,
    /// The most postings in one flush. A single request with more is written in one flush, too.
    pub flush: usize,
    /// False: each request is written by a transaction of its own, and as many run at a time as the pool has
    /// connections. It is there only to compare both ways.
    pub batching: bool,
}

impl Default for PosterSettings {
    fn default() -> Self {
        Self { lanes: 1, pipeline: 2, queue: 20_000, queue_bytes: 32 << 20, flush: 1_000, batching: true }
    }
}

/// Why the outcome of a posting is unknown.
#[derive(Debug)]
enum Trouble {
    /// Another session held the lock of its wallet for too long.
    Locked,
    Storage(StorageError),
}

/// The outcome of one posting.
type PostingAnswer = Result<PostingOutcome, Trouble>;

/// What the parts of the poster share.
struct Shared {
    settings: PosterSettings,
    pool: Pool,
    /// The jobs that no lane has taken yet.
    queue: Queue,
    /// The jobs that the fast path has not booked.
    leftovers: Queue,
    parked: Parked,
    recent: Recent,
    closed: AtomicBool,
    /// Jobs that are neither answered nor dropped.
    unanswered: AtomicUsize,
    /// Is notified when `unanswered` becomes zero.
    settled: Notify,
}

impl Shared {
    fn new(pool: &Pool, settings: PosterSettings) -> Self {
        Self {
            parked: Parked::new(pool.status().limit),
            settings,
            pool: pool.clone(),
            queue: Queue::default(),
            leftovers: Queue::default(),
            recent: Recent::default(),
            closed: AtomicBool::new(false),
            unanswered: AtomicUsize::new(0),
            settled: Notify::new(),
        }
    }

    /// Returns once no new job is accepted and every job has its answer.
    async fn done(&self) {
        loop {
            let settled = self.settled.notified();
            if self.closed.load(Ordering::SeqCst) && self.unanswered.load(Ordering::SeqCst) == 0 {
                return;
            }
            settled.await;
        }
    }
}

/// The handle for use cases; cloning shares it.
#[derive(Clone)]
pub struct Poster {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poster").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

impl Poster {
    /// Starts the lanes and the workers of the full path on their own thread.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be started.
    pub fn start(pool: &Pool, settings: PosterSettings, supervisor: &Supervisor) -> std::io::Result<Self> {
        let settings = PosterSettings { lanes: settings.lanes.max(1), pipeline: settings.pipeline.max(1), ..settings };
        let shared = Arc::new(Shared::new(pool, settings));
        if shared.settings.batching {
            supervision::start(&shared, supervisor)?;
        }
        Ok(Self { shared })
    }

    /// Books the postings of one request in their order, and returns the outcome of each.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`] when too much is waiting, [`EngineError::Unanswered`],
    /// [`EngineError::ShuttingDown`], and database errors. After those, some postings may be booked; the same request
    /// with the same ids returns the outcome of each. So no posting is reported as refused unless that is certain.
    pub async fn post(&self, postings: Vec<Posting>) -> Result<Vec<PostingOutcome>, EngineError> {
        if postings.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + PATIENCE;
        let (reply, outcome) = oneshot::channel();
        // The job is counted before `closed` is read: a stop waits for it, or it sees the stop.
        let job = Job::new(&self.shared, postings, deadline, reply);
        if self.shared.closed.load(Ordering::SeqCst) {
            return Err(EngineError::ShuttingDown);
        }
        if self.shared.settings.batching {
            self.shared.queue.push(job, &self.shared.settings).map_err(|_| EngineError::Overloaded)?;
        } else {
            tokio::spawn(lane::post_unbatched(Arc::clone(&self.shared), job));
        }
        match timeout_at(deadline, outcome).await {
            Ok(Ok(answer)) => outcomes(answer?),
            Ok(Err(_)) if self.shared.closed.load(Ordering::SeqCst) => Err(EngineError::ShuttingDown),
            Ok(Err(_)) | Err(_) => Err(EngineError::Unanswered),
        }
    }

    /// Postings that wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.queue.waiting()
    }

    /// Requests that were taken and have no answer yet.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.shared.unanswered.load(Ordering::SeqCst)
    }

    /// Accepts no more postings, and waits until every accepted one has its answer: at most as long as their callers
    /// wait.
    pub async fn drain(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.settled.notify_waiters();
        if timeout(PATIENCE, self.shared.done()).await.is_err() {
            tracing::warn!("Some usages and holds are still being written, but their callers no longer wait");
        }
    }
}

/// If the outcome of one posting is unknown, the whole request fails: that posting may be booked, so it must not be
/// reported as refused. A temporary error takes precedence over another one, because the caller should repeat the
/// request.
fn outcomes(answers: Vec<PostingAnswer>) -> Result<Vec<PostingOutcome>, EngineError> {
    if answers.iter().all(Result::is_ok) {
        return Ok(answers.into_iter().filter_map(Result::ok).collect());
    }
    let passes = |trouble: &Trouble| match trouble {
        Trouble::Locked => true,
        Trouble::Storage(error) => error.passing().is_some() || error.is_transient(),
    };
    let (mut passing, mut lasting): (Vec<Trouble>, Vec<Trouble>) =
        answers.into_iter().filter_map(Result::err).partition(passes);
    Err(match passing.pop().or_else(|| lasting.pop()) {
        Some(Trouble::Storage(error)) => EngineError::Storage(error),
        Some(Trouble::Locked) | None => EngineError::Unanswered,
    })
}
