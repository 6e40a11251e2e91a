//! Deliveries of events to endpoints, and their attempts. The statement that numbers an event makes its deliveries.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::clock::{NowOnce, ledger_now};
use super::columns::corrupt;
use super::schema::{webhook_attempts as attempts, webhook_deliveries as deliveries};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::event::EventKind;
use crate::domain::page::{Page, Rows};
use crate::domain::webhook::{Delivery, DeliveryAttempt, DeliveryStatus};

/// A delivery that is due.
#[derive(Debug, Clone, Queryable)]
pub struct DueDelivery {
    pub id: Uuid,
    pub number: i64,
    /// Empty if the event is about no customer.
    pub customer: String,
    pub attempts: i32,
    pub tries: i32,
}

/// The first attempts that wait for an endpoint, in the order of the feed.
///
/// # Errors
/// Database errors.
pub async fn due_first(
    conn: &mut AsyncPgConnection,
    endpoint: Uuid,
    limit: i64,
) -> Result<Vec<DueDelivery>, StorageError> {
    Ok(deliveries::table
        .filter(deliveries::endpoint_id.eq(endpoint))
        .filter(deliveries::attempts.eq(0).and(deliveries::due_at.is_not_null()))
        .order(deliveries::number)
        .limit(limit)
        .select((deliveries::id, deliveries::number, deliveries::customer_id, deliveries::attempts, deliveries::tries))
        .load(conn)
        .await?)
}

/// The further attempts that are due at an endpoint.
///
/// # Errors
/// Database errors.
pub async fn due_again(
    conn: &mut AsyncPgConnection,
    endpoint: Uuid,
    limit: i64,
) -> Result<Vec<DueDelivery>, StorageError> {
    Ok(deliveries::table
        .filter(deliveries::endpoint_id.eq(endpoint))
        .filter(deliveries::attempts.gt(0).and(deliveries::due_at.le(NowOnce.nullable())))
        .order(deliveries::due_at)
        .limit(limit)
        .select((deliveries::id, deliveries::number, deliveries::customer_id, deliveries::attempts, deliveries::tries))
        .load(conn)
        .await?)
}

/// Ends a delivery whose event is not kept any more.
///
/// # Errors
/// Database errors.
pub async fn give_up(conn: &mut AsyncPgConnection, id: Uuid) -> Result<(), StorageError> {
    diesel::update(deliveries::table.find(id))
        .set((deliveries::status.eq(DeliveryStatus::Failed.as_str()), deliveries::due_at.eq(None::<DateTime<Utc>>)))
        .execute(conn)
        .await?;
    Ok(())
}

struct Recorded {
    delivery: Uuid,
    before: i32,
    attempt: DeliveryAttempt,
    becomes: &'static str,
    pause: Option<i64>,
}

impl Statement for Recorded {
    const TEXT: &'static str = include_str!("sql/record_webhook_attempt.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<SqlUuid, _>(&self.delivery)?;
        parameters.add::<Integer, _>(&self.before)?;
        parameters.add::<Integer, _>(&self.attempt.milliseconds)?;
        parameters.add::<Nullable<Integer>, _>(&self.attempt.status)?;
        parameters.add::<Nullable<Text>, _>(&self.attempt.error)?;
        parameters.add::<Nullable<Text>, _>(&self.attempt.body)?;
        parameters.add::<Text, _>(&self.becomes)?;
        parameters.add::<Timestamptz, _>(&self.attempt.at)?;
        parameters.add::<Nullable<BigInt>, _>(&self.pause)
    }
}

/// Records an attempt, and the new state of its delivery. With a pause in milliseconds it is tried again. Nothing is
/// written when another process has made an attempt meanwhile.
///
/// # Errors
/// Database errors.
pub async fn record(
    conn: &mut AsyncPgConnection,
    due: &DueDelivery,
    attempt: &DeliveryAttempt,
    becomes: DeliveryStatus,
    pause: Option<i64>,
) -> Result<(), StorageError> {
    let (delivery, before, attempt) = (due.id, due.attempts, attempt.clone());
    Cached(Recorded { delivery, before, attempt, becomes: becomes.as_str(), pause }).execute(conn).await?;
    Ok(())
}

/// Makes a finished delivery due again. Returns false if the endpoint has no such delivery.
///
/// # Errors
/// Database errors.
pub async fn redeliver(conn: &mut AsyncPgConnection, endpoint: Uuid, id: Uuid) -> Result<bool, StorageError> {
    let this = deliveries::table.find(id).filter(deliveries::endpoint_id.eq(endpoint));
    let known: i64 = this.count().get_result(conn).await?;
    diesel::update(this.filter(deliveries::due_at.is_null()))
        .set((
            deliveries::status.eq(DeliveryStatus::Pending.as_str()),
            deliveries::tries.eq(0),
            deliveries::due_at.eq(ledger_now().nullable()),
        ))
        .execute(conn)
        .await?;
    Ok(known == 1)
}

