//! The balance stream: what changes of a customer's wallets and orders, told while it happens.
//!
//! Nothing is notified. A transaction that says NOTIFY takes a lock of the whole cluster while it commits, and the
//! ledger's commits are what this service is made of; so one loop per process polls, and only while somebody
//! listens: two look-ups by index for all listeners together, five times a second, and a read of the wallets that
//! have changed. Answers of the poster are not tapped: they would save the loop's pause for changes made by this
//! process, and none for those of the others.
//!
//! What is told is the state, not the step: a listener who reads slowly, or a wallet that changes a thousand times
//! a second, gets the last state of each turn. Events (an order moved, a balance fell below its threshold) are told
//! one by one. A [`Cursor`] says how far a listener has come, and suffices to go on after a broken connection.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

use super::Error;
use crate::domain::customer::CustomerId;
use crate::domain::event::Event;
use crate::domain::wallet::Wallet;
use crate::storage::events;
use crate::storage::ledger;
use crate::storage::pool::Pool;

/// The pause between two turns.
const EVERY: Duration = Duration::from_millis(200);
/// Events of one customer in one turn; the next turn follows at once where there are more.
const EVENTS: i64 = 200;

/// How many may listen.
#[derive(Debug, Clone, Copy)]
pub struct StreamSettings {
    pub total: usize,
    pub per_customer: usize,
}

/// How far a listener has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Of the last event told.
    pub position: i64,
    /// The sum of the versions of the customer's wallets as told. Versions only grow, so the same sum means that
    /// nothing has changed.
    pub versions: i64,
}

impl Cursor {
    /// Reads what [`std::fmt::Display`] wrote; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (position, versions) = text.split_once('-')?;
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?;
        Some(Self { position: number(position)?, versions: number(versions)? })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.position, self.versions)
    }
}

/// Something to tell, and how far the listener has come with it.
#[derive(Debug, Clone)]
pub struct Message {
    pub cursor: Cursor,
    pub news: News,
}

#[derive(Debug, Clone)]
pub enum News {
    Balance(Box<Wallet>),
    Event(Event),
    /// Something to write, so that a broken connection is noticed.
    Nothing,
}

/// The handle that the edge holds; cloning shares it.
#[derive(Clone)]
pub struct Streams {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

struct Shared {
    pool: Pool,
    settings: StreamSettings,
    open: Mutex<Open>,
    woken: Notify,
}

#[derive(Default)]
struct Open {
    closed: bool,
    last: u64,
    /// For how many turns everybody is told something, to find out who is gone.
    probes: u8,
    listeners: BTreeMap<u64, Listener>,
}

struct Listener {
    customer: CustomerId,
    cursor: Cursor,
    /// Versions as told; `None` before the first turn, which tells all, or nothing after a short break.
    told: Option<HashMap<Uuid, i64>>,
    /// Takes one turn's messages at a time: who reads slowly is told less often, and holds no memory.
    messages: mpsc::Sender<Vec<Message>>,
}

/// A listener's end; dropping it makes room for another.
pub struct Listening {
    shared: Arc<Shared>,
    number: u64,
    messages: mpsc::Receiver<Vec<Message>>,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listening").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Listening {
    /// The next messages; `None` when the service stops.
    pub async fn next(&mut self) -> Option<Vec<Message>> {
        self.messages.recv().await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.shared.open().listeners.remove(&self.number);
    }
}

impl Streams {
    /// Starts the loop, which sleeps while nobody listens. Call it inside a tokio runtime.
    #[must_use]
    pub fn start(pool: &Pool, settings: StreamSettings) -> Self {
        let shared = Arc::new(Shared { pool: pool.clone(), settings, open: Mutex::default(), woken: Notify::new() });
        tokio::spawn(run(Arc::clone(&shared)));
        Self { shared }
    }

    /// Listens to a customer's wallets and events, from where a broken connection left off, or from now on. The
    /// first messages are the state, where it is another than at the cursor.
    ///
    /// # Errors
    /// 503 `streams_full`, `shutting_down`, or of the database.
    pub async fn listen(&self, customer: &CustomerId, from: Option<Cursor>) -> Result<Listening, Error> {
        drop(self.shared.room(customer)?);
        let last = {
            let mut conn = self.shared.pool.get().await?;
            events::last_position(&mut conn, customer).await?
        };
        let cursor = match from {
            Some(from) => Cursor { position: from.position.min(last), ..from },
            None => Cursor { position: last, versions: 0 },
        };
        let (sender, messages) = mpsc::channel(1);
        let mut open = self.shared.room(customer)?;
        open.last += 1;
        let number = open.last;
        let listener = Listener { customer: customer.clone(), cursor, told: None, messages: sender };
        open.listeners.insert(number, listener);
        drop(open);
        self.shared.woken.notify_one();
        Ok(Listening { shared: Arc::clone(&self.shared), number, messages })
    }

