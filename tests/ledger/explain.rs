//! Explaining costs no scan, however long a wallet's history is.

use diesel::sql_types::BigInt;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use topup::app::explain::{PageRequest, RequestedPart, what_it_paid_for, what_paid_for};
use topup::domain::account_flow::FlowId;
use topup::domain::customer::CustomerId;
use topup::domain::entry::EntryKind;
use topup::domain::explain::MoneyRange;
use topup::domain::money::Money;
use topup::domain::page::{Page, Place};
use topup::storage::ledger::explain;
use topup::storage::ledger::lock_wallet;
use topup::storage::spend_guards;
use uuid::Uuid;

use crate::regressions::fast_path;
use crate::support::{book, database, dec, grant, recharge, reverse, usage, wallet};

fn usd(amount: &str) -> Money {
    Money::from_ledger(dec(amount), "USD".parse().unwrap())
}

const WALLET: &str = "01933600-0000-7000-8000-000000000001";

/// How much of the entries a transaction has read so far: scans of whole tables, and rows found by an index.
#[derive(QueryableByName, Debug)]
pub struct Scans {
    #[diesel(sql_type = BigInt)]
    pub whole: i64,
    #[diesel(sql_type = BigInt)]
    pub fetched: i64,
}

pub async fn scans(conn: &mut AsyncPgConnection) -> Scans {
    let counted =
        "SELECT seq_scan AS whole, idx_tup_fetch AS fetched FROM pg_stat_xact_user_tables WHERE relname = 'entries'";
    sql_query(counted).get_result(conn).await.unwrap()
}

/// 600 times a recharge of 100 and 100 usages of 1; usage number u is paid by recharge (u - 1) / 100.
pub const HISTORY: &str = "
    INSERT INTO wallets (customer_id, currency, product, id, created_at, updated_at, paid, paid_in, paid_out,
    entry_seq, version)
    VALUES ('big', 'USD', '', '01933600-0000-7000-8000-000000000001', now(), now(), 0, 60000, 60000, 60600, 60600);
    INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after, paid_in,
    paid_out, counterpart, key)
    SELECT now() - interval '1 second' * (60600 - n), n, 0, '01933600-0000-7000-8000-000000000001',
           CASE WHEN first THEN 1 ELSE 2 END, 'big', CASE WHEN first THEN 100
           ELSE -1 END, r * 100 - (n - r), r * 100, n - r,
           CASE WHEN first THEN 'provider:stripe' ELSE 'usage' END, 'k' || n
    FROM (SELECT n, (n - 1) % 101 = 0 AS first, (n - 1) / 101 + 1 AS r FROM generate_series(1::bigint, 60600) AS n)
    AS h;
    ANALYZE entries, wallets";

#[tokio::test]
async fn it_reads_by_index_and_little() {
    let (pool, _) = database(2).await;
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute(HISTORY).await.unwrap();
    let (customer, id): (CustomerId, Uuid) = (CustomerId::new("big").unwrap(), WALLET.parse().unwrap());
    let range = |from: &str, to: &str| MoneyRange { from: usd(from), to: usd(to) };

    conn.batch_execute("BEGIN").await.unwrap();
    let brought = explain::credits_within(&mut conn, &customer, id, range("30150", "30250"), 101).await.unwrap();
    assert_eq!(brought.iter().map(|entry| entry.paid_in).collect::<Vec<_>>(), [usd("30200"), usd("30300")]);
    let end = explain::credits_within(&mut conn, &customer, id, range("59999", "60000"), 101).await.unwrap();
    assert_eq!(end.len(), 1);

    let (first, last) = explain::debits_between(&mut conn, &customer, id, range("30100", "30200")).await.unwrap();
    let taken = explain::entries_between(&mut conn, &customer, id, (first, last), false, 500).await.unwrap();
    let taken: Vec<_> = taken.iter().filter(|entry| MoneyRange::debited_by(entry).is_some()).collect();
    assert_eq!(taken.len(), 100);
    assert_eq!((taken[0].paid_out, taken[99].paid_out), (usd("30200"), usd("30101")));
    let beyond = explain::debits_between(&mut conn, &customer, id, range("60000", "60001")).await.unwrap();
    assert_eq!(beyond, (60_601, 60_601), "nobody has taken it yet");

    // From there on 1,001 entries, 9 of them recharges.
    let (big, _) = lock_wallet(&mut conn, &wallet("big", "USD", "")).await.unwrap().unwrap();
    let since = explain::entry(&mut conn, &customer, id, 59_600).await.unwrap().unwrap().created_at;
    assert_eq!(spend_guards::consumed_since(&mut conn, &big, since).await.unwrap(), usd("992"));

    let scans = scans(&mut conn).await;
    assert_eq!(scans.whole, 0, "{scans:?}");
    assert!(scans.fetched < 600, "{scans:?}");
    conn.batch_execute("COMMIT").await.unwrap();
}

