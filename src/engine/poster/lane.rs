//! A lane: one connection with a few flushes outstanding on it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rand::Rng;

use super::parked::{self, Cause};
use super::queue::Job;
use super::{Shared, leftovers};
use crate::domain::posting::{Booked, FastPosting, Posting, PostingOutcome, RepeatKey};
use crate::domain::wallet_key::WalletKey;
use crate::engine::EngineError;
use crate::storage::ledger::fast;
use crate::storage::pool::{OLDEST, Own};
use crate::storage::{Connection, StorageError};

/// The pause between two tries to reach the database.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs for ever.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        // A lost connection ends `serve`; the next round opens another one.
        match shared.pool.lane().await {
            Ok(conn) => serve(&shared, &conn).await,
            Err(error) => {
                tracing::warn!(error = %error, "The poster cannot reach the database; the waiting requests fail");
                fail_waiting(&shared, &error).await;
            }
        }
    }
}

/// While the database is unreachable, fails every queued job at once. With an empty queue it does not try to reconnect.
async fn fail_waiting(shared: &Shared, error: &StorageError) {
    let mut jobs = shared.queue.take(&shared.settings);
    if jobs.is_empty() {
        shared.queue.arrived.notified().await;
        return;
    }
    while !jobs.is_empty() {
        for job in jobs {
            job.answer(Err(StorageError::Unreachable(error.to_string()).into()));
        }
        jobs = shared.queue.take(&shared.settings);
    }
    // A pause, because callers that retry at once would burden a database that is starting again.
    tokio::time::sleep(PAUSE).await;
}

async fn serve(shared: &Arc<Shared>, conn: &Own) {
    let (queue, settings) = (&shared.queue, &shared.settings);
    let mut flushes = FuturesUnordered::new();
    // So that lanes that were opened together are not all replaced together.
    let (opened, oldest) = (Instant::now(), OLDEST.mul_f64(rand::rng().random_range(0.5..=1.0)));
    let mut lost = false;
    loop {
        // Another connection may have found a new primary server: then nothing more is booked on this one.
        lost |= !conn.is_fit() || opened.elapsed() > oldest;
        while !lost && flushes.len() < settings.pipeline {
            let jobs = queue.take(settings);
            if jobs.is_empty() {
                break;
            }
            flushes.push(flush(jobs, shared, conn));
        }
        if flushes.is_empty() && lost {
            return;
        }
        tokio::select! {
            biased;
            Some(alive) = flushes.next(), if !flushes.is_empty() => lost |= !alive,
            () = queue.arrived.notified(), if !lost && flushes.len() < settings.pipeline => {}
        }
    }
}

/// Writes jobs by the fast path and answers those that are completely booked. The others go to [`leftovers`] or, if a
/// statement met a lock of another session, to [`parked`]. Returns false when the connection was lost meanwhile.
async fn flush(jobs: Vec<Job>, shared: &Arc<Shared>, conn: &Connection) -> bool {
    let jobs = if shared.parked.is_empty() { jobs } else { parked::divert(shared, jobs, Some(conn)).await };
    if jobs.is_empty() {
        return true;
    }
    let postings: Vec<&Posting> = jobs.iter().flat_map(|job| &job.postings).collect();
    metrics::histogram!("topup_poster_flush_postings")
        .record(f64::from(u32::try_from(postings.len()).unwrap_or(u32::MAX)));
    let known = shared.recent.are_known(postings.iter().map(|posting| posting.repeat_key()));
    let candidates = fast_path_candidates(jobs.iter().map(|job| job.postings.as_slice()), &known);
    let Tried { settled, locked, alive } = try_fast(conn, &postings, &candidates).await;
    let booked = postings.iter().zip(&settled).filter(|(_, booked)| booked.is_some());
    shared.recent.add(booked.map(|(posting, _)| posting.repeat_key()));
    let (mut rest, mut alone) = (Vec::new(), Vec::new());
    let mut settled = settled.into_iter();
    let mut at = 0;
    for mut job in jobs {
        let range = at..at + job.postings.len();
        at = range.end;
        let booked = settled.by_ref().take(job.postings.len());
        job.answers = booked.map(|booked| booked.map(|booked| Ok(PostingOutcome::Booked(booked)))).collect();
        match job.finish() {
            None => {}
            Some(job) if locked.iter().any(|at| range.contains(at)) => alone.push(job),
            Some(job) => rest.push(job),
        }
    }
    if !rest.is_empty() {
        leftovers::push(shared, rest);
    }
    if !alone.is_empty() {
        parked::isolate(shared, alone, Cause::Met);
    }
    alive
}

