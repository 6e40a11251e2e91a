//! PostgreSQL from the binaries of this machine, run as a child: what `topup` uses when no
//! `DATABASE_URL` is set, and what tests and benchmarks run on.
//!
//! Two kinds of cluster. One in a folder of the caller's ([`Cluster::start`]) outlives processes:
//! its data stay, one that a crash left running is adopted by the next start, and the last process
//! that uses it stops it. A throwaway ([`Cluster::throwaway`]) is gone, folder and all, when it is
//! stopped or dropped or when its process dies, `kill -9` included.
//!
//! Either listens on a unix socket only, in a folder closed to every user but the one it runs as
//! (and root), and asks the operating system who is calling. PostgreSQL refuses root: as root, it
//! runs as `postgres`, else `nobody`.
//!
//! Everything is done by blocking calls on a thread of its own, so that both faces, async and
//! blocking, work inside any runtime and without one.

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

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use binaries::find_binaries;
pub use error::EmbeddedError;

use kept::Kept;
use throwaway::Throwaway;

/// How to run a cluster that keeps its data.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Its folder, made if missing. It must be empty or hold a cluster made here. As root it may
    /// be out of reach of the user that PostgreSQL runs as; [`Cluster::data_dir`] tells the folder
    /// that is used then.
    pub data_dir: PathBuf,
    /// Whether a commit survives the loss of power. Only tests can do without.
    pub durable: bool,
    /// Further settings of `postgresql.conf`, stronger than the usual ones; those that keep the
    /// cluster private cannot be changed. They hold from the next start of `postgres`: a cluster
    /// that is adopted keeps those it runs with.
    pub extra_settings: Vec<(String, String)>,
    /// How long to wait until it accepts connections. Recovery after a crash counts; one that is
    /// not done by then goes on, and the next start finds it further on.
    pub start_timeout: Duration,
}

impl ClusterOptions {
    /// Durable, and up to three minutes to start.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            durable: true,
            extra_settings: Vec::new(),
            start_timeout: Duration::from_secs(180),
        }
    }
}

/// A running cluster. Dropping it does not block: one that keeps its data is left running, to be
/// adopted by the next start; a throwaway ends.
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
    /// Starts the cluster of a folder, or adopts it if it runs already, and makes sure of the
    /// database `topup`. A new folder is initialised (about a second). Processes that start the
    /// same folder at once wait for one another and share one cluster.
    ///
    /// # Errors
    /// See [`EmbeddedError`]; if `postgres` does not come up, the error carries its last words.
    pub async fn start(options: &ClusterOptions) -> Result<Self, EmbeddedError> {
        let options = options.clone();
        aside(move || Self::start_here(&options)).await
    }

    /// [`Self::start`] for code that is not async; it may still be called inside a runtime.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_blocking(options: &ClusterOptions) -> Result<Self, EmbeddedError> {
        let options = options.clone();
        aside_blocking(move || Self::start_here(&options))
    }

    /// A new cluster for tests, fast rather than durable, with an empty database `topup`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn throwaway() -> Result<Self, EmbeddedError> {
        Self::throwaway_with(false, &[]).await
    }

    /// [`Self::throwaway`] with the settings of a durable cluster if wanted, and others on top.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn throwaway_with(durable: bool, settings: &[(&str, &str)]) -> Result<Self, EmbeddedError> {
        let settings = owned(settings);
        aside(move || Self::throwaway_here(durable, &settings)).await
    }

    /// [`Self::throwaway_with`] for code that is not async; it may still be called inside a runtime.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn throwaway_blocking(durable: bool, settings: &[(&str, &str)]) -> Result<Self, EmbeddedError> {
        let settings = owned(settings);
        aside_blocking(move || Self::throwaway_here(durable, &settings))
    }

    /// Stops the cluster in good order and waits for its end. One that keeps its data goes on if
    /// another living process uses it: the last one stops it, whoever started it. The folder of a
    /// throwaway is gone afterwards.
    ///
    /// # Errors
    /// [`EmbeddedError::DidNotStop`] after 75 s, [`EmbeddedError::Locked`] if another process keeps
    /// starting or stopping it.
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        aside(move || self.stop_here()).await
    }

    /// [`Self::stop`] for code that is not async; it may still be called inside a runtime.
    ///
    /// # Errors
    /// As [`Self::stop`].
    pub fn stop_blocking(self) -> Result<(), EmbeddedError> {
        aside_blocking(move || self.stop_here())
    }

    /// Whether it was running already when we started it.
    pub fn adopted(&self) -> bool {
        match &self.kind {
            Kind::Kept(kept) => kept.adopted,
            Kind::Throwaway(_) => false,
        }
    }

    /// A URL for libpq and `tokio_postgres::Config` that leads to a database of the cluster.
    pub fn url(&self, database: &str) -> String {
        settings::url(self.socket_dir(), database)
    }

    /// The folder that is really used: PostgreSQL's own is `data` in it, its log `postgres.log`.
    pub fn data_dir(&self) -> &Path {
        match &self.kind {
            Kind::Kept(kept) => &kept.home.dir,
            Kind::Throwaway(throwaway) => &throwaway.dir,
        }
    }

    /// The folder of the socket: what `psql -h` takes.
    pub fn socket_dir(&self) -> &Path {
        match &self.kind {
            Kind::Kept(kept) => &kept.home.socket_dir,
            Kind::Throwaway(throwaway) => &throwaway.socket_dir,
        }
    }

    /// What `psql -p` takes. No TCP port is open: it only names the socket.
    pub fn port(&self) -> u16 {
        settings::PORT
    }

    /// The database role, what `psql -U` takes: a superuser, without a password.
    pub fn user(&self) -> &'static str {
        settings::ROLE
    }

    /// The folder of `postgres`, `psql`, `pgbench`.
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

/// Runs blocking work on a thread of its own and awaits it. If the caller stops waiting, the work
/// is finished all the same and its result dropped.
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
