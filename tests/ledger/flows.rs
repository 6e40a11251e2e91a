//! A page of flows costs no more than a page, whatever the filter is, and pages leave nothing out.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use topup::domain::account_flow::{AccountFlow, FlowFilter, FlowPosition, TransfersIn};
use topup::domain::customer::CustomerId;
use topup::domain::entry::EntryKind;
use topup::domain::page::{Page, Place};
use topup::domain::product::Product;
use topup::storage::account_flows::{list, page};
use topup::storage::ledger::explain::entry;

use crate::explain::{HISTORY, scans};
use crate::support::database;

fn filter(customer: &str) -> FlowFilter {
    FlowFilter {
        customer: CustomerId::new(customer).unwrap(),
        kinds: Vec::new(),
        transfers_in: TransfersIn::All,
        currency: None,
        product: None,
        reference: None,
        created_from: None,
        created_to: None,
    }
}

/// The test includes the generic plan, which PostgreSQL makes for any parameters. A connection keeps that plan after it
/// has read a few lists.
#[tokio::test]
async fn a_page_reads_a_page() {
    let (pool, _) = database(1).await;
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute(HISTORY).await.unwrap();
    let narrowed = [
        filter("big"),
        FlowFilter { currency: "USD".parse().ok(), ..filter("big") },
        FlowFilter { product: Some(Product::main()), ..filter("big") },
        FlowFilter { kinds: vec![EntryKind::Usage], ..filter("big") },
    ];
    for mode in ["force_generic_plan", "force_custom_plan"] {
        conn.batch_execute(&format!("DISCARD PLANS; SET plan_cache_mode = {mode}")).await.unwrap();
        for filter in &narrowed {
            let (mut after, mut pages) = (None, Vec::new());
            for _ in 0..3 {
                let (fetched, page) = read(&mut conn, filter, after).await;
                assert_eq!(page.len(), 50, "{mode} {filter:?}");
                assert!(fetched < 250, "{mode} {filter:?}: {fetched}");
                after = page.last().map(AccountFlow::position);
                pages.push(page);
            }
            let before = pages[2][0].position();
            let (fetched, page) = read_back(&mut conn, filter, before).await;
            assert!(fetched < 250, "{mode} {filter:?} backwards: {fetched}");
            assert_eq!(page, pages[1], "{mode} {filter:?}");
        }
    }
}

/// How many rows a page reads, and what is on it; no index is left aside.
async fn read(
    conn: &mut AsyncPgConnection,
    filter: &FlowFilter,
    after: Option<FlowPosition>,
) -> (i64, Vec<AccountFlow>) {
    conn.batch_execute("BEGIN").await.unwrap();
    let before = scans(conn).await;
    let page = list(conn, filter, after, 50).await.unwrap();
    let now = scans(conn).await;
    conn.batch_execute("COMMIT").await.unwrap();
    assert_eq!(now.whole, before.whole, "{filter:?}");
    (now.fetched - before.fetched, page)
}

/// The same, of the page before a position.
async fn read_back(conn: &mut AsyncPgConnection, filter: &FlowFilter, before: FlowPosition) -> (i64, Vec<AccountFlow>) {
    conn.batch_execute("BEGIN").await.unwrap();
    let first = scans(conn).await;
    let found = page(conn, filter, &Page { place: Place::Before(before), ..Page::newest(50) }).await.unwrap();
    let now = scans(conn).await;
    conn.batch_execute("COMMIT").await.unwrap();
    assert_eq!(now.whole, first.whole, "{filter:?}");
    (now.fetched - first.fetched, found.rows)
}

/// An order has few entries, whatever its customer has.
#[tokio::test]
async fn what_belongs_to_an_order_is_found_by_the_order() {
    let (pool, _) = database(1).await;
    let mut conn = pool.get().await.unwrap();
    let orders = HISTORY
        .replace("counterpart, key)", "counterpart, key, reference)")
        .replace("'k' || n\n", "'k' || n, CASE WHEN first THEN 'tuo_' || r END\n");
    assert_ne!(orders, HISTORY);
    conn.batch_execute(&orders).await.unwrap();
    let order = |n: u32| FlowFilter { reference: Some(format!("tuo_{n}")), ..filter("big") };
    let narrowed = [
        (order(300), 1),
        (order(601), 0),
        (FlowFilter { kinds: vec![EntryKind::Recharge], product: Some(Product::main()), ..order(1) }, 1),
        (FlowFilter { kinds: vec![EntryKind::Refund], ..order(1) }, 0),
        (FlowFilter { currency: "EUR".parse().ok(), ..order(1) }, 0),
    ];
    for mode in ["force_generic_plan", "force_custom_plan"] {
        conn.batch_execute(&format!("DISCARD PLANS; SET plan_cache_mode = {mode}")).await.unwrap();
        for (filter, found) in &narrowed {
            let (fetched, page) = read(&mut conn, filter, None).await;
            assert_eq!(page.len(), *found, "{mode} {filter:?}");
            assert!(fetched <= 1, "{mode} {filter:?}: {fetched}");
            if let Some(last) = page.last() {
                assert_eq!(last.reference, filter.reference);
                let beyond = Some(last.position());
                assert_eq!(read(&mut conn, filter, beyond).await.1, []);
            }
        }
    }
}