    /// Ends every stream and takes no more.
    pub fn close(&self) {
        let mut open = self.shared.open();
        open.closed = true;
        open.listeners.clear();
        drop(open);
        self.shared.woken.notify_one();
    }
}

impl Open {
    fn check(&self, customer: &CustomerId, settings: StreamSettings) -> Result<(), Error> {
        let unavailable =
            |code, detail: &str| Error::Unavailable { code, detail: detail.to_owned(), retry_after_seconds: 5 };
        if self.closed {
            return Err(unavailable("shutting_down", "the service is stopping; connect again"));
        }
        let mine = self.listeners.values().filter(|listener| listener.customer == *customer).count();
        if mine >= settings.per_customer {
            return Err(unavailable("streams_full", "this customer has as many streams open as one may have"));
        }
        if self.listeners.len() >= settings.total {
            return Err(unavailable("streams_full", "as many streams are open as this service takes"));
        }
        Ok(())
    }
}

async fn run(shared: Arc<Shared>) {
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
            tracing::warn!(%error, "the balance streams could not be served");
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

/// What one turn has found.
#[derive(Default)]
struct Found {
    /// By customer, the oldest first.
    events: HashMap<CustomerId, Vec<Event>>,
    versions: HashMap<String, Vec<(Uuid, i64)>>,
    wallets: HashMap<String, Vec<Wallet>>,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The listeners, where there is room for another. Where there is none, whoever has gone without a word is
    /// looked for, so that the next try may find some: the first write to a broken connection succeeds, the second
    /// does not.
    fn room(&self, customer: &CustomerId) -> Result<MutexGuard<'_, Open>, Error> {
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

    /// Tells every listener who has read the last turn what is new; true when there is more to tell at once.
    async fn turn(&self) -> Result<bool, Error> {
        let (ready, positions) = self.ready();
        if ready.is_empty() {
            return Ok(false);
        }
        let mut found = Found::default();
        let mut conn = self.pool.get().await?;
        // Events first: the wallets told after them are then as new as they are.
        for event in events::after(&mut conn, positions.clone(), EVENTS).await? {
            found.events.entry(event.customer.clone()).or_default().push(event);
        }
        for (customer, wallet, version) in ledger::wallet_versions(&mut conn, positions.keys()).await? {
            found.versions.entry(customer).or_default().push((wallet, version));
        }
        let changed = self.changed(&ready, &found);
        for wallet in ledger::read_wallets_of(&mut conn, &changed).await? {
            found.wallets.entry(wallet.key.customer.as_str().to_owned()).or_default().push(wallet);
        }
        drop(conn);
        let mut open = self.open();
        let probe = open.probes > 0;
        open.probes = open.probes.saturating_sub(1);
        for number in ready {
            if let Some(listener) = open.listeners.get_mut(&number) {
                listener.tell(&found, probe);
            }
        }
        let full = usize::try_from(EVENTS).unwrap_or(usize::MAX);
        Ok(found.events.values().any(|events| events.len() >= full))
    }

    /// Who can be told something, and from which position on their customers' events are wanted.
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

    fn changed(&self, ready: &[u64], found: &Found) -> BTreeSet<CustomerId> {
        let open = self.open();
        let listeners = ready.iter().filter_map(|number| open.listeners.get(number));
        listeners.filter(|listener| listener.is_behind(found)).map(|listener| listener.customer.clone()).collect()
    }
}

impl Listener {
    fn versions<'f>(&self, found: &'f Found) -> &'f [(Uuid, i64)] {
        found.versions.get(self.customer.as_str()).map_or(&[], Vec::as_slice)
    }

    fn is_behind(&self, found: &Found) -> bool {
        let versions = self.versions(found);
        match &self.told {
            Some(told) => versions.iter().any(|(wallet, version)| told.get(wallet) < Some(version)),
            None => versions.iter().map(|(_, version)| version).sum::<i64>() > self.cursor.versions,
        }
    }

    fn tell(&mut self, found: &Found, probe: bool) {
        let mut messages = Vec::new();
        for event in found.events.get(&self.customer).into_iter().flatten() {
            if event.position > self.cursor.position {
                self.cursor.position = event.position;
                messages.push(Message { cursor: self.cursor, news: News::Event(event.clone()) });
            }
        }
        if self.is_behind(found) {
            let told = self.told.get_or_insert_default();
            for wallet in found.wallets.get(self.customer.as_str()).into_iter().flatten() {
                if told.get(&wallet.id) < Some(&wallet.version) {
                    told.insert(wallet.id, wallet.version);
                    messages.push(Message { cursor: self.cursor, news: News::Balance(Box::new(wallet.clone())) });
                }
            }
            // Who has only some of these wallets has not come as far as all of them.
            self.cursor.versions = told.values().sum();
            if let Some(last) = messages.last_mut() {
                last.cursor = self.cursor;
            }
        } else if self.told.is_none() {
            self.told = Some(self.versions(found).iter().copied().collect());
        }
        if probe && messages.is_empty() {
            messages.push(Message { cursor: self.cursor, news: News::Nothing });
        }
        if !messages.is_empty() {
            // There is room, for nobody else fills it; a listener who is gone is taken out by its own end.
            let _gone = self.messages.try_send(messages);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let cursor = Cursor { position: 42, versions: 7 };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for other in ["", "-", "1", "1-", "-1", "1-2-3", "+1-2", "1-x", "99999999999999999999-1"] {
            assert_eq!(Cursor::parse(other), None, "{other}");
        }
    }
}
