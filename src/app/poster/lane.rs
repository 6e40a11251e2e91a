//! A lane: one connection, a few flushes outstanding on it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::storage::Connection;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::{Job, Queue, slow};
use crate::domain::entry::EntryKind;
use crate::domain::posting::{Booked, Change, Outcome, Posting};
use crate::storage::StorageError;
use crate::storage::ledger::fast;
use crate::storage::pool::Pool;

/// Runs until the queue is closed and empty.
pub(super) async fn run(queue: &Arc<Queue>, pool: &Pool) {
    while !queue.is_drained() {
        // A lost connection ends the inner loop; the next flush opens another one.
        match pool.dedicated().await {
            Ok(conn) => serve(queue, pool, &conn).await,
            Err(error) => {
                tracing::warn!(error = %error, "the poster cannot reach the database");
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

/// Without a database nothing waits for long: those who wait are told, and the next try is made when somebody comes.
async fn fail_waiting(queue: &Queue, error: &StorageError) {
    if queue.take().is_empty() {
        queue.arrived.notified().await;
    }
    let detail = error.to_string();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    for job in queue.take() {
        let _gone = job.reply.send(Err(StorageError::Unreachable(detail.clone())));
    }
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
            flushes.push(flush(jobs, pool, conn, queue.settings.batching));
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

/// Writes jobs and answers them; false when the connection was lost on the way.
async fn flush(jobs: Vec<Job>, pool: &Pool, conn: &Connection, batching: bool) -> bool {
    metrics::histogram!("topup_poster_flush_postings")
        .record(f64::from(u32::try_from(jobs.iter().map(|job| job.postings.len()).sum::<usize>()).unwrap_or(u32::MAX)));
    if !batching {
        for job in jobs {
            let outcomes = slow::post(pool, &job.postings.iter().collect::<Vec<_>>()).await;
            let _gone = job.reply.send(outcomes.into_iter().collect());
        }
        return true;
    }
    let postings: Vec<&Posting> = jobs.iter().flat_map(|job| &job.postings).collect();
    let mut outcomes: Vec<Option<Result<Outcome, StorageError>>> = postings.iter().map(|_| None).collect();
    let alive = try_fast(conn, &postings, &mut outcomes).await;

    let rest: Vec<usize> = outcomes.iter().enumerate().filter(|(_, o)| o.is_none()).map(|(at, _)| at).collect();
    if !rest.is_empty() {
        let undecided: Vec<&Posting> = rest.iter().filter_map(|at| postings.get(*at).copied()).collect();
        for (at, outcome) in rest.into_iter().zip(slow::post(pool, &undecided).await) {
            if let Some(slot) = outcomes.get_mut(at) {
                *slot = Some(outcome);
            }
        }
    }
    let mut outcomes = outcomes.into_iter();
    for job in jobs {
        let mine: Result<Vec<Outcome>, StorageError> = outcomes
            .by_ref()
            .take(job.postings.len())
            .map(|outcome| outcome.unwrap_or_else(|| Err(StorageError::Unreachable("no outcome".to_owned()))))
            .collect();
        // A caller who went away is no reason to stop.
        let _gone = job.reply.send(mine);
    }
    alive
}

/// Sends what the fast path can take, all statements at once on the one connection.
async fn try_fast(
    conn: &Connection,
    postings: &[&Posting],
    outcomes: &mut [Option<Result<Outcome, StorageError>>],
) -> bool {
    let mut seen: HashSet<(&str, Option<EntryKind>, &str)> = HashSet::with_capacity(postings.len());
    let (mut usage, mut holds, mut captures) = (Vec::new(), Vec::new(), Vec::new());
    for (at, posting) in postings.iter().enumerate() {
        let (into, kind) = match posting.change {
            Change::Deduct { .. } => (&mut usage, Some(posting.label.kind)),
            Change::OpenHold { .. } => (&mut holds, None),
            Change::Capture { .. } => (&mut captures, Some(posting.label.kind)),
            _ => continue,
        };
        // The second of two with one key is decided after the first is booked.
        if seen.insert((posting.wallet.customer.as_str(), kind, posting.label.key.as_str())) {
            into.push(at);
        }
    }
    let pick = |ats: &[usize]| ats.iter().filter_map(|at| postings.get(*at).copied()).collect::<Vec<_>>();
    let (for_usage, for_holds, for_captures) = (pick(&usage), pick(&holds), pick(&captures));
    let (booked, opened, captured) = tokio::join!(
        async { if for_usage.is_empty() { Ok(Vec::new()) } else { fast::usage(conn, &for_usage).await } },
        async { if for_holds.is_empty() { Ok(Vec::new()) } else { fast::open_holds(conn, &for_holds).await } },
        async { if for_captures.is_empty() { Ok(Vec::new()) } else { fast::captures(conn, &for_captures).await } },
    );
    let mut alive = true;
    for (ats, answers) in [(usage, booked), (holds, opened), (captures, captured)] {
        match answers {
            Ok(answers) => take_answers(&ats, answers, outcomes),
            Err(error) => {
                // A repeated key is ordinary; everything else is worth a line. The slow path decides either way.
                if error.violated_unique().is_none() {
                    tracing::warn!(error = %error, "a fast flush failed");
                }
                alive &= !error.is_connection_lost();
            }
        }
    }
    alive
}

fn take_answers(ats: &[usize], answers: Vec<Option<Booked>>, outcomes: &mut [Option<Result<Outcome, StorageError>>]) {
    for (at, answer) in ats.iter().zip(answers) {
        if let (Some(slot), Some(booked)) = (outcomes.get_mut(*at), answer) {
            *slot = Some(Ok(Outcome::Booked(booked)));
        }
    }
}
