//! Folders, child processes and waits for these tests.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use topup::embedded::{Cluster, ClusterOptions};

/// The folder of a test, which is removed with this value. All users may enter it, because PostgreSQL may run as
/// another user.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = PathBuf::from(format!("/tmp/topup-it-{:016x}", rand::random::<u64>()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// The options of a cluster in this folder. It is not durable, because these tests simulate no power failure.
    pub fn options(&self) -> ClusterOptions {
        ClusterOptions { durable: false, ..ClusterOptions::new(self.0.join("pg")) }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The first column of the first row, as text.
pub fn ask(cluster: &Cluster, sql: &str) -> Result<String, String> {
    ask_url(&cluster.url("topup"), sql)
}

pub fn ask_url(url: &str, sql: &str) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.map_err(|error| format!("{error:?}"))?;
        let connection = tokio::spawn(connection);
        let rows = client.simple_query(sql).await;
        drop(client);
        let _ = connection.await.unwrap();
        let rows = rows.map_err(|error| format!("{error:?}"))?;
        Ok(rows
            .iter()
            .find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
            .unwrap_or_default())
    })
}

/// The process id of the postmaster.
pub fn pid(cluster: &Cluster) -> String {
    let file = fs::read_to_string(cluster.data_dir().join("data/postmaster.pid")).unwrap();
    file.lines().next().unwrap().to_owned()
}

pub fn kill_hard(pid: &str) {
    let killed = Command::new("kill").args(["-9", pid]).status().unwrap();
    assert!(killed.success());
}

/// Waits for a condition for at most 20 s.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Another process that runs one test again with `TOPUP_TEST_FOLDER` set. With it, the test acts as the process that
/// will be killed.
pub struct Other {
    process: Child,
    output: BufReader<std::process::ChildStdout>,
}

pub fn part() -> Option<PathBuf> {
    std::env::var_os("TOPUP_TEST_FOLDER").map(PathBuf::from)
}

impl Other {
    pub fn play(test: &str, folder: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env("TOPUP_TEST_FOLDER", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    /// The text that the other process sent with [`tell`].
    pub fn told(&mut self) -> String {
        for line in (&mut self.output).lines() {
            if let Some((_, text)) = line.unwrap().split_once("told: ") {
                return text.to_owned();
            }
        }
        panic!("the other process ended without a word");
    }

    pub fn kill_hard(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Sends a text to the first process, and waits to be killed.
pub fn tell(text: &str) -> ! {
    println!("told: {text}");
    loop {
        std::thread::park();
    }
}
