//! A lane: one connection with a few flushes outstanding on it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::queue::{Job, Queue};
use super::{PostingAnswer, full_path};
use crate::domain::posting::{Booked, FastPosting, Posting, PostingOutcome, RepeatKey, WalletKey};
use crate::storage::ledger::fast;
use crate::storage::pool::Pool;
use crate::storage::{Connection, StorageError};

/// The pause between two tries to reach the database.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs until the queue is closed and empty.
pub(super) async fn run(queue: &Arc<Queue>, pool: &Pool) {
    while !queue.is_drained() {
        // A lost connection ends `serve`; the next round opens another one.
        match pool.lane().await {
            Ok(conn) => serve(queue, pool, &conn).await,
            Err(error) => {
                tracing::warn!(error = %error, "The poster cannot reach the database; the waiting requests fail");
                fail_waiting(queue, &error).await;
            }
        }
    }
    if queue.lanes_running.fetch_sub(1, Ordering::SeqCst) == 1 {
        queue.stopped.notify_waiters();
        queue.stopped.notify_one();
    } else {
        // The other lanes sleep on the same signal.
        queue.arrived.notify_one();
    }
}

/// While the database is unreachable, fails every queued job at once. With an empty queue it does not try to reconnect.
async fn fail_waiting(queue: &Queue, error: &StorageError) {
    let mut jobs = queue.take();
    if jobs.is_empty() {
        queue.arrived.notified().await;
        return;
    }
    while !jobs.is_empty() {
        for Job { postings, reply, .. } in jobs {
            let answers = postings.iter().map(|_| Err(StorageError::Unreachable(error.to_string()))).collect();
            let _gone = reply.send(answers);
        }
        jobs = queue.take();
    }
    // Callers that retry at once would not help a database that is starting again.
    tokio::time::sleep(PAUSE).await;
}

async fn serve(queue: &Queue, pool: &Pool, conn: &Connection) {
    let mut flushes = FuturesUnordered::new();
    let mut lost = false;
    loop {
        while !lost && flushes.len() < queue.settings.pipeline {
            let jobs = queue.take();
            if jobs.is_empty() {
                break;
            }
            flushes.push(flush(jobs, pool, conn));
        }
        if flushes.is_empty() && (lost || queue.is_drained()) {
            return;
        }
        tokio::select! {
            biased;
            Some(alive) = flushes.next(), if !flushes.is_empty() => lost |= !alive,
            () = queue.arrived.notified(), if !lost && flushes.len() < queue.settings.pipeline => {}
        }
    }
}

/// Writes jobs and answers them. Returns false when the connection was lost meanwhile.
async fn flush(jobs: Vec<Job>, pool: &Pool, conn: &Connection) -> bool {
    let postings: Vec<&Posting> = jobs.iter().flat_map(|job| &job.postings).collect();
    metrics::histogram!("topup_poster_flush_postings")
        .record(f64::from(u32::try_from(postings.len()).unwrap_or(u32::MAX)));
    let candidates = fast_path_candidates(jobs.iter().map(|job| job.postings.as_slice()));
    let (settled, alive) = try_fast(conn, &postings, &candidates).await;
    let mut answers = post_rest(pool, &postings, settled).await.into_iter();
    for job in jobs {
        // The caller may have disconnected; its postings are booked all the same.
        let _gone = job.reply.send(answers.by_ref().take(job.postings.len()).collect());
    }
    alive
}

/// Writes the postings of one request by a transaction of their own. A caller who disconnects does not stop it. Returns
/// `None` when the runtime ended meanwhile.
pub(super) async fn post_unbatched(pool: Pool, postings: Vec<Posting>) -> Option<Vec<PostingAnswer>> {
    let written = tokio::spawn(async move {
        let postings: Vec<&Posting> = postings.iter().collect();
        // Only the connection of a lane locks several wallets in key order.
        let settled = match pool.get().await {
            Ok(conn) if postings.len() == 1 => try_fast(&conn, &postings, &[true]).await.0,
            _ => postings.iter().map(|_| None).collect(),
        };
        // The connection is back in the pool by now: a task that keeps one while it waits for another may wait for
        // ever.
        post_rest(&pool, &postings, settled).await
    });
    written.await.ok()
}

/// For each posting, whether the fast path may try it. Two kinds may not. (1) A posting that repeats one of this flush,
/// whichever request sent it: the full path decides it after the first. (2) Within one request, a posting on a wallet
/// that an earlier posting of the same request may still change by the full path, because that one repeats another, or
/// because the wallet is its fallback: the fast path would book them out of order.
fn fast_path_candidates<'p>(requests: impl Iterator<Item = &'p [Posting]>) -> Vec<bool> {
    let mut keys: HashSet<RepeatKey<'_>> = HashSet::new();
    let mut candidates = Vec::new();
    for postings in requests {
        let mut decided_later: HashSet<&WalletKey> = HashSet::new();
        let mut holds_decided_later = false;
        for posting in postings {
            let repeated = !keys.insert(posting.repeat_key());
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

/// What the fast path has booked, one place per posting.
type FastResults = Vec<Option<Booked>>;

/// Posts through the full path what the fast path has not booked, and returns all answers in their places.
async fn post_rest(pool: &Pool, postings: &[&Posting], settled: FastResults) -> Vec<PostingAnswer> {
    let rest: Vec<&Posting> =
        postings.iter().zip(&settled).filter(|(_, booked)| booked.is_none()).map(|(posting, _)| *posting).collect();
    let mut decided = if rest.is_empty() { Vec::new() } else { full_path::post(pool, &rest).await }.into_iter();
    settled
        .into_iter()
        .map(|booked| match booked {
            Some(booked) => Ok(PostingOutcome::Booked(booked)),
            None => decided.next().unwrap_or_else(|| {
                Err(StorageError::Corrupt("a posting without an answer of the full path".to_owned()))
            }),
        })
        .collect()
}

/// Postings of one sort, with their places in the flush.
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

/// Sends what the fast path can take, all statements at once on the one connection. Returns false when it was lost.
async fn try_fast(conn: &Connection, postings: &[&Posting], candidates: &[bool]) -> (FastResults, bool) {
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
    let mut alive = true;
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
                // A repeated key is ordinary; any other error is worth a line. The full path decides either way.
                if error.violated_unique().is_none() {
                    tracing::warn!(error = %error, "The fast flush failed; its postings go through the full path");
                }
                alive &= !error.is_connection_lost();
            }
        }
    }
    (settled, alive)
}
