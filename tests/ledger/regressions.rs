//! What the ledger once got wrong.

use chrono::{Duration, Utc};
use diesel_async::SimpleAsyncConnection;
use rust_decimal::Decimal;
use topup::domain::movement::capture::capture as capture_hold;
use topup::domain::movement::expiry::sweep;
use topup::domain::posting::{Booked, FastPosting, Posting, PostingOutcome, Refusal};
use topup::domain::wallet_key::WalletKey;
use topup::storage::Connection;
use topup::storage::ledger::{fast, post};
use topup::storage::pool::Pool;
use uuid::Uuid;

use crate::support::{
    adjust, ask, assert_clean, book, booked_usage, database, dec, fetched, grant, new_hold, usage, wallet,
};

pub fn deduct(at: &WalletKey, key: &str) -> Posting {
    usage(at, key, dec("1")).posting()
}

pub fn hold(at: &WalletKey, key: &str, lifetime: Duration) -> Posting {
    new_hold(at, key, dec("2"), lifetime).posting(Uuid::now_v7())
}

/// Captures the whole of a hold that a posting opens.
pub fn capture(opened: &Posting) -> Posting {
    let Some(FastPosting::OpenHold(hold)) = opened.fast() else { panic!("{opened:?}") };
    capture_hold(hold.id, hold.amount.amount())
}

/// What the fast path books of postings that are all of one kind.
pub async fn fast_path(conn: &Connection, postings: &[Posting]) -> Vec<Option<Booked>> {
    let (mut deductions, mut holds, mut captures) = (Vec::new(), Vec::new(), Vec::new());
    for posting in postings {
        match posting.fast().expect("the fast path knows it") {
            FastPosting::Deduction(item) => deductions.push(item),
            FastPosting::OpenHold(item) => holds.push(item),
            FastPosting::Capture(item) => captures.push(item),
        }
    }
    let answers = match (&deductions[..], &holds[..], &captures[..]) {
        ([_, ..], [], []) => fast::usage(conn, &deductions).await,
        ([], [_, ..], []) => fast::open_holds(conn, &holds).await,
        ([], [], [_, ..]) => fast::captures(conn, &captures).await,
        _ => panic!("of one sort: {postings:?}"),
    };
    answers.unwrap()
}

fn welcome(at: &WalletKey) -> Posting {
    grant(at, Uuid::now_v7(), Decimal::from(100), 100, Some(Utc::now() + Duration::days(1)))
}

pub async fn credited(pool: &Pool, wallets: &[&WalletKey]) {
    for (at, n) in wallets.iter().zip(0..) {
        let credit = adjust(at, &format!("opening {n}"), dec("50"));
        assert!(matches!(book(pool, vec![credit]).await[..], [PostingOutcome::Booked(_)]));
    }
}

/// Waits until some session waits for a lock of another.
async fn until_somebody_waits(pool: &Pool) {
    while ask(pool, "SELECT count(*) FROM pg_locks WHERE NOT granted").await != ["1"] {
        tokio::task::yield_now().await;
    }
}

/// The planner would read the wallets of a small table in their order on disk. Once it locked the second wallet first,
/// and [`post`] locked the first one first: a deadlock.
#[tokio::test]
async fn the_fast_path_locks_in_key_order() {
    let (pool, _) = database(4).await;
    let (first, second) = (wallet("ann", "USD", ""), wallet("ben", "USD", ""));
    credited(&pool, &[&second, &first]).await;
    let others = "INSERT INTO wallets (customer_id, currency, product, id, created_at, updated_at)
        SELECT 'other-' || n, 'USD', '', gen_random_uuid(), now(), now() FROM generate_series(1, 100) AS n;
        ANALYZE wallets";
    pool.get().await.unwrap().batch_execute(others).await.unwrap();

    let holds = [hold(&first, "a", Duration::hours(1)), hold(&second, "b", Duration::hours(1))];
    let flushes =
        [vec![deduct(&first, "a"), deduct(&second, "b")], holds.to_vec(), holds.iter().map(capture).collect()];
    for postings in flushes {
        let mut other = pool.get().await.unwrap();
        other.batch_execute("BEGIN; SELECT FROM wallets WHERE customer_id = 'ann' FOR UPDATE").await.unwrap();
        let flush = tokio::spawn({
            let pool = pool.clone();
            async move {
                let mut conn = pool.lane().await.unwrap();
                // The test looks at what the flush has locked while it waits, however long that takes.
                conn.batch_execute("SET lock_timeout = 0").await.unwrap();
                fast_path(&conn, &postings).await
            }
        });
        until_somebody_waits(&pool).await;
        other
            .batch_execute("SELECT FROM wallets WHERE customer_id = 'ben' FOR UPDATE NOWAIT; COMMIT")
            .await
            .expect("whoever waits for the first wallet has not locked the second");
        assert!(flush.await.unwrap().iter().all(Option::is_some));
    }
    assert_clean(&pool).await;
}

