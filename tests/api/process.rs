//! The real binary as its own process, which a test can kill, stop and freeze, and a client that survives that.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::Value;
use topup::identity::Scope;

use crate::stage::until;
use crate::support::{SECRET, token, url};

/// A folder that is removed with this value. All users may enter it, because PostgreSQL may run as another user.
#[derive(Debug)]
pub struct Home(pub PathBuf);

impl Home {
    pub fn new() -> Self {
        let path = PathBuf::from(format!("/tmp/topup-process-{:016x}", rand::random::<u64>()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `topup` with nothing of the shell's settings. Without a database it uses its own cluster in the folder.
pub fn command(home: &Path, database: Option<&str>, arguments: &[&str]) -> Command {
    dressed(Command::new(env!("CARGO_BIN_EXE_topup")), home, database, arguments)
}

/// The same in a shell that may open only so many files.
fn starved(files: u32, home: &Path, database: Option<&str>, arguments: &[&str]) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("ulimit -n {files} && exec \"$0\" \"$@\"");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_topup")]);
    dressed(shell, home, database, arguments)
}

fn dressed(mut command: Command, home: &Path, database: Option<&str>, arguments: &[&str]) -> Command {
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TOPUP_DATA_DIR", home)
        .env("TOPUP_JWT_SECRET", SECRET)
        .env("TOPUP_LOG", "off")
        .env("TOPUP_CUSTOMER_RATE_LIMIT", "0")
        .env("TOPUP_OPEN_ORDERS_PER_CUSTOMER", "100000")
        .env("TOPUP_SHUTDOWN_SECONDS", "20")
        .current_dir(home)
        .stdin(Stdio::null());
    if let Some(database) = database {
        command.env("DATABASE_URL", url(database).expose_secret());
    }
    command
}

/// Requires that the books agree.
pub fn check(home: &Path, database: Option<&str>) {
    let checked = command(home, database, &["check"]).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
}

/// `topup serve` as its own process.
pub struct Process {
    child: Child,
    pub base: String,
}

impl Process {
    pub async fn start(home: &Path, database: Option<&str>) -> Self {
        Self::start_with(home, database, &["--sandbox=off"], None).await
    }

    /// With other arguments, and perhaps with a limit of open files that the process cannot raise.
    pub async fn start_with(home: &Path, database: Option<&str>, arguments: &[&str], files: Option<u32>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let bind = format!("127.0.0.1:{port}");
        let arguments = [&["serve", "--bind", &bind], arguments].concat();
        let mut command = match files {
            Some(files) => starved(files, home, database, &arguments),
            None => command(home, database, &arguments),
        };
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let process = Self { child, base: format!("http://{bind}") };
        process.is_ready().await;
        process
    }

    pub async fn is_ready(&self) {
        let (http, health) = (http(), format!("{}/readyz", self.base));
        until("the process is ready", async || {
            http.get(&health).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    pub async fn ended(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The most memory that it has held so far, in KiB.
    pub fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// A test that fails leaves nothing running.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap()
}

pub async fn post(
    http: &reqwest::Client,
    base: &str,
    path: &str,
    (who, scope): (&str, Scope),
    body: &Value,
    key: &str,
) -> Option<(u16, Value)> {
    send(http, Method::POST, base, path, (who, scope), body, key).await
}

pub async fn send(
    http: &reqwest::Client,
    method: Method,
    base: &str,
    path: &str,
    (who, scope): (&str, Scope),
    body: &Value,
    key: &str,
) -> Option<(u16, Value)> {
    let request = http.request(method, format!("{base}{path}")).bearer_auth(token(who, scope)).json(body);
    let answer = request.header("idempotency-key", key).send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.json().await.ok()?))
}
