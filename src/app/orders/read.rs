//! Orders as their customer (or an operator) reads them.

use crate::storage::Connection;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::settlement::{self, Source};
use crate::app::{App, Caller, Error};
use crate::domain::catalogue::BankAccount;
use crate::domain::customer::CustomerId;
use crate::domain::order::Order;
use crate::storage::attempts::{self, Attempt};
use crate::storage::catalogue::bank_accounts;
use crate::storage::orders::{self, OrderFilter, TimelineEntry};

/// An order with what its payer has to do next.
#[derive(Debug, Clone)]
pub struct OrderView {
    pub order: Order,
    /// As [`super::pay`] stored it; absent once there is nothing to do.
    pub next_action: Option<serde_json::Value>,
    pub timeline: Vec<TimelineEntry>,
}

/// One order of a customer with its timeline; staff who name no customer may read any.
///
/// # Errors
/// 404 when it is not there or not theirs.
pub async fn get(app: &App, caller: &Caller, customer: Option<&str>, id: Option<Uuid>) -> Result<OrderView, Error> {
    let mut conn = app.pool.get().await?;
    let order = owned(&mut conn, caller, customer, id).await?;
    view(&mut conn, order).await
}

/// Reads an order for a caller who may see it.
///
/// # Errors
/// 404 when it is not there or not theirs.
pub async fn owned(
    conn: &mut Connection,
    caller: &Caller,
    customer: Option<&str>,
    id: Option<Uuid>,
) -> Result<Order, Error> {
    let missing = || Error::NotFound("order");
    let order = orders::find(conn, id.ok_or_else(missing)?).await?.ok_or_else(missing)?;
    let theirs = if caller.is_staff() && customer.is_none() {
        true
    } else {
        caller.customer(customer).map_err(|_| missing())? == order.customer
    };
    if theirs { Ok(order) } else { Err(missing()) }
}

/// Adds next action and timeline to an order.
///
/// # Errors
/// Of the database.
pub async fn view(conn: &mut Connection, order: Order) -> Result<OrderView, Error> {
    let attempt = attempts::last_attempt(conn, order.id).await?;
    let timeline = orders::timeline(conn, order.id).await?;
    let next_action = next_action(&order, attempt.as_ref());
    Ok(OrderView { order, next_action, timeline })
}

/// What is left for the payer to do: nothing, once the money is under way or the order is closed.
#[must_use]
pub fn next_action(order: &Order, attempt: Option<&Attempt>) -> Option<serde_json::Value> {
    let open = order.awaits_payer();
    attempt.filter(|attempt| open && attempt.status == "open").and_then(|attempt| attempt.next_action.clone())
}

/// The provider's page for the payer of an order whose payment was declined; `None` for any other order.
///
/// # Errors
/// Of the database.
pub async fn page_to_try_again(app: &App, id: Uuid) -> Result<Option<String>, Error> {
    let mut conn = app.pool.get().await?;
    let Some(order) = orders::find(&mut conn, id).await?.filter(Order::was_declined) else { return Ok(None) };
    let attempt = attempts::last_attempt(&mut conn, id).await?;
    let action = next_action(&order, attempt.as_ref());
    Ok(action.and_then(|action| action.pointer("/redirect/url")?.as_str().map(str::to_owned)))
}

/// A page of orders, newest first.
///
/// # Errors
/// Of the database.
pub async fn list(
    app: &App,
    filter: &OrderFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Order>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(orders::list(&mut conn, filter, after, limit).await?)
}

/// Asks the provider about an order now. Asking a bank transfer changes nothing: only an operator knows.
///
/// # Errors
/// 404; of the provider.
pub async fn verify(app: &App, caller: &Caller, customer: Option<&str>, id: Option<Uuid>) -> Result<OrderView, Error> {
    let order = {
        let mut conn = app.pool.get().await?;
        owned(&mut conn, caller, customer, id).await?
    };
    let source = if caller.is_operator { Source::AnswerToOperator } else { Source::Answer };
    settlement::settle(app, order.id, source, &caller.actor()).await?;
    get(app, caller, customer, id).await
}

/// The customer of an order, for callers that were let in by other means (a return page).
///
/// # Errors
/// 404.
pub async fn customer_of(app: &App, id: Uuid) -> Result<CustomerId, Error> {
    let mut conn = app.pool.get().await?;
    orders::find(&mut conn, id).await?.map(|order| order.customer).ok_or(Error::NotFound("order"))
}

/// Our account that an order's transfer goes to.
///
/// # Errors
/// Of the database.
pub async fn bank_account(app: &App, order: &Order) -> Result<Option<BankAccount>, Error> {
    let Some(id) = order.bank_account_id else { return Ok(None) };
    let mut conn = app.pool.get().await?;
    Ok(bank_accounts::find(&mut conn, id).await?)
}

/// The order of this provider that a payer's browser comes back with: by its id, or by what the company calls it.
///
/// # Errors
/// Of the database.
pub async fn come_back_to(
    app: &App,
    provider: &str,
    id: Option<Uuid>,
    reference: Option<&str>,
) -> Result<Option<Order>, Error> {
    let mut conn = app.pool.get().await?;
    let id = match (id, reference) {
        (Some(id), _) => Some(id),
        (None, Some(reference)) => {
            let attempt = attempts::attempt_by_reference(&mut conn, provider, reference).await?;
            attempt.map(|attempt| attempt.order_id)
        }
        (None, None) => None,
    };
    let Some(id) = id else { return Ok(None) };
    Ok(orders::find(&mut conn, id).await?.filter(|order| order.provider == provider))
}
