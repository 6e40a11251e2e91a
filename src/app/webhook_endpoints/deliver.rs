//! Delivers events to endpoints, at least once, by any number of processes.
//!
//! One process at a time delivers to an endpoint, under a lease that it renews. So the limits of requests in flight to
//! an endpoint apply to all processes together. The first attempts of a customer's events leave one after the other, in
//! the order of the feed; a failed attempt delays no other event, because its further attempts are sent independently.
//! A process that crashes loses its lease. What it had sent but not recorded is sent again, with the same id.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rand::Rng;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::app::{App, Error, Reader};
use crate::domain::event::Event;
use crate::domain::id::IdKind;
use crate::domain::webhook::{DeliveryAttempt, DeliveryStatus, DeliveryTarget, FAILS_AT_MOST, JITTER, pause_after};
use crate::outbound::{Message, Secret};
use crate::storage::transaction::transact;
use crate::storage::webhook_deliveries::{self as deliveries, DueDelivery};
use crate::storage::{clock, feed, webhook_endpoints as endpoints};

/// How long a lease lasts without being renewed.
const LEASE_SECONDS: i32 = 60;
const RENEWED_EVERY: Duration = Duration::from_secs(20);
/// After this time an endpoint is given back, so that all get their turn if there are more than fit in a process.
const TURN: Duration = Duration::from_secs(30);
/// How many deliveries one round takes of each kind.
const FIRST: i64 = 200;
const AGAIN: i64 = 50;
/// How many requests are in flight to one endpoint: first attempts, of different customers, and further ones.
const FIRST_AT_ONCE: usize = 8;
const AGAIN_AT_ONCE: usize = 4;

/// Claims at most `limit` endpoints that have something to deliver.
///
/// # Errors
/// Database errors.
pub async fn claim(app: &App, holder: Uuid, limit: usize) -> Result<Vec<Uuid>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut conn = app.pool.get().await?;
    Ok(endpoints::claim(&mut conn, holder, LEASE_SECONDS.into(), limit).await?)
}

/// Gives all leases of a holder back.
///
/// # Errors
/// Database errors.
pub async fn release_all(app: &App, holder: Uuid) -> Result<(), Error> {
    let mut conn = app.pool.get().await?;
    Ok(endpoints::release(&mut conn, holder, None).await?)
}

/// Delivers what is due to a claimed endpoint, until nothing is due, its turn is over or its lease is lost.
///
/// # Errors
/// Database errors. What was not recorded is sent again.
pub async fn work(app: &App, holder: Uuid, id: Uuid) -> Result<(), Error> {
    let done = tokio::select! {
        done = rounds(app, holder, id) => done,
        lost = keep_lease(app, holder, id) => lost,
    };
    let mut conn = app.pool.get().await?;
    endpoints::release(&mut conn, holder, Some(id)).await?;
    done
}

/// Renews the lease until that fails.
async fn keep_lease(app: &App, holder: Uuid, endpoint: Uuid) -> Result<(), Error> {
    loop {
        tokio::time::sleep(RENEWED_EVERY).await;
        let mut conn = app.pool.get().await?;
        if !endpoints::renew(&mut conn, holder, endpoint, LEASE_SECONDS).await? {
            return Ok(());
        }
    }
}

/// The delivery to one endpoint by this process.
struct Courier {
    app: App,
    /// Who holds the lease.
    holder: Uuid,
    endpoint: Uuid,
    /// The database's time when the round began.
    now: DateTime<Utc>,
    began: Instant,
    ends: Instant,
    /// Set when the endpoint wants no more events, or the database cannot be written.
    is_over: AtomicBool,
    first: Semaphore,
    again: Semaphore,
}

async fn rounds(app: &App, holder: Uuid, endpoint: Uuid) -> Result<(), Error> {
    let ends = Instant::now() + TURN;
    while Instant::now() < ends {
        let (first, again, courier) = {
            let _turn = database(app).await;
            let mut conn = app.pool.get().await?;
            // A paused endpoint gets no further round.
            if !endpoints::renew(&mut conn, holder, endpoint, LEASE_SECONDS).await? {
                return Ok(());
            }
            let first = deliveries::due_first(&mut conn, endpoint, FIRST).await?;
            let again = deliveries::due_again(&mut conn, endpoint, AGAIN).await?;
            if first.is_empty() && again.is_empty() {
                return Ok(());
            }
            let courier = Courier {
                app: app.clone(),
                holder,
                endpoint,
                now: clock::now(&mut conn).await?,
                began: Instant::now(),
                ends,
                is_over: AtomicBool::new(false),
                first: Semaphore::new(FIRST_AT_ONCE),
                again: Semaphore::new(AGAIN_AT_ONCE),
            };
            let numbers = first.iter().chain(&again).map(|due| due.number).collect();
            let events = feed::at(&mut conn, numbers).await?;
            let find = |due: DueDelivery| (events.get(&due.number).cloned(), due);
            let first: Vec<_> = first.into_iter().map(find).collect();
            let again: Vec<_> = again.into_iter().map(find).collect();
            (first, again, Arc::new(courier))
        };
        run(first, again, &courier).await;
        if courier.is_over.load(Ordering::SeqCst) {
            return Ok(());
        }
    }
    Ok(())
}

