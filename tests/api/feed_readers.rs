//! Several readers of the feed while many write, and while whoever numbers the events is ended again and again.

use std::collections::{BTreeMap, BTreeSet};

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use topup::storage::pool::connect;

use crate::feed::{Reader, event, of_whom};
use crate::stage::number;
use crate::support::{TestApp, url};

const MANY: usize = 10_000;

/// Writes a share of many events, in transactions of several sizes.
async fn write_many(app: &TestApp, writer: usize, writers: usize) {
    let mut conn = connect(&url(&app.database)).await.unwrap();
    let mut left = MANY / writers;
    let mut size = 1 + writer;
    while left > 0 {
        let now = size.min(left);
        // In order of customers, as those who write for several do it.
        let mut customers: Vec<usize> = (0..now).map(|n| (n * 5 + writer) % 7).collect();
        customers.sort_unstable();
        let events: String = customers.iter().map(|n| event(&format!("customer-{n}"))).collect();
        // A deadlock or a lock that is kept for too long takes the transaction back as a whole: it is written again.
        if conn.batch_execute(&format!("BEGIN; {events} COMMIT")).await.is_ok() {
            left -= now;
        } else {
            conn.batch_execute("ROLLBACK").await.unwrap();
        }
        size = 1 + (size * 7 + writer) % 40;
    }
}

/// Ends whoever numbers events, in the middle of it, again and again. After a kill, the next one may finish: a numberer
/// that never finishes proves nothing.
async fn kill_numberers(app: &TestApp, done: &tokio::sync::watch::Receiver<bool>) -> i64 {
    let last = async || number(app, "last FROM event_feed").await;
    let mut killed = 0;
    let mut spared = -1;
    while !*done.borrow() {
        if last().await == spared {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            continue;
        }
        let now = number(
            app,
            "count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%event_feed SET last%'
               AND state <> 'idle'",
        )
        .await;
        if now > 0 {
            killed += now;
            spared = last().await;
        }
    }
    killed
}

#[tokio::test(flavor = "multi_thread")]
async fn three_readers_read_ten_thousand_events_once_each_while_numberers_are_killed() {
    let app = TestApp::spawn().await;
    let second = TestApp::try_spawn(&app.database, |_| ()).await.unwrap();
    let (stop, done) = tokio::sync::watch::channel(false);
    let read = async |app: &TestApp, limit: u32| Reader::of(app).take(MANY, limit).await;
    let (readers, killed) = tokio::join!(
        async {
            let (_, one, two, three) = tokio::join!(
                join_all((0..4).map(|writer| write_many(&app, writer, 4))),
                read(&app, 100),
                read(&second, 37),
                read(&app, 1 + 63),
            );
            stop.send(true).unwrap();
            [one, two, three]
        },
        kill_numberers(&app, &done),
    );
    assert!(killed > 0, "nobody was killed");
    for events in &readers {
        let ids: BTreeSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), MANY);
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for (customer, sequence) in of_whom(events) {
            let before = last.insert(customer, sequence).unwrap_or(0);
            assert_eq!(sequence, before + 1, "{customer}");
        }
    }
    assert!(readers[0] == readers[1] && readers[1] == readers[2], "all read the same");
    assert_eq!(number(&app, "max(number) FROM events").await, i64::try_from(MANY).unwrap(), "without a gap");
    second.stop().await;
    app.finish().await;
}
