use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::binaries::find_binaries_for;
use super::home::Home;
use super::locks::Locks;
use super::postmaster::{self, Postmaster};
use super::session::Session;
use super::wait::until;
use super::{ClusterOptions, EmbeddedError, settings};

/// How long a stop waits for another process that is starting or stopping the cluster.
const STOP_LOCK: Duration = Duration::from_secs(180);

/// A cluster that keeps its data.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) home: Home,
    pub(super) adopted: bool,
    /// The postmaster if it is our child.
    started: Option<Postmaster>,
    locks: Locks,
}

impl Kept {
    /// The folder of the binaries, and the cluster.
    pub(super) fn start(options: &ClusterOptions) -> Result<(PathBuf, Self), EmbeddedError> {
        let home = Home::prepare(&options.data_dir)?;
        let deadline = Instant::now() + options.start_timeout;
        let locks = Locks::open(&home)?;
        locks.begin_change(deadline)?;
        let alone = locks.alone()?;
        locks.share()?;

        let bin = find_binaries_for(&home.data())?;
        initialise(&home, &bin, options.durable, &locks)?;
        let session = Session::new(&home.socket_dir)?;
        let mut start =
            Start { home: &home, bin: &bin, options, session: &session, alone, started: None, why: String::new() };
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
        let started = start.started;
        session.create_database()?;
        locks.end_change()?;

        let adopted = started.is_none();
        tracing::info!(data_dir = %home.dir.display(), adopted, "embedded PostgreSQL is running");
        let kept = Self { home, adopted, started, locks };
        Ok((bin, kept))
    }

    pub(super) fn stop(self) -> Result<(), EmbeddedError> {
        self.locks.begin_change(Instant::now() + STOP_LOCK)?;
        if !self.locks.alone()? {
            tracing::info!("embedded PostgreSQL goes on: another process uses it");
            return Ok(());
        }
        postmaster::stop(&self.home)?;
        if let Some(mut ours) = self.started {
            ours.is_alive();
        }
        Ok(())
    }
}

/// The state of one attempt to bring the cluster up.
struct Start<'a> {
    home: &'a Home,
    bin: &'a Path,
    options: &'a ClusterOptions,
    session: &'a Session,
    /// No other process uses the cluster.
    alone: bool,
    started: Option<Postmaster>,
    /// Why it is not ready yet.
    why: String,
}

impl Start<'_> {
    /// Breaks when the cluster accepts connections as wanted.
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
            // There may be one that is starting, recovering or shutting down; then this waits.
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

    /// A cluster that runs without durable commits cannot carry money: it is ended, if nobody else
    /// uses it, and started again as it should be.
    fn replace_undurable(&mut self) -> Result<ControlFlow<()>, EmbeddedError> {
        if !self.alone {
            return Err(EmbeddedError::NotDurable(self.home.dir.clone()));
        }
        postmaster::stop(self.home)?;
        Ok(ControlFlow::Continue(()))
    }
}

/// Makes the data folder unless there is one: beside its place first, so that an `initdb` that was
/// cut off leaves nothing that looks like data.
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
        // Should we be killed now, initdb goes on and holds the lock until it ends.
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
