use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rust_decimal::Decimal;
use secrecy::SecretString;
use tokio::sync::OnceCell;
use topup::app::check;
use topup::domain::check::Report;
use topup::domain::entry::{EntryKind, Label};
use topup::domain::posting::{Change, Outcome, Posting, WalletKey};
use topup::domain::product::Product;
use topup::embedded::Cluster;
use topup::storage::ledger::post;
use topup::storage::pool::{Pool, connect};
use topup::storage::transaction::transact;
use topup::storage::{Connection, StorageError};

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static MIGRATED: OnceCell<()> = OnceCell::const_new();
static COUNT: AtomicUsize = AtomicUsize::new(0);

pub fn url(database: &str) -> SecretString {
    CLUSTER
        .get_or_init(|| {
            Cluster::throwaway_blocking(
                false,
                &[("max_connections", "200"), ("log_min_messages", "error"), ("log_min_error_statement", "panic")],
            )
            .unwrap()
        })
        .url(database)
        .into()
}

pub async fn execute(database: &str, sql: &str) {
    connect(&url(database)).await.unwrap().batch_execute(sql).await.unwrap();
}

/// A new database with all migrations, and its name.
pub async fn database(connections: usize) -> (Pool, String) {
    MIGRATED
        .get_or_init(async || {
            let mut folders: Vec<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
                .unwrap()
                .map(|folder| folder.unwrap().path())
                .collect();
            folders.sort();
            for folder in folders {
                execute("topup", &std::fs::read_to_string(folder.join("up.sql")).unwrap()).await;
            }
        })
        .await;
    copy("topup", connections).await
}

/// A copy of a database that nobody is connected to.
pub async fn copy(template: &str, connections: usize) -> (Pool, String) {
    let name = format!("{template}_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    execute("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
    (Pool::new(&url(&name), connections).unwrap(), name)
}

pub async fn ask(pool: &Pool, sql: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = Text)]
        answer: String,
    }
    let sql = format!("SELECT answer::text FROM ({sql}) AS a (answer)");
    let rows: Vec<Answer> = sql_query(sql).load(&mut pool.get().await.unwrap()).await.unwrap();
    rows.into_iter().map(|row| row.answer).collect()
}

/// How many rows of a table its own transaction has fetched by an index so far, those that other conditions then
/// dropped included.
pub async fn fetched(conn: &mut Connection, table: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Fetched {
        #[diesel(sql_type = BigInt)]
        rows: i64,
    }
    let sql = format!("SELECT idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE relname = '{table}'");
    sql_query(sql).get_result::<Fetched>(conn).await.unwrap().rows
}

pub async fn report(pool: &Pool) -> Report {
    check::run(pool, &mut |_| {}).await.unwrap()
}

pub async fn assert_clean(pool: &Pool) -> Report {
    let report = report(pool).await;
    assert!(report.is_clean(), "{}", check::render(&report));
    report
}

pub fn wallet(customer: &str, currency: &str, product: &str) -> WalletKey {
    WalletKey {
        customer: topup::domain::customer::CustomerId::new(customer).unwrap(),
        currency: currency.parse().unwrap(),
        product: Product::from_column(product),
    }
}

pub fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub fn posting(wallet: &WalletKey, kind: EntryKind, key: &str, counterpart: &str, change: Change) -> Posting {
    let label = Label {
        kind,
        key: key.to_owned(),
        fingerprint: 0,
        counterpart: counterpart.to_owned(),
        reference: None,
        description: None,
        metadata: None,
        occurred_at: None,
    };
    Posting { wallet: wallet.clone(), fallback: None, change, label }
}

pub async fn book(pool: &Pool, postings: Vec<Posting>) -> Vec<Outcome> {
    let postings = &postings;
    transact::<_, StorageError, _>(pool, async |conn| post(conn, postings).await).await.unwrap()
}
