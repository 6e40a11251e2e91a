//! Opens connections to PostgreSQL, with time limits, and watches them.
//!
//! A connection is driven by a task of the runtime that opened it. The workers of the HTTP server end before all work
//! is done, so [`super::pool::Pool`] opens all its connections on the main runtime.

mod hosts;
pub mod pooler;
pub mod role;
pub mod sqlstate;
mod stream;

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use secrecy::{ExposeSecret, SecretString};

pub use self::hosts::Timeline;
use self::stream::ConnectionHealth;
use super::StorageError;

/// How long the database may take to open a session, and its host to acknowledge what it was sent.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What a connection is for. It decides the time limits of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Serves requests and workers.
    ///
    /// A lock is waited for 500 ms, a statement runs 10 s, and a transaction in which nothing happens is ended by the
    /// server after 5 s. So a process that is frozen in the middle of a transaction keeps its locks for 5 s at most.
    Requests,
    /// Writes the flushes of the poster: as `Requests`, with fixed plans of its statements.
    ///
    /// A lock is waited for 250 ms: a lane has two flushes outstanding, and both can meet the same lock.
    ///
    /// The statements find wallets and holds by index only, so that they lock them in the order in which the arrays
    /// name them. They are planned once, for arrays of any length: otherwise PostgreSQL would plan them for the arrays
    /// of each call, which takes longer than the work. `pg_stat_activity` shows the session as `topup lane`.
    Lane,
    /// `check`, exports, `migrate`: they read or change whole tables.
    ///
    /// A statement may take as long as it needs and a lock is waited for one minute. A transaction in which nothing
    /// happens is still ended, after 5 minutes: a slow reader may take some time between two pages of an export.
    Maintenance,
}

impl Purpose {
    /// The settings of the session, in one round trip. The server learns of a dead client by its keepalives within 20
    /// s.
    fn settings(self) -> &'static str {
        match self {
            Self::Requests => {
                "SET lock_timeout = '500ms'; SET statement_timeout = '10s'; \
                 SET idle_in_transaction_session_timeout = '5s'; \
                 SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3; \
                 SET tcp_user_timeout = '20s'"
            }
            Self::Lane => {
                "SET lock_timeout = '250ms'; SET statement_timeout = '10s'; \
                 SET idle_in_transaction_session_timeout = '5s'; \
                 SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3; \
                 SET tcp_user_timeout = '20s'; \
                 SET enable_seqscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan; \
                 SET application_name = 'topup lane'"
            }
            Self::Maintenance => {
                "SET lock_timeout = '1min'; SET statement_timeout = 0; \
                 SET idle_in_transaction_session_timeout = '5min'; \
                 SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3; \
                 SET tcp_user_timeout = '20s'"
            }
        }
    }
}

/// A connection and its state.
pub struct Session {
    pub conn: AsyncPgConnection,
    /// When it was borrowed last.
    pub used: Instant,
    health: Arc<ConnectionHealth>,
    /// The server's timeline, where the URL names several hosts.
    timeline: Option<u32>,
    seen: Timeline,
}

impl Session {
    /// Whether a statement can still succeed on it, and on the right server.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        self.health.is_fit() && self.timeline.is_none_or(|timeline| timeline >= self.seen.highest())
    }
}

/// Opens one connection, which takes the role if one is given.
///
/// # Errors
/// [`StorageError::Unreachable`].
pub async fn open(
    url: &SecretString,
    purpose: Purpose,
    seen: &Timeline,
    role: Option<&str>,
) -> Result<Session, StorageError> {
    let opening = async {
        let (client, health, timeline) = hosts::connect(url.expose_secret(), seen).await?;
        let mut conn = AsyncPgConnection::try_from(client).await.map_err(|error| unreachable(&error))?;
        match role {
            Some(role) => conn.batch_execute(&format!("{}; {}", purpose.settings(), role::taking(role))).await?,
            None => conn.batch_execute(purpose.settings()).await?,
        }
        Ok(Session { conn, used: Instant::now(), health, timeline, seen: seen.clone() })
    };
    tokio::time::timeout(PATIENCE, opening)
        .await
        .unwrap_or_else(|_| Err(StorageError::Unreachable("no session within 10 s".to_owned())))
}

fn unreachable(error: &dyn std::fmt::Display) -> StorageError {
    StorageError::Unreachable(error.to_string())
}