/// Writes one job by a transaction of its own.
pub(super) async fn post_unbatched(shared: Arc<Shared>, mut job: Job) {
    // Only the connection of a lane locks several wallets in key order.
    if job.postings.len() == 1
        && let Ok(conn) = shared.pool.get().await
    {
        let postings: Vec<&Posting> = job.postings.iter().collect();
        let keys = || postings.iter().map(|posting| posting.repeat_key());
        let is_new: Vec<bool> = shared.recent.are_known(keys()).into_iter().map(|is_known| !is_known).collect();
        let booked = try_fast(&conn, &postings, &is_new).await.settled.pop().flatten();
        if booked.is_some() {
            shared.recent.add(keys());
        }
        job.answers = vec![booked.map(|booked| Ok(PostingOutcome::Booked(booked)))];
    }
    // The connection is already back in the pool: a task that keeps one while it waits for another may wait for ever.
    if let Some(job) = job.finish() {
        for job in leftovers::decide(&shared, vec![job]).await {
            job.answer(Err(EngineError::Unanswered));
        }
    }
}

/// For each posting, whether the fast path may try it. Two kinds may not. (1) A posting that repeats one of this flush,
/// whichever request sent it, or one that was booked before (`known`): the full path decides it after the first. (2)
/// Within one request, a posting on a wallet that an earlier posting of the same request may still change by the full
/// path, because that one repeats another, or because the wallet is its fallback: the fast path would book them out of
/// order.
fn fast_path_candidates<'p>(requests: impl Iterator<Item = &'p [Posting]>, known: &[bool]) -> Vec<bool> {
    let mut known = known.iter().copied();
    let mut keys: HashSet<RepeatKey<'_>> = HashSet::new();
    let mut candidates = Vec::new();
    for postings in requests {
        let mut decided_later: HashSet<&WalletKey> = HashSet::new();
        let mut holds_decided_later = false;
        for posting in postings {
            let repeated = !keys.insert(posting.repeat_key()) | known.next().unwrap_or_default();
            let ordered = posting.wallet().map_or(holds_decided_later, |wallet| decided_later.contains(wallet));
            candidates.push(!repeated && !ordered);
            decided_later.extend(posting.fallback());
            if repeated {
                decided_later.extend(posting.wallet());
                holds_decided_later |= posting.hold().is_some();
            }
        }
    }
    candidates
}

/// The results of the fast path, one place per posting.
type FastResults = Vec<Option<Booked>>;

/// The result of a flush on the fast path.
struct Tried {
    settled: FastResults,
    /// The places of the postings whose statement met a lock of another session.
    locked: Vec<usize>,
    /// Whether the connection is still open.
    alive: bool,
}

/// Postings of one kind, with their places in the flush.
struct FastItems<P> {
    ats: Vec<usize>,
    items: Vec<P>,
}

impl<P> Default for FastItems<P> {
    fn default() -> Self {
        Self { ats: Vec::new(), items: Vec::new() }
    }
}

impl<P> FastItems<P> {
    fn push(&mut self, at: usize, item: P) {
        self.ats.push(at);
        self.items.push(item);
    }
}

/// Sends what the fast path can take, all statements at once on the one connection.
async fn try_fast(conn: &Connection, postings: &[&Posting], candidates: &[bool]) -> Tried {
    let (mut usage, mut holds, mut captures) = (FastItems::default(), FastItems::default(), FastItems::default());
    for (at, (posting, _)) in postings.iter().zip(candidates).enumerate().filter(|(_, (_, candidate))| **candidate) {
        match posting.fast() {
            Some(FastPosting::Deduction(item)) => usage.push(at, item),
            Some(FastPosting::OpenHold(item)) => holds.push(at, item),
            Some(FastPosting::Capture(item)) => captures.push(at, item),
            None => {}
        }
    }
    let (booked, opened, captured) = tokio::join!(
        async { if usage.items.is_empty() { Ok(Vec::new()) } else { fast::usage(conn, &usage.items).await } },
        async { if holds.items.is_empty() { Ok(Vec::new()) } else { fast::open_holds(conn, &holds.items).await } },
        async { if captures.items.is_empty() { Ok(Vec::new()) } else { fast::captures(conn, &captures.items).await } },
    );
    let mut settled: FastResults = postings.iter().map(|_| None).collect();
    let (mut alive, mut locked) = (true, Vec::new());
    for (ats, answers) in [(usage.ats, booked), (holds.ats, opened), (captures.ats, captured)] {
        match answers {
            Ok(answers) => {
                for (at, answer) in ats.iter().zip(answers) {
                    if let Some(slot) = settled.get_mut(*at) {
                        *slot = answer;
                    }
                }
            }
            Err(error) => {
                // A repeated key is ordinary; any other error is logged. In both cases the full path decides.
                if error.is_locked() {
                    locked.extend(ats);
                }
                if error.violated_unique().is_none() {
                    tracing::warn!(error = %error, "The fast flush failed; its postings go through the full path");
                }
                alive &= !error.is_connection_lost();
            }
        }
    }
    Tried { settled, locked, alive }
}
