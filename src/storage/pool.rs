//! Connections to PostgreSQL, pooled; TLS when the URL asks for it.

use diesel::ConnectionError;
use diesel_async::pooled_connection::deadpool::{Object, Pool as Deadpool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;

use super::StorageError;

/// A pool of connections; cloning shares it.
#[derive(Clone)]
pub struct Pool {
    inner: Deadpool<AsyncPgConnection>,
    url: Arc<SecretString>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("status", &self.inner.status()).finish_non_exhaustive()
    }
}

/// How busy a pool is: connections it may have, has, has unused, and callers that wait for one.
#[derive(Debug, Clone, Copy)]
pub struct PoolStatus {
    pub limit: usize,
    pub open: usize,
    pub idle: usize,
    pub waiting: usize,
}

const LANE: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan";

/// How long the database may take to open a session, and its host to say that it has received something.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection borrowed from the pool.
pub type Pooled = Object<AsyncPgConnection>;

impl Pool {
    /// A pool of at most `size` connections; none is opened yet. Call it inside a tokio runtime: connections are
    /// driven there, whoever asks for them, for the runtimes of actix's workers end before everybody is done.
    ///
    /// # Errors
    /// When the pool cannot be built, or there is no runtime.
    pub fn new(url: &SecretString, size: usize) -> Result<Self, StorageError> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|error| StorageError::Unreachable(format!("no runtime: {error}")))?;
        let mut config = ManagerConfig::default();
        config.custom_setup = Box::new(move |url| {
            let url = url.to_owned();
            let opened = runtime.spawn(async move { establish(&url).await });
            async move { opened.await.map_err(|error| ConnectionError::BadConnection(error.to_string()))? }.boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(url.expose_secret(), config);
        let inner = Deadpool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(Duration::from_secs(5)))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| StorageError::Unreachable(error.to_string()))?;
        Ok(Self { inner, url: Arc::new(url.clone()) })
    }

    /// Borrows a connection, waiting at most 10 s for one.
    ///
    /// # Errors
    /// [`StorageError::Unreachable`].
    pub async fn get(&self) -> Result<Pooled, StorageError> {
        self.inner.get().await.map_err(|error| StorageError::Unreachable(error.to_string()))
    }

    /// Opens a connection of one's own, outside the pool, for [`super::ledger::fast`]. It finds wallets and holds by
    /// index only, so that statements lock them in the order in which they are named; and plans once for arrays of
    /// any length, where PostgreSQL would think the plan for the very arrays cheaper each time, and plan for longer
    /// than the work takes.
    ///
    /// Waits at most 10 s for it.
    ///
    /// # Errors
    /// [`StorageError::Unreachable`], and others of the database.
    pub async fn lane(&self) -> Result<AsyncPgConnection, StorageError> {
        self.lane_within(PATIENCE).await
    }

    async fn lane_within(&self, patience: Duration) -> Result<AsyncPgConnection, StorageError> {
        let opened = async {
            let mut conn = connect(&self.url).await?;
            conn.batch_execute(LANE).await?;
            Ok(conn)
        };
        // What waits for the lane is told that the database is away, as those are who wait for the pool.
        tokio::time::timeout(patience, opened)
            .await
            .unwrap_or_else(|_| Err(StorageError::Unreachable("no session in time".to_owned())))
    }

    /// How busy the pool is.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        let status = self.inner.status();
        PoolStatus { limit: status.max_size, open: status.size, idle: status.available, waiting: status.waiting }
    }

    /// Closes the pool; connections end as they are returned.
    pub fn close(&self) {
        self.inner.close();
    }
}

/// Opens one connection.
///
/// # Errors
/// [`StorageError::Unreachable`].
pub async fn connect(url: &SecretString) -> Result<AsyncPgConnection, StorageError> {
    establish(url.expose_secret()).await.map_err(|error| StorageError::Unreachable(error.to_string()))
}

async fn establish(url: &str) -> Result<AsyncPgConnection, ConnectionError> {
    let bad = |error: &dyn std::fmt::Display| ConnectionError::BadConnection(error.to_string());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls);
    let mut config: tokio_postgres::Config = url.parse().map_err(|error: tokio_postgres::Error| bad(&error))?;
    give_up_on_silence(&mut config);
    let (client, connection) = config.connect(tls).await.map_err(|error| {
        // What tokio-postgres says alone is "error connecting to server"; why stands in the cause.
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        ConnectionError::BadConnection(format!("{error}{cause}"))
    })?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}

/// A host that is gone, without a word, must not keep those waiting who have sent it something: by themselves TCP
/// and its keepalives give up after a quarter of an hour and after two hours. What the URL says is left as it is.
fn give_up_on_silence(config: &mut tokio_postgres::Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(PATIENCE);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(PATIENCE);
    }
    let untold = tokio_postgres::Config::new();
    if config.get_keepalives_idle() == untold.get_keepalives_idle() {
        config.keepalives_idle(PATIENCE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(PATIENCE / 4);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(4);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_silent_host_is_given_up_unless_the_url_says_how() {
        let mut config: tokio_postgres::Config = "postgres://u@h/d".parse().unwrap();
        give_up_on_silence(&mut config);
        assert_eq!(config.get_connect_timeout(), Some(&PATIENCE));
        assert_eq!(config.get_tcp_user_timeout(), Some(&PATIENCE));
        assert_eq!(config.get_keepalives_idle(), PATIENCE);
        let url = "postgres://u@h/d?connect_timeout=3&tcp_user_timeout=4&keepalives_idle=5";
        let mut told: tokio_postgres::Config = url.parse().unwrap();
        give_up_on_silence(&mut told);
        assert_eq!(told.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(told.get_tcp_user_timeout(), Some(&Duration::from_secs(4)));
        assert_eq!(told.get_keepalives_idle(), Duration::from_secs(5));
    }

    /// Its system takes the connection, and nobody says a word on it.
    #[tokio::test]
    async fn a_lane_to_a_host_that_says_nothing_is_given_up() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://u@{}/d", silent.local_addr().unwrap());
        let lane = Pool::new(&url.into(), 1).unwrap().lane_within(Duration::from_millis(50)).await;
        assert!(matches!(lane, Err(StorageError::Unreachable(_))));
    }
}
