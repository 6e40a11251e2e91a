//! Connections: what a dropped borrower leaves behind, which errors are temporary, and which limits a session has.

use std::time::{Duration, Instant};

use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use topup::storage::connection::Purpose;
use topup::storage::connection::sqlstate::Passing;
use topup::storage::pool::{Pool, connect};
use topup::storage::transaction::transact;
use topup::storage::{Connection, StorageError};

use crate::support::{database, execute, url};

async fn run(conn: &mut Connection, sql: &str) -> Result<(), StorageError> {
    Ok(conn.batch_execute(sql).await?)
}

/// Awaits a condition, for ten seconds at most.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !condition().await {
        assert!(since.elapsed() < Duration::from_secs(10), "{what} did not happen within 10 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn table(name: &str) {
    execute(name, "CREATE TABLE things (id int PRIMARY KEY, n int NOT NULL); INSERT INTO things VALUES (1, 0), (2, 0)")
        .await;
}

/// Takes the lock of thing 1 and keeps it until the task is dropped.
fn hold_the_lock(pool: &Pool) -> (tokio::task::JoinHandle<()>, tokio::sync::oneshot::Receiver<()>) {
    let (tell, locked) = tokio::sync::oneshot::channel();
    let pool = pool.clone();
    let task = tokio::spawn(async move {
        let tell = std::sync::Mutex::new(Some(tell));
        let _never = transact::<(), StorageError, _>(&pool, async |conn| {
            run(conn, "SELECT 1 FROM things WHERE id = 1 FOR UPDATE").await?;
            if let Some(tell) = tell.lock().unwrap().take() {
                tell.send(()).unwrap();
            }
            std::future::pending().await
        })
        .await;
    });
    (task, locked)
}

#[tokio::test(flavor = "multi_thread")]
async fn case_68_a_borrower_that_is_dropped_in_a_transaction_frees_its_locks_at_once() {
    let (pool, name) = database(4).await;
    table(&name).await;
    let (task, locked) = hold_the_lock(&pool);
    locked.await.unwrap();
    assert_eq!(pool.status().open, 1);

    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(pool.status().open, 0, "the connection was closed, not given back");
    // The server ends the transaction when it sees the closed connection; nothing else is borrowed in between.
    let mut other = connect(&url(&name)).await.unwrap();
    run(&mut other, "SET lock_timeout = '3s'; SELECT 1 FROM things WHERE id = 1 FOR UPDATE").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_and_a_statement_that_take_too_long_pass() {
    let (pool, name) = database(4).await;
    table(&name).await;
    let (task, locked) = hold_the_lock(&pool);
    locked.await.unwrap();

    let mut conn = pool.get().await.unwrap();
    let since = Instant::now();
    let error = run(&mut conn, "SELECT 1 FROM things WHERE id = 1 FOR UPDATE").await.unwrap_err();
    assert_eq!(error.passing(), Some(Passing::Locked), "{error}");
    assert!(since.elapsed() >= Duration::from_millis(400), "it was waited for");
    // Others can use the connection.
    drop(conn);
    assert_eq!(pool.status().idle, 1);

    let mut conn = pool.get().await.unwrap();
    let error = run(&mut conn, "SET statement_timeout = 20; SELECT pg_sleep(5)").await.unwrap_err();
    assert_eq!(error.passing(), Some(Passing::TooSlow), "{error}");
    task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_runs_again_and_is_never_seen() {
    let (pool, name) = database(4).await;
    table(&name).await;
    let both = tokio::sync::Barrier::new(2);
    let add = |first: i32, second: i32| {
        let (pool, both) = (&pool, &both);
        let tries = std::sync::atomic::AtomicUsize::new(0);
        async move {
            transact::<(), StorageError, _>(pool, async |conn| {
                // Only the first round deadlocks: in the second one there is no conflict.
                let first_round = tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
                run(conn, "SET LOCAL lock_timeout = 0; SET LOCAL deadlock_timeout = '50ms'").await?;
                run(conn, &format!("UPDATE things SET n = n + 1 WHERE id = {first}")).await?;
                if first_round {
                    both.wait().await;
                }
                run(conn, &format!("UPDATE things SET n = n + 1 WHERE id = {second}")).await
            })
            .await
        }
    };
    let (one, other) = tokio::join!(add(1, 2), add(2, 1));
    one.unwrap();
    other.unwrap();
    assert_eq!(crate::support::ask(&pool, "SELECT sum(n) FROM things").await, ["4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_70_a_connection_to_a_server_that_only_reads_is_let_go() {
    let (pool, name) = database(2).await;
    table(&name).await;
    let mut conn = pool.get().await.unwrap();
    // To its open connections, a primary that was switched over looks like this.
    run(&mut conn, "SET default_transaction_read_only = on").await.unwrap();
    drop(conn);
    assert_eq!(pool.status().idle, 1);

    let write =
        async || transact::<(), StorageError, _>(&pool, async |conn| run(conn, "UPDATE things SET n = 7").await).await;
    let error = write().await.unwrap_err();
    assert_eq!(error.passing(), Some(Passing::ReadOnly), "{error}");
    assert_eq!(pool.status().open, 0, "the connection is closed");
    // The next connection reaches a server that writes.
    write().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_server_ends_is_not_given_out_again() {
    let (pool, name) = database(2).await;
    let pid: i32 = {
        let mut conn = pool.get().await.unwrap();
        diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("pg_backend_pid()"))
            .get_result(&mut *conn)
            .await
            .unwrap()
    };
    execute(&name, &format!("SELECT pg_terminate_backend({pid})")).await;
    until("the next borrower's success", async || {
        let mut conn = pool.get().await.unwrap();
        run(&mut conn, "SELECT 1").await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_session_has_the_limits_of_its_purpose() {
    #[derive(QueryableByName)]
    struct Setting {
        #[diesel(sql_type = Text)]
        value: String,
    }
    let (pool, _) = database(2).await;
    for (purpose, limits) in
        [(Purpose::Requests, "500ms 10s 5s"), (Purpose::Lane, "250ms 10s 5s"), (Purpose::Maintenance, "1min 0 5min")]
    {
        let mut conn = pool.open(purpose).await.unwrap();
        let sql = "SELECT current_setting('lock_timeout') || ' ' || current_setting('statement_timeout') || ' ' || \
                   current_setting('idle_in_transaction_session_timeout') AS value";
        let found: Setting = sql_query(sql).get_result(&mut *conn).await.unwrap();
        assert_eq!(found.value, limits, "{purpose:?}");
    }
}
