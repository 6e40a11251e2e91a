//! A cluster that keeps its data: it is created or adopted at the start, and stopped by the last process that uses it.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::binaries::find_binaries_for;
use super::home::Home;
use super::locks::Locks;
use super::postmaster::{self, Postmaster};
use super::session::ClusterClient;
use super::wait::until;
use super::{ClusterOptions, EmbeddedError, settings};

/// How long a stop waits for another process that starts or stops the cluster at the same time.
const STOP_LOCK: Duration = Duration::from_secs(180);

/// A cluster that keeps its data.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) home: Home,
    pub(super) adopted: bool,
    /// The postmaster, if this process started it.
    started: Option<Postmaster>,
    locks: Locks,
}

impl Kept {
    /// Starts or adopts the cluster. Returns the folder of the binaries with it.
    pub(super) fn start(options: &ClusterOptions) -> Result<(PathBuf, Self), EmbeddedError> {
        let home = Home::prepare(&options.data_dir)?;
        let deadline = Instant::now() + options.start_timeout;
        let locks = Locks::open(&home)?;
        locks.begin_change(deadline)?;
        let alone = locks.is_only_user()?;
        locks.share()?;

        let bin = find_binaries_for(&home.data())?;
        initialise(&home, &bin, options.durable, &locks)?;
        let started = bring_up(&home, &bin, options, alone, deadline)?;
        locks.end_change()?;

        let adopted = started.is_none();
        tracing::info!(data_dir = %home.dir.display(), adopted, "The embedded PostgreSQL runs");
        let kept = Self { home, adopted, started, locks };
        Ok((bin, kept))
    }

    /// Starts the postmaster again if it has ended by itself, or adopts the one that another process has started again.
    /// Returns whether it had ended.
    pub(super) fn start_again_if_ended(&mut self, options: &ClusterOptions) -> Result<bool, EmbeddedError> {
        if postmaster::runs(&self.home)? {
            return Ok(false);
        }
        let deadline = Instant::now() + options.start_timeout;
        self.locks.begin_change(deadline)?;
        let alone = self.locks.is_only_user()?;
        self.locks.share()?;
        let started =
            find_binaries_for(&self.home.data()).and_then(|bin| bring_up(&self.home, &bin, options, alone, deadline));
        self.locks.end_change()?;
        if let Some(mut ended) = std::mem::replace(&mut self.started, started?) {
            ended.is_alive();
        }
        Ok(true)
    }

    pub(super) fn stop(self) -> Result<(), EmbeddedError> {
        self.locks.begin_change(Instant::now() + STOP_LOCK)?;
        if !self.locks.is_only_user()? {
            tracing::info!("The embedded PostgreSQL keeps running, because another process uses it");
            return Ok(());
        }
        postmaster::stop(&self.home)?;
        if let Some(mut ours) = self.started {
            ours.is_alive();
        }
        Ok(())
    }
}

/// Starts or adopts the postmaster of a folder, and waits until it accepts connections. Returns it if it was started.
fn bring_up(
    home: &Home,
    bin: &Path,
    options: &ClusterOptions,
    alone: bool,
    deadline: Instant,
) -> Result<Option<Postmaster>, EmbeddedError> {
    let session = ClusterClient::new(&home.socket_dir)?;
    let mut start = Start { home, bin, options, session: &session, alone, started: None, why: String::new() };
    let ready = until(deadline, || match start.step() {
        Ok(ControlFlow::Continue(())) => None,
        Ok(ControlFlow::Break(())) => Some(Ok(())),
        Err(error) => Some(Err(error)),
    });
    ready.unwrap_or_else(|| {
        Err(EmbeddedError::NotReady {
            seconds: options.start_timeout.as_secs(),
            why: start.why.clone(),
            log: home.last_words(),
        })
    })?;
    session.create_database()?;
    Ok(start.started)
}

/// The state of one attempt to start the cluster.
struct Start<'a> {
    home: &'a Home,
    bin: &'a Path,
    options: &'a ClusterOptions,
    session: &'a ClusterClient,
    /// Whether no other process uses the cluster.
    alone: bool,
    started: Option<Postmaster>,
    /// Why the cluster is not ready yet.
    why: String,
}

impl Start<'_> {
    /// One step of the start. Breaks once the cluster accepts connections and commits durably if it must.
    fn step(&mut self) -> Result<ControlFlow<()>, EmbeddedError> {
        match self.session.is_durable() {
            Ok(durable) if durable || !self.options.durable || self.started.is_some() => {
                return Ok(ControlFlow::Break(()));
            }
            Ok(_) => return self.replace_undurable(),
            Err(error) => self.why = error.to_string(),
        }
        match &mut self.started {
            Some(postmaster) => {
                if !postmaster.is_alive() {
                    return Err(EmbeddedError::EndedAtStart { log: self.home.last_words() });
                }
            }
            // An earlier postmaster may be starting, recovering or shutting down. In that case nothing is started yet.
            None => {
                let arguments = settings::postgres_arguments(
                    self.options.durable,
                    &self.home.socket_dir,
                    &self.options.extra_settings,
                );
                self.started = Postmaster::spawn(self.home, self.bin, &arguments)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Stops a cluster that runs without durable commits, unless another process uses it: such a cluster must not hold
    /// money. The next step starts it again.
    fn replace_undurable(&mut self) -> Result<ControlFlow<()>, EmbeddedError> {
        if !self.alone {
            return Err(EmbeddedError::NotDurable(self.home.dir.clone()));
        }
        postmaster::stop(self.home)?;
        Ok(ControlFlow::Continue(()))
    }
}

/// Creates the data folder if it is missing. `initdb` writes to a temporary name first, so that an interrupted `initdb`
/// leaves nothing that looks like data.
fn initialise(home: &Home, bin: &Path, durable: bool, locks: &Locks) -> Result<(), EmbeddedError> {
    let data = home.data();
    if data.exists() {
        return Ok(());
    }
    let unfinished = home.dir.join("data.new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(EmbeddedError::io("remove", &unfinished))?;
    }
    let program = bin.join("initdb");
    let output = home
        .account
        .command(&program)
        .arg("-D")
        .arg(&unfinished)
        .args(settings::initdb_arguments(durable))
        // If this process is killed now, initdb continues, and holds the lock until it ends.
        .stdin(locks.copy_of_change()?)
        .stdout(Stdio::null())
        .output()
        .map_err(EmbeddedError::io("run", &program))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(EmbeddedError::Initdb(said));
    }
    home.rewrite(&unfinished.join("pg_hba.conf"), settings::ACCESS)?;
    home.rewrite(&unfinished.join("pg_ident.conf"), &settings::identities(&home.account))?;
    fs::rename(&unfinished, &data).map_err(EmbeddedError::io("rename", &unfinished))
}
