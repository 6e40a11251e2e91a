//! Statements against the entries: whatever happened, opening + movements = closing, in every period.

use chrono::{DateTime, Duration, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use topup::domain::account_statement::{CurrencyStatement, PastBalance, Standing, WalletStatement};
use topup::domain::calendar::Span;
use topup::domain::customer::CustomerId;
use topup::domain::money::Money;
use topup::domain::movement::capture::capture;
use topup::domain::movement::release::release;
use topup::storage::account_statements::{WhichWallets, ends, lapsed, sums};
use topup::storage::ledger::settled_until;
use topup::storage::pool::Pool;
use uuid::Uuid;

use crate::support::{adjust, ask, book, database, dec, grant, money, new_hold, usage, wallet};

fn shown(money: Money) -> String {
    money.amount().normalize().to_string()
}

/// The moments between which a customer's entries are: some of them are the very moments of entries.
async fn moments(pool: &Pool, customer: &str) -> Vec<DateTime<Utc>> {
    let sql = format!("SELECT to_json(created_at)#>>'{{}}' FROM entries WHERE customer_id = '{customer}' ORDER BY 1");
    let times = ask(pool, &sql).await;
    times.iter().map(|time| time.parse().unwrap()).collect()
}

/// The statements of some periods, against the sums of the entries.
pub async fn tie_out(pool: &Pool, customers: &[&str], seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    for name in customers {
        let moments = moments(pool, name).await;
        let customer = CustomerId::new(name).unwrap();
        let which = WhichWallets { customer: customer.clone(), currency: None, product: None };
        for _ in 0..6 {
            let [a, b] = [(); 2].map(|()| moments[rng.random_range(0..moments.len())]);
            let span = Span { from: a.min(b), to: a.max(b) + Duration::microseconds(rng.random_range(0..2)) };
            let mut conn = pool.get().await.unwrap();
            assert!(span.to <= settled_until(&mut conn).await.unwrap());
            let wallets = ends(&mut conn, &which, span).await.unwrap();
            let others = sums(&mut conn, &customer, &wallets, span).await.unwrap();
            drop(conn);
            let statements: Vec<_> = wallets.into_iter().map(|ends| WalletStatement::new(ends, &others)).collect();
            let mut told: Vec<String> = Vec::new();
            for wallet in &statements {
                let moved = Money::sum(wallet.opening.balance.currency(), wallet.movements.iter().map(|m| m.amount));
                assert_eq!(wallet.opening.balance + moved, wallet.closing.balance);
                told.push(line(wallet.wallet, "closing", 0, wallet.closing.balance, wallet.closing.paid));
                let zero = Money::zero(wallet.opening.balance.currency());
                told.extend(
                    wallet.movements.iter().map(|m| line(wallet.wallet, m.flow.as_str(), m.count, m.amount, zero)),
                );
            }
            for currency in CurrencyStatement::of_each(statements) {
                let moved = Money::sum(currency.currency, currency.movements.iter().map(|m| m.amount));
                assert_eq!(currency.opening.balance + moved, currency.closing.balance);
            }
            let mut booked = ask(pool, &booked(name, span)).await;
            told.sort();
            booked.sort();
            assert_eq!(told, booked, "{name} {span:?}");
        }
    }
}

fn line(wallet: Uuid, what: &str, count: i64, amount: Money, paid: Money) -> String {
    format!("{wallet} {what} {count} {} {}", shown(amount), shown(paid))
}

/// The same lines, from every entry.
fn booked(customer: &str, span: Span) -> String {
    let [from, to] = [span.from, span.to].map(|at| at.to_rfc3339());
    format!(
        "SELECT concat_ws(' ', e.wallet_id, k.flow_type, count(*), trim_scale(sum(e.amount)), 0)
         FROM entries e JOIN entry_kinds k USING (kind)
         WHERE e.customer_id = '{customer}' AND e.created_at >= '{from}' AND e.created_at < '{to}'
         GROUP BY e.wallet_id, k.flow_type
         UNION ALL
         SELECT concat_ws(' ', w.id, 'closing', 0, trim_scale(coalesce(sum(e.amount), 0)),
                          trim_scale(coalesce(sum(e.amount - coalesce(e.granted, 0) + coalesce(e.debt, 0)), 0)))
         FROM wallets w LEFT JOIN entries e
             ON e.customer_id = w.customer_id AND e.wallet_id = w.id AND e.created_at < '{to}'
         WHERE w.customer_id = '{customer}' GROUP BY w.id"
    )
}

#[tokio::test]
async fn credit_that_expired_is_gone_at_its_second_and_written_off_later() {
    let (pool, _) = database(2).await;
    let at = wallet("alice", "USD", "");
    let id = Uuid::from_u128(7);
    book(&pool, vec![adjust(&at, "a", dec("10"))]).await;
    // Of whole milliseconds, as the database keeps them.
    let expiry = DateTime::from_timestamp_millis(Utc::now().timestamp_millis() + 300).unwrap();
    book(&pool, vec![grant(&at, id, dec("5"), 1, Some(expiry)), usage(&at, "u", dec("2")).posting()]).await;
    let wait = format!(
        "SELECT pg_sleep(greatest(0, extract(epoch FROM '{}'::timestamptz - clock_timestamp()))::float8 + 0.001)",
        expiry.to_rfc3339()
    );
    ask(&pool, &wait).await;
    // Writes off what is left.
    book(&pool, vec![usage(&at, "v", dec("1")).posting()]).await;

    let usd = |amount: &str| money(&at, dec(amount));
    for (moment, total, paid, left) in [
        (expiry - Duration::microseconds(1), "13", "10", "3"),
        (expiry, "10", "10", "0"),
        (moments(&pool, "alice").await[3] - Duration::microseconds(1), "10", "10", "0"),
        (Utc::now(), "9", "9", "0"),
    ] {
        let past = past(&pool, "alice", moment).await.remove(0);
        assert_eq!((past.total(), past.booked.paid, past.granted_less_debt()), (usd(total), usd(paid), usd(left)));
    }
    let before = past(&pool, "alice", DateTime::UNIX_EPOCH).await.remove(0);
    assert_eq!(before.booked, Standing::zero(at.currency));
}

/// Holds reserve 3 of a grant of 5, and the grant expires. However the holds end later, the balance at the moment of
/// the expiry stays 3.
#[tokio::test]
async fn a_past_balance_stays_the_same_when_a_hold_ends() {
    let (pool, _) = database(2).await;
    let at = wallet("alice", "USD", "");
    let [released, captured, open] = [71, 72, 73].map(Uuid::from_u128);
    book(&pool, vec![adjust(&at, "a", dec("10"))]).await;
    let expiry = DateTime::from_timestamp_millis(Utc::now().timestamp_millis() + 2_000).unwrap();
    let hold = |key: &str, id: Uuid, amount: &str| new_hold(&at, key, dec(amount), Duration::minutes(5)).posting(id);
    book(&pool, vec![grant(&at, Uuid::from_u128(7), dec("5"), 1, Some(expiry))]).await;
    book(&pool, vec![hold("h1", released, "1.5"), hold("h2", captured, "1"), hold("h3", open, "0.5")]).await;
    let wait = format!(
        "SELECT pg_sleep(greatest(0, extract(epoch FROM '{}'::timestamptz - clock_timestamp()))::float8 + 0.001)",
        expiry.to_rfc3339()
    );
    ask(&pool, &wait).await;
    let usd = |amount: &str| money(&at, dec(amount));
    let then = async |step: &str| {
        let past = past(&pool, "alice", expiry).await.remove(0);
        let told = (past.total(), past.booked.paid, past.granted_less_debt());
        assert_eq!(told, (usd("13"), usd("10"), usd("3")), "{step}");
    };
    then("nothing is written off").await;
    book(&pool, vec![usage(&at, "v", dec("1")).posting()]).await;
    then("what no hold reserves is written off").await;
    book(&pool, vec![release(released)]).await;
    then("a hold is released").await;
    book(&pool, vec![capture(captured, dec("0.4"))]).await;
    then("a hold is captured in part").await;
    let now = past(&pool, "alice", Utc::now()).await.remove(0);
    assert_eq!((now.total(), now.granted_less_debt()), (usd("9.5"), usd("0.5")));
}

async fn past(pool: &Pool, customer: &str, at: DateTime<Utc>) -> Vec<PastBalance> {
    let which = WhichWallets { customer: CustomerId::new(customer).unwrap(), currency: None, product: None };
    let after = at + Duration::microseconds(1);
    let mut conn = pool.get().await.unwrap();
    let ends = ends(&mut conn, &which, Span { from: after, to: after }).await.unwrap();
    let lapsed = lapsed(&mut conn, &which.customer, at, &ends).await.unwrap();
    let balance = |ends: topup::domain::account_statement::WalletEnds| PastBalance {
        lapsed: lapsed.first().map_or(Money::zero(ends.closing.balance.currency()), |(_, amount)| {
            Money::from_ledger(*amount, ends.closing.balance.currency())
        }),
        wallet: ends.wallet,
        product: ends.product,
        booked: ends.closing,
    };
    ends.into_iter().map(balance).collect()
}
