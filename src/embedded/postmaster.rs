//! The main process of a kept cluster: how it is started, recognised and stopped.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::EmbeddedError;
use super::home::Home;
use super::wait::until;

/// How long a fast shutdown may take. It writes a checkpoint of all changed pages.
const FAST_SHUTDOWN: Duration = Duration::from_secs(60);
/// How long an immediate shutdown may take. After 5 s the postmaster kills its remaining processes.
const IMMEDIATE_SHUTDOWN: Duration = Duration::from_secs(15);
/// The lock file is the standard input of `postgres` and of all its processes, so the lock is held from the start on,
/// before the pid file exists, until the last process is gone. A pid file alone proves nothing, because the operating
/// system uses process ids again.
const LOCK: &str = "postmaster.lock";

/// The main process of a cluster.
#[derive(Debug)]
pub(super) struct Postmaster {
    child: Child,
}

impl Postmaster {
    /// Starts `postgres` on the folder. Returns `None` while a process of an earlier `postgres` still runs.
    pub(super) fn spawn(home: &Home, bin: &Path, arguments: &[String]) -> Result<Option<Self>, EmbeddedError> {
        let Some(lock) = lock(home)? else {
            return Ok(None);
        };
        forget_the_dead(home)?;
        let program = bin.join("postgres");
        let child = home
            .account
            .command(&program)
            .arg("-D")
            .arg(home.data())
            .args(arguments)
            .stdin(lock)
            .stdout(home.open_log()?)
            .stderr(home.open_log()?)
            .spawn()
            .map_err(EmbeddedError::io("run", &program))?;
        Ok(Some(Self { child }))
    }

    /// Whether the process still runs. This call also removes an ended process from the process table.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

/// Whether a process of the cluster runs, no matter which process started it.
pub(super) fn runs(home: &Home) -> Result<bool, EmbeddedError> {
    Ok(lock(home)?.is_none())
}

/// Stops the cluster, also if another process started it. A fast shutdown ends all sessions and writes all data. If it
/// takes too long, an immediate shutdown follows, from which the next start recovers.
pub(super) fn stop(home: &Home) -> Result<(), EmbeddedError> {
    let gone = || match lock(home) {
        Ok(None) => None,
        Ok(Some(_)) => Some(Ok(())),
        Err(error) => Some(Err(error)),
    };
    for (signal, patience) in [(Signal::SIGINT, FAST_SHUTDOWN), (Signal::SIGQUIT, IMMEDIATE_SHUTDOWN)] {
        let mut sent_to = None;
        let ended = until(Instant::now() + patience, || {
            let ended = gone();
            // A postmaster that started a moment ago has not yet written its pid file.
            let pid = pid_of(home);
            if ended.is_none() && pid != sent_to && pid.is_some_and(|pid| kill(pid, signal).is_ok()) {
                sent_to = pid;
            }
            ended
        });
        if let Some(ended) = ended {
            return ended;
        }
    }
    Err(EmbeddedError::DidNotStop(home.dir.clone()))
}

/// Takes the lock. Returns `None` while a process of the cluster holds it.
fn lock(home: &Home) -> Result<Option<File>, EmbeddedError> {
    let file = home.open(LOCK)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(EmbeddedError::io("lock", &home.dir)(error)),
    }
}

/// The process in the pid file, if it is the postmaster of this folder.
fn pid_of(home: &Home) -> Option<Pid> {
    let text = fs::read_to_string(home.data().join("postmaster.pid")).ok()?;
    let pid: i32 = text.lines().next()?.trim().parse().ok()?;
    is_postmaster(pid, &home.data()).then_some(Pid::from_raw(pid))
}

/// Whether a process is the postmaster of a folder. Its command line says so, and all users may read that, unlike its
/// working folder. Without `/proc` the pid file is believed.
fn is_postmaster(pid: i32, data: &Path) -> bool {
    if !Path::new("/proc/self/cmdline").exists() {
        return true;
    }
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut arguments = command_line.split(|byte| *byte == 0);
    let program = arguments.next().and_then(|program| program.rsplit(|byte| *byte == b'/').next());
    program == Some(b"postgres") && arguments.any(|argument| argument == data.as_os_str().as_bytes())
}

/// Removes the files of a dead postmaster. PostgreSQL does so itself, except when another process of the same user has
/// its process id now; in that case it refuses to start.
fn forget_the_dead(home: &Home) -> Result<(), EmbeddedError> {
    if pid_of(home).is_some() {
        // This postmaster was started by a person, or its origin is unknown. PostgreSQL decides, and logs why.
        return Ok(());
    }
    let socket = home.socket();
    let mut socket_lock = socket.clone().into_os_string();
    socket_lock.push(".lock");
    for path in [home.data().join("postmaster.pid"), socket_lock.into(), socket] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(EmbeddedError::io("remove", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}
