//! Parked wallets: only the requests of a wallet wait for the session that holds its lock.
//!
//! When a transaction of several wallets meets such a lock, it is not known whose wallet it was. So all of them are
//! parked, and the postings are written again, each wallet alone: all but one succeed at once, which ends their
//! parking. From then on, the postings of the wallet that is still locked come here at once. They are tried until their
//! callers have stopped waiting.
//!
//! One transaction at a time runs per wallet, and at most a quarter of the pool is used for all of them.
//!
//! Example: an operator's session holds the row of A's wallet for a minute. A lane waits 250 ms for a lock, and has two
//! flushes outstanding, so other customers wait half a second at most.
//! Then the other postings of the flush are booked, and A's usage gets 503 after ten seconds. Later flushes contain no
//! posting of A.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::queue::{Job, Load};
use super::{PostingAnswer, Shared, Trouble, full_path};
use crate::domain::posting::Posting;
use crate::domain::wallet_key::WalletKey;
use crate::engine::EngineError;
use crate::storage::{Connection, StorageError, ledger};

/// For how long a wallet stays parked after the last time that its lock was met. Callers who repeat their requests keep
/// it parked; when they stop, later flushes need not look for it.
const PARKED: Duration = Duration::from_secs(10);

/// The pause between two tries of one wallet, in which others have its connection.
const PAUSE: Duration = Duration::from_millis(250);

/// One wallet may use this part of the space for parked postings.
const SHARE: usize = 4;

/// The wallets of holds, by the holds' ids.
type HoldWallets = HashMap<Uuid, WalletKey>;

/// The wallets that are parked or written alone.
pub(super) struct Parked {
    subjects: Mutex<HashMap<WalletKey, ParkedWallet>>,
    /// How many of them are parked.
    count: AtomicUsize,
    load: Mutex<Load>,
    connections: Semaphore,
}

#[derive(Default)]
struct ParkedWallet {
    /// Until when it is parked.
    until: Option<Instant>,
    /// Groups of postings that have the turn or wait for it.
    groups: usize,
    /// Their postings.
    postings: usize,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Parked {
    pub(super) fn new(pool_size: usize) -> Self {
        Self {
            subjects: Mutex::default(),
            count: AtomicUsize::new(0),
            load: Mutex::default(),
            connections: Semaphore::new((pool_size / 4).max(1)),
        }
    }

    /// Whether no wallet is parked.
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WalletKey, ParkedWallet>> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self) -> MutexGuard<'_, Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unparks wallets whose time is over, forgets wallets that have no postings here, and counts those that are still
    /// parked.
    fn tidy(&self, subjects: &mut HashMap<WalletKey, ParkedWallet>) {
        let now = Instant::now();
        subjects.retain(|_, subject| {
            subject.until = subject.until.filter(|until| *until > now);
            subject.until.is_some() || subject.groups > 0
        });
        let count = subjects.values().filter(|subject| subject.until.is_some()).count();
        self.count.store(count, Ordering::Release);
    }

    fn set(&self, keys: &[WalletKey], until: Option<Instant>) {
        let mut subjects = self.lock();
        for key in keys {
            if let Some(subject) = subjects.get_mut(key) {
                subject.until = until;
            }
        }
        self.tidy(&mut subjects);
    }

    /// Parks the wallets that these jobs name, before their postings are grouped: the next flush may be taken before
    /// that, and must not meet the same lock.
    fn mark(&self, jobs: &[Job]) {
        let until = Some(Instant::now() + PARKED);
        let nothing = HoldWallets::new();
        let mut subjects = self.lock();
        for posting in jobs.iter().flat_map(|job| &job.postings) {
            for key in wallets(posting, &nothing) {
                subjects.entry(key.clone()).or_default().until = until;
            }
        }
        self.tidy(&mut subjects);
    }

    /// Enters a group of postings on these wallets, and parks them until the given time.
    fn enter(&self, keys: &[WalletKey], postings: usize, until: Option<Instant>) -> Vec<Arc<tokio::sync::Mutex<()>>> {
        let mut subjects = self.lock();
        let enter = |key: &WalletKey| {
            let subject = subjects.entry(key.clone()).or_default();
            subject.until = subject.until.max(until);
            subject.groups += 1;
            subject.postings += postings;
            Arc::clone(&subject.turn)
        };
        let turns = keys.iter().map(enter).collect();
        self.tidy(&mut subjects);
        turns
    }

    fn leave(&self, keys: &[WalletKey], postings: usize) {
        let mut subjects = self.lock();
        for key in keys {
            if let Some(subject) = subjects.get_mut(key) {
                subject.groups -= 1;
                subject.postings -= postings;
            }
        }
        self.tidy(&mut subjects);
    }
}

/// The wallets that a posting locks.
fn wallets<'p>(posting: &'p Posting, holds: &'p HoldWallets) -> impl Iterator<Item = &'p WalletKey> {
    let of_hold = posting.hold().and_then(|id| holds.get(&id));
    posting.wallet().into_iter().chain(posting.fallback()).chain(of_hold)
}

