//! Jobs, and the bounded queue in which they wait, in the order of arrival, for a lane or a worker to take them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::{PosterSettings, PostingAnswer, Shared};
use crate::domain::posting::Posting;
use crate::engine::EngineError;

/// The answer to a job's caller.
pub(super) type Answer = Result<Vec<PostingAnswer>, EngineError>;

/// The postings of one request, and the channel that takes their answers.
///
/// The poster does not stop before every job is answered or dropped. The caller of a dropped job gets the error that
/// the outcome is not known.
pub(super) struct Job {
    pub(super) postings: Vec<Posting>,
    /// The answers so far, by posting. Empty until the first is known.
    pub(super) answers: Vec<Option<PostingAnswer>>,
    /// When its caller stops waiting.
    pub(super) deadline: Instant,
    /// About how much memory the postings take.
    pub(super) bytes: usize,
    reply: oneshot::Sender<Answer>,
    _unanswered: Unanswered,
}

impl Job {
    pub(super) fn new(
        shared: &Arc<Shared>,
        postings: Vec<Posting>,
        deadline: Instant,
        reply: oneshot::Sender<Answer>,
    ) -> Self {
        let bytes = postings.iter().map(Posting::bytes).sum();
        Self { postings, answers: Vec::new(), deadline, bytes, reply, _unanswered: Unanswered::of(shared) }
    }

    /// Sends the answer. The caller may have gone; what was booked stays booked.
    pub(super) fn answer(self, answer: Answer) {
        let _gone = self.reply.send(answer);
    }

    /// The places of the postings that have no answer yet.
    pub(super) fn open_places(&self) -> impl Iterator<Item = usize> {
        (0..self.postings.len()).filter(|place| self.answers.get(*place).is_none_or(Option::is_none))
    }

    pub(super) fn set(&mut self, place: usize, answer: PostingAnswer) {
        if self.answers.is_empty() {
            self.answers.resize_with(self.postings.len(), || None);
        }
        if let Some(slot) = self.answers.get_mut(place) {
            *slot = Some(answer);
        }
    }

    /// Answers the job when every posting has its answer, and returns it otherwise.
    pub(super) fn finish(mut self) -> Option<Self> {
        if self.open_places().next().is_some() {
            return Some(self);
        }
        let answers = std::mem::take(&mut self.answers).into_iter().flatten().collect();
        self.answer(Ok(answers));
        None
    }
}

/// Counts a job until it is dropped.
pub(super) struct Unanswered(Arc<Shared>);

impl Unanswered {
    pub(super) fn of(shared: &Arc<Shared>) -> Self {
        shared.unanswered.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if self.0.unanswered.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
            self.0.settled.notify_waiters();
        }
    }
}

/// How much waits in one queue, and its limit.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) postings: usize,
    pub(super) bytes: usize,
}

impl Load {
    /// Adds a job if there is room. An empty queue takes any job, because a batch larger than the limit must be written
    /// at some time.
    pub(super) fn admit(&mut self, job: &Job, settings: &PosterSettings) -> bool {
        let postings = self.postings + job.postings.len();
        let bytes = self.bytes + job.bytes;
        if self.postings > 0 && (postings > settings.queue || bytes > settings.queue_bytes) {
            return false;
        }
        (self.postings, self.bytes) = (postings, bytes);
        true
    }

    pub(super) fn remove(&mut self, postings: usize, bytes: usize) {
        self.postings -= postings;
        self.bytes -= bytes;
    }
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    load: Load,
}

/// A bounded line of jobs.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    pub(super) arrived: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many postings wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().load.postings
    }

    /// Gives the job back when there is no room for it.
    pub(super) fn push(&self, job: Job, settings: &PosterSettings) -> Result<(), Job> {
        let mut waiting = self.lock();
        if !waiting.load.admit(&job, settings) {
            return Err(job);
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes whole jobs, up to the size of a flush but at least one.
    pub(super) fn take(&self, settings: &PosterSettings) -> Vec<Job> {
        let mut waiting = self.lock();
        let mut taken = Vec::new();
        let (mut size, mut bytes) = (0, 0);
        while let Some(job) = waiting.jobs.front() {
            let count = job.postings.len();
            if !taken.is_empty() && size + count > settings.flush {
                break;
            }
            size += count;
            bytes += job.bytes;
            taken.extend(waiting.jobs.pop_front());
        }
        waiting.load.remove(size, bytes);
        taken
    }

    /// Drops every job that waits.
    pub(super) fn clear(&self) {
        let jobs = {
            let mut waiting = self.lock();
            waiting.load = Load::default();
            std::mem::take(&mut waiting.jobs)
        };
        drop(jobs);
    }
}
