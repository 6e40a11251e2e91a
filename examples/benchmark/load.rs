//! Load over HTTP by wrk, which is a process of its own and uses one thread.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Outcome;
use crate::seed::CUSTOMERS;
use crate::service::token;
use crate::stage::Stage;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    Usage,
    /// This many items in one request.
    Batch(u64),
    /// A hold, and the capture of it.
    HoldAndCapture,
    /// The balances of a customer.
    Balances,
    /// A page of 20 movements of a customer.
    Flows,
    /// This path.
    Get(String),
}

#[derive(Debug, Clone)]
pub struct Load {
    pub request: Request,
    pub connections: u32,
    /// Over all customers, or on one of them.
    pub spread: bool,
    /// Whether the ids that were acknowledged are written down.
    pub acknowledged: bool,
}

/// What a run of wrk counted.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The ids of this run begin with it.
    pub run: String,
    pub time: Duration,
    /// Answers of success.
    pub answered: u64,
    /// Answers of failure, and requests without one.
    pub failed: u64,
    pub p50: Duration,
    pub p99: Duration,
    pub opened: u64,
    pub captured: u64,
    /// Where the acknowledged ids are.
    pub ids: Option<PathBuf>,
}

impl Load {
    pub fn items_of_a_request(&self) -> u64 {
        if let Request::Batch(items) = self.request { items } else { 1 }
    }

    /// The command that loads one customer.
    pub fn command(&self, stage: &Stage, url: &str, seconds: u64, customer: &str) -> Outcome<Command> {
        self.wrk(stage, url, seconds, &fresh_run()?, customer)
    }

    /// `customers`: over how many the load is spread, or the name of one.
    fn wrk(&self, stage: &Stage, url: &str, seconds: u64, run: &str, customers: &str) -> Outcome<Command> {
        let (name, script) = match &self.request {
            Request::Usage => ("usage.lua", include_str!("scripts/usage.lua")),
            Request::Batch(_) => ("batch.lua", include_str!("scripts/batch.lua")),
            Request::HoldAndCapture => ("holds.lua", include_str!("scripts/holds.lua")),
            Request::Balances => ("balances.lua", include_str!("scripts/balances.lua")),
            Request::Flows => ("flows.lua", include_str!("scripts/flows.lua")),
            Request::Get(_) => ("get.lua", include_str!("scripts/get.lua")),
        };
        let script = stage.folder.write(name, &format!("{}\n{script}", include_str!("scripts/common.lua")))?;
        let path = if let Request::Get(path) = &self.request { path } else { "" };
        let mut command = Command::new(&stage.tools.wrk);
        command.args(["-t", "1", "-c", &self.connections.to_string(), "-d", &format!("{seconds}s")]);
        command.args(["--timeout", "30s", "-s"]).arg(script).arg(format!("{url}{path}")).arg("--");
        command.args([run, &token()?, customers]);
        command.arg(self.items_of_a_request().to_string());
        Ok(command)
    }

    /// Runs for this many seconds.
    pub fn run(&self, stage: &Stage, url: &str, seconds: u64) -> Outcome<Loaded> {
        let run = fresh_run()?;
        let mut command = self.wrk(stage, url, seconds, &run, if self.spread { "10000" } else { "0" })?;
        let ids = self.acknowledged.then(|| stage.folder.0.join(format!("{run}-ids-")));
        command.args(&ids);
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let counted =
            read(&text).ok_or_else(|| format!("wrk said: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
        let [time, requests, refused, broken, p50, p99, opened, captured] = counted;
        Ok(Loaded {
            run,
            time: Duration::from_micros(time),
            answered: requests.saturating_sub(refused),
            failed: refused + broken,
            p50: Duration::from_micros(p50),
            p99: Duration::from_micros(p99),
            opened,
            captured,
            // One thread, number 0.
            ids: ids.map(|ids| PathBuf::from(format!("{}0", ids.display()))),
        })
    }
}

/// The line that the scripts print at the end.
fn read(text: &str) -> Option<[u64; 8]> {
    let line = text.lines().find_map(|line| line.strip_prefix("@ "))?;
    let figures: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    figures.try_into().ok()
}

/// Begins the ids of a run: its time in milliseconds, so that they are ordered by time.
pub fn fresh_run() -> Outcome<String> {
    #[expect(clippy::disallowed_methods, reason = "it names a run of this machine")]
    let now = SystemTime::now();
    Ok(format!("{:012x}", now.duration_since(UNIX_EPOCH)?.as_millis()))
}

/// The ids that a run had acknowledged.
pub fn acknowledged(loaded: &Loaded) -> Outcome<Vec<String>> {
    let path = loaded.ids.as_ref().ok_or("the run kept no ids")?;
    Ok(fs::read_to_string(path)?.lines().map(str::to_owned).collect())
}

const _: () = assert!(CUSTOMERS == 10_000, "the scripts and statements know it");
