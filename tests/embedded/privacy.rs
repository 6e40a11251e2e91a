//! Other users of the machine cannot reach a cluster.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use topup::embedded::{Cluster, ClusterOptions};

use crate::support::{Folder, ask};

/// A user id that no user has, and that PostgreSQL does not run as.
const STRANGER: u32 = 54_321;

fn we_are_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn psql(cluster: &Cluster, user: Option<u32>) -> Output {
    let mut command = Command::new(cluster.bin_dir().join("psql"));
    command
        .arg("-h")
        .arg(cluster.socket_dir())
        .args(["-p", &cluster.port().to_string(), "-U", cluster.user()])
        .args(["-Atc", "SELECT 'in'", "topup"])
        .current_dir("/");
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command.output().unwrap()
}

#[test]
fn only_the_socket_is_open_and_only_to_its_user() {
    let folder = Folder::new();
    let kept = Cluster::start_blocking(&ClusterOptions {
        extra_settings: vec![("listen_addresses".into(), "127.0.0.1".into())],
        ..folder.options()
    })
    .unwrap();
    let throwaway = Cluster::throwaway_blocking(false, &[("unix_socket_permissions", "0777")]).unwrap();
    for cluster in [kept, throwaway] {
        assert_eq!(ask(&cluster, "SHOW listen_addresses").unwrap(), "");
        let data = fs::metadata(cluster.data_dir().join("data")).unwrap();
        for dir in [cluster.data_dir(), cluster.socket_dir()] {
            let meta = fs::metadata(dir).unwrap();
            assert_eq!(meta.mode() & 0o777, 0o700, "{}", dir.display());
            assert_eq!(meta.uid(), data.uid(), "{}", dir.display());
        }
        let socket = cluster.socket_dir().join(".s.PGSQL.5432");
        assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o777, 0o700);
        assert_eq!(psql(&cluster, None).stdout, b"in\n");
        if we_are_root() {
            assert!(!psql(&cluster, Some(STRANGER)).status.success());
            // Even with all permissions open, the operating system decides.
            for path in [cluster.data_dir(), cluster.socket_dir(), &socket] {
                fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
            }
            let refused = psql(&cluster, Some(STRANGER));
            let said = String::from_utf8_lossy(&refused.stderr);
            assert!(said.to_lowercase().contains("peer"), "{said}");
        }
        cluster.stop_blocking().unwrap();
    }
}

#[test]
fn a_deep_folder_has_its_socket_in_a_short_one() {
    let folder = Folder::new();
    let deep = folder.0.join("d".repeat(60)).join("ü, \"quoted\" %".repeat(4));
    let options = ClusterOptions { data_dir: deep.clone(), ..folder.options() };
    let cluster = Cluster::start_blocking(&options).unwrap();
    let socket_dir = cluster.socket_dir().to_path_buf();
    assert_eq!(cluster.data_dir(), deep);
    assert!(socket_dir.as_os_str().len() < 90);
    assert_eq!(fs::metadata(&socket_dir).unwrap().mode() & 0o777, 0o700);
    ask(&cluster, "SELECT 1").unwrap();
    let same = Cluster::start_blocking(&options).unwrap();
    assert!(same.adopted());
    same.stop_blocking().unwrap();
    cluster.stop_blocking().unwrap();
    fs::remove_dir_all(socket_dir).unwrap();
}

#[test]
fn a_socket_folder_of_somebody_else_is_refused() {
    if !we_are_root() {
        return; // Only root can make a folder of somebody else.
    }
    let folder = Folder::new();
    let deep = folder.0.join("d".repeat(120));
    let options = ClusterOptions { data_dir: deep, ..folder.options() };
    let cluster = Cluster::start_blocking(&options).unwrap();
    let socket_dir = cluster.socket_dir().to_path_buf();
    cluster.stop_blocking().unwrap();
    std::os::unix::fs::chown(&socket_dir, Some(STRANGER), Some(STRANGER)).unwrap();
    let error = Cluster::start_blocking(&options).unwrap_err().to_string();
    fs::remove_dir_all(socket_dir).unwrap();
    assert!(error.contains("belongs to another user"), "{error}");
}

#[test]
fn root_finds_a_reachable_folder_for_a_private_home() {
    if !we_are_root() {
        return; // An ordinary user's PostgreSQL reaches whatever that user reaches.
    }
    let home = Folder::new();
    fs::set_permissions(&home.0, Permissions::from_mode(0o700)).unwrap();
    let cluster = Cluster::start_blocking(&home.options()).unwrap();
    let used = cluster.data_dir().to_path_buf();
    assert!(used.starts_with("/var/lib/topup"), "{}", used.display());
    assert!(!Path::new(&home.0).join("pg").exists());
    ask(&cluster, "CREATE TABLE t AS SELECT 5 AS n").unwrap();
    cluster.stop_blocking().unwrap();

    // The data do not vanish because the way to the folder was opened.
    fs::set_permissions(&home.0, Permissions::from_mode(0o755)).unwrap();
    let cluster = Cluster::start_blocking(&home.options()).unwrap();
    assert_eq!(cluster.data_dir(), used);
    assert_eq!(ask(&cluster, "SELECT n FROM t").unwrap(), "5");
    cluster.stop_blocking().unwrap();
    fs::remove_dir_all(used).unwrap();
}
