//! Workers of the full path: decide what the fast path has not booked, on connections of the pool.

use std::sync::Arc;

use super::parked::{self, Cause};
use super::queue::Job;
use super::{Shared, Trouble, full_path};
use crate::domain::posting::Posting;
use crate::engine::EngineError;

/// Hands jobs over to the workers. A job that finds no room is answered 503.
pub(super) fn push(shared: &Shared, jobs: Vec<Job>) {
    for job in jobs {
        if let Err(job) = shared.leftovers.push(job, &shared.settings) {
            job.answer(Err(EngineError::Overloaded));
        }
    }
}

/// One worker: it takes the jobs that wait, up to the size of a flush, and decides them in one transaction.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let jobs = shared.leftovers.take(&shared.settings);
        if jobs.is_empty() {
            shared.leftovers.arrived.notified().await;
            continue;
        }
        let jobs = if shared.parked.is_empty() { jobs } else { parked::divert(&shared, jobs, None).await };
        let locked = decide(&shared, jobs).await;
        if !locked.is_empty() {
            parked::isolate(&shared, locked, Cause::Met);
        }
    }
}

/// Answers jobs, and returns those with postings that met a lock of another session.
pub(super) async fn decide(shared: &Shared, mut jobs: Vec<Job>) -> Vec<Job> {
    let places: Vec<(usize, usize)> =
        jobs.iter().enumerate().flat_map(|(n, job)| job.open_places().map(move |place| (n, place))).collect();
    let postings: Vec<Posting> =
        places.iter().filter_map(|(n, place)| jobs.get(*n)?.postings.get(*place).cloned()).collect();
    if postings.is_empty() {
        return Vec::new();
    }
    let answers = full_path::post(&shared.pool, &postings).await;
    for ((n, place), answer) in places.into_iter().zip(answers) {
        if let (Some(job), false) = (jobs.get_mut(n), matches!(answer, Err(Trouble::Locked))) {
            job.set(place, answer);
        }
    }
    jobs.into_iter().filter_map(Job::finish).collect()
}
