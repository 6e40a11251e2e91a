//! The stage of the benchmark: a throwaway cluster with the settings of a durable one, and a folder for scripts and
//! logs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};
use topup::embedded::Cluster;

use crate::Outcome;
use crate::tools::Tools;

/// Beyond the usual ones. A checkpoint by the clock would hit one side of a comparison and spare the other: there is
/// one before every round instead. The data fit into memory, as those of a well-kept installation do.
const SETTINGS: [(&str, &str); 4] =
    [("checkpoint_timeout", "1h"), ("max_wal_size", "16GB"), ("shared_buffers", "1GB"), ("autovacuum_naptime", "20s")];

/// What the report states.
const STATED: [&str; 9] = [
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "data_checksums",
    "wal_compression",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
];

pub struct Stage {
    pub tools: Tools,
    pub cluster: Cluster,
    pub folder: Folder,
    pub runtime: Runtime,
}

impl Stage {
    pub fn set(tools: Tools) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let folder = Folder::new()?;
        let cluster = Cluster::throwaway_blocking(true, &SETTINGS)?;
        Ok(Self { tools, cluster, folder, runtime })
    }

    /// The settings that the figures depend on, as the server says.
    pub fn settings(&self) -> Outcome<String> {
        let mut shown = Vec::new();
        let database = self.database("postgres")?;
        for name in STATED {
            let row = database.one(&format!("SELECT current_setting('{name}')"))?;
            shown.push(format!("{name}={}", row.try_get::<_, String>(0)?));
        }
        Ok(shown.join(" "))
    }

    pub fn create(&self, database: &str) -> Outcome<Database<'_>> {
        self.database("postgres")?.run(&format!("CREATE DATABASE {database}"))?;
        self.database(database)
    }

    pub fn database(&self, name: &str) -> Outcome<Database<'_>> {
        let client = self.runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.cluster.url(name), NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        })?;
        Ok(Database { runtime: &self.runtime, client })
    }

    /// A client program of PostgreSQL, told where to connect.
    pub fn client(&self, program: &PathBuf) -> Command {
        let mut command = Command::new(program);
        command.arg("-h").arg(self.cluster.socket_dir()).args(["-p", &self.cluster.port().to_string()]);
        command.args(["-U", self.cluster.user()]).current_dir(&self.folder.0);
        command
    }

    pub fn checkpoint(&self) -> Outcome<()> {
        self.database("postgres")?.run("CHECKPOINT")
    }

    /// The current position of the write-ahead log.
    pub fn wal_position(&self) -> Outcome<String> {
        Ok(self.database("postgres")?.one("SELECT pg_current_wal_flush_lsn()::text")?.try_get(0)?)
    }
}

/// A connection, for code that waits.
pub struct Database<'s> {
    runtime: &'s Runtime,
    client: Client,
}

impl Database<'_> {
    pub fn run(&self, sql: &str) -> Outcome<()> {
        Ok(self.runtime.block_on(self.client.batch_execute(sql))?)
    }

    pub fn all(&self, sql: &str) -> Outcome<Vec<Row>> {
        Ok(self.runtime.block_on(self.client.query(sql, &[]))?)
    }

    pub fn one(&self, sql: &str) -> Outcome<Row> {
        self.one_with(sql, &[])
    }

    pub fn one_with(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Outcome<Row> {
        Ok(self.runtime.block_on(self.client.query_one(sql, values))?)
    }
}

/// A private folder that is removed when the program ends.
pub struct Folder(pub PathBuf);

impl Folder {
    fn new() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("topup-benchmark-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub fn write(&self, name: &str, text: &str) -> Outcome<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // If this fails, files stay in a temporary folder and do no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}
