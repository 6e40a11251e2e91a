//! Creates customers with money and ten million entries. The books agree afterwards.

use topup::domain::client_data::ClientData;
use topup::domain::customer::CustomerId;
use topup::domain::money::Money;
use topup::domain::movement::grant::NewGrant;
use topup::domain::movement::top_up::{AppliedPayment, top_up_without_order};
use topup::domain::payment::ProviderName;
use topup::domain::posting::Posting;
use topup::domain::product::Product;
use topup::storage::pool::Pool;
use topup::storage::transaction::transact;
use topup::storage::{StorageError, ledger};
use uuid::Uuid;

use crate::Outcome;
use crate::cells::Place;
use crate::service::command;
use crate::stage::{Database, Stage};

/// The customers over whom the load is spread: `c00001` and on. One more, `hot`, gets the load on one customer.
pub const CUSTOMERS: u64 = 10_000;

/// Every customer's money comes by a card payment that was applied to the wallet.
const PAYMENTS: &str =
    "INSERT INTO payments (id, provider, merchant_account, payment_id, currency, amount, applied, live, received_at)
    SELECT gen_random_uuid(), 'stripe', 'benchmark', CASE n WHEN 0 THEN 'hot' ELSE 'c' || lpad(n::text, 5, '0') END,
           'CNY', 1000000, 1000000, false, now()
    FROM generate_series(0, 10000) AS n";
const APPLICATIONS: &str =
    "INSERT INTO payment_applications (payment_id, n, customer_id, wallet_id, amount, applied_by, applied_at)
    SELECT p.id, 1, w.customer_id, w.id, p.amount, 'benchmark', now()
    FROM payments p JOIN wallets w ON w.customer_id = p.payment_id";

/// A migrated database whose customers have 1,000,000 CNY each.
pub fn customers<'s>(stage: &'s Stage, name: &str) -> Outcome<Database<'s>> {
    let database = stage.create(name)?;
    let migrated = command(stage, name).arg("migrate").output()?;
    if !migrated.status.success() {
        return Err(format!("the database could not be migrated: {}", String::from_utf8_lossy(&migrated.stderr)).into());
    }
    database.run(PAYMENTS)?;
    let mut credits = Vec::new();
    for row in database.all("SELECT payment_id, replace(id::text, '-', '') FROM payments ORDER BY 1")? {
        credits.push(credit(row.try_get(0)?, row.try_get(1)?)?);
    }
    stage.runtime.block_on(async {
        let pool = Pool::new(&stage.cluster.url(name).into(), 1)?;
        for credits in credits.chunks(500) {
            transact::<_, StorageError, _>(&pool, async |conn| ledger::post(conn, credits).await).await?;
        }
        pool.close();
        Ok::<_, StorageError>(())
    })?;
    database.run(APPLICATIONS)?;
    database.run("VACUUM ANALYZE")?;
    Ok(database)
}

/// What the wallets of a stage have besides their money.
pub fn wallets(stage: &Stage, place: Place) -> Outcome<()> {
    let database = stage.database(place.database())?;
    match place {
        Place::Guarded => database.run(GUARDS)?,
        Place::Granted => grant_all(stage, place.database())?,
        Place::Plain | Place::PosterOff | Place::Sealed | Place::Unsealed => return Ok(()),
    }
    database.run("VACUUM ANALYZE")
}

const GUARDS: &str = "
    INSERT INTO spend_guards (customer_id, wallet_id, set_by, updated_at)
    SELECT customer_id, id, 'benchmark', now() FROM wallets;
    UPDATE wallets SET daily_cap = 1000000, monthly_cap = 1000000, guard_day = (now() AT TIME ZONE 'UTC')::date,
           spent_today = 0, spent_this_month = 0";