/// A delivery and its event, if it is still kept.
type LoadedDelivery = (Option<Event>, DueDelivery);

/// Delivers a round. Dropping this ends what is in flight.
async fn run(first: Vec<LoadedDelivery>, again: Vec<LoadedDelivery>, courier: &Arc<Courier>) {
    let mut tasks = JoinSet::new();
    let mut chains: BTreeMap<String, Vec<LoadedDelivery>> = BTreeMap::new();
    for load in first {
        chains.entry(load.1.customer.clone()).or_default().push(load);
    }
    for chain in chains.into_values() {
        let courier = Arc::clone(courier);
        tasks.spawn(async move {
            let Ok(_turn) = courier.first.acquire().await else { return };
            for (event, due) in chain {
                courier.deliver(event.as_ref(), &due).await;
            }
        });
    }
    for (event, due) in again {
        let courier = Arc::clone(courier);
        tasks.spawn(async move {
            let Ok(_turn) = courier.again.acquire().await else { return };
            courier.deliver(event.as_ref(), &due).await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Err(error) = done {
            tracing::error!(%error, "The delivery of an event failed; it is tried again");
        }
    }
}

impl Courier {
    /// Makes one attempt, and records it.
    async fn deliver(&self, event: Option<&Event>, due: &DueDelivery) {
        if self.is_over.load(Ordering::SeqCst) || Instant::now() >= self.ends {
            return;
        }
        if let Err(error) = self.try_once(event, due).await {
            self.is_over.store(true, Ordering::SeqCst);
            tracing::warn!(%error, endpoint = %self.endpoint, "A delivery was not recorded; it is sent again");
        }
    }

    async fn try_once(&self, event: Option<&Event>, due: &DueDelivery) -> Result<(), Error> {
        let Some(event) = event else { return self.give_up(due).await };
        let Some(target) = self.target().await? else {
            self.is_over.store(true, Ordering::SeqCst);
            return Ok(());
        };
        let attempt = match (self.app.webhooks.render)(event, Reader::of_actor(&target.owner)) {
            Ok(body) => self.attempt(&target, event, &body).await,
            Err(error) => self.unwritten(&error),
        };
        self.record(due, &attempt).await
    }

    /// Where the endpoint takes events now. It is read before each attempt: after the answer to a request that changes
    /// the URL or the secret, or that pauses or deletes the endpoint, no attempt begins by the old settings.
    async fn target(&self) -> Result<Option<DeliveryTarget>, Error> {
        let _turn = database(&self.app).await;
        let mut conn = self.app.pool.get().await?;
        Ok(endpoints::target(&mut conn, self.holder, self.endpoint).await?)
    }

    async fn attempt(&self, target: &DeliveryTarget, event: &Event, body: &str) -> DeliveryAttempt {
        let id = IdKind::Event.show(event.id);
        let at = self.now + self.began.elapsed();
        let secrets: Vec<Secret> = target.secrets.iter().cloned().map(Secret::from_kept).collect();
        let message = Message { url: &target.url, id: &id, timestamp: at.timestamp(), body, secrets: &secrets };
        let outcome = self.app.webhooks.sender.send(message).await;
        DeliveryAttempt {
            at,
            milliseconds: i32::try_from(outcome.took.as_millis()).unwrap_or(i32::MAX),
            status: outcome.status.map(i32::from),
            error: outcome.error,
            body: outcome.body,
        }
    }

    /// An attempt of an event that cannot be encoded: it fails like one that the endpoint refuses.
    fn unwritten(&self, error: &Error) -> DeliveryAttempt {
        let at = self.now + self.began.elapsed();
        DeliveryAttempt { at, milliseconds: 0, status: None, error: Some(error.to_string()), body: None }
    }

    async fn record(&self, due: &DueDelivery, attempt: &DeliveryAttempt) -> Result<(), Error> {
        let pause =
            if attempt.succeeded() { None } else { pause_after(due.tries + 1, rand::rng().random_range(0..=JITTER)) };
        let becomes = match pause {
            _ if attempt.succeeded() => DeliveryStatus::Delivered,
            Some(_) => DeliveryStatus::Pending,
            None => DeliveryStatus::Failed,
        };
        metrics::counter!("topup_webhook_attempts_total", "outcome" => becomes.as_str()).increment(1);
        let ended = (attempt.succeeded(), attempt.is_gone());
        let pause = pause.map(|pause| pause.num_milliseconds());
        let failing_before = attempt.at - FAILS_AT_MOST;
        let _turn = database(&self.app).await;
        transact(&self.app.pool, async |conn| {
            deliveries::record(conn, due, attempt, becomes, pause).await?;
            Ok::<_, Error>(endpoints::answered(conn, self.endpoint, ended, failing_before).await?)
        })
        .await?;
        if attempt.is_gone() {
            self.is_over.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    async fn give_up(&self, due: &DueDelivery) -> Result<(), Error> {
        let mut conn = self.app.pool.get().await?;
        Ok(deliveries::give_up(&mut conn, due.id).await?)
    }
}

/// Waits for one of the deliveries' permits to use the database.
async fn database(app: &App) -> Option<tokio::sync::OwnedSemaphorePermit> {
    Arc::clone(&app.webhooks.database).acquire_owned().await.ok()
}
