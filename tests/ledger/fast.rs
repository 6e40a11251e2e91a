//! What the fast path leaves to the full path: only the postings that need it, and not their neighbours in the flush.

use chrono::Duration;
use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use topup::domain::posting::{Booked, Posting, PostingOutcome};
use uuid::Uuid;

use crate::regressions::{capture, credited, deduct, fast_path, hold};
use crate::support::{assert_clean, book, database, dec, grant, usage, wallet};

fn taken(answers: &[Option<Booked>]) -> Vec<bool> {
    answers.iter().map(Option::is_some).collect()
}

#[tokio::test]
async fn a_known_key_keeps_no_neighbour_from_the_fast_path() {
    let (pool, _) = database(2).await;
    let (ann, ben) = (wallet("ann", "USD", ""), wallet("ben", "USD", ""));
    credited(&pool, &[&ann, &ben]).await;
    let conn = pool.lane().await.unwrap();
    let open = |at, key| hold(at, key, Duration::hours(1));
    book(&pool, vec![deduct(&ann, "a"), open(&ann, "a")]).await;

    let usage = [deduct(&ben, "a"), deduct(&ann, "a"), deduct(&ann, "b"), deduct(&ben, "b")];
    let answers = fast_path(&conn, &usage).await;
    assert_eq!(taken(&answers), [true, false, true, true]);
    let keys: Vec<&str> = answers.iter().flatten().map(|booked| booked.entry.as_ref().unwrap().label.key()).collect();
    assert_eq!(keys, ["a", "b", "b"]);
    let holds = [open(&ben, "a"), open(&ann, "a"), open(&ann, "b"), open(&ben, "b")];
    let answers = fast_path(&conn, &holds).await;
    assert_eq!(taken(&answers), [true, false, true, true]);

    // Now all keys are known, and no posting is booked again.
    assert_eq!(taken(&fast_path(&conn, &usage).await), [false; 4]);
    assert_eq!(taken(&fast_path(&conn, &holds).await), [false; 4]);
    let replayed = book(&pool, usage.to_vec()).await;
    assert!(replayed.iter().all(|outcome| matches!(outcome, PostingOutcome::Replayed(_))), "{replayed:?}");
    assert_clean(&pool).await;
}

/// Statements of several flushes run on one connection at the same time. Each contains a key that is already known.
#[tokio::test]
async fn known_keys_of_several_flushes_at_once_keep_no_neighbour_from_the_fast_path() {
    let (pool, _) = database(2).await;
    let main = wallet("ann", "USD", "");
    credited(&pool, &[&main]).await;
    let conn = pool.lane().await.unwrap();
    book(&pool, vec![deduct(&main, "known")]).await;
    let flush = |n: u32| [deduct(&main, "known"), deduct(&main, &format!("new{n}"))];
    let flushes: Vec<[Posting; 2]> = (0..4).map(flush).collect();
    let conn = &conn;
    let sent = flushes.iter().map(|flush| async move { fast_path(conn, flush).await });
    for answers in futures_util::future::join_all(sent).await {
        assert_eq!(taken(&answers), [false, true]);
    }
    assert_clean(&pool).await;
}

#[tokio::test]
async fn a_hold_of_a_wallet_that_needs_a_look_keeps_no_neighbour_from_the_fast_path() {
    let (pool, _) = database(2).await;
    let wallets = ["ann", "ben", "cid", "dot"].map(|name| wallet(name, "USD", ""));
    credited(&pool, &wallets.each_ref()).await;
    let opened = wallets.each_ref().map(|at| hold(at, "h", Duration::hours(1)));
    book(&pool, opened.to_vec()).await;
    // Ann's wallet is frozen. Ben's alert has fired, and waits for the recovery. Cid's alert is armed.
    let watched = "UPDATE wallets SET frozen = true, needs_full_path = true WHERE customer_id = 'ann';
        INSERT INTO frozen_wallets (customer_id, wallet_id, reason, frozen_by, frozen_at)
        SELECT customer_id, id, 'test', 'test', now() FROM wallets WHERE customer_id = 'ann';
        UPDATE wallets SET low_balance_threshold = 49 WHERE customer_id = 'ben';
        UPDATE wallets SET low_balance_threshold = 5, fast_floor = 5 WHERE customer_id = 'cid'";
    pool.get().await.unwrap().batch_execute(watched).await.unwrap();
    let conn = pool.lane().await.unwrap();
    let captures = opened.each_ref().map(capture);
    let answers = fast_path(&conn, &captures).await;
    assert_eq!(taken(&answers), [false, false, true, true]);
    let rest = book(&pool, captures[..2].to_vec()).await;
    assert!(rest.iter().all(|outcome| matches!(outcome, PostingOutcome::Booked(_))), "{rest:?}");
    assert_clean(&pool).await;
}

