//! Several hosts in one URL: the writable server with the highest timeline is used, and an old primary is refused.

use std::fs::File;

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use topup::embedded::{Cluster, ClusterOptions};
use topup::storage::StorageError;
use topup::storage::pool::Pool;

use crate::support::{Folder, ask_url};

/// The socket folder of the server that a new connection of a pool reaches.
async fn server(pool: &Pool) -> Result<String, StorageError> {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = Text)]
        folder: String,
    }
    let mut conn = pool.lane().await?;
    let sql = "SELECT current_setting('unix_socket_directories') AS folder";
    let folder = diesel::sql_query(sql).get_result::<Answer>(&mut *conn).await?.folder;
    // PostgreSQL quotes names with unusual characters.
    Ok(folder.trim_matches('"').to_owned())
}

async fn execute(cluster: &Cluster, sql: &'static str) {
    let url = cluster.url("topup");
    // ALTER SYSTEM is refused in the transaction that several statements of one message share.
    let all = move || sql.split(';').for_each(|sql| drop(ask_url(&url, sql).unwrap()));
    tokio::task::spawn_blocking(all).await.unwrap();
}

/// A reload takes a moment.
async fn until_server(pool: &Pool, folder: &str) {
    let since = std::time::Instant::now();
    loop {
        let used = server(pool).await.unwrap();
        if used == folder {
            return;
        }
        assert!(since.elapsed().as_secs() < 10, "{used} was used for 10 s, not {folder}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_writable_server_with_the_highest_timeline_is_used() {
    let (old_folder, new_folder) = (Folder::new(), Folder::new());
    let old = Cluster::start(&old_folder.options()).await.unwrap();
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let extra_settings =
        vec![setting("wal_level", "replica"), setting("max_wal_senders", "1"), setting("restore_command", "false")];
    let for_new = ClusterOptions { extra_settings, ..new_folder.options() };
    let new = Cluster::start(&for_new).await.unwrap();
    let folder = |cluster: &Cluster| cluster.socket_dir().to_str().unwrap().to_owned();
    let url = format!("host={},{} port={} user={} dbname=topup", folder(&old), folder(&new), old.port(), old.user());
    let (old_at, new_at) = (folder(&old), folder(&new));

    // The second server only reads, as a standby does: it is not used.
    execute(&new, "ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()").await;
    let backwards = format!("host={new_at},{old_at} port={} user={} dbname=topup", old.port(), old.user());
    let pool = Pool::new(&backwards.into(), 2).unwrap();
    until_server(&pool, &old_at).await;
    let before = pool.lane().await.unwrap();

    // It is promoted: a recovery that ends starts a new timeline. The old primary still writes.
    execute(&new, "ALTER SYSTEM RESET default_transaction_read_only").await;
    File::create(new.data_dir().join("data/recovery.signal")).unwrap();
    new.stop().await.unwrap();
    let new = Cluster::start(&for_new).await.unwrap();
    // Once one connection has reached the new primary, the connections that were opened before write nothing more.
    assert!(before.is_fit());
    assert_eq!(server(&pool).await.unwrap(), new_at);
    assert!(!before.is_fit());
    let pool = Pool::new(&url.clone().into(), 2).unwrap();
    assert_eq!(server(&pool).await.unwrap(), new_at);

    // With the new primary away the old one is refused by a process that has seen the new one.
    new.stop().await.unwrap();
    let refused = server(&pool).await.unwrap_err().to_string();
    assert!(refused.contains("old primary"), "{refused}");
    // A process that starts now cannot detect it.
    let fresh = Pool::new(&url.into(), 2).unwrap();
    assert_eq!(server(&fresh).await.unwrap(), old_at);
    old.stop().await.unwrap();
}