fn grant_all(stage: &Stage, name: &str) -> Outcome<()> {
    let mut grants = Vec::new();
    for row in stage.database(name)?.all("SELECT customer_id FROM wallets ORDER BY 1")? {
        let grant = NewGrant {
            customer: CustomerId::new(row.try_get::<_, &str>(0)?).ok_or("not a customer")?,
            amount: Money::new(1_000_000.into(), "CNY".parse()?)?,
            product: Product::main(),
            expires_at: Some("2099-01-01T00:00:00Z".parse()?),
            priority: 100,
            reason: "benchmark".to_owned(),
            created_by: "benchmark".to_owned(),
            client: ClientData::none(),
        };
        grants.push(grant.posting(Uuid::now_v7()));
    }
    stage.runtime.block_on(async {
        let pool = Pool::new(&stage.cluster.url(name).into(), 1)?;
        for grants in grants.chunks(500) {
            transact::<_, StorageError, _>(&pool, async |conn| ledger::post(conn, grants).await).await?;
        }
        pool.close();
        Ok::<_, StorageError>(())
    })?;
    Ok(())
}

fn credit(customer: &str, payment: &str) -> Outcome<Posting> {
    let customer = CustomerId::new(customer).ok_or("not a customer")?;
    let payment = AppliedPayment {
        id: payment.parse()?,
        application: 1,
        provider: ProviderName::Stripe,
        merchant_account: "benchmark",
    };
    let million = Money::new(1_000_000.into(), "CNY".parse()?)?;
    Ok(top_up_without_order(&customer, &Product::main(), payment, million))
}

/// Adds about this many entries, in the order of time as they would have come: every fifth of the customer `hot`,
/// the others evenly of the rest. Every thousandth of a customer gives back the one before it: a rare type.
pub fn history(database: &Database<'_>, entries: u64) -> Outcome<()> {
    let indexes = take_indexes_away(database)?;
    database.run(&format!(
        "INSERT INTO entries (created_at, seq, fingerprint, wallet_id, kind, customer_id, amount, balance_after,
                              paid_in, paid_out, counterpart, key, reference)
         SELECT now() + n * interval '1 microsecond', i + 1, 1, w.id, CASE WHEN back THEN 4 ELSE 2 END, w.customer_id,
                CASE WHEN back THEN 0.001 ELSE -0.001 END, w.paid - 0.001 * (i - 2 * backs),
                w.paid_in + 0.001 * backs, 0.001 * (i - backs), 'usage', '018000000000-' || lpad(to_hex(i), 9, '0'),
                CASE WHEN back THEN '018000000000-' || lpad(to_hex(i - 1), 9, '0') END
         FROM generate_series(1, {entries}) AS n,
              LATERAL (SELECT n - n / 5 - 1 AS m) AS other,
              LATERAL (SELECT CASE WHEN n % 5 = 0 THEN 0 ELSE m % {CUSTOMERS} + 1 END AS customer,
                              CASE WHEN n % 5 = 0 THEN n / 5 ELSE m / {CUSTOMERS} + 1 END AS i) AS place,
              LATERAL (SELECT i % 1000 = 0 AS back, i / 1000 AS backs) AS rare,
              wallets w
         WHERE w.customer_id = CASE customer WHEN 0 THEN 'hot' ELSE 'c' || lpad(customer::text, 5, '0') END"
    ))?;
    for statement in indexes {
        database.run(&statement)?;
    }
    database.run(
        "UPDATE wallets w SET paid = e.balance_after, paid_in = e.paid_in, paid_out = e.paid_out, entry_seq = e.seq,
                version = w.version + e.seq - w.entry_seq, updated_at = greatest(w.updated_at, e.created_at)
         FROM wallets o, LATERAL (SELECT * FROM entries e WHERE e.customer_id = o.customer_id AND e.wallet_id = o.id
                                  ORDER BY seq DESC LIMIT 1) AS e
         WHERE w.customer_id = o.customer_id AND w.id = o.id",
    )?;
    database.run("VACUUM ANALYZE")
}

/// Returns the statements that create them again: built at once, they take a fraction of the time.
fn take_indexes_away(database: &Database<'_>) -> Outcome<Vec<String>> {
    let rows = database.all(
        "SELECT coalesce('ALTER TABLE entries DROP CONSTRAINT ' || c.conname, 'DROP INDEX ' || i.indexrelid::regclass),
                coalesce('ALTER TABLE entries ADD CONSTRAINT ' || c.conname || ' ' || pg_get_constraintdef(c.oid),
                         pg_get_indexdef(i.indexrelid))
         FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
         WHERE i.indrelid = 'entries'::regclass",
    )?;
    let mut back = Vec::new();
    for row in rows {
        database.run(row.try_get(0)?)?;
        back.push(row.try_get(1)?);
    }
    Ok(back)
}
