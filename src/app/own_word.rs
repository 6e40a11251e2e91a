//! Moves by one operator alone (the own word): whether a move needs a second operator, and the record of those that do
//! not.

use uuid::Uuid;

use super::{App, Caller, Error};
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::money::{Money, MoneyError};
use crate::domain::own_word::{Move, MoveKind, counts_since};
use crate::domain::payment::Payment;
use crate::domain::permission::Permission;
use crate::storage::{Connection, clock, orders, own_word, wallet_credits};

/// Whether an operator may move this alone. If so, the move is recorded in the caller's transaction, which must then
/// carry it out. If not, a second operator is needed. Moves of one operator in one currency are decided one after the
/// other.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn is_enough(
    conn: &mut Connection,
    app: &App,
    caller: &Caller,
    kind: MoveKind,
    subject: Uuid,
    customer: &CustomerId,
    amount: Money,
) -> Result<bool, Error> {
    let currency = amount.currency();
    let amount = absolute(amount)?;
    let moved = Move { kind, subject, actor: caller.actor(), customer: customer.clone(), amount };
    own_word::lock_operator(conn, &moved.actor, currency).await?;
    let now = clock::now(conn).await?;
    let allowance = app.settings.own_word.of_operator(currency);
    let before = own_word::of_operator(conn, &moved.actor, currency, customer, counts_since(now), allowance).await?;
    if !allowance.covers(amount, before) {
        return Ok(false);
    }
    own_word::insert(conn, &moved, allowance, now).await?;
    Ok(true)
}

fn absolute(amount: Money) -> Result<Money, Error> {
    Money::new(amount.amount().abs(), amount.currency())
        .map_err(|_: MoneyError| Error::Internal("the absolute amount of an amount"))
}

/// Requires that an operator's permissions allow this gift to a customer: with `support` alone, up to the limit of
/// goodwill. What the operator gave in the last 24 hours counts.
///
/// # Errors
/// 403 `grant_above_limit`.
pub(in crate::app) async fn require_within_goodwill(
    conn: &mut Connection,
    app: &App,
    caller: &Caller,
    customer: &CustomerId,
    amount: Money,
) -> Result<(), Error> {
    if caller.permissions.contains(Permission::Finance) {
        return Ok(());
    }
    let (actor, currency) = (caller.actor(), amount.currency());
    let amount = absolute(amount)?;
    own_word::lock_operator(conn, &actor, currency).await?;
    let since = counts_since(clock::now(conn).await?);
    let allowance = app.settings.own_word.of_goodwill(currency);
    let before = own_word::of_operator(conn, &actor, currency, customer, since, allowance).await?;
    let most = match allowance.of_customer {
        Some(most) if !allowance.covers(amount, before) => most,
        _ => return Ok(()),
    };
    let given = before.of_customer;
    let detail = format!(
        "with the permission `support` you may grant {most} to one customer in 24 hours, and have granted {given}; \
         `finance` has no such limit"
    );
    Err(Error::Forbidden { code: Code::GrantAboveLimit, detail })
}

/// Requires that services may grant this to a customer now. For this customer the answer stays valid until the
/// transaction ends; grants in flight may exceed the limit for all customers together.
///
/// # Errors
/// 403 `grant_above_limit`.
pub(in crate::app) async fn require_service_may_grant(
    conn: &mut Connection,
    app: &App,
    customer: &CustomerId,
    amount: Money,
) -> Result<(), Error> {
    let currency = amount.currency();
    own_word::lock_customer(conn, customer, currency).await?;
    let since = counts_since(clock::now(conn).await?);
    let allowance = app.settings.own_word.of_services(currency);
    let before = own_word::of_services(conn, currency, customer, since, allowance).await?;
    if allowance.covers(amount, before) {
        return Ok(());
    }
    let said = |most: Option<Money>, before, whom| {
        most.map(|most| format!("services may grant {most} {whom} in 24 hours, and have granted {before}"))
    };
    let limits = [
        said(allowance.of_customer, before.of_customer, "to one customer"),
        said(allowance.in_all, before.in_all, "to all customers"),
    ];
    let detail = limits.into_iter().flatten().collect::<Vec<_>>().join("; ");
    Err(Error::Forbidden { code: Code::GrantAboveLimit, detail })
}

/// Records a grant of a service, at the time of its entry.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn record_service_grant(
    conn: &mut Connection,
    app: &App,
    moved: &Move,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<(), Error> {
    let allowance = app.settings.own_word.of_services(moved.amount.currency());
    own_word::insert(conn, moved, allowance, at).await?;
    Ok(own_word::add_to_minute(conn, moved.amount, at).await?)
}

/// Requires that a payment is not the operator's own money: neither the order that it names nor the customer that it
/// serves belongs to the operator.
///
/// # Errors
/// 403 `own_account`.
pub(super) async fn require_not_own_payment(
    conn: &mut Connection,
    caller: &Caller,
    payment: &Payment,
) -> Result<(), Error> {
    let named = match payment.order_id {
        Some(id) => orders::find(conn, id).await?.map(|order| order.customer),
        None => None,
    };
    let served = wallet_credits::customer_served(conn, payment.id).await?;
    for customer in named.iter().chain(&served) {
        caller.require_not_own(customer)?;
    }
    Ok(())
}