/// 20,000 times: a usage of 2 that becomes debt, and then a recharge of 3. After that, 20,001 usages that nothing has
/// paid for.
const OWING: &str = "
    INSERT INTO wallets (customer_id, currency, product, id, created_at, updated_at, paid, debt, needs_full_path,
    paid_in, paid_out, entry_seq, version)
    VALUES ('big', 'USD', '', '01933600-0000-7000-8000-000000000001', now(), now(), 20000, 20001, true, 20000, 0,
    60001, 60001);
    INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, debt, balance_after,
    paid_in, paid_out, counterpart, key)
    SELECT now(), n, 0, '01933600-0000-7000-8000-000000000001', 1 + n % 2, 'big', CASE WHEN n % 2 = 1 THEN -2
    ELSE 3 END,
           CASE WHEN n % 2 = 1 THEN 2 ELSE -2 END, 0, n / 2, 0, CASE WHEN n % 2 = 1 THEN 'usage'
           ELSE 'provider:stripe' END, 'k' || n
    FROM generate_series(1::bigint, 40000) AS n;
    INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, debt, balance_after,
    paid_in, paid_out, counterpart, key)
    SELECT now(), n, 0, '01933600-0000-7000-8000-000000000001', 2, 'big', -1, 1, 0, 20000, 0, 'usage', 'k' || n
    FROM generate_series(40001::bigint, 60001) AS n;
    ANALYZE entries, wallets";