/// The holds that the open postings of these jobs name.
fn holds(jobs: &[Job]) -> Vec<Uuid> {
    let postings = jobs.iter().flat_map(|job| job.open_places().filter_map(|place| job.postings.get(place)));
    postings.filter_map(Posting::hold).collect()
}

/// Takes out the jobs that concern a parked wallet, which are then written alone, and returns the others. The look-up
/// of holds runs on the given connection, or on one of the pool.
pub(super) async fn divert(shared: &Arc<Shared>, jobs: Vec<Job>, conn: Option<&Connection>) -> Vec<Job> {
    let ids = holds(&jobs);
    let found = match conn {
        _ if ids.is_empty() => Ok(HoldWallets::new()),
        Some(conn) => ledger::wallets_of_holds(conn, &ids).await,
        None => look_up(shared, &ids).await,
    };
    let found = found.unwrap_or_else(|error| {
        tracing::warn!(%error, "The wallets of holds could not be read; none of the holds counts as parked");
        HoldWallets::new()
    });
    let (mut alone, mut full, mut others) = (Vec::new(), Vec::new(), Vec::with_capacity(jobs.len()));
    {
        let mut subjects = shared.parked.lock();
        shared.parked.tidy(&mut subjects);
        let limit = shared.settings.queue / SHARE;
        for job in jobs {
            let keys = job.postings.iter().flat_map(|posting| wallets(posting, &found));
            let met = keys.filter_map(|key| subjects.get(key)).filter(|subject| subject.until.is_some());
            match met.map(|subject| subject.postings).max() {
                None => others.push(job),
                Some(waiting) if waiting > limit => full.push(job),
                Some(_) => alone.push(job),
            }
        }
    }
    for job in full {
        job.answer(Err(EngineError::Overloaded));
    }
    if !alone.is_empty() {
        isolate(shared, alone, Cause::Parked);
    }
    others
}

/// Why postings are written alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// They met a lock together with others, and any of their wallets may be the locked one.
    Met,
    /// One of their wallets was parked before.
    Parked,
}

/// Writes the open postings of jobs, each wallet alone. Returns at once. A job that finds no room is answered 503.
pub(super) fn isolate(shared: &Arc<Shared>, jobs: Vec<Job>, cause: Cause) {
    let mut admitted = Vec::with_capacity(jobs.len());
    let mut taken = Load::default();
    for job in jobs {
        if shared.parked.load().admit(&job, &shared.settings) {
            taken.postings += job.postings.len();
            taken.bytes += job.bytes;
            admitted.push(job);
        } else {
            job.answer(Err(EngineError::Overloaded));
        }
    }
    if cause == Cause::Met {
        shared.parked.mark(&admitted);
    }
    let room = TakenRoom { shared: Arc::clone(shared), taken };
    tokio::spawn(write_alone(room, admitted, cause));
}

/// The room that jobs take until they are done.
struct TakenRoom {
    shared: Arc<Shared>,
    taken: Load,
}

impl Drop for TakenRoom {
    fn drop(&mut self) {
        self.shared.parked.load().remove(self.taken.postings, self.taken.bytes);
    }
}

/// Answers each job when all of its groups are done.
async fn write_alone(room: TakenRoom, jobs: Vec<Job>, cause: Cause) {
    let shared = &room.shared;
    let ids = holds(&jobs);
    let found = if ids.is_empty() { Ok(HoldWallets::new()) } else { look_up(shared, &ids).await };
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            let detail = error.to_string();
            for job in jobs {
                job.answer(Err(StorageError::Unreachable(detail.clone()).into()));
            }
            return;
        }
    };
    let mut groups: FuturesUnordered<_> =
        group(&jobs, &found).into_iter().map(|group| write_group(shared, group, cause)).collect();
    let mut jobs: Vec<Option<Job>> = jobs.into_iter().map(Some).collect();
    while let Some((places, answers)) = groups.next().await {
        for ((n, place), answer) in places.iter().zip(answers) {
            if let Some(job) = jobs.get_mut(*n).and_then(Option::as_mut) {
                job.set(*place, answer);
            }
        }
        for (n, _) in places {
            if let Some(slot) = jobs.get_mut(n) {
                *slot = slot.take().and_then(Job::finish);
            }
        }
    }
}

async fn look_up(shared: &Shared, ids: &[Uuid]) -> Result<HoldWallets, StorageError> {
    let conn = shared.pool.get().await?;
    ledger::wallets_of_holds(&conn, ids).await
}

/// Postings that share wallets, directly or by others of the group.
#[derive(Default)]
struct Group {
    /// In the order in which turns are taken.
    keys: Vec<WalletKey>,
    /// Job and place of each posting.
    places: Vec<(usize, usize)>,
    postings: Vec<Posting>,
    deadline: Option<Instant>,
}

/// Which wallets belong together: a forest whose roots represent groups.
#[derive(Default)]
struct Forest(Vec<usize>);

impl Forest {
    fn add(&mut self) -> usize {
        self.0.push(self.0.len());
        self.0.len() - 1
    }