/// A page of a product that the customer hardly uses costs no more than other pages.
#[tokio::test]
async fn a_rare_wallet_of_a_large_customer_is_listed_by_itself() {
    let (pool, _) = database(1).await;
    let mut conn = pool.get().await.unwrap();
    // One usage in 500 is of the product, in two currencies by turns; the last before the newest 7,500 of the others.
    let rare = "
        INSERT INTO wallets (customer_id, currency, product, id, created_at, updated_at, paid, paid_in, paid_out,
        entry_seq, version)
        SELECT 'big', c, 'gpu', ('01933600-0000-7000-8000-00000000001' || n)::uuid, now(), now(), 0, 53, 53, 53, 53
        FROM unnest('{USD,EUR}'::text[]) WITH ORDINALITY AS c (c, n);
        INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after,
        paid_in, paid_out, counterpart, key)
        SELECT e.created_at, (e.seq + 500) / 1000, 0, ('01933600-0000-7000-8000-00000000001' || n)::uuid, 2, 'big',
        -1, 0, 53, 0, 'usage', 'gpu' || n || '-' || e.seq
        FROM entries e, generate_series(1, 2) AS n WHERE e.seq % 1000 = 500 * (n - 1) AND e.seq BETWEEN 500 AND 53100;
        ANALYZE entries, wallets";
    conn.batch_execute(HISTORY).await.unwrap();
    conn.batch_execute(rare).await.unwrap();
    let of_product = FlowFilter { product: Product::new("gpu"), ..filter("big") };
    let main = "01933600-0000-7000-8000-000000000001".parse().unwrap();
    let begin = entry(&mut conn, &of_product.customer, main, 30_000).await.unwrap().unwrap().created_at;
    let narrowed = [
        (of_product.clone(), 106),
        (FlowFilter { kinds: vec![EntryKind::Usage, EntryKind::Capture], ..of_product.clone() }, 106),
        (FlowFilter { currency: "EUR".parse().ok(), ..filter("big") }, 53),
        (FlowFilter { created_to: Some(begin), ..of_product.clone() }, 59),
        (FlowFilter { created_from: Some(begin), ..of_product.clone() }, 47),
    ];
    for mode in ["force_generic_plan", "force_custom_plan"] {
        conn.batch_execute(&format!("DISCARD PLANS; SET plan_cache_mode = {mode}")).await.unwrap();
        for (filter, found) in &narrowed {
            let (mut after, mut flows) = (None, Vec::new());
            loop {
                let (fetched, page) = read(&mut conn, filter, after).await;
                assert!(fetched < 250, "{mode} {filter:?}: {fetched}");
                let Some(last) = page.last() else { break };
                after = Some(last.position());
                flows.extend(page);
            }
            assert_eq!(flows.len(), *found, "{mode} {filter:?}");
            assert!(flows.is_sorted_by_key(|flow| std::cmp::Reverse(flow.position())));
        }
    }
}

/// If a wallet has had only transfers for a long time, a list of other kinds does not read those entries.
#[tokio::test]
async fn what_is_older_than_asked_for_is_not_read() {
    let (pool, _) = database(1).await;
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute(HISTORY).await.unwrap();
    let main = "01933600-0000-7000-8000-000000000001".parse().unwrap();
    let begin = entry(&mut conn, &filter("big").customer, main, 30_000).await.unwrap().unwrap().created_at;
    for mode in ["force_generic_plan", "force_custom_plan"] {
        conn.batch_execute(&format!("DISCARD PLANS; SET plan_cache_mode = {mode}")).await.unwrap();
        let window = FlowFilter { created_from: Some(begin), created_to: Some(begin), ..filter("big") };
        let (fetched, page) = read(&mut conn, &window, None).await;
        assert_eq!((page.len(), fetched < 100), (0, true), "{mode}: {fetched}");
        let captures = FlowFilter { kinds: vec![EntryKind::Capture], created_from: Some(begin), ..filter("big") };
        let all = read(&mut conn, &FlowFilter { created_from: None, ..captures.clone() }, None).await.0;
        let since = read(&mut conn, &captures, None).await.0;
        assert!(since < all - 20_000, "{mode}: {since} of {all}");
    }
}

/// Two wallets can have entries of one time and number.
#[tokio::test]
async fn twins_are_on_one_page_each() {
    let (pool, _) = database(1).await;
    let mut conn = pool.get().await.unwrap();
    let twins = "
        INSERT INTO wallets (customer_id, currency, product, id, created_at, updated_at, paid, paid_in, entry_seq,
        version)
        SELECT 'twin', 'USD', 'p' || n, ('01933600-0000-7000-8000-00000000000' || n)::uuid, now(), now(), 3, 3, 3, 3
        FROM generate_series(1, 3) AS n;
        INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after,
        paid_in, paid_out, counterpart, key)
        SELECT '2026-11-21', n, 0, w.id, 11, 'twin', 1, n, n, 0, 'adjustment', w.product || n
        FROM wallets AS w, generate_series(1, 3) AS n";
    conn.batch_execute(twins).await.unwrap();
    for size in 1..=9 {
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let page = list(&mut conn, &filter("twin"), after, size).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.position());
            keys.extend(page.into_iter().map(|flow| format!("{}{}", flow.product, flow.id.seq)));
        }
        assert_eq!(keys, ["p33", "p23", "p13", "p32", "p22", "p12", "p31", "p21", "p11"], "pages of {size}");
        let (mut back, mut before) = (Vec::new(), after.unwrap());
        // Reading down the wallets, and a look-up by kind.
        for kinds in [Vec::new(), vec![EntryKind::Adjust]] {
            let of_kinds = FlowFilter { kinds, ..filter("twin") };
            loop {
                let asked = Page { place: Place::Before(before), ..Page::newest(size) };
                let found = page(&mut conn, &of_kinds, &asked).await.unwrap();
                let Some(first) = found.rows.first() else { break };
                before = first.position();
                back.splice(0..0, found.rows.iter().map(|flow| format!("{}{}", flow.product, flow.id.seq)));
            }
            assert_eq!(back, keys[..8], "backwards, pages of {size}");
            (back, before) = (Vec::new(), after.unwrap());
        }
    }
}
