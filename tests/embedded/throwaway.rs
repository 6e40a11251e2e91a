//! Throwaway clusters: they end with the process that started them.

use std::path::Path;

use topup::embedded::Cluster;

use crate::support::{Folder, Other, ask, ask_url, eventually, part, pid, tell};

#[tokio::test]
async fn it_is_gone_after_stop() {
    let cluster = Cluster::throwaway().await.unwrap();
    let url = cluster.url("topup");
    let dir = cluster.data_dir().to_path_buf();
    let copied = tokio::task::spawn_blocking({
        let (postgres, url, copy) = (cluster.url("postgres"), url.clone(), cluster.url("copy"));
        move || {
            ask_url(&url, "CREATE TABLE t AS SELECT 3 AS n").unwrap();
            // None of our code keeps a connection to the template open.
            ask_url(&postgres, "CREATE DATABASE copy TEMPLATE topup").unwrap();
            ask_url(&copy, "SELECT n FROM t").unwrap()
        }
    });
    assert_eq!(copied.await.unwrap(), "3");
    cluster.stop().await.unwrap();
    assert!(!dir.exists());
}

#[tokio::test]
async fn a_drop_ends_it_and_does_not_block() {
    let cluster = Cluster::throwaway_blocking(false, &[]).unwrap();
    let dir = cluster.data_dir().to_path_buf();
    assert!(dir.exists());
    drop(cluster);
    eventually("its folder is gone", || !dir.exists());
}

#[test]
fn it_dies_with_its_process() {
    if part().is_some() {
        let cluster = Cluster::throwaway_blocking(false, &[]).unwrap();
        let dir = cluster.data_dir().display();
        tell(&format!("{} {dir}", pid(&cluster)));
    }
    let folder = Folder::new();
    let mut other = Other::play("throwaway::it_dies_with_its_process", &folder.0);
    let told = other.told();
    let (postmaster, dir) = told.split_once(' ').unwrap();
    let alive = || {
        std::process::Command::new("kill")
            .args(["-0", postmaster])
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap()
            .success()
    };
    assert!(alive() && Path::new(dir).exists());
    other.kill_hard();
    eventually("the postmaster has ended", || !alive());
    eventually("its folder is gone", || !Path::new(dir).exists());
}

#[test]
fn settings_are_taken() {
    let cluster = Cluster::throwaway_blocking(true, &[("work_mem", "7MB"), ("application_name", "it's a b")]).unwrap();
    assert_eq!(ask(&cluster, "SHOW fsync").unwrap(), "on");
    assert_eq!(ask(&cluster, "SHOW work_mem").unwrap(), "7MB");
    assert_eq!(ask(&cluster, "SHOW application_name").unwrap(), "it's a b");
    cluster.stop_blocking().unwrap();
}

#[test]
fn a_failed_start_says_what_postgres_said_and_leaves_nothing() {
    let error = Cluster::throwaway_blocking(false, &[("work_mem", "plenty")]).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("work_mem") && error.contains("plenty"), "{error}");
}
