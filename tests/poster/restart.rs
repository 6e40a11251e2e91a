//! PostgreSQL goes away and comes back while callers meter.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use secrecy::SecretString;
use topup::app::seed;
use topup::domain::environment::Environment;
use topup::embedded::{Cluster, ClusterOptions};
use topup::storage::pool::{Pool, connect};
use topup::storage::{environment, migrations, roles};

use crate::metering::{Metering, verify};
use crate::support::TestApp;

/// A folder of a test, removed with it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn prepared(url: &SecretString) {
    migrations::run(url).await.unwrap();
    let mut conn = connect(url).await.unwrap();
    environment::stamp(&mut conn, Environment::Test).await.unwrap();
    roles::make(&mut conn, None, None).await.unwrap();
    let pool = Pool::new(url, 1).unwrap();
    seed::demo(&pool).await.unwrap();
    pool.close();
}

fn postmaster(data: &Path) -> Pid {
    let file = fs::read_to_string(data.join("data/postmaster.pid")).unwrap();
    Pid::from_raw(file.lines().next().unwrap().parse().unwrap())
}

/// PostgreSQL restarts once in good order, and once after a crash, from which it recovers by its log. The cluster is
/// durable, because otherwise the crash would lose what is not on the disk yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_once_though_postgresql_restarts() {
    let folder = Folder(std::env::temp_dir().join(format!("topup-poster-{:016x}", rand::random::<u64>())));
    fs::create_dir(&folder.0).unwrap();
    let options = ClusterOptions::new(folder.0.join("pg"));
    let mut cluster = Cluster::start(&options).await.unwrap();
    let url = SecretString::from(cluster.url("topup"));
    prepared(&url).await;
    let app = TestApp::try_spawn("topup", |config| config.database_url = Some(url.clone())).await.unwrap();
    for customer in ["hot", "one", "two"] {
        app.fund(customer, "CNY", "5000.00").await;
    }
    let metering = Metering::begin(&[app.url().to_owned()], &["hot", "hot", "one", "hot", "two"], 12);
    metering.acknowledge(200).await;

    cluster.stop().await.unwrap();
    cluster = Cluster::start(&options).await.unwrap();
    metering.acknowledge(200).await;

    // SIGQUIT is PostgreSQL's immediate shutdown: no session is asked, nothing is written.
    let data = cluster.data_dir().to_owned();
    drop(cluster);
    kill(postmaster(&data), Signal::SIGQUIT).unwrap();
    cluster = Cluster::start(&options).await.unwrap();
    assert_eq!(cluster.url("topup"), *secrecy::ExposeSecret::expose_secret(&url));
    metering.acknowledge(200).await;

    let acknowledged = metering.end().await;
    verify(&url, &acknowledged).await;
    app.finish().await;
    cluster.stop().await.unwrap();
}
