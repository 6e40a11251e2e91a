//! Seals: what the walk seals, that several processes may walk, that texts can be erased, and that a chain which was
//! rewritten as a whole is found by its heads.

use chrono::Duration;
use diesel_async::SimpleAsyncConnection;
use topup::app::{Error, Sealing, check, seals};
use topup::domain::customer::CustomerId;
use topup::domain::movement::usage::NewUsage;
use topup::domain::posting::PostingOutcome;
use topup::domain::seal::Ripeness;
use topup::domain::seal::heads::Head;
use topup::domain::seal::key::SealKey;
use topup::storage::pool::{Pool, connect};
use topup::storage::seals::read_walk;
use uuid::Uuid;

use crate::fixture::filled;
use crate::support::{adjust, ask, assert_clean, book, database, dec, report, url, usage, wallet};

const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const OTHER_SEED: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Seals whatever there is, in short stretches and small slices.
pub fn sealing() -> Sealing {
    Sealing {
        ripeness: Ripeness { entries: 4, age: Duration::zero() },
        wallets: 3,
        entries: 10,
        pause: Duration::zero(),
        ..Sealing::with(SealKey::read(SEED).unwrap(), Duration::zero())
    }
}

const UNSEALED: &str = "SELECT customer_id FROM wallets w WHERE entry_seq > coalesce(
    (SELECT max(to_seq) FROM seals s WHERE s.customer_id = w.customer_id AND s.wallet_id = w.id), 0)";

/// Walks until every entry is sealed.
pub async fn seal_all(pool: &Pool, sealing: &Sealing) {
    while !ask(pool, UNSEALED).await.is_empty() {
        seals::seal_slice(pool, sealing).await.unwrap();
    }
}

async fn heads(pool: &Pool) -> Vec<Head> {
    let mut all = Vec::new();
    let exported = seals::export_heads(pool, |heads| {
        all.extend_from_slice(heads);
        Ok::<_, Failed>(())
    });
    exported.await.unwrap();
    all
}

#[derive(Debug)]
struct Failed(#[allow(dead_code, reason = "shown when the test fails")] Error);

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// A column that no form contains is not sealed. A new one needs a new form: see `src/docs/seals.md`.
#[tokio::test]
async fn every_column_of_entries_and_grant_uses_is_in_the_form() {
    const ENTRIES: [&str; 20] = [
        "amount",
        "balance_after",
        "counterpart",
        "created_at",
        "customer_id",
        "debt",
        "description",
        "fingerprint",
        // As a use of this grant.
        "grant_id",
        "granted",
        "key",
        "kind",
        "metadata",
        "occurred_at",
        "paid_in",
        "paid_out",
        "reference",
        "seq",
        "text_digest",
        "wallet_id",
    ];
    let (pool, _) = database(1).await;
    let columns = |table: &str| {
        format!(
            "SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass
                                         AND attnum > 0 AND NOT attisdropped ORDER BY attname"
        )
    };
    assert_eq!(ask(&pool, &columns("entries")).await, ENTRIES);
    assert_eq!(ask(&pool, &columns("grant_uses")).await, ["amount", "customer_id", "grant_id", "seq", "wallet_id"]);
}

#[tokio::test]
async fn everything_is_sealed_in_stretches_and_verifies() {
    let (pool, _) = filled(1).await;
    seal_all(&pool, &sealing()).await;
    assert_clean(&pool).await;
    let ella = "SELECT from_seq || '-' || to_seq FROM seals WHERE customer_id = 'ella' ORDER BY from_seq";
    assert_eq!(ask(&pool, ella).await, ["1-4", "5-8", "9-10"]);
    let wallets = ask(&pool, "SELECT count(*) FROM wallets").await;
    assert_eq!(heads(&pool).await.len().to_string(), wallets[0]);
    assert_eq!(
        ask(&pool, "SELECT customer_id FROM customer_secrets ORDER BY 1").await,
        ["alice", "dora", "ella", "hugo"]
    );

    // What comes later follows.
    let ella = wallet("ella", "VND", "");
    for n in 0..6 {
        book(&pool, vec![usage(&ella, &format!("later {n}"), dec("1")).posting()]).await;
    }
    seal_all(&pool, &sealing()).await;
    assert_clean(&pool).await;
}

#[tokio::test]
async fn only_what_is_ripe_is_sealed_and_the_age_of_the_rest_is_known() {
    let (pool, _) = database(1).await;
    let (ann, ben) = (wallet("ann", "USD", ""), wallet("ben", "USD", ""));
    for n in 0..5 {
        book(&pool, vec![adjust(&ann, &format!("a{n}"), dec("1"))]).await;
    }
    book(&pool, vec![adjust(&ben, "b", dec("1"))]).await;
    let sealing = Sealing { ripeness: Ripeness { entries: 4, age: Duration::hours(1) }, ..sealing() };
    // A whole walk, and the beginning of the next one.
    let (first, second) = (seals::seal_slice(&pool, &sealing).await, seals::seal_slice(&pool, &sealing).await);
    assert_eq!((first.unwrap(), second.unwrap()), (1, 0));
    assert_eq!(ask(&pool, UNSEALED).await, ["ann", "ben"]);
    // Of Ann's wallet, the first walk noted the last entry that it sealed. The second walk notes the first entry that
    // is still unsealed.
    let walk = read_walk(&mut pool.get().await.unwrap()).await.unwrap();
    let known = "SELECT (created_at = (SELECT oldest FROM seal_walk))::text FROM entries
                 WHERE customer_id = 'ann' AND seq = 5";
    assert_eq!(ask(&pool, known).await, ["true"], "{walk:?}");

    execute_as_owner(&pool, "UPDATE entries SET created_at = created_at - interval '61 minutes' WHERE seq < 5").await;
    execute_as_owner(&pool, "UPDATE entries SET created_at = created_at - interval '60 minutes' WHERE seq = 5").await;
    assert_eq!(seals::seal_slice(&pool, &sealing).await.unwrap(), 2);
    assert_eq!(ask(&pool, UNSEALED).await, Vec::<String>::new());
    seals::seal_slice(&pool, &sealing).await.unwrap();
    assert_eq!(read_walk(&mut pool.get().await.unwrap()).await.unwrap().oldest_unsealed(), None);
}

async fn execute_as_owner(pool: &Pool, sql: &str) {
    let guarded = format!("SET session_replication_role = replica; {sql}; RESET session_replication_role");
    pool.get().await.unwrap().batch_execute(&guarded).await.unwrap();
}

/// Four processes walk while two others book.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_seal_one_chain_each() {
    let (pool, _) = database(12).await;
    let customers = ["ann", "ben", "cid", "dan", "eve"];
    let walkers = (0..4).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut made = 0;
            while ask(&pool, "SELECT count(*) FROM entries").await != ["400"] || !ask(&pool, UNSEALED).await.is_empty()
            {
                made += seals::seal_slice(&pool, &sealing()).await.unwrap();
            }
            made
        })
    });
    let walkers: Vec<_> = walkers.collect();
    let bookers = (0..2).map(|booker| {
        let pool = pool.clone();
        tokio::spawn(async move {
            for n in 0..200 {
                let at = wallet(customers[n % customers.len()], "USD", "");
                let told = NewUsage {
                    description: Some(format!("call {n}")),
                    on_insufficient: topup::domain::posting::OnInsufficient::Book,
                    ..usage(&at, &format!("{booker} {n}"), dec("0.01"))
                };
                let outcome = book(&pool, vec![told.posting()]).await.remove(0);
                assert!(matches!(outcome, PostingOutcome::Booked(_)));
            }
        })
    });
    for booker in bookers.collect::<Vec<_>>() {
        booker.await.unwrap();
    }
    let mut made = 0;
    for walker in walkers {
        made += walker.await.unwrap();
    }
    assert_eq!(ask(&pool, "SELECT count(*) FROM seals").await, [made.to_string()]);
    assert_clean(&pool).await;
}