    fn root(&self, mut node: usize) -> usize {
        while let Some(parent) = self.0.get(node).copied().filter(|parent| *parent != node) {
            node = parent;
        }
        node
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if let Some(parent) = self.0.get_mut(other) {
            *parent = one;
        }
    }
}

/// Groups the open postings of jobs. Each group keeps the order of the jobs and of their postings.
fn group(jobs: &[Job], found: &HoldWallets) -> Vec<Group> {
    let mut forest = Forest::default();
    let mut nodes: BTreeMap<&WalletKey, usize> = BTreeMap::new();
    let mut members: Vec<(usize, usize, usize)> = Vec::new();
    for (n, job) in jobs.iter().enumerate() {
        for place in job.open_places() {
            let Some(posting) = job.postings.get(place) else { continue };
            let mut own: Option<usize> = None;
            for key in wallets(posting, found) {
                let node = *nodes.entry(key).or_insert_with(|| forest.add());
                if let Some(own) = own {
                    forest.join(own, node);
                }
                own = Some(node);
            }
            // A hold that nobody knows has no wallet: it is a group of its own.
            members.push((own.unwrap_or_else(|| forest.add()), n, place));
        }
    }
    let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
    for (key, node) in nodes {
        groups.entry(forest.root(node)).or_default().keys.push(key.clone());
    }
    for (node, n, place) in members {
        let group = groups.entry(forest.root(node)).or_default();
        let Some(job) = jobs.get(n) else { continue };
        group.places.push((n, place));
        group.postings.extend(job.postings.get(place).cloned());
        group.deadline = group.deadline.max(Some(job.deadline));
    }
    groups.into_values().collect()
}

/// The registration of a group, until it leaves.
struct Entered<'s> {
    parked: &'s Parked,
    keys: Vec<WalletKey>,
    postings: usize,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.parked.leave(&self.keys, self.postings);
    }
}

/// Writes a group once it has the turn of all its wallets, and tries again while one of them is locked. After the
/// deadline it stops.
async fn write_group(shared: &Shared, group: Group, cause: Cause) -> (Vec<(usize, usize)>, Vec<PostingAnswer>) {
    let Group { keys, places, postings, deadline } = group;
    let deadline = deadline.unwrap_or_else(Instant::now);
    let until = (cause == Cause::Met).then(|| Instant::now() + PARKED);
    let turns = shared.parked.enter(&keys, postings.len(), until);
    let entered = Entered { parked: &shared.parked, keys, postings: postings.len() };
    let mut answers: Vec<PostingAnswer> = postings.iter().map(|_| Err(Trouble::Locked)).collect();
    let Ok(_turns) = timeout_at(deadline, take_all(turns)).await else { return (places, answers) };
    while Instant::now() < deadline {
        let Ok(Ok(permit)) = timeout_at(deadline, shared.parked.connections.acquire()).await else { break };
        let open: Vec<usize> = (0..answers.len()).filter(|at| is_locked(answers.get(*at))).collect();
        let rest: Vec<Posting> = open.iter().filter_map(|at| postings.get(*at).cloned()).collect();
        let decided = full_path::post(&shared.pool, &rest).await;
        drop(permit);
        for (at, answer) in open.into_iter().zip(decided) {
            if let Some(slot) = answers.get_mut(at) {
                *slot = answer;
            }
        }
        if !answers.iter().any(|answer| is_locked(Some(answer))) {
            shared.parked.set(&entered.keys, None);
            break;
        }
        shared.parked.set(&entered.keys, Some(Instant::now() + PARKED));
        sleep(PAUSE).await;
    }
    (places, answers)
}

/// Takes turns in the order of the wallets, so that no two groups wait for each other.
async fn take_all(turns: Vec<Arc<tokio::sync::Mutex<()>>>) -> Vec<OwnedMutexGuard<()>> {
    let mut taken = Vec::with_capacity(turns.len());
    for turn in turns {
        taken.push(turn.lock_owned().await);
    }
    taken
}

fn is_locked(answer: Option<&PostingAnswer>) -> bool {
    matches!(answer, Some(Err(Trouble::Locked)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::sync::oneshot;

    use super::*;
    use crate::domain::customer::CustomerId;
    use crate::domain::movement::expiry::sweep;
    use crate::domain::product::Product;
    use crate::engine::poster::PosterSettings;
    use crate::storage::pool::Pool;

    /// A flush is often taken before the task runs that writes the postings alone.
    #[tokio::test]
    async fn wallets_that_met_a_lock_are_parked_before_the_next_flush_is_taken() {
        let pool = Pool::new(&"postgresql://nobody@127.0.0.1:1/none".into(), 4).unwrap();
        let shared = Arc::new(Shared::new(&pool, PosterSettings::default()));
        let job = |customer: &str| {
            let customer = CustomerId::new(customer).unwrap();
            let wallet = WalletKey { customer, currency: "CNY".parse().unwrap(), product: Product::main() };
            Job::new(&shared, vec![sweep(wallet)], Instant::now(), oneshot::channel().0)
        };
        isolate(&shared, vec![job("locked")], Cause::Met);
        let others = divert(&shared, vec![job("locked"), job("other")], None).await;
        assert_eq!(others.len(), 1);
    }
}
