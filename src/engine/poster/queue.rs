//! The queue of postings that wait to be written: bounded, in the order of arrival.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::{PosterSettings, PostingAnswer};
use crate::domain::posting::Posting;
use crate::engine::EngineError;

/// The postings of one request, and the channel that takes their answers.
pub(super) struct Job {
    pub(super) postings: Vec<Posting>,
    pub(super) reply: oneshot::Sender<Vec<PostingAnswer>>,
    /// About how much memory the postings take.
    bytes: usize,
}

impl Job {
    pub(super) fn new(postings: Vec<Posting>, reply: oneshot::Sender<Vec<PostingAnswer>>) -> Self {
        let bytes = postings.iter().map(Posting::bytes).sum();
        Self { postings, reply, bytes }
    }
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    postings: usize,
    bytes: usize,
}

pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    pub(super) arrived: Notify,
    pub(super) closed: AtomicBool,
    pub(super) stopped: Notify,
    pub(super) lanes_running: AtomicUsize,
    pub(super) settings: PosterSettings,
}

impl Queue {
    pub(super) fn new(settings: PosterSettings, lanes: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            arrived: Notify::new(),
            closed: AtomicBool::new(false),
            stopped: Notify::new(),
            lanes_running: AtomicUsize::new(lanes),
            settings,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many postings wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().postings
    }

    pub(super) fn push(&self, job: Job) -> Result<(), EngineError> {
        let count = job.postings.len();
        let mut waiting = self.lock();
        if self.closed.load(Ordering::SeqCst) {
            return Err(EngineError::ShuttingDown);
        }
        // An empty queue takes any request: a batch larger than the queue must be possible at some time.
        let full =
            waiting.postings + count > self.settings.queue || waiting.bytes + job.bytes > self.settings.queue_bytes;
        if full && waiting.postings > 0 {
            return Err(EngineError::Overloaded);
        }
        waiting.postings += count;
        waiting.bytes += job.bytes;
        waiting.jobs.push_back(job);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes whole jobs, up to the size of a flush but at least one.
    pub(super) fn take(&self) -> Vec<Job> {
        let mut waiting = self.lock();
        let mut taken = Vec::new();
        let (mut size, mut bytes) = (0, 0);
        while let Some(job) = waiting.jobs.front() {
            let count = job.postings.len();
            if !taken.is_empty() && size + count > self.settings.flush {
                break;
            }
            size += count;
            bytes += job.bytes;
            taken.extend(waiting.jobs.pop_front());
        }
        waiting.postings -= size;
        waiting.bytes -= bytes;
        taken
    }

    pub(super) fn is_drained(&self) -> bool {
        self.closed.load(Ordering::SeqCst) && self.lock().jobs.is_empty()
    }
}
