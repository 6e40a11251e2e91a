//! A PostgreSQL cluster that runs as a child process, from the binaries of this machine. `topup` uses it when
//! `DATABASE_URL` is not set, and so do tests and benchmarks.
//!
//! There are two kinds of cluster:
//! - A kept cluster ([`Cluster::start`]) has a folder of the caller's choice, and outlives processes. Its data stay,
//!   the next start adopts one that a crash left running, and the last process that uses it stops it.
//! - A throwaway cluster ([`Cluster::throwaway`]) and its folder disappear when it is stopped or dropped, or when its
//!   process dies, even by `kill -9`.
//!
//! Both listen on a unix socket only, in a folder that is closed to all users except root and the user that PostgreSQL
//! runs as, and let the operating system say who connects. PostgreSQL refuses root, so under root it runs as the user
//! `postgres`, or else as `nobody`.
//!
//! All work is done by blocking calls on a thread of its own. The async and the blocking functions therefore work
//! inside any runtime, and without one.

mod account;
mod binaries;
mod error;
mod home;
mod kept;
mod locks;
mod postmaster;
mod session;
mod settings;
mod throwaway;
mod wait;
mod watched;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use binaries::find_binaries;
pub use error::EmbeddedError;
pub use watched::WatchedCluster;

use kept::Kept;
use throwaway::Throwaway;

/// How to run a cluster that keeps its data.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The folder of the cluster. A missing one is created; an existing one must be empty or hold a cluster of `topup`.
    /// If the user that PostgreSQL runs as cannot enter it, another folder is used: see [`Cluster::data_dir`].
    pub data_dir: PathBuf,
    /// Whether a commit survives a power failure. Only tests may switch this off.
    pub durable: bool,
    /// Further settings of `postgresql.conf`. They override the defaults of this module, except for the settings that
    /// keep the cluster private. They take effect at the next start of `postgres`; an adopted cluster keeps its
    /// settings.
    pub extra_settings: Vec<(String, String)>,
    /// How long to wait until the cluster accepts connections, recovery after a crash included. A recovery that takes
    /// longer continues, and the next start waits for the rest of it.
    pub start_timeout: Duration,
}

impl ClusterOptions {
    /// The options of a durable cluster that may take three minutes to start.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            durable: true,
            extra_settings: Vec::new(),
            start_timeout: Duration::from_secs(180),
        }
    }
}

/// A running cluster. Dropping this value does not block: a kept cluster keeps running, and the next start adopts it; a
/// throwaway cluster ends.
#[derive(Debug)]
pub struct Cluster {
    bin_dir: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Kept(Kept),
    Throwaway(Throwaway),
}

impl Cluster {
    /// Starts the cluster of a folder, or adopts it if it already runs, and creates the database `topup` if it is
    /// missing. A new folder is initialised, which takes about a second. Processes that start the same folder at the
    /// same time wait for each other and share one cluster.
    ///
    /// # Errors
    /// [`EmbeddedError`]. If `postgres` does not start, the error contains the last lines of its log.
    pub async fn start(options: &ClusterOptions) -> Result<Self, EmbeddedError> {
        let options = options.clone();
        aside(move || Self::start_here(&options)).await
    }