#[tokio::test]
async fn a_chain_that_was_rewritten_as_a_whole_is_found_by_its_heads() {
    let (pool, _) = filled(1).await;
    seal_all(&pool, &sealing()).await;
    let kept: Vec<Head> = heads(&pool).await.iter().map(|head| Head::read(&head.line()).unwrap()).collect();
    let against = async |heads: &[Head]| check::run_against(&pool, heads, &mut |_| {}).await.unwrap();
    assert!(against(&kept).await.is_clean());

    // The owner makes a usage smaller, puts every figure right, and seals the wallet again with another key.
    execute_as_owner(
        &pool,
        "DELETE FROM seals WHERE customer_id = 'finn';
         UPDATE entries SET amount = -10, balance_after = 990, paid_out = 10 WHERE key = 'f1';
         UPDATE wallets SET paid = 990, paid_out = 10 WHERE customer_id = 'finn'",
    )
    .await;
    let forging = Sealing { key: SealKey::read(OTHER_SEED).unwrap().into(), ..sealing() };
    seal_all(&pool, &forging).await;
    assert!(report(&pool).await.is_clean());
    let found = against(&kept).await;
    let subject =
        ask(&pool, "SELECT 'wal_' || replace(id::text, '-', '') || ':2' FROM wallets WHERE customer_id = 'finn'");
    let named: Vec<(&str, &str)> =
        found.disagreements.iter().map(|one| (one.rule.as_str(), one.subject.as_str())).collect();
    assert_eq!(named, [("seal_head", subject.await[0].as_str())]);

    // A chain that is cut off at its end is found as well.
    execute_as_owner(&pool, "DELETE FROM seals WHERE customer_id = 'ella' AND to_seq = 10").await;
    assert!(report(&pool).await.is_clean());
    assert_eq!(against(&kept).await.disagreements.len(), 2);
}