struct Since {
    endpoint: Uuid,
    since: DateTime<Utc>,
    limit: i64,
}

impl Statement for Since {
    const TEXT: &'static str = include_str!("sql/redeliver_since.sql");
    type Row = (BigInt, BigInt, Nullable<Timestamptz>);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<SqlUuid, _>(&self.endpoint)?;
        parameters.add::<Timestamptz, _>(&self.since)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

/// Delivers the events since a moment that an endpoint wants again, at most `limit` of them, the oldest first. Returns
/// how many events there were, how many of them are delivered again, and the time of the last one.
///
/// # Errors
/// Database errors.
pub async fn redeliver_since(
    conn: &mut AsyncPgConnection,
    endpoint: Uuid,
    since: DateTime<Utc>,
    limit: i64,
) -> Result<(i64, i64, Option<DateTime<Utc>>), StorageError> {
    Ok(Cached(Since { endpoint, since, limit }).get_result(conn).await?)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries, check_for_backend(diesel::pg::Pg))]
struct DeliveryRow {
    id: Uuid,
    number: i64,
    event_id: Uuid,
    kind: String,
    status: String,
    due_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = attempts, check_for_backend(diesel::pg::Pg))]
struct DeliveryAttemptRow {
    delivery_id: Uuid,
    at: DateTime<Utc>,
    milliseconds: i32,
    status: Option<i32>,
    error: Option<String>,
    body: Option<String>,
}

/// A page of an endpoint's deliveries with their attempts, the newest event first. A row's place is the number of its
/// event.
///
/// # Errors
/// Database errors.
pub async fn list(
    conn: &mut AsyncPgConnection,
    endpoint: Uuid,
    page: &Page<i64>,
) -> Result<Rows<Delivery>, StorageError> {
    let of_endpoint = deliveries::table
        .filter(deliveries::endpoint_id.eq(endpoint))
        .limit(page.to_read())
        .select(DeliveryRow::as_select());
    let rows: Vec<DeliveryRow> = match page.ascends() {
        true => {
            let above = deliveries::number.gt(page.bound().unwrap_or(i64::MIN));
            of_endpoint.filter(above).order(deliveries::number.asc()).load(conn).await?
        }
        false => {
            let below = deliveries::number.lt(page.bound().unwrap_or(i64::MAX));
            of_endpoint.filter(below).order(deliveries::number.desc()).load(conn).await?
        }
    };
    let Rows { rows, has_previous, has_next } = page.cut(rows);
    Ok(Rows { rows: complete(conn, rows).await?, has_previous, has_next })
}

/// A delivery of an endpoint.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, endpoint: Uuid, id: Uuid) -> Result<Option<Delivery>, StorageError> {
    let rows: Vec<DeliveryRow> = deliveries::table
        .find(id)
        .filter(deliveries::endpoint_id.eq(endpoint))
        .select(DeliveryRow::as_select())
        .load(conn)
        .await?;
    Ok(complete(conn, rows).await?.pop())
}

async fn complete(conn: &mut AsyncPgConnection, rows: Vec<DeliveryRow>) -> Result<Vec<Delivery>, StorageError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let made: Vec<DeliveryAttemptRow> = attempts::table
        .filter(attempts::delivery_id.eq_any(ids))
        .order((attempts::delivery_id, attempts::n))
        .select(DeliveryAttemptRow::as_select())
        .load(conn)
        .await?;
    let mut of: HashMap<Uuid, Vec<DeliveryAttempt>> = HashMap::new();
    for row in made {
        let DeliveryAttemptRow { delivery_id, at, milliseconds, status, error, body } = row;
        of.entry(delivery_id).or_default().push(DeliveryAttempt { at, milliseconds, status, error, body });
    }
    rows.into_iter()
        .map(|row| {
            Ok(Delivery {
                kind: EventKind::parse(&row.kind).ok_or_else(|| corrupt("event type", &row.kind))?,
                status: DeliveryStatus::parse(&row.status).ok_or_else(|| corrupt("status", &row.status))?,
                attempts: of.remove(&row.id).unwrap_or_default(),
                id: row.id,
                number: row.number,
                event: row.event_id,
                due_at: row.due_at,
                created_at: row.created_at,
            })
        })
        .collect()
}