#[tokio::test]
async fn debt_is_followed_by_index_and_not_without_end() {
    let (pool, _) = database(2).await;
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute(OWING).await.unwrap();
    let (customer, wallet): (CustomerId, Uuid) = (CustomerId::new("big").unwrap(), WALLET.parse().unwrap());
    let flow = |seq| Some(FlowId { wallet, seq });
    let request = PageRequest { part: None, page: Page::newest(10) };

    conn.batch_execute("BEGIN").await.unwrap();
    let (moves, whole) = explain::debt_changes(&mut conn, &customer, wallet, usd("9999"), 100).await.unwrap();
    assert_eq!((moves.iter().map(|step| step.seq).collect::<Vec<_>>(), whole), (vec![19_999, 20_000], true));
    let (moves, whole) = explain::debt_changes(&mut conn, &customer, wallet, usd("20000"), 100).await.unwrap();
    assert_eq!((moves.len(), moves[0].seq, whole), (100, 40_001, false));
    let usages = vec!["k19999".to_owned(), "k40001".to_owned()];
    assert!(explain::reversals_of(&mut conn, &customer, wallet, usages, 100).await.unwrap().is_empty());
    let told = what_paid_for(&mut conn, &customer, flow(19_999)).await.unwrap();
    assert_eq!((told.debt_repaid, told.repaid_by.len(), told.complete), (usd("2"), 1, true));
    assert_eq!(told.repaid_by[0].entry.seq, 20_000);
    let page = what_it_paid_for(&mut conn, &customer, flow(20_000), request).await.unwrap();
    assert_eq!(page.items.iter().map(|part| (part.entry.seq, part.debt)).collect::<Vec<_>>(), [(19_999, true)]);
    assert_eq!((page.next, page.complete), (None, true));
    let scans = scans(&mut conn).await;
    assert_eq!(scans.whole, 0, "{scans:?}");
    assert!(scans.fetched < 300, "{scans:?}");
    conn.batch_execute("COMMIT").await.unwrap();

    // More debt than one answer reads: it says that it is incomplete.
    for seq in [40_001, 60_001] {
        let told = what_paid_for(&mut conn, &customer, flow(seq)).await.unwrap();
        assert_eq!((told.debt_repaid, told.complete), (usd("0"), false));
    }
    // The same for the credits that end that debt. A recharge knows all the same which part of it came into the
    // balance.
    for (kind, part, paid_for) in [
        ("1, NULL", ("20001", "20005"), vec![(60_003, usd("4"))]),
        ("1, NULL", ("0", "20001"), vec![]),
        ("4, 'k60001'", ("20000", "20004"), vec![]),
        ("4, 'k60001'", ("20001", "20005"), vec![]),
    ] {
        conn.batch_execute("BEGIN").await.unwrap();
        let rows = format!(
            "INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, reference, customer_id, amount,
             debt, balance_after, paid_in, paid_out, counterpart, key)
             VALUES (now(), 60002, 0, '{WALLET}', {kind}, 'big', 20005, -20001, 0, 20004, 0, 'provider:stripe', 'p'),
                    (now(), 60003, 0, '{WALLET}', 2, NULL, 'big', -20004, NULL, 0, 20004, 20004, 'usage', 'u');
             UPDATE wallets SET entry_seq = 60003 WHERE customer_id = 'big'"
        );
        conn.batch_execute(&rows).await.unwrap();
        let part = Some(RequestedPart { from: dec(part.0), amount: dec(part.1) - dec(part.0) });
        let request = PageRequest { part, ..request };
        let page = what_it_paid_for(&mut conn, &customer, flow(60_002), request).await.unwrap();
        let parts: Vec<_> = page.items.iter().map(|part| (part.entry.seq, part.amount)).collect();
        assert_eq!((parts, page.next, page.complete), (paid_for, None, false), "{kind} {part:?}");
        conn.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn the_last_entry_of_a_wallet_is_told_once() {
    let (pool, _) = database(2).await;
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute(HISTORY).await.unwrap();
    let more = "INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount,
        balance_after, paid_in, paid_out, counterpart, key)
        VALUES (now(), 60601, 0, '01933600-0000-7000-8000-000000000001', 1, 'big', 5, 5, 60005, 60000,
        'provider:stripe', 'p'),
               (now(), 60602, 0, '01933600-0000-7000-8000-000000000001', 2, 'big', -1, 4, 60005, 60001, 'usage', 'u');
        UPDATE wallets SET paid_in = 60005, paid_out = 60001, paid = 4, entry_seq = 60602 WHERE customer_id = 'big'";
    conn.batch_execute(more).await.unwrap();
    let flow = Some(FlowId { wallet: WALLET.parse().unwrap(), seq: 60_601 });
    for (place, beside) in [
        (Place::Start, (None, None)),
        (Place::After(60_603), (Some(60_602), None)),
        (Place::Before(0), (None, Some(1))),
    ] {
        let request = PageRequest { part: None, page: Page { place, ..Page::newest(1) } };
        let page = what_it_paid_for(&mut conn, &CustomerId::new("big").unwrap(), flow, request).await.unwrap();
        assert_eq!((page.items.len(), (page.previous, page.next)), (1, beside));
    }
}

