//! What is given back of usage goes to the parts that were taken last.

use chrono::{Duration, Utc};
use topup::domain::movement::capture::capture;
use topup::domain::posting::{Posting, PostingOutcome};
use topup::domain::wallet_key::WalletKey;
use topup::storage::pool::Pool;
use uuid::Uuid;

use crate::fixture::shown;
use crate::support::{ask, assert_clean, book, database, dec, grant, new_hold, reverse, usage, wallet};

pub fn granted(at: &WalletKey, id: u128, priority: i16, lives: Option<Duration>) -> Posting {
    let id = Uuid::from_u128((0x7 << 76) | (0x8 << 60) | id);
    grant(at, id, dec("10"), priority, lives.map(|lives| Utc::now() + lives))
}

async fn give_back(pool: &Pool, at: &WalletKey, key: &str, usage: &str, amount: &str) {
    assert!(matches!(reverse(pool, at, key, usage, Some(dec(amount))).await, PostingOutcome::Booked(_)));
}

/// What is left of the grants, by id.
async fn left(pool: &Pool) -> Vec<String> {
    ask(pool, "SELECT trim_scale(remaining) FROM grants ORDER BY id").await
}

/// Grants burn by priority and expiry, whatever order their ids have.
#[tokio::test]
async fn the_grant_that_was_burnt_last_is_restored_first() {
    let (pool, _) = database(2).await;
    let main = wallet("ann", "USD", "");
    // They burn 3, 1, 4, 2.
    let grants = [
        granted(&main, 1, 2, Some(Duration::days(1))),
        granted(&main, 2, 3, None),
        granted(&main, 3, 1, None),
        granted(&main, 4, 2, None),
    ];
    book(&pool, grants.to_vec()).await;
    let spend = |key: &str| usage(&main, key, dec("35")).posting();
    book(&pool, vec![spend("u")]).await;
    assert_eq!(left(&pool).await, ["0", "5", "0", "0"]);
    give_back(&pool, &main, "r1", "u", "7").await;
    assert_eq!(left(&pool).await, ["0", "10", "0", "2"]);
    give_back(&pool, &main, "r2", "u", "9").await;
    assert_eq!(left(&pool).await, ["1", "10", "0", "10"]);
    give_back(&pool, &main, "r3", "u", "19").await;
    assert_eq!(left(&pool).await, ["10"; 4]);
    assert_clean(&pool).await;
}

/// What a capture took beyond its hold was taken last, even from a grant that is spent before the other grants.
#[tokio::test]
async fn what_was_captured_beyond_the_hold_is_given_back_first() {
    let (pool, _) = database(2).await;
    let main = wallet("ann", "USD", "");
    let id = Uuid::now_v7();
    let hold = new_hold(&main, "h", dec("8"), Duration::hours(1)).posting(id);
    book(&pool, vec![granted(&main, 1, 2, None), hold]).await;
    book(&pool, vec![granted(&main, 2, 1, None), capture(id, dec("14"))]).await;
    assert_eq!(left(&pool).await, ["2", "4"]);
    give_back(&pool, &main, "r1", &shown("hold", id), "5").await;
    assert_eq!(left(&pool).await, ["2", "9"]);
    give_back(&pool, &main, "r2", &shown("hold", id), "5").await;
    assert_eq!(left(&pool).await, ["6", "10"]);
    assert_clean(&pool).await;
}

/// A statement has no more than 65,535 parameters; it once had a dozen for every grant.
#[tokio::test]
async fn one_usage_burns_6000_grants_and_is_given_back() {
    let (pool, _) = database(2).await;
    let main = wallet("ann", "USD", "");
    let grants: Vec<Posting> = (1..=6_000).map(|n| granted(&main, n, 1, None)).collect();
    for some in grants.chunks(1_000) {
        let outcomes = book(&pool, some.to_vec()).await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, PostingOutcome::Booked(_))));
    }
    let spend = |key: &str| usage(&main, key, dec("59999")).posting();
    let outcomes = book(&pool, vec![spend("u")]).await;
    assert!(matches!(outcomes[..], [PostingOutcome::Booked(_)]), "{outcomes:?}");
    let counts = "SELECT count(*) || ', ' || trim_scale(sum(amount)) FROM grant_uses WHERE amount < 0";
    assert_eq!(ask(&pool, counts).await, ["6000, -59999"]);
    give_back(&pool, &main, "r", "u", "59999").await;
    assert_eq!(ask(&pool, "SELECT DISTINCT trim_scale(remaining) FROM grants").await, ["10"]);

    // Rows that a posting does not change are not written again.
    let before = ask(&pool, "SELECT xmin FROM grants ORDER BY id LIMIT 2").await;
    let spend = |key: &str| usage(&main, key, dec("1")).posting();
    book(&pool, vec![spend("one")]).await;
    let after = ask(&pool, "SELECT xmin FROM grants ORDER BY id LIMIT 2").await;
    assert_eq!((before[0] == after[0], before[1] == after[1]), (false, true));
    assert_clean(&pool).await;
}
