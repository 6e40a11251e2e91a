//! A page of flows costs a page, whatever it is narrowed to, and pages leave nothing out.

use diesel_async::SimpleAsyncConnection;
use topup::domain::customer::CustomerId;
use topup::domain::entry::EntryKind;
use topup::storage::flows::{FlowFilter, list};

use crate::explain::{HISTORY, scans};
use crate::support::database;

fn filter(customer: &str) -> FlowFilter {
    FlowFilter {
        customer: CustomerId::new(customer).unwrap(),
        kinds: Vec::new(),
        currency: None,
        product: None,
        reference: None,
        created_from: None,
        created_to: None,
    }
}

/// The plan for any parameters is the one that a connection keeps after its first few lists.
#[tokio::test]
async fn a_page_reads_a_page() {
    let (pool, _) = database(1).await;
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute(HISTORY).await.unwrap();
    let narrowed = [
        filter("big"),
        FlowFilter { currency: Some("USD".to_owned()), ..filter("big") },
        FlowFilter { product: Some(String::new()), ..filter("big") },
        FlowFilter { kinds: vec![EntryKind::Usage], ..filter("big") },
    ];
    for mode in ["force_generic_plan", "force_custom_plan"] {
        conn.batch_execute(&format!("DISCARD PLANS; SET plan_cache_mode = {mode}")).await.unwrap();
        for filter in &narrowed {
            let mut after = None;
            for _ in 0..3 {
                conn.batch_execute("BEGIN").await.unwrap();
                let before = scans(&mut conn).await;
                let page = list(&mut conn, filter, after, 50).await.unwrap();
                let now = scans(&mut conn).await;
                conn.batch_execute("COMMIT").await.unwrap();
                assert_eq!((page.len(), now.whole - before.whole), (50, 0), "{mode} {filter:?}");
                let read = now.fetched - before.fetched;
                assert!(read < 250, "{mode} {filter:?}: {read}");
                after = page.last().map(|last| (last.created_at, last.seq, last.wallet_id));
            }
        }
    }
}

/// Two wallets can have entries of one time and number.
#[tokio::test]
async fn twins_are_on_one_page_each() {
    let (pool, _) = database(1).await;
    let mut conn = pool.get().await.unwrap();
    let twins = "
        INSERT INTO wallets (customer_id, currency, product, id, created_at, updated_at, paid, paid_in, entry_seq, version)
        SELECT 'twin', 'USD', 'p' || n, ('01933600-0000-7000-8000-00000000000' || n)::uuid, now(), now(), 3, 3, 3, 3
        FROM generate_series(1, 3) AS n;
        INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after, paid_in, paid_out, counterpart, key)
        SELECT '2026-11-21', n, 0, w.id, 11, 'twin', 1, n, n, 0, 'adjustment', w.product || n
        FROM wallets AS w, generate_series(1, 3) AS n";
    conn.batch_execute(twins).await.unwrap();
    for size in 1..=9 {
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let page = list(&mut conn, &filter("twin"), after, size).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.created_at, last.seq, last.wallet_id));
            keys.extend(page.into_iter().map(|flow| flow.key));
        }
        assert_eq!(keys, ["p33", "p23", "p13", "p32", "p22", "p12", "p31", "p21", "p11"], "pages of {size}");
    }
}