/// The plan of the prepared statement that contains `part`, on a connection of a lane, for arrays of any length.
pub async fn plan(lane: &mut AsyncPgConnection, part: &str) -> String {
    #[derive(QueryableByName)]
    struct Prepared {
        #[diesel(sql_type = Text)]
        call: String,
    }
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
        line: String,
    }
    let called = format!(
        "SELECT format('EXPLAIN EXECUTE %I (%s)', name, array_to_string(array_fill('NULL'::text,
         ARRAY[cardinality(parameter_types)]), ', ')) AS call
         FROM pg_prepared_statements WHERE position('{part}' IN statement) > 0
         AND position('pg_prepared' IN statement) = 0"
    );
    let prepared: Prepared = sql_query(called).get_result(lane).await.unwrap();
    let lines: Vec<Line> = sql_query(prepared.call).load(lane).await.unwrap();
    lines.into_iter().map(|line| line.line + "\n").collect()
}

/// Wallets and holds are looked up one by one, in their order. But what was found must not be compared item by item: in
/// a flush of a thousand captures, that took as long as all the rest.
#[tokio::test]
async fn nothing_but_the_tables_is_joined_by_a_nested_loop() {
    let (pool, _) = database(2).await;
    let (ann, ben) = (wallet("ann", "USD", ""), wallet("ben", "USD", ""));
    credited(&pool, &[&ann, &ben]).await;
    let mut conn = pool.lane().await.unwrap();
    let usage = [deduct(&ann, "a"), deduct(&ben, "a")];
    let opened = [&ann, &ben].map(|at| hold(at, "h", Duration::hours(1)));
    let captures = opened.each_ref().map(capture);
    assert_eq!(taken(&fast_path(&conn, &usage).await), [true; 2]);
    assert_eq!(taken(&fast_path(&conn, &opened).await), [true; 2]);
    assert_eq!(taken(&fast_path(&conn, &captures).await), [true; 2]);
    // There is a statement for usage, one for holds, and one for captures. The last one looks up both holds and
    // wallets.
    for (part, lookups) in [("unnest($14)", 1), ("opened AS", 1), ("closed AS", 2)] {
        let plan = plan(&mut conn, part).await;
        let joins = (plan.matches("Nested Loop").count(), plan.matches("Join  (cost").count());
        assert_eq!(joins, (lookups, 1), "{plan}");
    }
}

/// A hold that has lapsed reserves nothing, even before a sweep has recorded it. So its grant is again the first to be
/// spent.
#[tokio::test]
async fn what_a_lapsed_hold_reserved_is_spent_before_a_later_grant() {
    let (pool, _) = database(2).await;
    let main = wallet("ann", "USD", "");
    let [first, second] = [Uuid::from_u128(1), Uuid::from_u128(2)];
    book(&pool, vec![grant(&main, first, dec("2"), 1, None), grant(&main, second, dec("100"), 2, None)]).await;
    // The hold reserves all of the first grant.
    book(&pool, vec![hold(&main, "h", Duration::hours(1))]).await;
    let lapse = "UPDATE holds SET expires_at = created_at + interval '1 microsecond'";
    pool.get().await.unwrap().batch_execute(lapse).await.unwrap();
    let conn = pool.lane().await.unwrap();
    let spent = usage(&main, "u", dec("1")).posting();
    assert_eq!(taken(&fast_path(&conn, std::slice::from_ref(&spent)).await), [false]);
    let outcomes = book(&pool, vec![spent]).await;
    let [PostingOutcome::Booked(booked)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(booked.entry.as_ref().unwrap().only_grant(), Some(first));
    assert_clean(&pool).await;
}
