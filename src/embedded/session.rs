//! A small client that asks a cluster whether it is ready and durable, and creates its database.

use std::path::Path;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Config, NoTls};

use super::EmbeddedError;
use super::settings::{PORT, ROLE};

/// How long a query may take on a busy machine, and how long the creation of a database may take.
const ANSWER: Duration = Duration::from_secs(5);
const CREATION: Duration = Duration::from_secs(60);

/// Runs a few queries on a cluster. Each uses a connection of its own that is closed before the result returns, because
/// an open connection would keep other processes from copying or dropping a database.
#[derive(Debug)]
pub(super) struct ClusterClient {
    runtime: Runtime,
    config: Config,
}

impl ClusterClient {
    /// Call this on a thread that runs no other tokio runtime.
    pub(super) fn new(socket_dir: &Path) -> Result<Self, EmbeddedError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| EmbeddedError::Thread(error.to_string()))?;
        let mut config = Config::new();
        config.host_path(socket_dir).port(PORT).user(ROLE).dbname("postgres");
        Ok(Self { runtime, config })
    }

    /// Whether the cluster commits durably. `Ok` also shows that the cluster accepts connections.
    pub(super) fn is_durable(&self) -> Result<bool, EmbeddedError> {
        self.ask(ANSWER, async |client| {
            let row = client
                .query_one(
                    "SELECT bool_and(setting = 'on') FROM pg_settings WHERE name = ANY($1)",
                    &[&["fsync", "synchronous_commit", "full_page_writes"].as_slice()],
                )
                .await?;
            row.try_get(0)
        })
    }

    /// Creates the database `topup` if it is missing. Only one process at a time may call this.
    pub(super) fn create_database(&self) -> Result<(), EmbeddedError> {
        self.ask(CREATION, async |client| {
            let found = client.query_opt("SELECT 1 FROM pg_database WHERE datname = 'topup'", &[]).await?;
            if found.is_none() {
                client.batch_execute("CREATE DATABASE topup").await?;
            }
            Ok(())
        })
    }

    fn ask<T>(
        &self,
        patience: Duration,
        question: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, EmbeddedError> {
        let conversation = async {
            let (client, connection) = self.config.connect(NoTls).await?;
            let answer = async move {
                let answer = question(&client).await;
                drop(client);
                answer
            };
            let (answer, ended) = tokio::join!(answer, connection);
            let answer = answer?;
            ended?;
            Ok(answer)
        };
        // A socket can accept a connection although no process serves it, hence the timeout.
        self.runtime
            .block_on(async { tokio::time::timeout(patience, conversation).await })
            .unwrap_or_else(|_| Err(EmbeddedError::NoAnswer { seconds: patience.as_secs() }))
    }
}
