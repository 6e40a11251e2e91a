//! Clusters that keep their data: they are started, shared, adopted and stopped.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use topup::embedded::{Cluster, ClusterOptions, EmbeddedError, WatchedCluster};

use crate::support::{Folder, Other, ask, ask_url, eventually, kill_hard, part, pid, tell};

#[test]
fn data_survive_a_restart() {
    let folder = Folder::new();
    let options = ClusterOptions::new(folder.0.join("not/there/yet"));
    let cluster = Cluster::start_blocking(&options).unwrap();
    assert!(!cluster.adopted());
    for setting in ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"] {
        assert_eq!(ask(&cluster, &format!("SHOW {setting}")).unwrap(), "on");
    }
    ask(&cluster, "CREATE TABLE t AS SELECT 42 AS n").unwrap();
    let url = cluster.url("topup");
    cluster.stop_blocking().unwrap();
    ask_url(&url, "SELECT 1").unwrap_err();

    let cluster = Cluster::start_blocking(&options).unwrap();
    assert!(!cluster.adopted());
    assert_eq!(ask(&cluster, "SELECT n FROM t").unwrap(), "42");
    cluster.stop_blocking().unwrap();
}

#[tokio::test]
async fn it_works_within_a_runtime() {
    let folder = Folder::new();
    let cluster = Cluster::start(&folder.options()).await.unwrap();
    let same = Cluster::start_blocking(&folder.options()).unwrap();
    assert!(same.adopted());
    same.stop_blocking().unwrap();
    let url = cluster.url("topup");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.simple_query("SELECT 1").await.unwrap();
    // A fast shutdown does not wait for sessions that are open.
    cluster.stop().await.unwrap();
    assert!(connection.await.unwrap().is_err());
}

#[test]
fn one_left_behind_is_adopted_and_stopped() {
    if let Some(folder) = part() {
        let cluster = Cluster::start_blocking(&ClusterOptions::new(folder)).unwrap();
        ask(&cluster, "CREATE TABLE t AS SELECT 7 AS n").unwrap();
        tell(&pid(&cluster));
    }
    let folder = Folder::new();
    let options = ClusterOptions::new(folder.0.join("pg"));
    let mut other = Other::play("kept::one_left_behind_is_adopted_and_stopped", &options.data_dir);
    let postmaster = other.told();
    other.kill_hard();

    let cluster = Cluster::start_blocking(&options).unwrap();
    assert!(cluster.adopted());
    assert_eq!(pid(&cluster), postmaster);
    assert_eq!(ask(&cluster, "SELECT n FROM t").unwrap(), "7");
    let url = cluster.url("topup");
    cluster.stop_blocking().unwrap();
    ask_url(&url, "SELECT 1").unwrap_err();
}

#[test]
fn dropping_leaves_it_running_and_the_last_user_stops_it() {
    let folder = Folder::new();
    drop(Cluster::start_blocking(&folder.options()).unwrap());
    let first = Cluster::start_blocking(&folder.options()).unwrap();
    let second = Cluster::start_blocking(&folder.options()).unwrap();
    assert!(first.adopted() && second.adopted());
    let url = first.url("topup");
    first.stop_blocking().unwrap();
    ask_url(&url, "SELECT 1").unwrap();
    second.stop_blocking().unwrap();
    ask_url(&url, "SELECT 1").unwrap_err();
}

#[test]
fn starts_at_the_same_instant_share_one() {
    let folder = Folder::new();
    let options = folder.options();
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let options = options.clone();
            thread::spawn(move || Cluster::start_blocking(&options).unwrap())
        })
        .collect();
    let clusters: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
    let started = clusters.iter().filter(|cluster| !cluster.adopted()).count();
    assert_eq!(started, 1);
    let url = clusters.first().unwrap().url("topup");
    let stops: Vec<_> =
        clusters.into_iter().map(|cluster| thread::spawn(move || cluster.stop_blocking().unwrap())).collect();
    stops.into_iter().for_each(|stop| stop.join().unwrap());
    ask_url(&url, "SELECT 1").unwrap_err();
}