#[tokio::test]
async fn money_that_went_around_is_followed_so_far_and_no_further() {
    let (pool, _) = database(2).await;
    let at = wallet("ann", "USD", "");
    let ten = || dec("10");
    book(&pool, vec![recharge(&at, Uuid::now_v7(), ten())]).await;
    for n in 1..=20 {
        let key = format!("u{n}");
        book(&pool, vec![usage(&at, &key, ten()).posting()]).await;
        reverse(&pool, &at, &key, &key, None).await;
    }
    let mut conn = pool.get().await.unwrap();
    // (how often it was moved, with what it came) for usage number n: entries 2, 4, 6, …
    let mut told = async |n: i64| {
        let seq = 2 * n;
        let id = lock_wallet(&mut conn, &at).await.unwrap().unwrap().0.id;
        let told = what_paid_for(&mut conn, &at.customer, Some(FlowId { wallet: id, seq })).await.unwrap();
        assert_eq!((told.credits.len(), told.credits[0].amount.amount()), (1, ten()));
        (told.credits[0].through.len(), told.credits[0].entry.label.kind(), told.complete)
    };
    assert_eq!(told(17).await, (16, EntryKind::Recharge, true));
    assert_eq!(told(18).await, (16, EntryKind::Reversal, false));
}

/// A usage of 1,001 is given back in pieces of 1. What the last two pieces brought was used again, each by a usage of
/// its own.
const OFTEN_REVERSED: &str = "
    INSERT INTO wallets (customer_id, currency, product, id, created_at, updated_at, paid, paid_in, paid_out,
    entry_seq, version)
    VALUES ('big', 'USD', '', '01933600-0000-7000-8000-000000000001', now(), now(), 0, 2002, 2002, 1006, 1006);
    INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after, paid_in,
    paid_out, counterpart, key, reference)
    SELECT now(), n, 0, '01933600-0000-7000-8000-000000000001'::uuid, kind, 'big', amount, 0, paid_in, paid_out,
    'usage', 'k' || n, reference
    FROM (VALUES (1, 1, 1001, 1001, 0, NULL), (2, 2, -1001, 1001, 1001, NULL), (1004, 2, -999, 2002, 2000, NULL),
                 (1005, 2, -1, 2002, 2001, NULL), (1006, 2, -1, 2002, 2002, NULL))
                 AS h (n, kind, amount, paid_in, paid_out, reference)
    UNION ALL
    SELECT now(), n, 0, '01933600-0000-7000-8000-000000000001'::uuid, 4, 'big', 1, 0, 999 + n, 1001, 'usage',
    'k' || n, 'k2'
    FROM generate_series(3::bigint, 1003) AS n";

