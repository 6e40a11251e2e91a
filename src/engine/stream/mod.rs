//! The balance stream: sends the changes of a customer's wallets and orders while they happen.
//!
//! We poll instead of using LISTEN/NOTIFY: NOTIFY takes a cluster-wide lock at commit, which would serialize the
//! ledger's commits. One loop per process polls, and only while a listener is connected: two look-ups by index for all
//! listeners together, five times a second, and a read of the wallets that have changed. We do not hook the poster's
//! results: that would only speed up changes made by this process.
//!
//! A balance is sent as a state, not as a step: a slow listener, or a wallet that changes a thousand times a second,
//! gets the last state of each turn. Events (an order moved, a balance fell below its threshold) are sent one by one. A
//! [`Cursor`] says how far a listener has come. With it, a listener goes on after a broken connection.
//!
//! A customer has a few streams at a time. A new one ends the oldest: a page that is loaded again and again opens a
//! stream each time, and the connections of the earlier streams do not show that nobody reads them.

mod cursor;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use uuid::Uuid;

pub use self::cursor::Cursor;
use super::{EngineError, Supervisor};
use crate::domain::customer::CustomerId;
use crate::domain::event::Event;
use crate::domain::money::Money;
use crate::domain::take_back::{self, Claim};
use crate::domain::wallet::Wallet;
use crate::storage::events;
use crate::storage::ledger;
use crate::storage::pool::Pool;

/// The pause between two turns.
const EVERY: Duration = Duration::from_millis(200);
/// Events of one customer in one turn; the next turn follows at once if there are more.
const EVENTS: i64 = 200;

/// How many streams may be open.
#[derive(Debug, Clone, Copy)]
pub struct StreamSettings {
    pub total: usize,
    pub per_customer: usize,
}

/// One update, and the listener's cursor after it.
#[derive(Debug, Clone)]
pub struct StreamMessage {
    pub cursor: Cursor,
    pub update: StreamUpdate,
}

#[derive(Debug, Clone)]
pub enum StreamUpdate {
    Balance(Box<Wallet>),
    Event(Event),
    /// The claimed taken-back money has changed. The message has all of it.
    Claims(Vec<Money>),
    /// The state at the beginning has been sent completely; later messages are changes. It has what is claimed.
    Live(Vec<Money>),
    /// The last message: this stream made room for a newer one of the customer, or the service stops.
    End(StreamEnd),
    /// An empty message; writing it shows whether the connection is broken.
    Probe,
}

/// Why the service ends a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// The customer has opened another stream.
    Replaced,
    /// The service stops.
    ShuttingDown,
}

/// The handle for callers; cloning shares it.
#[derive(Clone)]
pub struct Streams {
    shared: Arc<StreamShared>,
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

struct StreamShared {
    pool: Pool,
    settings: StreamSettings,
    open: Mutex<Open>,
    woken: Notify,
}

#[derive(Default)]
struct Open {
    closed: bool,
    last: u64,
    /// For how many turns every listener gets a message, so that dead connections are detected.
    probes: u8,
    listeners: BTreeMap<u64, Listener>,
}

struct Listener {
    customer: CustomerId,
    cursor: Cursor,
    /// The versions as sent. `None` before the first turn, which sends all wallets, or none after a short break.
    sent: Option<HashMap<Uuid, i64>>,
    /// What is claimed from the customer, as sent.
    claims: Vec<Money>,
    /// Takes one turn's messages at a time: a slow reader gets messages less often, and takes no memory.
    messages: mpsc::Sender<Vec<StreamMessage>>,
    /// Carries the reason why the stream ends to the reader, past the messages that wait.
    end: Option<oneshot::Sender<StreamEnd>>,
}

/// The receiving end of a stream; dropping it frees its place.
pub struct Listening {
    shared: Arc<StreamShared>,
    number: u64,
    messages: mpsc::Receiver<Vec<StreamMessage>>,
    ended: Option<oneshot::Receiver<StreamEnd>>,
    cursor: Cursor,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Listening {
    /// The next messages. After the one that says why the stream ends, there is none.
    pub async fn next(&mut self) -> Option<Vec<StreamMessage>> {
        let ended = self.ended.as_mut()?;
        let end = tokio::select! {
            biased;
            end = ended => end,
            messages = self.messages.recv() => {
                let messages = messages?;
                if let Some(last) = messages.last() {
                    self.cursor = last.cursor;
                }
                return Some(messages);
            }
        };
        self.ended = None;
        end.ok().map(|why| vec![StreamMessage { cursor: self.cursor, update: StreamUpdate::End(why) }])
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.shared.open().listeners.remove(&self.number);
    }
}

impl Streams {
    /// Starts the loop, which sleeps while there is no listener. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(pool: &Pool, settings: StreamSettings, supervisor: &Supervisor) -> Self {
        let shared =
            Arc::new(StreamShared { pool: pool.clone(), settings, open: Mutex::default(), woken: Notify::new() });
        let of_loop = Arc::clone(&shared);
        tokio::spawn(supervisor.clone().keep_running("streams", move || run(Arc::clone(&of_loop))));
        Self { shared }
    }