#[test]
fn an_initialisation_that_was_cut_off_is_done_again() {
    if let Some(folder) = part() {
        let _ = Cluster::start_blocking(&ClusterOptions::new(folder));
        tell("done");
    }
    let folder = Folder::new();
    let options = ClusterOptions::new(folder.0.join("pg"));
    let other = Other::play("kept::an_initialisation_that_was_cut_off_is_done_again", &options.data_dir);
    let begun = options.data_dir.join("data.new/PG_VERSION");
    eventually("initdb has begun", || begun.exists());
    other.kill_hard();
    assert!(!options.data_dir.join("data").exists());

    let cluster = Cluster::start_blocking(&options).unwrap();
    assert!(!cluster.adopted() && !begun.exists());
    ask(&cluster, "SELECT 1").unwrap();
    cluster.stop_blocking().unwrap();
}

#[test]
fn a_start_that_was_cut_off_is_taken_up() {
    if let Some(folder) = part() {
        let options = ClusterOptions::new(folder);
        Cluster::start_blocking(&options).unwrap().stop_blocking().unwrap();
        println!("told: stopped");
        let _ = Cluster::start_blocking(&options);
        tell("started");
    }
    let folder = Folder::new();
    let options = ClusterOptions::new(folder.0.join("pg"));
    let mut other = Other::play("kept::a_start_that_was_cut_off_is_taken_up", &options.data_dir);
    other.told();
    let pid_file = options.data_dir.join("data/postmaster.pid");
    eventually("postgres is about to start", || pid_file.exists());
    other.kill_hard();

    let cluster = Cluster::start_blocking(&options).unwrap();
    assert!(cluster.adopted());
    cluster.stop_blocking().unwrap();
}

#[test]
fn a_pid_file_that_names_another_process_is_coped_with() {
    let folder = Folder::new();
    let cluster = Cluster::start_blocking(&folder.options()).unwrap();
    let data = cluster.data_dir().join("data");
    let owner = fs::metadata(&data).unwrap();
    let pid_file = fs::read_to_string(data.join("postmaster.pid")).unwrap();
    let socket_lock = cluster.socket_dir().join(".s.PGSQL.5432.lock");
    let lock_file = fs::read_to_string(&socket_lock).unwrap();
    let old = pid(&cluster);
    cluster.stop_blocking().unwrap();

    // A process of the same user, which PostgreSQL itself would take for the postmaster.
    let mut innocent = as_owner(&owner, "sleep").arg("600").spawn().unwrap();
    let reused = |text: &str| text.replacen(&old, &innocent.id().to_string(), 1);
    for (path, text) in [(data.join("postmaster.pid"), reused(&pid_file)), (socket_lock, reused(&lock_file))] {
        fs::write(&path, text).unwrap();
        std::os::unix::fs::chown(&path, Some(owner_ids(&owner).0), Some(owner_ids(&owner).1)).unwrap();
    }
    let cluster = Cluster::start_blocking(&folder.options());
    let untouched = innocent.try_wait().unwrap().is_none();
    innocent.kill().unwrap();
    innocent.wait().unwrap();
    let cluster = cluster.unwrap();
    assert!(!cluster.adopted() && untouched);
    ask(&cluster, "SELECT 1").unwrap();
    cluster.stop_blocking().unwrap();
}

fn owner_ids(owner: &fs::Metadata) -> (u32, u32) {
    use std::os::unix::fs::MetadataExt;
    (owner.uid(), owner.gid())
}

fn as_owner(owner: &fs::Metadata, program: &str) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    let (uid, gid) = owner_ids(owner);
    if owner_ids(&fs::metadata("/proc/self").unwrap()).0 == 0 {
        command.uid(uid).gid(gid).current_dir("/");
    }
    command
}

#[test]
fn a_killed_postmaster_is_recovered_from() {
    let folder = Folder::new();
    let options = ClusterOptions::new(folder.0.join("pg"));
    let cluster = Cluster::start_blocking(&options).unwrap();
    ask(&cluster, "CREATE TABLE t AS SELECT 9 AS n").unwrap();
    kill_hard(&pid(&cluster));

    let again = Cluster::start_blocking(&options).unwrap();
    assert!(!again.adopted());
    assert_eq!(ask(&again, "SELECT n FROM t").unwrap(), "9");
    again.stop_blocking().unwrap();
    // The first one's postmaster is long dead, and it is the last user: nothing to stop.
    cluster.stop_blocking().unwrap();
}

