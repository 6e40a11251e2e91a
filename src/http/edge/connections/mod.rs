//! The connections of the HTTP server: a connection without progress is closed, and strangers cannot keep customers
//! out.
//!
//! actix ends a connection whose first head comes slowly, and one that is idle between two requests. [`Connections`]
//! also ends the others: later heads that come slowly, refused bodies whose rest still arrives, and clients that do not
//! read their answers. When the process has as many connections as it may have, it ends those that have made no
//! progress for longest, beginning with those on which no caller has sent a valid token.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::CutOff;

/// How long a connection may do nothing.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the first byte of a request's head to its last one.
    pub head: Duration,
    /// Between two requests, or between two parts of a stream.
    pub idle: Duration,
    /// From the moment when the client stops reading an answer until it has read all that is ready.
    pub unread: Duration,
}

/// How often [`Connections::watch`] looks.
const EVERY: Duration = Duration::from_millis(500);
/// How long a client may go on sending a body that was refused. If the connection were closed at once, the client would
/// see a broken connection instead of the answer.
const LINGER: Duration = Duration::from_secs(1);
/// A connection of this age has had the time to send a request. Younger ones are ended last.
const SETTLED: Duration = Duration::from_secs(1);
/// For this long after a customer's request the next one may be on its way.
const BUSY: Duration = Duration::from_secs(5);
/// The most requests of one connection that may still run after their answers, because their deadlines passed.
const TASKS: u32 = 64;

/// The open connections of one server.
#[derive(Debug)]
pub struct Connections {
    most: usize,
    above: usize,
    /// The closed connections whose requests still run, for which a shutdown waits.
    leaving: AtomicUsize,
    patience: Patience,
    open: Mutex<HashMap<u64, Arc<Connection>>>,
    next: AtomicU64,
}

/// One connection. Its requests find it by `request.conn_data()`.
#[derive(Debug)]
pub struct Connection {
    state: Mutex<ConnectionState>,
    /// One permit for each request that runs.
    tasks: Arc<Semaphore>,
}

#[derive(Debug)]
struct ConnectionState {
    phase: Phase,
    /// The beginning of the phase, or the last progress in it.
    since: Instant,
    /// Since when the client has not taken all the bytes that are ready.
    unread: Option<Instant>,
    /// Whether a caller has sent a valid token on it.
    is_known: bool,
    has_ended: bool,
    waker: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing of the next request has come.
    Waiting,
    /// A part of the next request's head has come.
    Head,
    /// A request is being read or processed.
    Serving,
    /// An answer was sent before the body of its request was read, and the rest of the body is discarded.
    Closing,
}

/// The order in which connections are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Stranger,
    IdleCustomer,
    Newcomer,
    /// A customer whose last request was a moment ago: the next one may be on its way.
    BusyCustomer,
}

impl Connections {
    /// At most `most` connections are open at a time. `above` more may be closed while their requests still run.
    #[must_use]
    pub fn new(most: usize, above: usize, patience: Patience) -> Arc<Self> {
        Arc::new(Self {
            most,
            above,
            leaving: AtomicUsize::new(0),
            patience,
            open: Mutex::default(),
            next: AtomicU64::new(0),
        })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a new connection. If there are too many, it ends others; if all others are busy with requests of
    /// customers, it ends this one.
    pub fn accept<T>(self: &Arc<Self>, stream: T) -> Watched<T> {
        let connection = Arc::new(Connection::new());
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open();
        if open.len() >= self.most && !make_room(&open, self.most) {
            connection.state().end("room");
        }
        open.insert(id, Arc::clone(&connection));
        drop(open);
        Watched { stream, connection, id, home: Arc::clone(self) }
    }

    /// Waits for the requests of a closed connection, so that a shutdown waits for them. It does not wait if `above`
    /// closed connections already have running requests, because each of them would occupy the place of a connection.
    /// The work for clients that disconnect goes on, and only a shutdown may cut it short.
    pub async fn see_off(&self, connection: &Connection) {
        if self.leaving.fetch_add(1, Ordering::Relaxed) < self.above {
            connection.settled().await;
        }
        self.leaving.fetch_sub(1, Ordering::Relaxed);
    }

    /// Ends what makes no progress, for as long as the server runs.
    pub async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            self.end_stuck(Instant::now());
        }
    }

    fn end_stuck(&self, now: Instant) {
        for connection in self.open().values() {
            let mut state = connection.state();
            if state.is_stuck(now, &self.patience) {
                state.end("stuck");
            }
        }
    }
}

