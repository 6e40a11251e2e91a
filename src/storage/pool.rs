//! The pool of connections that serve requests and workers.
//!
//! A connection goes back to the pool only when a later borrower can use it: not inside a transaction (its borrower was
//! dropped on the way), not after an error that ends it, and not when it is too old. Otherwise it is closed at once,
//! and the server ends what it held.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{Manager, Metrics, Object, RecycleError, RecycleResult};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, TransactionManager};
use secrecy::SecretString;
use tokio::runtime::Handle;

use super::StorageError;
use super::connection::{self, PATIENCE, Purpose, Session, Timeline};
use super::share::{self, Seat, Share, Shares};

/// The greatest age of a connection. If a server was replaced behind the same address, no connection to the old one
/// lasts longer.
pub const OLDEST: Duration = Duration::from_secs(30 * 60);

/// How long a connection may be unused before it is tried with a query: a host can vanish without closing its
/// connections.
const UNTRIED: Duration = Duration::from_secs(15);

/// How long that query may take.
const TRIAL: Duration = Duration::from_secs(5);

/// A pool of connections; cloning shares it.
#[derive(Clone)]
pub struct Pool {
    inner: deadpool::managed::Pool<Sessions>,
    url: Arc<SecretString>,
    role: Option<Arc<str>>,
    timeline: Timeline,
    shares: Shares,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("status", &self.inner.status()).finish_non_exhaustive()
    }
}

/// The use of a pool.
#[derive(Debug, Clone, Copy)]
pub struct PoolStatus {
    /// The most connections that it may have.
    pub limit: usize,
    /// Connections that it has.
    pub open: usize,
    /// Connections that nobody uses.
    pub idle: usize,
    /// Callers that wait for one.
    pub waiting: usize,
}

impl Pool {
    /// A pool of at most `size` connections; none is opened yet. Call it inside a tokio runtime: that runtime drives
    /// all connections, whichever runtime a caller runs on.
    ///
    /// # Errors
    /// [`StorageError::Unreachable`] when the pool cannot be built, or outside a runtime.
    pub fn new(url: &SecretString, size: usize) -> Result<Self, StorageError> {
        Self::build(url, size, None)
    }

    /// As [`Pool::new`]. Each session takes a role, those of [`Pool::open`] too.
    ///
    /// # Errors
    /// As [`Pool::new`].
    pub fn with_role(url: &SecretString, size: usize, role: &str) -> Result<Self, StorageError> {
        Self::build(url, size, Some(role.into()))
    }

    fn build(url: &SecretString, size: usize, role: Option<Arc<str>>) -> Result<Self, StorageError> {
        let runtime =
            Handle::try_current().map_err(|error| StorageError::Unreachable(format!("no runtime: {error}")))?;
        let url = Arc::new(url.clone());
        let timeline = Timeline::default();
        let sessions = Sessions { url: Arc::clone(&url), role: role.clone(), timeline: timeline.clone(), runtime };
        let inner = deadpool::managed::Pool::builder(sessions)
            .max_size(size)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(TRIAL))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| StorageError::Unreachable(error.to_string()))?;
        Ok(Self { inner, url, role, timeline, shares: Shares::new(size) })
    }

    /// A customer's share of the pool for one request: a quarter.
    #[must_use]
    pub fn share_of_customer(&self, customer: &str) -> Share {
        self.shares.of(format!("customer {customer}"), 4)
    }

    /// The share of a service, an operator or the payment companies for one request: half of the pool, because they act
    /// for many customers.
    #[must_use]
    pub fn share_of_others(&self, name: &str) -> Share {
        self.shares.of(format!("other {name}"), 2)
    }

    /// Borrows a connection, waiting at most 10 s for one, and as long for a seat of the caller's share.
    ///
    /// # Errors
    /// [`StorageError::Unreachable`], [`StorageError::ShareUsedUp`].
    pub async fn get(&self) -> Result<Pooled, StorageError> {
        let seat = share::seat().await?;
        let object = self.inner.get().await.map_err(|error| StorageError::Unreachable(error.to_string()))?;
        Ok(Pooled { object: Some(object), _seat: seat })
    }

    /// Opens a connection outside the pool for [`super::ledger::fast`]; see [`Purpose::Lane`].
    ///
    /// # Errors
    /// [`StorageError::Unreachable`], and others of the database.
    pub async fn lane(&self) -> Result<Own, StorageError> {
        self.open(Purpose::Lane).await
    }

    /// Opens a connection outside the pool.
    ///
    /// # Errors
    /// [`StorageError::Unreachable`], and others of the database.
    pub async fn open(&self, purpose: Purpose) -> Result<Own, StorageError> {
        Ok(Own(connection::open(&self.url, purpose, &self.timeline, self.role.as_deref()).await?))
    }

    /// How busy the pool is.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        let status = self.inner.status();
        PoolStatus { limit: status.max_size, open: status.size, idle: status.available, waiting: status.waiting }
    }

    /// Closes the connections that nobody uses. The next borrowers open new ones.
    pub fn close_idle(&self) {
        self.inner.retain(|_, _| false);
    }

    /// Closes the pool; connections end as they are returned.
    pub fn close(&self) {
        self.inner.close();
    }
}