    /// Listens to a customer's wallets and events, from where a broken connection left off, or from now on. The first
    /// messages are the wallets' state, unless it is the same as at the cursor. A cursor that this service did not give
    /// out, or whose events are pruned, counts as none.
    ///
    /// # Errors
    /// [`EngineError::StreamsFull`], [`EngineError::ShuttingDown`], or database errors.
    pub async fn listen(&self, customer: &CustomerId, from: Option<Cursor>) -> Result<Listening, EngineError> {
        drop(self.shared.lock_with_room(customer)?);
        let (pruned, last) = {
            let mut conn = self.shared.pool.get().await?;
            (events::pruned_up_to(&mut conn).await?, events::last_position(&mut conn, customer).await?)
        };
        // A cursor of another customer, one before the pruned events, or one after the last event, cannot be used:
        // the listener begins with the full state.
        let is_use = |from: &Cursor| from.is_of(customer) && (pruned..=last.max(pruned)).contains(&from.position);
        let cursor = from.filter(is_use).unwrap_or_else(|| Cursor::start(customer, last));
        let (sender, messages) = mpsc::channel(1);
        let (end, ended) = oneshot::channel();
        let mut open = self.shared.lock_with_room(customer)?;
        open.last += 1;
        let number = open.last;
        let listener = Listener {
            customer: customer.clone(),
            cursor,
            sent: None,
            claims: Vec::new(),
            messages: sender,
            end: Some(end),
        };
        open.make_room(customer, self.shared.settings.per_customer);
        open.listeners.insert(number, listener);
        drop(open);
        self.shared.woken.notify_one();
        Ok(Listening { shared: Arc::clone(&self.shared), number, messages, ended: Some(ended), cursor })
    }

    /// Ends every stream, and takes no new ones.
    pub fn close(&self) {
        let mut open = self.shared.open();
        open.closed = true;
        for (_, listener) in std::mem::take(&mut open.listeners) {
            listener.end(StreamEnd::ShuttingDown);
        }
        drop(open);
        self.shared.woken.notify_one();
    }
}

impl Open {
    fn check(&self, customer: &CustomerId, settings: StreamSettings) -> Result<(), EngineError> {
        if self.closed {
            return Err(EngineError::ShuttingDown);
        }
        // If a customer has as many streams as allowed, a new one ends the oldest.
        let mine = self.listeners.values().filter(|listener| listener.customer == *customer).count();
        if self.listeners.len() >= settings.total && mine < settings.per_customer {
            return Err(EngineError::StreamsFull("as many streams are open as this service takes"));
        }
        Ok(())
    }

    /// Ends the oldest streams of a customer, so that with a new one there are as many as allowed.
    fn make_room(&mut self, customer: &CustomerId, per_customer: usize) {
        let mine = self.listeners.iter().filter(|(_, listener)| listener.customer == *customer);
        let mine: Vec<u64> = mine.map(|(number, _)| *number).collect();
        let too_many = (mine.len() + 1).saturating_sub(per_customer);
        for number in mine.into_iter().take(too_many) {
            if let Some(listener) = self.listeners.remove(&number) {
                listener.end(StreamEnd::Replaced);
            }
        }
    }
}

async fn run(shared: Arc<StreamShared>) {
    loop {
        let (closed, idle) = {
            let open = shared.open();
            (open.closed, open.listeners.is_empty())
        };
        if closed {
            return;
        }
        if idle {
            shared.woken.notified().await;
            continue;
        }
        let more = shared.turn().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "A turn of the balance streams failed; the next one tries again");
            false
        });
        if !more {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = shared.woken.notified() => {}
            }
        }
    }
}

/// What has changed for the listeners of one turn, by customer.
#[derive(Default)]
struct Changes {
    /// The oldest first.
    events: HashMap<CustomerId, Vec<Event>>,
    versions: HashMap<String, Vec<(Uuid, i64)>>,
    wallets: HashMap<String, Vec<Wallet>>,
    claims: HashMap<CustomerId, Vec<Claim>>,
}