#[test]
fn one_without_durable_commits_is_not_used_for_money() {
    let folder = Folder::new();
    let loose = Cluster::start_blocking(&folder.options()).unwrap();
    let durable = ClusterOptions { durable: true, ..folder.options() };
    let refused = Cluster::start_blocking(&durable).unwrap_err();
    assert!(matches!(refused, EmbeddedError::NotDurable(_)), "{refused}");
    drop(loose);
    let cluster = Cluster::start_blocking(&durable).unwrap();
    assert!(!cluster.adopted());
    assert_eq!(ask(&cluster, "SHOW fsync").unwrap(), "on");
    cluster.stop_blocking().unwrap();
}

#[test]
fn a_failed_start_says_what_postgres_said() {
    let folder = Folder::new();
    let options = ClusterOptions { extra_settings: vec![("work_mem".into(), "plenty".into())], ..folder.options() };
    let error = Cluster::start_blocking(&options).unwrap_err().to_string();
    assert!(error.contains("work_mem") && error.contains("plenty"), "{error}");
}

#[test]
fn a_start_does_not_wait_for_ever() {
    let folder = Folder::new();
    let cluster = Cluster::start_blocking(&folder.options()).unwrap();
    let stopped = Command::new("kill").args(["-STOP", &pid(&cluster)]).status();
    assert!(stopped.unwrap().success());
    let hurried = ClusterOptions { start_timeout: Duration::from_millis(300), ..folder.options() };
    let error = Cluster::start_blocking(&hurried).unwrap_err();
    assert!(matches!(error, EmbeddedError::NotReady { .. }), "{error}");
    let woken = Command::new("kill").args(["-CONT", &pid(&cluster)]).status();
    assert!(woken.unwrap().success());
    cluster.stop_blocking().unwrap();
}

#[test]
fn a_folder_with_other_things_is_left_alone() {
    let folder = Folder::new();
    fs::write(folder.0.join("letter.txt"), "dear").unwrap();
    let error = Cluster::start_blocking(&ClusterOptions::new(&folder.0)).unwrap_err();
    assert!(matches!(error, EmbeddedError::NotACluster(_)), "{error}");
    let left: Vec<_> = fs::read_dir(&folder.0).unwrap().collect();
    assert_eq!(left.len(), 1);
    assert!(Path::new(&folder.0).join("letter.txt").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_cluster_whose_postmaster_dies_is_started_again() {
    let folder = Folder::new();
    let cluster = Cluster::start(&folder.options()).await.unwrap();
    // A second process that shares it: only one of the two starts it again, and both find it.
    let same = Cluster::start(&folder.options()).await.unwrap();
    let (url, data_dir) = (cluster.url("topup"), cluster.data_dir().to_owned());
    let first = pid(&cluster);
    let watched = WatchedCluster::new(cluster, folder.options()).unwrap();
    let also = WatchedCluster::new(same, folder.options()).unwrap();
    let answers = move || ask_url(&url, "SELECT 1").is_ok();
    let restarted = tokio::task::spawn_blocking(move || {
        kill_hard(&first);
        let pid = || fs::read_to_string(data_dir.join("data/postmaster.pid")).unwrap_or_default();
        eventually("a new postmaster answers", || answers() && !pid().starts_with(&format!("{first}\n")));
        assert!(Path::new(&format!("/proc/{}", pid().lines().next().unwrap())).exists());
        answers
    });
    let answers = restarted.await.unwrap();
    also.stop().await.unwrap();
    let answers = tokio::task::spawn_blocking(move || {
        assert!(answers(), "the cluster runs on for the process that is left");
        answers
    });
    let answers = answers.await.unwrap();
    watched.stop().await.unwrap();
    tokio::task::spawn_blocking(move || assert!(!answers(), "the last one stops it")).await.unwrap();
}