/// Opens one connection for a command that reads or changes whole tables; see [`Purpose::Maintenance`].
///
/// # Errors
/// [`StorageError::Unreachable`].
pub async fn connect(url: &SecretString) -> Result<AsyncPgConnection, StorageError> {
    Ok(connection::open(url, Purpose::Maintenance, &Timeline::default(), None).await?.conn)
}

/// A connection outside the pool.
pub struct Own(Session);

impl Own {
    /// Whether a statement can still succeed on it.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        self.0.is_fit()
    }
}

impl Deref for Own {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.0.conn
    }
}

impl DerefMut for Own {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.0.conn
    }
}

/// A connection borrowed from the pool.
pub struct Pooled {
    object: Option<Object<Sessions>>,
    /// Returned after the connection.
    _seat: Option<Seat>,
}

/// Takes the place of a borrowed connection after its return. Nothing uses it.
const HELD: &str = "a borrowed connection is held until it is dropped";

#[allow(clippy::expect_used, reason = "the option is emptied in `drop` alone")]
impl Deref for Pooled {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.object.as_ref().expect(HELD).conn
    }
}

#[allow(clippy::expect_used, reason = "the option is emptied in `drop` alone")]
impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.object.as_mut().expect(HELD).conn
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(mut object) = self.object.take() else { return };
        if !is_reusable(&mut object) {
            metrics::counter!("topup_database_connections_closed_total").increment(1);
            drop(Object::take(object));
        }
    }
}

/// Whether another borrower can use a connection: it is usable, and no transaction is open on it or was about to begin
/// or end.
fn is_reusable(session: &mut Session) -> bool {
    type Transactions = <AsyncPgConnection as AsyncConnection>::TransactionManager;
    let conn = &mut session.conn;
    let status = Transactions::transaction_manager_status_mut(conn);
    let is_outside = matches!(status.transaction_depth(), Ok(None));
    is_outside && !Transactions::is_broken_transaction_manager(conn) && session.is_fit()
}

/// Opens and checks the connections of a pool.
#[derive(Debug)]
struct Sessions {
    url: Arc<SecretString>,
    role: Option<Arc<str>>,
    timeline: Timeline,
    runtime: Handle,
}

impl Manager for Sessions {
    type Type = Session;
    type Error = StorageError;

    async fn create(&self) -> Result<Session, StorageError> {
        let (url, role, timeline) = (Arc::clone(&self.url), self.role.clone(), self.timeline.clone());
        let opening = self
            .runtime
            .spawn(async move { connection::open(&url, Purpose::Requests, &timeline, role.as_deref()).await });
        opening.await.map_err(|error| StorageError::Unreachable(error.to_string()))?
    }

    async fn recycle(&self, session: &mut Session, metrics: &Metrics) -> RecycleResult<StorageError> {
        if !is_reusable(session) {
            return Err(RecycleError::message("it cannot be used any more"));
        }
        if metrics.age() > OLDEST {
            return Err(RecycleError::message("it is too old"));
        }
        if session.used.elapsed() > UNTRIED {
            diesel::sql_query("SELECT 1").execute(&mut session.conn).await.map_err(StorageError::Database)?;
        }
        session.used = Instant::now();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A host whose system accepts the connection, but never sends a byte.
    #[tokio::test]
    async fn a_lane_to_a_host_that_says_nothing_is_given_up() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://u@{}/d?connect_timeout=1", silent.local_addr().unwrap());
        let lane = Pool::new(&url.into(), 1).unwrap().lane().await;
        assert!(matches!(lane, Err(StorageError::Unreachable(_))));
    }
}
