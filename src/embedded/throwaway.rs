//! A cluster for tests. It stops, and its folder is removed, when the process that started it ends.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::EmbeddedError;
use super::account::SystemAccount;
use super::session::ClusterClient;
use super::settings;
use super::wait::until;

const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(20);

/// Creates the folder and the cluster, and removes both when its standard input ends. Our process holds the other end
/// of that pipe, and the kernel closes it when our process ends, even by a kill.
///
/// The watcher repeats its signal, because a shell starts background processes with SIGQUIT ignored: a signal that is
/// sent before postgres handles signals is lost.
const WATCHDOG: &str = r#"
dir=$1 bin=$2 initdb_arguments=$3 access=$4 identities=$5
shift 5
umask 077
mkdir "$dir" "$dir/run" || exit 1
leave() {
    [ "$1" = 0 ] || tail -c 4096 "$dir/postgres.log" >&2
    rm -rf "$dir"
    exit "$1"
}
"$bin/initdb" -D "$dir/data" $initdb_arguments >"$dir/postgres.log" 2>&1 </dev/null || leave 1
printf %s "$access" >"$dir/data/pg_hba.conf" || leave 1
printf %s "$identities" >"$dir/data/pg_ident.conf" || leave 1
exec 3<&0
"$bin/postgres" -D "$dir/data" "$@" >>"$dir/postgres.log" 2>&1 </dev/null 3<&- &
postmaster=$!
{ read -r _; while kill -QUIT "$postmaster"; do sleep 0.1; done; } <&3 >/dev/null 2>&1 &
watcher=$!
exec 3<&- </dev/null
wait "$postmaster"
status=$?
kill "$watcher" 2>/dev/null
leave "$status"
"#;

/// A cluster that ends with this value, and at the latest with this process.
#[derive(Debug)]
pub(super) struct Throwaway {
    pub(super) dir: PathBuf,
    pub(super) socket_dir: PathBuf,
    watchdog: Child,
    /// Dropping this pipe ends the cluster.
    lifeline: Option<ChildStdin>,
}

impl Throwaway {
    pub(super) fn start(bin: &Path, durable: bool, extra: &[(String, String)]) -> Result<Self, EmbeddedError> {
        let account = SystemAccount::of_this_process()?;
        let dir = place(&account).join(format!("topup-{:016x}", rand::random::<u64>()));
        let socket_dir = dir.join("run");
        let mut watchdog = account
            .command("/bin/sh")
            .args(["-c", WATCHDOG, "topup-watchdog"])
            .args([&dir, bin])
            .arg(settings::initdb_arguments(durable).join(" "))
            .arg(settings::ACCESS)
            .arg(settings::identities(&account))
            .args(settings::postgres_arguments(durable, &socket_dir, extra))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(EmbeddedError::io("run", Path::new("/bin/sh")))?;
        let lifeline = watchdog.stdin.take();
        let mut cluster = Self { dir, socket_dir, watchdog, lifeline };
        cluster.await_ready()?;
        Ok(cluster)
    }

    fn await_ready(&mut self) -> Result<(), EmbeddedError> {
        let session = ClusterClient::new(&self.socket_dir)?;
        let mut why = String::new();
        let answer = until(Instant::now() + START, || {
            if let Ok(Some(_)) = self.watchdog.try_wait() {
                return Some(Err(EmbeddedError::EndedAtStart { log: self.last_words() }));
            }
            match session.is_durable() {
                Ok(_) => Some(Ok(())),
                Err(error) => {
                    why = error.to_string();
                    None
                }
            }
        });
        answer.unwrap_or_else(|| {
            Err(EmbeddedError::NotReady {
                seconds: START.as_secs(),
                why,
                log: fs::read_to_string(self.dir.join("postgres.log")).unwrap_or_default(),
            })
        })?;
        session.create_database()
    }

    fn last_words(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stderr) = self.watchdog.stderr.take() {
            // After an error, the part that was read is still useful.
            let _ = stderr.read_to_string(&mut text);
        }
        text.trim().to_owned()
    }

    /// Ends the cluster and waits until its folder is gone.
    pub(super) fn stop(mut self) -> Result<(), EmbeddedError> {
        drop(self.lifeline.take());
        let ended = until(Instant::now() + STOP, || (!matches!(self.watchdog.try_wait(), Ok(None))).then_some(()));
        if ended.is_some() {
            return Ok(());
        }
        if let Ok(group) = i32::try_from(self.watchdog.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = fs::remove_dir_all(&self.dir);
        Err(EmbeddedError::DidNotStop(self.dir))
    }
}

/// The parent of the cluster's folder: the folder for temporary files if the account can enter it and the path of the
/// socket is short enough, else `/tmp`.
fn place(account: &SystemAccount) -> PathBuf {
    let asked = std::env::temp_dir();
    if asked.is_absolute() && asked.to_str().is_some_and(|path| path.len() <= 60) && account.can_enter(&asked) {
        asked
    } else {
        PathBuf::from("/tmp")
    }
}