/// A key is unique per customer, but wallets are locked one by one. So two writers can bring the same key at the same
/// time.
#[tokio::test]
async fn one_key_through_two_wallets_at_once_is_booked_once() {
    let (pool, _) = database(4).await;
    let (main, product) = (wallet("ann", "USD", ""), wallet("ann", "USD", "gpu"));
    credited(&pool, &[&main, &product]).await;
    let pairs = [
        (deduct(&main, "k"), deduct(&product, "k")),
        (hold(&main, "k", Duration::hours(1)), hold(&product, "k", Duration::hours(1))),
    ];
    for (faster, slower) in pairs {
        let mut other = pool.get().await.unwrap();
        other.batch_execute("BEGIN").await.unwrap();
        assert!(matches!(post(&mut other, &[faster]).await.unwrap()[..], [PostingOutcome::Booked(_)]));
        let late = tokio::spawn({
            let pool = pool.clone();
            async move { book(&pool, vec![slower]).await }
        });
        until_somebody_waits(&pool).await;
        other.batch_execute("COMMIT").await.unwrap();
        let late = late.await.unwrap();
        assert!(matches!(late[..], [PostingOutcome::Refused(Refusal::KeyReused)]), "{late:?}");
    }
    assert_clean(&pool).await;
}

/// A capture names no wallet: the hold's own wallet is found, whatever other holds there are.
#[tokio::test]
async fn a_hold_is_captured_from_its_own_wallet() {
    let (pool, _) = database(2).await;
    let (main, product) = (wallet("ann", "USD", ""), wallet("ann", "USD", "gpu"));
    credited(&pool, &[&main, &product]).await;
    let opened = hold(&main, "h", Duration::hours(1));
    book(&pool, vec![opened.clone(), hold(&product, "other", Duration::hours(1))]).await;
    assert!(matches!(book(&pool, vec![capture(&opened)]).await[..], [PostingOutcome::Booked(_)]));
    let held = ask(&pool, "SELECT trim_scale(held) FROM wallets ORDER BY product").await;
    assert_eq!(held, ["0", "2"]);
    assert_clean(&pool).await;
}

/// After an outage of days, what lapsed meanwhile must still be found.
#[tokio::test]
async fn a_hold_that_lapsed_long_ago_is_released() {
    let (pool, _) = database(2).await;
    let main = wallet("ann", "USD", "");
    credited(&pool, &[&main]).await;
    book(&pool, vec![hold(&main, "h", Duration::hours(1))]).await;
    let lapse = "UPDATE holds SET expires_at = now() - interval '5 days';
        INSERT INTO worker_marks (worker, reached) VALUES ('holds', now() - interval '6 days')";
    pool.get().await.unwrap().batch_execute(lapse).await.unwrap();
    book(&pool, vec![sweep(main.clone())]).await;
    assert_eq!(ask(&pool, "SELECT status FROM holds").await, ["expired"]);
    assert_eq!(ask(&pool, "SELECT trim_scale(held) FROM wallets").await, ["0"]);
    assert_clean(&pool).await;
}

