//! Attempts to have an order paid. One attempt of an order is open at a time.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};
use uuid::Uuid;

use super::StorageError;
use super::clock::{later, ledger_now, seconds};
use super::columns::{corrupt, provider_from_column};
use super::schema::attempts;
use crate::domain::attempt::{Attempt, AttemptStatus, NextAction};
use crate::domain::payment::ProviderName;

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = attempts)]
struct AttemptRow {
    order_id: Uuid,
    n: i32,
    provider: String,
    request_key: String,
    customer_email: Option<String>,
    provider_reference: Option<String>,
    next_action: Option<Value>,
    status: String,
    created_at: DateTime<Utc>,
    sent_at: Option<DateTime<Utc>>,
    leased_until: Option<DateTime<Utc>>,
}

impl From<&Attempt> for AttemptRow {
    fn from(attempt: &Attempt) -> Self {
        Self {
            order_id: attempt.order_id,
            n: attempt.n,
            provider: attempt.provider.as_str().to_owned(),
            request_key: attempt.request_key.clone(),
            customer_email: attempt.customer_email.clone(),
            provider_reference: attempt.provider_reference.clone(),
            next_action: attempt.next_action.as_ref().map(action_to_column),
            status: attempt.status.as_str().to_owned(),
            created_at: attempt.created_at,
            sent_at: attempt.sent_at,
            leased_until: attempt.leased_until,
        }
    }
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = StorageError;

    fn try_from(row: AttemptRow) -> Result<Self, StorageError> {
        Ok(Self {
            order_id: row.order_id,
            n: row.n,
            provider: provider_from_column(&row.provider)?,
            request_key: row.request_key,
            customer_email: row.customer_email,
            provider_reference: row.provider_reference,
            next_action: row.next_action.map(action_from_column).transpose()?,
            status: AttemptStatus::parse(&row.status).ok_or_else(|| corrupt("attempt status", &row.status))?,
            created_at: row.created_at,
            sent_at: row.sent_at,
            leased_until: row.leased_until,
        })
    }
}

fn action_to_column(action: &NextAction) -> Value {
    match action {
        NextAction::Redirect { url } => json!({"type": "redirect", "redirect": {"url": url}}),
        NextAction::ClientSecret { value, publishable_key } => json!({
            "type": "client_secret",
            "client_secret": {"value": value, "publishable_key": publishable_key},
        }),
        NextAction::BankTransfer => json!({"type": "bank_transfer"}),
    }
}

/// The error names no value: the column may contain a client secret.
fn action_from_column(column: Value) -> Result<NextAction, StorageError> {
    let text = |pointer: &str| {
        let value = column.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        value.ok_or_else(|| corrupt("next action without", pointer))
    };
    match text("/type")?.as_str() {
        "redirect" => Ok(NextAction::Redirect { url: text("/redirect/url")? }),
        "client_secret" => Ok(NextAction::ClientSecret {
            value: text("/client_secret/value")?,
            publishable_key: text("/client_secret/publishable_key")?,
        }),
        "bank_transfer" => Ok(NextAction::BankTransfer),
        other => Err(corrupt("next action of type", other)),
    }
}

/// # Errors
/// Database errors; a second open attempt violates `attempts_one_alive`.
pub async fn insert(conn: &mut AsyncPgConnection, attempt: &Attempt) -> Result<(), StorageError> {
    diesel::insert_into(attempts::table).values(AttemptRow::from(attempt)).execute(conn).await?;
    Ok(())
}

/// Reads an attempt of an order, by its number.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, order_id: Uuid, n: i32) -> Result<Option<Attempt>, StorageError> {
    let row: Option<AttemptRow> =
        attempts::table.find((order_id, n)).select(AttemptRow::as_select()).first(conn).await.optional()?;
    row.map(Attempt::try_from).transpose()
}