#[tokio::test]
async fn texts_are_erased_and_every_seal_holds() {
    let (pool, name) = filled(2).await;
    seal_all(&pool, &sealing()).await;
    let ella = wallet("ella", "VND", "");
    let later = NewUsage { description: Some("to her son".to_owned()), ..usage(&ella, "e7", dec("5")) };
    book(&pool, vec![later.posting()]).await;
    let digests = "SELECT text_digest FROM entries WHERE customer_id = 'ella' AND text_digest IS NOT NULL ORDER BY seq";
    assert!(ask(&pool, digests).await.is_empty());

    let ella_id = CustomerId::new("ella").unwrap();
    let mut owner = connect(&url(&name)).await.unwrap();
    // Her two grants say why, too.
    assert_eq!(seals::erase_texts(&mut owner, &ella_id).await.unwrap(), 4);
    let texts = "SELECT coalesce(description, metadata::text) FROM entries
                 WHERE customer_id = 'ella' AND num_nonnulls(description, metadata) > 0";
    assert!(ask(&pool, texts).await.is_empty());
    assert_eq!(ask(&pool, "SELECT customer_id FROM customer_secrets").await, ["alice", "dora", "hugo"]);
    let audited = ask(&pool, "SELECT action || ' ' || target || ' ' || after FROM audit_log").await;
    assert_eq!(audited, [r#"customer.texts_erased customer:ella {"entries": 4}"#]);
    let [_, _, both, one] = ask(&pool, digests).await.try_into().unwrap();
    assert!(both.len() == 129 && one.ends_with(":-") && one.len() == 66, "{both} {one}");

    // Earlier seals stay valid, and texts that were erased before sealing are sealed as digests.
    assert_clean(&pool).await;
    seal_all(&pool, &sealing()).await;
    assert_clean(&pool).await;
    // Later texts have a new secret, and a second erasure only erases those.
    let again = NewUsage { metadata: Some(serde_json::json!({ "to": "x" })), ..usage(&ella, "e8", dec("5")) };
    book(&pool, vec![again.posting()]).await;
    seal_all(&pool, &sealing()).await;
    assert_clean(&pool).await;
    assert_eq!(seals::erase_texts(&mut owner, &ella_id).await.unwrap(), 1);
    assert_clean(&pool).await;
    assert_eq!(seals::erase_texts(&mut owner, &CustomerId::new("nobody").unwrap()).await.unwrap(), 0);
    assert_eq!(
        ask(&pool, "SELECT count(*) FROM customer_secrets WHERE customer_id IN ('ella', 'nobody')").await,
        ["0"]
    );
}

/// Nothing of an entry changes but that its texts give way to their digests.
#[tokio::test]
async fn the_database_lets_no_other_change_through() {
    let (pool, _) = filled(1).await;
    let digest = "a".repeat(64);
    let both = format!("{digest}:{digest}");
    let mut refused = Vec::new();
    for (set, key) in [
        ("amount = amount".to_owned(), "e3"),
        ("description = 'x'".to_owned(), "e3"),
        ("description = NULL, metadata = NULL".to_owned(), "e3"),
        (format!("description = NULL, text_digest = '{both}'"), "e3"),
        (format!("description = NULL, metadata = NULL, text_digest = '{digest}:-'"), "e3"),
        ("description = NULL, metadata = NULL, text_digest = 'x:y'".to_owned(), "e3"),
        (format!("description = NULL, metadata = NULL, text_digest = '{both}', amount = amount - 1"), "e3"),
        (format!("description = NULL, metadata = NULL, text_digest = '{both}', occurred_at = NULL"), "e3"),
        (format!("text_digest = '{both}'"), "e1"),
        ("text_digest = '-:-'".to_owned(), "e1"),
    ] {
        let sql = format!("UPDATE entries SET {set} WHERE kind = 2 AND key = '{key}'");
        let done = pool.get().await.unwrap().batch_execute(&sql).await;
        refused.push(done.is_err_and(|error| error.to_string().contains("append-only")));
    }
    assert_eq!(refused, vec![true; refused.len()]);
    for (table, change) in [("seals", "hash = hash"), ("seal_keys", "id = id"), ("audit_log", "actor = actor")] {
        let mut conn = pool.get().await.unwrap();
        add_one(&mut conn).await;
        assert!(conn.batch_execute(&format!("UPDATE {table} SET {change}")).await.is_err(), "{table} can be changed");
        assert!(conn.batch_execute(&format!("DELETE FROM {table}")).await.is_err(), "{table} can be emptied");
        assert!(conn.batch_execute(&format!("TRUNCATE {table} CASCADE")).await.is_err(), "{table} can be truncated");
    }
}

/// Adds a row to each of these tables.
async fn add_one(conn: &mut topup::storage::Connection) {
    let sql = format!(
        "INSERT INTO audit_log (actor, action, target) VALUES ('a', 'b.c', 'd:e');
         INSERT INTO seal_keys (id, public_key) SELECT left(encode(sha256(k), 'hex'), 16), k
         FROM (VALUES (sha256('k'))) AS v (k) ON CONFLICT DO NOTHING;
         INSERT INTO seals (customer_id, wallet_id, from_seq, to_seq, form, previous_hash, hash, key_id, signature,
             sealed_at)
         SELECT 'x', '{}', 1, 1, 1, sha256('p'), sha256('h'), id, sha256('s') || sha256('t'), now() FROM seal_keys",
        Uuid::now_v7()
    );
    conn.batch_execute(&sql).await.unwrap();
}