/// Holds are looked up one by one, and written all at once. Neither a customer's other holds under the same keys nor
/// the number of closed holds makes that slower.
#[tokio::test]
async fn holds_are_found_and_closed_in_a_fixed_number_of_steps() {
    let (pool, _) = database(2).await;
    let customers: Vec<WalletKey> = (0..8).map(|n| wallet(&format!("c{n}"), "USD", "")).collect();
    credited(&pool, &customers.iter().collect::<Vec<_>>()).await;
    let all = customers.iter().flat_map(|at| (0..8).map(|key| hold(at, &format!("k{key}"), Duration::hours(1))));
    let all: Vec<Posting> = all.collect();
    book(&pool, all.clone()).await;
    let counting = "CREATE TABLE counted (n int);
        CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO counted VALUES (1);
        RETURN NULL; END $$;
        CREATE TRIGGER counted AFTER UPDATE ON holds FOR EACH STATEMENT EXECUTE FUNCTION count_it();
        INSERT INTO holds (customer_id, key, id, wallet_id, currency, product, fingerprint, amount, created_at,
        expires_at, status, closed_at)
        SELECT customer_id, 'closed-' || n, gen_random_uuid(), id, currency, product, 0, 1, now(),
        now() + interval '2 hours', 'released', now()
        FROM wallets, generate_series(1, 1000) AS n;
        ANALYZE holds";
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute(counting).await.unwrap();

    // One hold of each customer is sent again, each under another key. Only these eight rows are read.
    let again: Vec<Posting> = all.iter().step_by(9).cloned().collect();
    conn.batch_execute("BEGIN; SET LOCAL enable_seqscan = off").await.unwrap();
    let outcomes = post(&mut conn, &again).await.unwrap();
    let fetched = fetched(&mut conn, "holds").await;
    conn.batch_execute("COMMIT").await.unwrap();
    drop(conn);
    assert_eq!(outcomes.len(), 8);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, PostingOutcome::Replayed(_))), "{outcomes:?}");
    assert!(fetched <= 8, "{fetched}");

    let guards = "UPDATE wallets SET daily_cap = 1000, guard_day = now(), spent_today = 0, spent_this_month = 0;
        INSERT INTO spend_guards (customer_id, wallet_id, set_by, updated_at)
        SELECT customer_id, id, 'test', now() FROM wallets";
    pool.get().await.unwrap().batch_execute(guards).await.unwrap();
    let outcomes = book(&pool, all.iter().map(capture).collect()).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, PostingOutcome::Booked(_))), "{outcomes:?}");
    assert_eq!(ask(&pool, "SELECT count(*) FROM counted").await, ["1"]);
    assert_eq!(
        ask(&pool, "SELECT DISTINCT status || trim_scale(captured) FROM holds WHERE key LIKE 'k%'").await,
        ["captured2"]
    );
    assert_eq!(ask(&pool, "SELECT DISTINCT trim_scale(spent_today) FROM wallets").await, ["16"]);
    assert_clean(&pool).await;
}

/// Debt has a limit, as everything has: beyond it the answer is a refusal, and not the column's error.
#[tokio::test]
async fn booked_debt_beyond_what_a_wallet_can_hold_is_refused() {
    let (pool, _) = database(2).await;
    let main = wallet("ann", "USD", "");
    let most = dec("1000000000000000");
    // One movement is a thousandth of that at most.
    let part = most / Decimal::from(1_000);
    let postings: Vec<Posting> = (0..1_000).map(|n| booked_usage(&main, &format!("u{n}"), part)).collect();
    let outcomes = book(&pool, postings).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, PostingOutcome::Booked(_))));
    for beyond in [adjust(&main, "a", dec("-0.00000001")), booked_usage(&main, "more", part)] {
        assert_eq!(book(&pool, vec![beyond]).await, [PostingOutcome::Refused(Refusal::TooLarge)]);
    }
    assert_eq!(ask(&pool, "SELECT trim_scale(debt) FROM wallets").await, [most.to_string()]);
    assert_clean(&pool).await;
}

/// Credit that expires can be what takes a balance below the threshold, and a sweep is what finds out.
#[tokio::test]
async fn an_expiry_raises_the_low_balance_alert_once() {
    let (pool, _) = database(2).await;
    let main = wallet("ann", "USD", "");
    book(&pool, vec![welcome(&main)]).await;
    let lapse = "UPDATE wallets SET low_balance_threshold = 40, fast_floor = 40;
        UPDATE grants SET expires_at = now() - interval '1 second'";
    pool.get().await.unwrap().batch_execute(lapse).await.unwrap();
    for _ in 0..2 {
        book(&pool, vec![sweep(main.clone())]).await;
    }
    // A refused posting expires and alerts, too.
    assert!(matches!(book(&pool, vec![deduct(&main, "u")]).await[..], [PostingOutcome::Refused(_)]));
    assert_eq!(ask(&pool, "SELECT count(*) FROM events WHERE type = 'balance.low'").await, ["1"]);
    assert_clean(&pool).await;
}

/// The clock was once read beside the lock, which means before the wait for the lock.
#[tokio::test]
async fn a_grant_that_expires_during_the_wait_for_a_wallet_is_not_spent() {
    let (pool, _) = database(4).await;
    let main = wallet("ann", "USD", "");
    book(&pool, vec![welcome(&main)]).await;
    let mut other = pool.get().await.unwrap();
    other.batch_execute("BEGIN; SELECT FROM wallets FOR UPDATE").await.unwrap();
    let waiting = tokio::spawn({
        let (pool, usage) = (pool.clone(), deduct(&main, "u"));
        async move { book(&pool, vec![usage]).await }
    });
    until_somebody_waits(&pool).await;
    pool.get().await.unwrap().batch_execute("UPDATE grants SET expires_at = clock_timestamp()").await.unwrap();
    other.batch_execute("COMMIT").await.unwrap();
    assert!(matches!(waiting.await.unwrap()[..], [PostingOutcome::Refused(_)]));
    assert_clean(&pool).await;
}