impl StreamShared {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the listeners if there is room for another. When full, probes all listeners twice, so that dead
    /// connections are detected (the first write to one still succeeds) and free their place.
    fn lock_with_room(&self, customer: &CustomerId) -> Result<MutexGuard<'_, Open>, EngineError> {
        let mut open = self.open();
        match open.check(customer, self.settings) {
            Ok(()) => Ok(open),
            Err(full) => {
                open.probes = 2;
                drop(open);
                self.woken.notify_one();
                Err(full)
            }
        }
    }

    /// Sends every listener that has read the last turn what is new. Returns true when more can be sent at once.
    async fn turn(&self) -> Result<bool, EngineError> {
        let (ready, positions) = self.ready();
        if ready.is_empty() {
            return Ok(false);
        }
        let mut found = Changes::default();
        let mut conn = self.pool.get().await?;
        // Events first: the wallets that are sent with them are then at least as new.
        for event in events::after(&mut conn, positions.clone(), EVENTS).await? {
            if let Some(customer) = event.customer.clone() {
                found.events.entry(customer).or_default().push(event);
            }
        }
        for (customer, wallet, version) in ledger::wallet_versions(&mut conn, positions.keys()).await? {
            found.versions.entry(customer).or_default().push((wallet, version));
        }
        let changed = self.changed(&ready, &found);
        for wallet in ledger::read_wallets_of(&mut conn, &changed).await? {
            found.wallets.entry(wallet.key.customer.as_str().to_owned()).or_default().push(wallet);
        }
        for claim in ledger::claims_of(&mut conn, positions.keys()).await? {
            found.claims.entry(claim.customer.clone()).or_default().push(claim);
        }
        drop(conn);
        let mut open = self.open();
        let probe = open.probes > 0;
        open.probes = open.probes.saturating_sub(1);
        for number in ready {
            if let Some(listener) = open.listeners.get_mut(&number) {
                listener.send(&found, probe);
            }
        }
        let full = usize::try_from(EVENTS).unwrap_or(usize::MAX);
        Ok(found.events.values().any(|events| events.len() >= full))
    }

    /// The listeners that can take messages, and the position after which each of their customers' events are wanted.
    fn ready(&self) -> (Vec<u64>, BTreeMap<CustomerId, i64>) {
        let open = self.open();
        let (mut ready, mut positions) = (Vec::new(), BTreeMap::new());
        for (number, listener) in &open.listeners {
            if listener.messages.capacity() > 0 {
                ready.push(*number);
                let from = positions.entry(listener.customer.clone()).or_insert(i64::MAX);
                *from = listener.cursor.position.min(*from);
            }
        }
        (ready, positions)
    }

    fn changed(&self, ready: &[u64], found: &Changes) -> BTreeSet<CustomerId> {
        let open = self.open();
        let listeners = ready.iter().filter_map(|number| open.listeners.get(number));
        listeners.filter(|listener| listener.is_behind(found)).map(|listener| listener.customer.clone()).collect()
    }
}

impl Listener {
    fn versions<'f>(&self, found: &'f Changes) -> &'f [(Uuid, i64)] {
        found.versions.get(self.customer.as_str()).map_or(&[], Vec::as_slice)
    }

    fn is_behind(&self, found: &Changes) -> bool {
        let versions = self.versions(found);
        match &self.sent {
            Some(sent) => versions.iter().any(|(wallet, version)| sent.get(wallet) < Some(version)),
            None => versions.iter().map(|(_, version)| version).sum::<i64>() != self.cursor.versions,
        }
    }

    fn end(mut self, why: StreamEnd) {
        if let Some(end) = self.end.take() {
            // A reader who has left gets nothing.
            let _gone = end.send(why);
        }
    }

    fn send(&mut self, found: &Changes, probe: bool) {
        let is_first = self.sent.is_none();
        let mut messages = Vec::new();
        for event in found.events.get(&self.customer).into_iter().flatten() {
            if event.position > self.cursor.position {
                self.cursor.position = event.position;
                messages.push(StreamMessage { cursor: self.cursor, update: StreamUpdate::Event(event.clone()) });
            }
        }
        if self.is_behind(found) {
            let sent = self.sent.get_or_insert_default();
            for wallet in found.wallets.get(self.customer.as_str()).into_iter().flatten() {
                if sent.get(&wallet.id) < Some(&wallet.version) {
                    sent.insert(wallet.id, wallet.version);
                    messages.push(StreamMessage {
                        cursor: self.cursor,
                        update: StreamUpdate::Balance(Box::new(wallet.clone())),
                    });
                }
            }
            // The cursor counts what was sent. A listener that got only some of the wallets must not count as one that
            // got all of them.
            self.cursor.versions = sent.values().sum();
            if let Some(last) = messages.last_mut() {
                last.cursor = self.cursor;
            }
        } else if self.sent.is_none() {
            self.sent = Some(self.versions(found).iter().copied().collect());
        }
        let claims = found.claims.get(&self.customer).map(|claims| take_back::sums(claims)).unwrap_or_default();
        if is_first {
            messages.push(StreamMessage { cursor: self.cursor, update: StreamUpdate::Live(claims.clone()) });
        } else if claims != self.claims {
            messages.push(StreamMessage { cursor: self.cursor, update: StreamUpdate::Claims(claims.clone()) });
        }
        self.claims = claims;
        if probe && messages.is_empty() {
            messages.push(StreamMessage { cursor: self.cursor, update: StreamUpdate::Probe });
        }
        if !messages.is_empty() {
            // The channel has room, because only this loop fills it. A listener that is gone removes itself.
            let _gone = self.messages.try_send(messages);
        }
    }
}