/// Ends connections until one more fits. A few more are ended than needed, so that a crowd of strangers does not make
/// every new connection search all others. Returns false when there is none to end.
fn make_room(open: &HashMap<u64, Arc<Connection>>, most: usize) -> bool {
    let now = Instant::now();
    let (mut alive, mut candidates) = (0_usize, Vec::new());
    for connection in open.values() {
        let state = connection.state();
        if !state.has_ended {
            alive += 1;
            candidates.extend(state.rank(now).map(|rank| (rank, state.since, connection)));
        }
    }
    if alive < most {
        return true;
    }
    candidates.sort_unstable_by_key(|(rank, since, _)| (*rank, *since));
    let Some((first, ..)) = candidates.first().copied() else { return false };
    let enough = (alive - most + 1).max(most / 16);
    for (_, _, connection) in candidates.iter().take_while(|(rank, ..)| *rank == first).take(enough) {
        connection.state().end("room");
    }
    true
}

impl Connection {
    fn new() -> Self {
        let state = ConnectionState {
            phase: Phase::Waiting,
            since: Instant::now(),
            unread: None,
            is_known: false,
            has_ended: false,
            waker: None,
        };
        Self { state: Mutex::new(state), tasks: Arc::new(Semaphore::new(usize::try_from(TASKS).unwrap_or(1))) }
    }

    fn state(&self) -> MutexGuard<'_, ConnectionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A caller has sent a valid token, or a ticket that was made with one.
    pub fn know(&self) {
        self.state().is_known = true;
    }

    /// A place for a request that runs in a task of its own; `None` when too many still run.
    pub fn task(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.tasks).try_acquire_owned().ok()
    }

    /// Returns when none of its requests runs any more.
    async fn settled(&self) {
        // The semaphore is never closed.
        let _all = self.tasks.acquire_many(TASKS).await;
    }
}

impl ConnectionState {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }

    /// The next poll of the connection returns an error.
    fn end(&mut self, why: &'static str) {
        if !std::mem::replace(&mut self.has_ended, true) {
            metrics::counter!("topup_http_connections_ended_total", "why" => why).increment(1);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn is_stuck(&self, now: Instant, patience: &Patience) -> bool {
        let longer_than = |since: Instant, most: Duration| now.saturating_duration_since(since) > most;
        let phase = match self.phase {
            Phase::Waiting => longer_than(self.since, patience.idle),
            Phase::Head => longer_than(self.since, patience.head),
            Phase::Closing => longer_than(self.since, LINGER),
            // The body and the request have deadlines of their own.
            Phase::Serving => false,
        };
        phase || self.unread.is_some_and(|since| longer_than(since, patience.unread))
    }

    /// `None` for a connection that must not be ended to make room.
    fn rank(&self, now: Instant) -> Option<Rank> {
        let age = now.saturating_duration_since(self.since);
        match (self.is_known, self.phase) {
            (true, Phase::Serving) => None,
            (true, _) if age < BUSY => Some(Rank::BusyCustomer),
            (true, _) => Some(Rank::IdleCustomer),
            (false, _) if age < SETTLED => Some(Rank::Newcomer),
            (false, _) => Some(Rank::Stranger),
        }
    }
}

/// A connection's stream, which notes its progress.
#[derive(Debug)]
pub struct Watched<T> {
    stream: T,
    connection: Arc<Connection>,
    id: u64,
    home: Arc<Connections>,
}

impl<T> Watched<T> {
    #[must_use]
    pub fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// Refuses an ended connection, and notes whom to wake when it ends.
    fn look(&self, context: &Context<'_>) -> io::Result<MutexGuard<'_, ConnectionState>> {
        let mut state = self.connection.state();
        if state.has_ended {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the connection makes no progress"));
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Ok(state)
    }

    fn note_write(&self, is_taken: bool) {
        let mut state = self.connection.state();
        match is_taken {
            false => state.unread = state.unread.or_else(|| Some(Instant::now())),
            true if state.phase == Phase::Waiting => state.since = Instant::now(),
            true => {}
        }
    }
}

impl<T> Drop for Watched<T> {
    fn drop(&mut self) {
        self.home.open().remove(&self.id);
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        drop(this.look(context)?);
        let before = into.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, into);
        if into.filled().len() > before {
            let mut state = this.connection.state();
            if state.phase == Phase::Waiting {
                state.enter(Phase::Head);
            }
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        drop(this.look(context)?);
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.note_write(written.is_ready());
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // actix flushes once everything that it had was taken. So a client that takes a little from time to time cannot
        // keep the rest waiting for ever.
        this.look(context)?.unread = None;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// A request that is being read or processed. Its connection waits for the next one when this is dropped.
struct Serving {
    connection: Arc<Connection>,
    is_last: bool,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.connection.state().enter(if self.is_last { Phase::Closing } else { Phase::Waiting });
    }
}

/// Middleware, the outermost: notes on the connection that a request is being served.
///
/// # Errors
/// The inner service's error.
pub async fn serve<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let mut serving = request.conn_data::<Arc<Connection>>().cloned().map(|connection| {
        connection.state().enter(Phase::Serving);
        Serving { connection, is_last: false }
    });
    let answered = next.call(request).await;
    if let (Some(serving), Ok(response)) = (&mut serving, &answered) {
        serving.is_last = response.response().extensions().contains::<CutOff>();
    }
    answered
}

#[cfg(test)]
mod tests;