    /// [`Self::start`] for code that is not async. It may be called inside a runtime.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_blocking(options: &ClusterOptions) -> Result<Self, EmbeddedError> {
        let options = options.clone();
        aside_blocking(move || Self::start_here(&options))
    }

    /// Starts a new cluster for tests: fast, not durable, with an empty database `topup`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn throwaway() -> Result<Self, EmbeddedError> {
        Self::throwaway_with(false, &[]).await
    }

    /// [`Self::throwaway`] with further settings, and durable if `durable` says so.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn throwaway_with(durable: bool, settings: &[(&str, &str)]) -> Result<Self, EmbeddedError> {
        let settings = owned(settings);
        aside(move || Self::throwaway_here(durable, &settings)).await
    }

    /// [`Self::throwaway_with`] for code that is not async. It may be called inside a runtime.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn throwaway_blocking(durable: bool, settings: &[(&str, &str)]) -> Result<Self, EmbeddedError> {
        let settings = owned(settings);
        aside_blocking(move || Self::throwaway_here(durable, &settings))
    }

    /// Stops the cluster in order, and waits for its end. A kept cluster that another process uses keeps running; the
    /// last process stops it, even if another one started it. The folder of a throwaway cluster is removed.
    ///
    /// # Errors
    /// [`EmbeddedError::DidNotStop`] after 75 s. [`EmbeddedError::Locked`] if another process is starting or stopping
    /// the cluster all this time.
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        aside(move || self.stop_here()).await
    }

    /// [`Self::stop`] for code that is not async. It may be called inside a runtime.
    ///
    /// # Errors
    /// As [`Self::stop`].
    pub fn stop_blocking(self) -> Result<(), EmbeddedError> {
        aside_blocking(move || self.stop_here())
    }

    /// Whether the cluster already ran when this process started it.
    pub fn adopted(&self) -> bool {
        match &self.kind {
            Kind::Kept(kept) => kept.adopted,
            Kind::Throwaway(_) => false,
        }
    }

    /// The URL of a database of the cluster, for libpq and `tokio_postgres::Config`.
    pub fn url(&self, database: &str) -> String {
        settings::url(self.socket_dir(), database)
    }

    /// The folder of the cluster. It holds PostgreSQL's `data` folder and the log `postgres.log`.
    pub fn data_dir(&self) -> &Path {
        match &self.kind {
            Kind::Kept(kept) => &kept.home.dir,
            Kind::Throwaway(throwaway) => &throwaway.dir,
        }
    }

    /// The folder of the socket, for `psql -h`.
    pub fn socket_dir(&self) -> &Path {
        match &self.kind {
            Kind::Kept(kept) => &kept.home.socket_dir,
            Kind::Throwaway(throwaway) => &throwaway.socket_dir,
        }
    }

    /// The port, for `psql -p`. It is only a part of the name of the socket: no TCP port is open.
    pub fn port(&self) -> u16 {
        settings::PORT
    }

    /// The database role, for `psql -U`: a superuser without a password.
    pub fn user(&self) -> &'static str {
        settings::ROLE
    }

    /// The folder of the programs `postgres`, `psql` and `pgbench`.
    pub fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    fn start_here(options: &ClusterOptions) -> Result<Self, EmbeddedError> {
        let (bin_dir, kept) = Kept::start(options)?;
        Ok(Self { bin_dir, kind: Kind::Kept(kept) })
    }

    fn throwaway_here(durable: bool, extra: &[(String, String)]) -> Result<Self, EmbeddedError> {
        let bin_dir = find_binaries()?;
        let throwaway = Throwaway::start(&bin_dir, durable, extra)?;
        Ok(Self { bin_dir, kind: Kind::Throwaway(throwaway) })
    }

    /// Starts a kept cluster again if it has ended by itself, and returns whether it had.
    fn start_again_if_ended(&mut self, options: &ClusterOptions) -> Result<bool, EmbeddedError> {
        match &mut self.kind {
            Kind::Kept(kept) => kept.start_again_if_ended(options),
            Kind::Throwaway(_) => Ok(false),
        }
    }

    fn stop_here(self) -> Result<(), EmbeddedError> {
        match self.kind {
            Kind::Kept(kept) => kept.stop(),
            Kind::Throwaway(throwaway) => throwaway.stop(),
        }
    }
}

fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Runs blocking work on a thread of its own and awaits it. If the caller stops waiting, the work is still finished,
/// and its result is dropped.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EmbeddedError> + Send + 'static,
) -> Result<T, EmbeddedError> {
    let (send, receive) = tokio::sync::oneshot::channel();
    thread(move || {
        let _ = send.send(work());
    })?;
    receive.await.unwrap_or_else(|_| Err(EmbeddedError::Thread("it panicked".into())))
}

fn aside_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EmbeddedError> + Send + 'static,
) -> Result<T, EmbeddedError> {
    thread(work)?.join().unwrap_or_else(|_| Err(EmbeddedError::Thread("it panicked".into())))
}

fn thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<std::thread::JoinHandle<T>, EmbeddedError> {
    std::thread::Builder::new()
        .name("embedded-postgres".into())
        .spawn(work)
        .map_err(|error| EmbeddedError::Thread(error.to_string()))
}
