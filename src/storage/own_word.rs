//! What operators and services moved alone, without a second operator.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use diesel::dsl::sum;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;

use super::StorageError;
use super::idempotency::hashtextextended;
use super::schema::{own_word_moves as moves, service_grant_sums as sums};
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::own_word::{Allowance, Move, MoveKind, Moved};

diesel::define_sql_function! {
    /// Waits for a lock and holds it until the transaction ends.
    fn pg_advisory_xact_lock(key: diesel::sql_types::BigInt) -> diesel::sql_types::Bool;
}
diesel::define_sql_function! {
    /// The server process of this connection.
    fn pg_backend_pid() -> diesel::sql_types::Integer;
}

/// Locks what one operator moves in a currency, until the transaction ends. Take it after the locks of orders, accounts
/// and payments, and before those of wallets.
///
/// # Errors
/// Database errors.
pub async fn lock_operator(
    conn: &mut AsyncPgConnection,
    operator: &str,
    currency: Currency,
) -> Result<(), StorageError> {
    lock(conn, format!("own word\n{operator}\n{currency}")).await
}

/// Locks what one operator takes over of our banks' files in a currency, until the transaction ends. It is another lock
/// than [`lock_operator`], because it is held while payments are locked. Take it after the lock of the account.
///
/// # Errors
/// Database errors.
pub async fn lock_files(conn: &mut AsyncPgConnection, operator: &str, currency: Currency) -> Result<(), StorageError> {
    lock(conn, format!("bank files\n{operator}\n{currency}")).await
}

/// Locks what services grant to a customer in a currency, until the transaction ends. A lock of one wallet is not
/// enough: the limit counts all wallets of the customer.
///
/// # Errors
/// Database errors.
pub async fn lock_customer(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    currency: Currency,
) -> Result<(), StorageError> {
    lock(conn, format!("service grants\n{customer}\n{currency}")).await
}

async fn lock(conn: &mut AsyncPgConnection, scope: String) -> Result<(), StorageError> {
    diesel::select(pg_advisory_xact_lock(hashtextextended(scope, 0))).execute(conn).await?;
    Ok(())
}

/// What an operator moved since then, for this customer and in total, if the allowance needs it.
///
/// # Errors
/// Database errors.
pub async fn of_operator(
    conn: &mut AsyncPgConnection,
    operator: &str,
    currency: Currency,
    customer: &CustomerId,
    since: DateTime<Utc>,
    allowance: Allowance,
) -> Result<Moved, StorageError> {
    let his = moves::actor.eq(operator).and(moves::currency.eq(currency.code())).and(moves::moved_at.ge(since));
    let in_all: Option<Decimal> = match allowance.in_all {
        Some(_) => moves::table.filter(his).select(sum(moves::amount)).get_result(conn).await?,
        None => None,
    };
    let of_customer: Option<Decimal> = match allowance.of_customer {
        Some(_) => {
            let his = his.and(moves::customer_id.eq(customer.as_str()));
            moves::table.filter(his).select(sum(moves::amount)).get_result(conn).await?
        }
        None => None,
    };
    Ok(moved(of_customer, in_all, currency))
}

/// What services granted since then, to this customer and in total, if the allowance needs it. The total is read
/// without a lock, so it lacks grants in flight.
///
/// # Errors
/// Database errors.
pub async fn of_services(
    conn: &mut AsyncPgConnection,
    currency: Currency,
    customer: &CustomerId,
    since: DateTime<Utc>,
    allowance: Allowance,
) -> Result<Moved, StorageError> {
    let in_all: Option<Decimal> = match allowance.in_all {
        Some(_) => {
            let counted = sums::currency.eq(currency.code()).and(sums::minute.ge(minute(since)?));
            sums::table.filter(counted).select(sum(sums::amount)).get_result(conn).await?
        }
        None => None,
    };
    let of_customer: Option<Decimal> = match allowance.of_customer {
        Some(_) => {
            moves::table
                .filter(moves::customer_id.eq(customer.as_str()).and(moves::currency.eq(currency.code())))
                .filter(moves::kind.eq(MoveKind::ServiceGrant.as_str()).and(moves::moved_at.ge(since)))
                .select(sum(moves::amount))
                .get_result(conn)
                .await?
        }
        None => None,
    };
    Ok(moved(of_customer, in_all, currency))
}

fn moved(of_customer: Option<Decimal>, in_all: Option<Decimal>, currency: Currency) -> Moved {
    let money = |amount: Option<Decimal>| Money::from_ledger(amount.unwrap_or_default(), currency);
    Moved { of_customer: money(of_customer), in_all: money(in_all) }
}

/// Records a move with the limit that allowed it. A subject is moved once.
///
/// # Errors
/// Database errors.
pub async fn insert(
    conn: &mut AsyncPgConnection,
    moved: &Move,
    allowance: Allowance,
    at: DateTime<Utc>,
) -> Result<(), StorageError> {
    diesel::insert_into(moves::table)
        .values((
            moves::kind.eq(moved.kind.as_str()),
            moves::subject.eq(moved.subject),
            moves::actor.eq(&moved.actor),
            moves::customer_id.eq(moved.customer.as_str()),
            moves::currency.eq(moved.amount.currency().code()),
            moves::amount.eq(moved.amount.amount()),
            moves::moved_at.eq(at),
            moves::allowed.eq(allowance.of_customer.map(Money::amount)),
            moves::allowed_in_all.eq(allowance.in_all.map(Money::amount)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Adds a grant of a service to the sum of its minute. Each connection has a row of its own, so nobody waits.
///
/// # Errors
/// Database errors.
pub async fn add_to_minute(conn: &mut AsyncPgConnection, amount: Money, at: DateTime<Utc>) -> Result<(), StorageError> {
    diesel::insert_into(sums::table)
        .values((
            sums::currency.eq(amount.currency().code()),
            sums::minute.eq(minute(at)?),
            sums::backend.eq(pg_backend_pid()),
            sums::amount.eq(amount.amount()),
        ))
        .on_conflict((sums::currency, sums::minute, sums::backend))
        .do_update()
        .set(sums::amount.eq(sums::amount + amount.amount()))
        .execute(conn)
        .await?;
    Ok(())
}

fn minute(at: DateTime<Utc>) -> Result<DateTime<Utc>, StorageError> {
    at.duration_trunc(TimeDelta::minutes(1)).map_err(|error| StorageError::Corrupt(format!("{at}: {error}")))
}