/// The newest attempt of an order.
///
/// # Errors
/// Database errors.
pub async fn last(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Option<Attempt>, StorageError> {
    let row: Option<AttemptRow> = attempts::table
        .filter(attempts::order_id.eq(order_id))
        .order(attempts::n.desc())
        .select(AttemptRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(Attempt::try_from).transpose()
}

/// The newest attempt of each of these orders.
///
/// # Errors
/// Database errors.
pub async fn last_of_each(conn: &mut AsyncPgConnection, orders: &[Uuid]) -> Result<Vec<Attempt>, StorageError> {
    let rows: Vec<AttemptRow> = attempts::table
        .filter(attempts::order_id.eq_any(orders))
        .distinct_on(attempts::order_id)
        .order((attempts::order_id, attempts::n.desc()))
        .select(AttemptRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(Attempt::try_from).collect()
}

/// The paid attempt of an order, or the newest one of an order whose money arrived late.
///
/// # Errors
/// Database errors.
pub async fn paid_or_last(conn: &mut AsyncPgConnection, order_id: Uuid) -> Result<Option<Attempt>, StorageError> {
    let row: Option<AttemptRow> = attempts::table
        .filter(attempts::order_id.eq(order_id))
        .order((attempts::status.eq(AttemptStatus::Paid.as_str()).desc(), attempts::n.desc()))
        .select(AttemptRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(Attempt::try_from).transpose()
}

/// The attempt that a provider knows by this reference. Anybody can send one, in the address of a payer's return.
///
/// # Errors
/// Database errors.
pub async fn by_reference(
    conn: &mut AsyncPgConnection,
    provider: ProviderName,
    reference: &str,
) -> Result<Option<Attempt>, StorageError> {
    // PostgreSQL keeps no text with NUL, and refuses to look for one.
    if reference.contains('\0') {
        return Ok(None);
    }
    let row: Option<AttemptRow> = attempts::table
        .filter(attempts::provider.eq(provider.as_str()).and(attempts::provider_reference.eq(reference)))
        .select(AttemptRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(Attempt::try_from).transpose()
}

/// The right to call the provider for an attempt, until this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(DateTime<Utc>);

/// Takes the right to call the provider for an attempt that has no reference yet. `None` while another request has that
/// right.
///
/// # Errors
/// Database errors.
pub async fn lease(
    conn: &mut AsyncPgConnection,
    order_id: Uuid,
    n: i32,
    lease_seconds: i32,
) -> Result<Option<Lease>, StorageError> {
    let free = attempts::leased_until.is_null().or(attempts::leased_until.le(ledger_now().nullable()));
    let until: Option<Option<DateTime<Utc>>> = diesel::update(
        attempts::table
            .find((order_id, n))
            .filter(attempts::status.eq(AttemptStatus::Open.as_str()).and(attempts::provider_reference.is_null()))
            .filter(free),
    )
    .set((
        attempts::leased_until.eq(later(ledger_now(), seconds(lease_seconds)).nullable()),
        attempts::sent_at.eq(ledger_now().nullable()),
    ))
    .returning(attempts::leased_until)
    .get_result(conn)
    .await
    .optional()?;
    Ok(until.flatten().map(Lease))
}

/// Extends a lease. Returns `None` if the lease has ended; another process may already have one.
///
/// # Errors
/// Database errors.
pub async fn renew(
    conn: &mut AsyncPgConnection,
    order_id: Uuid,
    n: i32,
    lease: Lease,
    lease_seconds: i32,
) -> Result<Option<Lease>, StorageError> {
    let until: Option<Option<DateTime<Utc>>> =
        diesel::update(attempts::table.find((order_id, n)).filter(attempts::leased_until.eq(lease.0)))
            .set(attempts::leased_until.eq(later(ledger_now(), seconds(lease_seconds)).nullable()))
            .returning(attempts::leased_until)
            .get_result(conn)
            .await
            .optional()?;
    Ok(until.flatten().map(Lease))
}

/// Gives the right back after a call that failed. If another process already has the right, nothing changes.
///
/// # Errors
/// Database errors.
pub async fn release(conn: &mut AsyncPgConnection, order_id: Uuid, n: i32, lease: Lease) -> Result<(), StorageError> {
    diesel::update(attempts::table.find((order_id, n)).filter(attempts::leased_until.eq(lease.0)))
        .set(attempts::leased_until.eq(None::<DateTime<Utc>>))
        .execute(conn)
        .await?;
    Ok(())
}

/// Stores the provider's answer to the call that created an attempt. Returns false if an answer is already stored:
/// after the lease of one request ends, another may call for the same attempt, and the company answers both in the same
/// way.
///
/// # Errors
/// Database errors; a reference that another attempt has violates `attempts_reference_once`.
pub async fn save_answer(
    conn: &mut AsyncPgConnection,
    order_id: Uuid,
    n: i32,
    reference: &str,
    next_action: &NextAction,
) -> Result<bool, StorageError> {
    let saved = diesel::update(attempts::table.find((order_id, n)).filter(attempts::provider_reference.is_null()))
        .set((
            attempts::provider_reference.eq(reference),
            attempts::next_action.eq(action_to_column(next_action)),
            attempts::leased_until.eq(None::<DateTime<Utc>>),
        ))
        .execute(conn)
        .await?;
    Ok(saved == 1)
}

/// Ends the open attempt of an order, if there is one.
///
/// # Errors
/// Database errors.
pub async fn close(conn: &mut AsyncPgConnection, order_id: Uuid, end: AttemptStatus) -> Result<(), StorageError> {
    let open = attempts::order_id.eq(order_id).and(attempts::status.eq(AttemptStatus::Open.as_str()));
    diesel::update(attempts::table.filter(open)).set(attempts::status.eq(end.as_str())).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_next_action_is_read_back_as_it_was_written() {
        for action in [
            NextAction::Redirect { url: "https://example.com/pay".to_owned() },
            NextAction::ClientSecret { value: "pi_1_secret_2".to_owned(), publishable_key: "pk_test".to_owned() },
            NextAction::BankTransfer,
        ] {
            assert_eq!(action_from_column(action_to_column(&action)).unwrap(), action);
        }
    }

    #[test]
    fn an_unreadable_next_action_is_an_error_that_shows_no_secret() {
        let column = json!({"type": "client_secret", "client_secret": {"value": "pi_1_secret_2"}});
        let error = action_from_column(column).unwrap_err().to_string();
        assert!(error.contains("/client_secret/publishable_key") && !error.contains("pi_1"), "{error}");
    }
}
