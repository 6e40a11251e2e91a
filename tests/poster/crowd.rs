//! Three processes on one database, and one of them killed in the middle.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;

use crate::metering::{Metering, verify};
use crate::support::{SEAL_KEY, SECRET, TestApp, url};

/// `topup serve`, killed when the test ends.
struct Process {
    child: Child,
    url: String,
    log: PathBuf,
}

impl Process {
    fn start(database: &str, number: usize) -> Self {
        let log = std::env::temp_dir().join(format!("topup-crowd-{}-{database}-{number}.log", std::process::id()));
        let child = Command::new(env!("CARGO_BIN_EXE_topup"))
            .arg("serve")
            .env_clear()
            .env("DATABASE_URL", url(database).expose_secret())
            .env("TOPUP_JWT_SECRET", SECRET)
            .env("TOPUP_SEAL_KEY", SEAL_KEY)
            .env("TOPUP_BIND", "127.0.0.1:0")
            .env("TOPUP_SANDBOX", "off")
            .env("TOPUP_DATABASE_POOL_SIZE", "6")
            .env("TOPUP_HTTP_WORKERS", "1")
            .env("TOPUP_LOG_FORMAT", "json")
            .env("TOPUP_DATA_DIR", std::env::temp_dir().join(format!("topup-crowd-{}", std::process::id())))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut process = Self { child, url: String::new(), log };
        let deadline = Instant::now() + Duration::from_secs(60);
        while process.url.is_empty() {
            let text = fs::read_to_string(&process.log).unwrap();
            assert!(process.child.try_wait().unwrap().is_none() && Instant::now() < deadline, "{text}");
            process.url = served_at(&text).unwrap_or_default();
            std::thread::sleep(Duration::from_millis(20));
        }
        process
    }

    /// `kill -9`.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.log);
    }
}

fn served_at(log: &str) -> Option<String> {
    log.lines().find_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        (line["message"] == "The service accepts requests").then(|| line["url"].as_str().map(str::to_owned))?
    })
}

fn check(database: &str) {
    let checked = Command::new(env!("CARGO_BIN_EXE_topup"))
        .arg("check")
        .env_clear()
        .env("DATABASE_URL", url(database).expose_secret())
        .current_dir(Path::new("/"))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_book_every_item_once_though_one_is_killed() {
    let app = TestApp::spawn().await;
    let customers = ["hot", "hot", "one", "hot", "two", "three"];
    for customer in ["hot", "one", "two", "three"] {
        app.fund(customer, "CNY", "5000.00").await;
    }
    let database = app.database.clone();
    let mut processes: Vec<Process> = (0..3).map(|number| Process::start(&database, number)).collect();
    let urls: Vec<String> = processes.iter().map(|process| process.url.clone()).collect();

    let metering = Metering::begin(&urls, &customers, 16);
    metering.acknowledge(300).await;
    processes[1].kill();
    metering.acknowledge(300).await;
    // A new process takes its place, at another address. Then another process dies.
    processes.push(Process::start(&database, 3));
    processes[0].kill();
    metering.acknowledge(300).await;

    let acknowledged = metering.end().await;
    verify(&url(&database), &acknowledged).await;
    drop(processes);
    check(&database);
    app.finish().await;
}
