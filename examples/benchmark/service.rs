//! Runs the service as a process of its own.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use secrecy::SecretString;
use topup::identity::{Holder, Scope, mint};

use crate::Outcome;
use crate::numbers::divided;
use crate::stage::Stage;

const SECRET: &str = "the benchmark's own secret, long enough for HS256";
const START: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A token of a service, as a metering platform has one.
pub fn token() -> Outcome<String> {
    Ok(mint(&SecretString::from(SECRET), Holder::new("benchmark", Scope::Service), DAY, None, None)?)
}

/// A token of a customer.
pub fn customer_token(customer: &str) -> Outcome<String> {
    Ok(mint(&SecretString::from(SECRET), Holder::new(customer, Scope::Customer), DAY, None, None)?)
}

/// A running `topup serve`. It ends when this is dropped.
pub struct Service<'s> {
    stage: &'s Stage,
    child: Child,
    pub url: String,
}

impl<'s> Service<'s> {
    pub fn start(stage: &'s Stage, database: &str, settings: &[(&str, &str)]) -> Outcome<Self> {
        let tag: String = settings.iter().map(|(name, value)| format!("-{name}-{value}")).collect();
        let log = stage.folder.0.join(format!("{database}{tag}.log"));
        let mut child = command(stage, database)
            .envs(settings.iter().copied())
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let deadline = Instant::now() + START;
        loop {
            let text = fs::read_to_string(&log)?;
            if let Some(url) = served_at(&text) {
                return Ok(Self { stage, child, url });
            }
            if child.try_wait()?.is_some() || Instant::now() > deadline {
                let _ = child.kill();
                return Err(format!("the service did not start: {text}").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory, now and at its highest, in bytes.
    pub fn memory(&self) -> Outcome<(u64, u64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
        };
        Ok((field("VmRSS:").unwrap_or(0), field("VmHWM:").unwrap_or(0)))
    }

    /// Requests of a route so far, and the seconds that the service spent on them, as it measured itself.
    pub fn measured(&self, route: &str) -> Outcome<(f64, f64)> {
        let text = self.stage.runtime.block_on(async {
            reqwest::Client::builder()
                .no_proxy()
                .build()?
                .get(format!("{}/metrics", self.url))
                .send()
                .await?
                .text()
                .await
        })?;
        let label = format!("route=\"{route}\"");
        let sum = |name: &str| -> f64 {
            let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(&label));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        Ok((sum("topup_http_request_seconds_count"), sum("topup_http_request_seconds_sum")))
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.child.wait();
    }
}

/// Milliseconds of one request between two readings of [`Service::measured`].
pub fn milliseconds(before: (f64, f64), after: (f64, f64)) -> f64 {
    1000.0 * divided(after.1 - before.1, after.0 - before.0)
}

/// `topup` on a database of the stage; nothing of our environment reaches it, nor a file `.env`.
pub fn command(stage: &Stage, database: &str) -> Command {
    let mut command = Command::new(&stage.tools.topup);
    command
        .env_clear()
        .env("DATABASE_URL", stage.cluster.url(database))
        .env("TOPUP_ENVIRONMENT", "test")
        .env("TOPUP_JWT_SECRET", SECRET)
        .env("TOPUP_BIND", "127.0.0.1:0")
        .env("TOPUP_SANDBOX", "off")
        .env("TOPUP_LOG_FORMAT", "json")
        .env("TOPUP_DATA_DIR", stage.folder.0.join("data"))
        .current_dir(&stage.folder.0)
        .stdin(Stdio::null());
    command
}

fn served_at(log: &str) -> Option<String> {
    log.lines().find_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        (line.get("message")? == "The service accepts requests")
            .then(|| line.get("url")?.as_str().map(str::to_owned))?
    })
}
