//! What lapsed is found, by a scan that stays short: up to a mark nothing is open.

use chrono::Duration;
use diesel_async::SimpleAsyncConnection;
use topup::domain::movement::expiry;
use topup::domain::posting::Posting;
use topup::domain::wallet_key::WalletKey;
use topup::storage::ledger::{post, wallets_with_lapsed_holds};
use topup::storage::pool::Pool;

use crate::regressions::{credited, hold};
use crate::support::{ask, assert_clean, book, database, fetched, wallet};

fn sweep(at: &WalletKey) -> Vec<Posting> {
    vec![expiry::sweep(at.clone())]
}

async fn look(pool: &Pool) -> Vec<WalletKey> {
    wallets_with_lapsed_holds(&mut pool.get().await.unwrap(), 100).await.unwrap()
}

/// The answer of a condition on `reached`, the mark.
async fn mark_is(pool: &Pool, condition: &str) -> bool {
    ask(pool, &format!("SELECT {condition} FROM worker_marks WHERE worker = 'holds'")).await == ["true"]
}

/// Each call leaves a closed hold behind, and hundreds of holds expire every second. Once, each posting of a wallet
/// with an open hold read all holds of two days.
#[tokio::test]
async fn closed_holds_before_the_mark_are_not_read() {
    let (pool, _) = database(2).await;
    let main = wallet("ann", "USD", "");
    credited(&pool, &[&main]).await;
    let closed = "INSERT INTO holds (customer_id, key, id, wallet_id, currency, product, fingerprint, amount,
        created_at, expires_at, status, closed_at)
        SELECT customer_id, 'closed-' || n, gen_random_uuid(), id, currency, product, 0, 1,
        now() - interval '2 hours', now() - interval '1 hour', 'released', now() - interval '2 hours'
        FROM wallets, generate_series(1, 1000) AS n; ANALYZE holds";
    pool.get().await.unwrap().batch_execute(closed).await.unwrap();
    book(&pool, vec![hold(&main, "open", Duration::hours(1))]).await;
    assert!(look(&pool).await.is_empty());
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute("BEGIN; SET LOCAL enable_seqscan = off").await.unwrap();
    post(&mut conn, &sweep(&main)).await.unwrap();
    assert_eq!(fetched(&mut conn, "holds").await, 0);
    conn.batch_execute("COMMIT").await.unwrap();
    drop(conn);
    assert_clean(&pool).await;
}

#[tokio::test]
async fn the_mark_follows_the_clock_but_passes_nobody_who_may_still_open_a_hold() {
    let (pool, _) = database(4).await;
    let main = wallet("ann", "USD", "");
    credited(&pool, &[&main]).await;
    // A transaction that only reads does not delay it.
    let mut reader = pool.get().await.unwrap();
    reader.batch_execute("BEGIN; SELECT count(*) FROM wallets").await.unwrap();
    let before = ask(&pool, "SELECT clock_timestamp()").await.remove(0);
    assert!(look(&pool).await.is_empty());
    assert!(mark_is(&pool, &format!("reached >= '{before}'")).await);
    reader.batch_execute("COMMIT").await.unwrap();

    let mut writer = pool.get().await.unwrap();
    writer.batch_execute("BEGIN; SELECT count(*) FROM wallets").await.unwrap();
    let begun =
        "SELECT xact_start FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()";
    let since = ask(&pool, begun).await.remove(0);
    // The transaction opens a hold. Its time is read after the transaction began, and nobody sees the hold yet.
    post(&mut writer, &[hold(&main, "late", Duration::seconds(1))]).await.unwrap();
    assert!(look(&pool).await.is_empty());
    assert!(mark_is(&pool, &format!("reached <= '{since}'")).await);
    writer.batch_execute("COMMIT").await.unwrap();
    drop(writer);
    assert!(look(&pool).await.len() <= 1);
    assert!(mark_is(&pool, &format!("reached > '{since}'")).await);
}

/// Once, holds that kept lapsing kept the mark in its place for ever.
#[tokio::test]
async fn the_mark_moves_up_to_the_oldest_open_hold() {
    let (pool, _) = database(2).await;
    let main = wallet("ann", "USD", "");
    credited(&pool, &[&main]).await;
    book(&pool, (0..3).map(|n| hold(&main, &format!("h{n}"), Duration::hours(1))).collect()).await;
    let lapse = "UPDATE holds SET expires_at = now() - (4 - substr(key, 2)::int) * interval '1 hour'";
    pool.get().await.unwrap().batch_execute(lapse).await.unwrap();
    assert_eq!(look(&pool).await.len(), 3);
    assert!(mark_is(&pool, "reached = (SELECT min(expires_at) - interval '1 microsecond' FROM holds)").await);
    assert_eq!(look(&pool).await.len(), 3, "it is not passed before it is closed");
    book(&pool, sweep(&main)).await;
    assert!(look(&pool).await.is_empty());
    assert!(mark_is(&pool, "reached > now() - interval '1 minute'").await);
    assert_clean(&pool).await;
}
