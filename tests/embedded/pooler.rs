//! `PgBouncer` between the service and PostgreSQL: session mode works, transaction mode is recognised.
//!
//! The test does nothing on a machine without `pgbouncer`; `.ci/run` installs it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use topup::embedded::Cluster;
use topup::storage::connection::pooler::connections_keep_their_session;

use crate::support::{Folder, ask_url, eventually};

/// A running `PgBouncer`; dropping it ends it.
struct Pooler(Child);

impl Pooler {
    /// Listens on a socket in the folder, in front of the cluster.
    fn start(folder: &Path, cluster: &Cluster, mode: &str) -> Self {
        let owner = nix::unistd::User::from_name("postgres").unwrap().unwrap_or_else(|| {
            nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().expect("a user of this machine")
        });
        let settings = folder.join("pgbouncer.ini");
        let users = folder.join("users.txt");
        fs::write(&users, format!("\"{}\" \"\"\n", cluster.user())).unwrap();
        let text = format!(
            "[databases]\ntopup = host={} port={} user={}\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\n\
             unix_socket_dir = {}\nauth_type = trust\nauth_file = {}\npool_mode = {mode}\n\
             ignore_startup_parameters = extra_float_digits\n",
            cluster.socket_dir().display(),
            cluster.port(),
            cluster.user(),
            folder.display(),
            users.display(),
        );
        fs::write(&settings, text).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new("pgbouncer");
        if nix::unistd::getuid().is_root() {
            // It refuses root, as PostgreSQL does.
            chown(folder, Some(owner.uid.as_raw()), Some(owner.gid.as_raw())).unwrap();
            command.args(["-u", &owner.name]);
        }
        let child = command.arg(&settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self(child)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_transaction_mode_is_recognised() {
    if Command::new("pgbouncer").arg("--version").output().is_err() {
        println!("pgbouncer is not installed: nothing is tested");
        return;
    }
    let folder = Folder::new();
    let cluster = Cluster::start(&folder.options()).await.unwrap();
    assert!(connections_keep_their_session(&cluster.url("topup").into()).await.unwrap(), "PostgreSQL itself");
    for (mode, keeps) in [("session", true), ("transaction", false)] {
        let home = Folder::new();
        let pooler = Pooler::start(&home.0, &cluster, mode);
        let url = format!("host={} port=6432 user={} dbname=topup", home.0.display(), cluster.user());
        let ready = url.clone();
        let wait = move || eventually("the pooler answers", || ask_url(&ready, "SELECT 1").is_ok());
        tokio::task::spawn_blocking(wait).await.unwrap();
        assert_eq!(connections_keep_their_session(&url.into()).await.unwrap(), keeps, "{mode}");
        drop(pooler);
    }
    cluster.stop().await.unwrap();
}
