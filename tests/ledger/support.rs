use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Duration, Utc};
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use rust_decimal::Decimal;
use secrecy::SecretString;
use tokio::sync::OnceCell;
use topup::app::check;
use topup::domain::check::Report;
use topup::domain::client_data::ClientData;
use topup::domain::money::Money;
use topup::domain::movement::adjustment::NewAdjustment;
use topup::domain::movement::grant::NewGrant;
use topup::domain::movement::hold::NewHold;
use topup::domain::movement::reversal::NewReversal;
use topup::domain::movement::top_up::{AppliedPayment, top_up_without_order};
use topup::domain::movement::usage::NewUsage;
use topup::domain::payment::ProviderName;
use topup::domain::posting::{OnInsufficient, Posting, PostingOutcome, Refusal};
use topup::domain::product::Product;
use topup::domain::wallet_key::WalletKey;
use topup::embedded::Cluster;
use topup::storage::connection::Purpose;
use topup::storage::ledger::{find_deduction, find_reversals, post};
use topup::storage::pool::{Pool, connect};
use topup::storage::transaction::transact;
use topup::storage::{Connection, StorageError};
use uuid::Uuid;

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
    answers(&mut pool.get().await.unwrap(), sql).await
}

pub async fn answers(conn: &mut Connection, sql: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = Text)]
        answer: String,
    }
    let sql = format!("SELECT answer::text FROM ({sql}) AS a (answer)");
    let rows: Vec<Answer> = sql_query(sql).load(conn).await.unwrap();
    rows.into_iter().map(|row| row.answer).collect()
}

/// How many rows of a table the current transaction has fetched by an index so far. Rows that another condition then
/// dropped count as well.
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

/// Requires that the books agree. For the time of the check, adjustments of tests are recorded as operators'
/// corrections are.
pub async fn assert_clean(pool: &Pool) -> Report {
    let record = "BEGIN ISOLATION LEVEL REPEATABLE READ;
        INSERT INTO adjustments (id, customer_id, currency, product, amount, reason, second_needed,
            proposed_by, approved_by, created_at, booked_at)
        SELECT substr(e.key, 5)::uuid, e.customer_id, w.currency, w.product, e.amount, e.description, true, 'carol',
            'dave', e.created_at, e.created_at
        FROM entries e JOIN wallets w ON w.customer_id = e.customer_id AND w.id = e.wallet_id
        WHERE e.kind = 11 AND e.counterpart = 'adjustment'
        ON CONFLICT DO NOTHING";
    let mut conn = pool.open(Purpose::Maintenance).await.unwrap();
    conn.batch_execute(record).await.unwrap();
    let report = check::examine(&mut conn, &[], &mut |_| {}).await.unwrap();
    conn.batch_execute("ROLLBACK").await.unwrap();
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

pub fn money(at: &WalletKey, amount: Decimal) -> Money {
    Money::new(amount, at.currency).unwrap()
}

/// An operator's correction, up or down. Its key is the id of its record: the same for the same key of one customer.
pub fn adjust(at: &WalletKey, key: &str, amount: Decimal) -> Posting {
    let part = |n: u8| {
        let mut hasher = DefaultHasher::new();
        (n, at.customer.as_str(), key).hash(&mut hasher);
        hasher.finish()
    };
    adjust_as(at, Uuid::from_u64_pair(part(0), part(1)), amount)
}

pub fn adjust_as(at: &WalletKey, id: Uuid, amount: Decimal) -> Posting {
    let adjustment = NewAdjustment {
        key: format!("adj_{}", id.as_simple()),
        customer: at.customer.clone(),
        product: at.product.clone(),
        amount: money(at, amount),
        reason: "test".to_owned(),
    };
    adjustment.posting()
}

/// A payment by card that is applied to the wallet.
pub fn recharge(at: &WalletKey, payment: Uuid, amount: Decimal) -> Posting {
    let payment = AppliedPayment { id: payment, application: 1, provider: ProviderName::Stripe, merchant_account: "m" };
    top_up_without_order(&at.customer, &at.product, payment, money(at, amount))
}

pub fn usage(at: &WalletKey, key: &str, amount: Decimal) -> NewUsage {
    NewUsage {
        id: key.to_owned(),
        customer: at.customer.clone(),
        amount: money(at, amount),
        product: at.product.clone(),
        fallback_to_main: false,
        on_insufficient: OnInsufficient::Refuse,
        description: None,
        metadata: None,
        occurred_at: None,
    }
}

/// Usage that is booked even if the wallet is short.
pub fn booked_usage(at: &WalletKey, key: &str, amount: Decimal) -> Posting {
    NewUsage { on_insufficient: OnInsufficient::Book, ..usage(at, key, amount) }.posting()
}

pub fn new_hold(at: &WalletKey, key: &str, amount: Decimal, lifetime: Duration) -> NewHold {
    NewHold {
        id: key.to_owned(),
        customer: at.customer.clone(),
        amount: money(at, amount),
        product: at.product.clone(),
        lifetime,
        description: None,
        metadata: None,
    }
}

/// Promotional credit; it expires at `expires_at`, if at all.
pub fn grant(at: &WalletKey, id: Uuid, amount: Decimal, priority: i16, expires_at: Option<DateTime<Utc>>) -> Posting {
    let grant = NewGrant {
        customer: at.customer.clone(),
        amount: money(at, amount),
        product: at.product.clone(),
        expires_at,
        priority,
        reason: "welcome".to_owned(),
        created_by: "test".to_owned(),
        client: ClientData::none(),
    };
    grant.posting(id)
}

/// Gives back this much of a usage or capture, or all that is left.
pub async fn reverse(pool: &Pool, at: &WalletKey, key: &str, usage: &str, amount: Option<Decimal>) -> PostingOutcome {
    let posting = reversal(pool, at, key, usage, amount).await.unwrap();
    book(pool, vec![posting]).await.remove(0)
}

pub async fn reversal(
    pool: &Pool,
    at: &WalletKey,
    key: &str,
    usage: &str,
    amount: Option<Decimal>,
) -> Result<Posting, Refusal> {
    let mut conn = pool.get().await.unwrap();
    let (original, hold) = find_deduction(&mut conn, &at.customer, usage).await.unwrap().unwrap();
    let reversed = find_reversals(&mut conn, &at.customer, original.label.reversed_as()).await.unwrap();
    let new = NewReversal { id: key.to_owned(), customer: at.customer.clone(), usage_id: usage.to_owned(), amount };
    new.posting(at.clone(), &original, hold.as_ref(), &reversed)
}

pub async fn book(pool: &Pool, postings: Vec<Posting>) -> Vec<PostingOutcome> {
    let postings = &postings;
    transact::<_, StorageError, _>(pool, async |conn| post(conn, postings).await).await.unwrap()
}
