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

/// How long a fast shutdown may take: it writes a checkpoint of everything in memory.
const FAST_SHUTDOWN: Duration = Duration::from_secs(60);
/// How long an immediate shutdown may take; after 5 s the postmaster kills what is left itself.
const IMMEDIATE_SHUTDOWN: Duration = Duration::from_secs(15);
/// Stands as the standard input of `postgres` and all its processes, and is locked through it: it
/// is free when the last of them is gone, and it is taken from the instant of the start, when the
/// pid file does not exist yet. A pid file alone proves nothing: process ids are used again.
const LOCK: &str = "postmaster.lock";

/// The main process of a cluster.
#[derive(Debug)]
pub(super) struct Postmaster {
    child: Child,
}

impl Postmaster {
    /// Starts `postgres` on the folder; `None` while any process of an earlier one is still there.
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

    /// Whether it is still there. Once it is not, this also clears it from the process table.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

/// Ends the cluster, whoever started it: a fast shutdown (sessions are ended, everything is
/// written), and if that takes too long an immediate one, from which the next start recovers.
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
            // It may be so young that it has not written its pid file yet.
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

/// The lock, if no process of the cluster is there to hold it.
fn lock(home: &Home) -> Result<Option<File>, EmbeddedError> {
    let file = home.open(LOCK)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(EmbeddedError::io("lock", &home.dir)(error)),
    }
}

/// The process that the pid file names, if that is a postmaster on this folder.
fn pid_of(home: &Home) -> Option<Pid> {
    let text = fs::read_to_string(home.data().join("postmaster.pid")).ok()?;
    let pid: i32 = text.lines().next()?.trim().parse().ok()?;
    is_postmaster(pid, &home.data()).then_some(Pid::from_raw(pid))
}

/// Told by its command line, which unlike its working folder may be read across users everywhere.
/// Systems without `/proc` leave only the pid file to go by.
fn is_postmaster(pid: i32, data: &Path) -> bool {
    if !Path::new("/proc/self/cmdline").exists() {
        return true;
    }
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut arguments = command_line.split(|byte| *byte == 0);
    let program = arguments.next().and_then(|program| program.rsplit(|byte| *byte == b'/').next());
    program == Some(b"postgres") && arguments.any(|argument| argument == data.as_os_str().as_bytes())
}

/// PostgreSQL removes the files of a dead postmaster itself unless their process id has meanwhile
/// been given to another process of the same user; then it would refuse to start.
fn forget_the_dead(home: &Home) -> Result<(), EmbeddedError> {
    if pid_of(home).is_some() {
        // Somebody started this one by hand, or we cannot tell. PostgreSQL decides, and says so.
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