#[tokio::test]
async fn what_was_given_back_too_often_is_not_told_as_complete() {
    let (pool, _) = database(2).await;
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute(OFTEN_REVERSED).await.unwrap();
    let (customer, wallet): (CustomerId, Uuid) = (CustomerId::new("big").unwrap(), WALLET.parse().unwrap());
    for (seq, origin, complete) in [(1_005, 1, true), (1_006, 1_003, false)] {
        let told = what_paid_for(&mut conn, &customer, Some(FlowId { wallet, seq })).await.unwrap();
        let origins: Vec<_> = told.credits.iter().map(|part| part.entry.seq).collect();
        assert_eq!((origins, told.complete), (vec![origin], complete));
    }

    // However many pieces one usage gave back, its 1,000 reversals are read once, not 100 times.
    conn.batch_execute("BEGIN").await.unwrap();
    let told = what_paid_for(&mut conn, &customer, Some(FlowId { wallet, seq: 1_004 })).await.unwrap();
    assert_eq!((told.credits.len(), told.complete), (100, false));
    let scans = scans(&mut conn).await;
    assert!(scans.fetched < 5_000, "{scans:?}");
    conn.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn a_reversal_that_cannot_be_explained_is_not_told_as_complete() {
    let (pool, _) = database(2).await;
    let at = wallet("ann", "USD", "");
    let used = |key: &str| usage(&at, key, dec("11")).posting();
    book(&pool, vec![recharge(&at, Uuid::now_v7(), dec("11")), used("u")]).await;
    reverse(&pool, &at, "r", "u", None).await;
    book(&pool, vec![used("again")]).await;

    let mut conn = pool.get().await.unwrap();
    // As if the usage had taken less than was given back of it.
    let tampered = "ALTER TABLE entries DISABLE TRIGGER USER; UPDATE entries SET amount = -10 WHERE key = 'u'";
    conn.batch_execute(tampered).await.unwrap();
    let wallet = lock_wallet(&mut conn, &at).await.unwrap().unwrap().0.id;
    let request = PageRequest { part: None, page: Page::newest(10) };
    let page = what_it_paid_for(&mut conn, &at.customer, Some(FlowId { wallet, seq: 1 }), request).await.unwrap();
    assert_eq!((page.items.len(), page.items[0].went_on.len(), page.complete), (1, 0, false));
    let told = what_paid_for(&mut conn, &at.customer, Some(FlowId { wallet, seq: 4 })).await.unwrap();
    assert_eq!((told.credits.len(), told.credits[0].entry.seq, told.complete), (1, 3, false));
}

#[tokio::test]
async fn what_went_back_into_a_grant_is_told_by_the_grant_alone() {
    let (pool, _) = database(2).await;
    let at = wallet("ann", "USD", "");
    let grants = [Uuid::now_v7(), Uuid::now_v7()];
    let given = |n: usize| grant(&at, grants[n], dec("5"), 1, None);
    let used = |key: &str, n| usage(&at, key, dec(n)).posting();
    book(&pool, vec![given(0), given(1), used("u", "10")]).await;
    // The second grant was burnt last, so it has something back first; then both have.
    reverse(&pool, &at, "one", "u", Some(dec("2"))).await;
    reverse(&pool, &at, "two", "u", Some(dec("5"))).await;
    book(&pool, vec![used("again", "6")]).await;

    let mut conn = pool.get().await.unwrap();
    let wallet = lock_wallet(&mut conn, &at).await.unwrap().unwrap().0.id;
    let request = PageRequest { part: None, page: Page::newest(10) };
    for (seq, paid_for, complete) in
        [(1, vec![6, 3], true), (2, vec![6, 3], true), (4, vec![], false), (5, vec![], false)]
    {
        let page = what_it_paid_for(&mut conn, &at.customer, Some(FlowId { wallet, seq }), request).await.unwrap();
        let parts: Vec<_> = page.items.iter().map(|part| part.entry.seq).collect();
        assert_eq!((parts, page.complete), (paid_for, complete), "entry {seq}");
    }
}

/// An entry that took from one grant only is found by following the entries. The grant's own row is as it was before,
/// and yet something has used it since.
#[tokio::test]
async fn what_used_a_grant_is_told_after_it_was_given_back_and_another_grant_came_first() {
    let (pool, _) = database(2).await;
    let at = wallet("ann", "USD", "");
    let given = |id, priority| grant(&at, Uuid::from_u128(id), dec("50"), priority, None);
    book(&pool, vec![given(1, 5)]).await;
    let lane = pool.lane().await.unwrap();
    let spent = [usage(&at, "u", dec("20")).posting(), usage(&at, "v", dec("3")).posting()];
    assert!(fast_path(&lane, &spent).await.iter().all(Option::is_some));
    reverse(&pool, &at, "r", "u", None).await;
    reverse(&pool, &at, "s", "v", None).await;
    book(&pool, vec![given(2, 1), usage(&at, "w", dec("7")).posting()]).await;

    let mut conn = pool.get().await.unwrap();
    let wallet = lock_wallet(&mut conn, &at).await.unwrap().unwrap().0.id;
    let request = PageRequest { part: None, page: Page::newest(10) };
    for (opened, used) in [(1, vec![3, 2]), (6, vec![7])] {
        let page =
            what_it_paid_for(&mut conn, &at.customer, Some(FlowId { wallet, seq: opened }), request).await.unwrap();
        let seqs: Vec<i64> = page.items.iter().map(|part| part.entry.seq).collect();
        assert_eq!(seqs, used, "entry {opened}");
    }
}
