//! Reading orders, for their customers and for operators.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::settlement::{self, EvidenceSource};
use crate::app::{App, Caller, Error, refunds, take_back_search};
use crate::domain::adjustment::Adjustment;
use crate::domain::approval::Approval;
use crate::domain::attempt::{Attempt, AttemptStatus, NextAction};
use crate::domain::business_days::VerificationAge;
use crate::domain::catalogue::AccountVersion;
use crate::domain::customer::CustomerId;
use crate::domain::money::Money;
use crate::domain::order::{Order, OrderFilter, OrderStatus, TimelineEntry};
use crate::domain::page::{Page, Rows};
use crate::domain::payment::{Channel, OrderPayment, ProviderName};
use crate::domain::remitter::{self, RemitterCheck};
use crate::domain::transfer_slip::TransferSlip;
use crate::storage::catalogue::bank_account_changes;
use crate::storage::{
    Connection, adjustments, approvals, attempts, billing_profiles, clock, order_lists, order_payments, orders,
    payments, transfer_slips,
};

/// An order with its timeline and what its payer has to do next.
#[derive(Debug, Clone)]
pub struct OrderView {
    pub order: Order,
    /// `None` once the payer has nothing to do.
    pub next_action: Option<NextAction>,
    /// The order's id at PayPal, for the buttons of PayPal's JavaScript SDK; `None` if the next action is not at
    /// PayPal.
    pub paypal_order_id: Option<String>,
    pub timeline: Vec<TimelineEntry>,
    /// What operators stated about a bank transfer. Only they see it.
    pub approval: Option<Approval>,
    /// The reversal of that approval, proposed or booked. Only operators see it.
    pub reversal: Option<Adjustment>,
    /// How much has arrived for an order that waits for the rest: a sum for each currency.
    pub arrived: Vec<Money>,
    /// The payments that name the order or serve it. Only operators see them.
    pub payments: Vec<OrderPayment>,
    /// The most that the payer would get by a refund now; `None` for an order that cannot be refunded.
    pub refundable: Option<Money>,
    /// The remitter of a bank transfer compared with the billing profile; `None` if there is nothing to compare.
    pub remitter_check: Option<RemitterCheck>,
    /// The proofs of a bank transfer.
    pub slips: Vec<TransferSlip>,
}

/// Reads an order with its timeline. A customer reads only the customer's own orders. Services and operators who name
/// no customer read any order.
///
/// # Errors
/// 404 when the order does not exist or belongs to another customer.
pub async fn get(
    app: &App,
    caller: &Caller,
    customer: Option<&CustomerId>,
    id: Option<Uuid>,
) -> Result<OrderView, Error> {
    let mut conn = app.pool.get().await?;
    let order = owned(&mut conn, caller, customer, id).await?;
    if caller.is_operator { view_for_operator(&mut conn, order).await } else { view(&mut conn, order).await }
}

/// Reads an order for a caller who may see it.
///
/// # Errors
/// 404 when the order does not exist or belongs to another customer.
pub async fn owned(
    conn: &mut Connection,
    caller: &Caller,
    customer: Option<&CustomerId>,
    id: Option<Uuid>,
) -> Result<Order, Error> {
    let missing = || Error::NotFound("order");
    let order = orders::find(conn, id.ok_or_else(missing)?).await?.ok_or_else(missing)?;
    let theirs = if caller.is_staff() && customer.is_none() {
        true
    } else {
        caller.customer(customer.cloned()).map_err(|_| missing())? == order.customer
    };
    if theirs { Ok(order) } else { Err(missing()) }
}

/// Our bank account to which an order is paid, in the version that its payer was shown.
pub(super) async fn version_of(conn: &mut Connection, order: &Order) -> Result<Option<AccountVersion>, Error> {
    let Some((account, version)) = order.bank_account_id.zip(order.bank_account_version) else { return Ok(None) };
    Ok(bank_account_changes::version(conn, account, version).await?)
}

/// Adds next action and timeline to an order, as its customer may see them.
///
/// # Errors
/// Database errors.
pub async fn view(conn: &mut Connection, order: Order) -> Result<OrderView, Error> {
    let view = whole_view(conn, order).await?;
    let timeline = view.timeline.into_iter().filter_map(TimelineEntry::for_customer).collect();
    let slips = view.slips.into_iter().map(TransferSlip::for_customer).collect();
    Ok(OrderView { timeline, slips, ..view })
}

async fn whole_view(conn: &mut Connection, order: Order) -> Result<OrderView, Error> {
    let attempt = attempts::last(conn, order.id).await?;
    let timeline = orders::timeline(conn, order.id).await?;
    let next_action = next_action(&order, attempt.as_ref());
    let paypal_order_id = attempt.filter(|_| next_action.is_some()).and_then(|attempt| paypal_order(&attempt));
    let refundable = refunds::parts::at_most(conn, &order).await?;
    let arrived = if order.is_short() { payments::rest_of_order(conn, order.id).await? } else { Vec::new() };
    let (approval, reversal, payments) = (None, None, Vec::new());
    let (mut remitter_check, mut slips) = (None, Vec::new());
    if let Some(remitter) = &order.remitter {
        let profile = billing_profiles::find(conn, &order.customer).await?;
        remitter_check = profile.map(|profile| remitter::check(&remitter.name, &profile));
        slips = transfer_slips::of_order(conn, order.id).await?;
    }
    Ok(OrderView {
        order,
        next_action,
        paypal_order_id,
        timeline,
        approval,
        reversal,
        arrived,
        payments,
        refundable,
        remitter_check,
        slips,
    })
}

/// The view with the payments, with what operators stated about a bank transfer, and with the complete timeline.
///
/// # Errors
/// Database errors.
pub async fn view_for_operator(conn: &mut Connection, order: Order) -> Result<OrderView, Error> {
    let payments = order_payments::list(conn, order.id).await?;
    let view = OrderView { payments, ..whole_view(conn, order).await? };
    if view.order.channel != Channel::BankTransfer {
        return Ok(view);
    }
    let approval = approvals::find(conn, &view.order).await?;
    let reversal = adjustments::of_order(conn, view.order.id).await?;
    Ok(OrderView { approval, reversal, ..view })
}

/// What the payer has to do next. Nothing while the money is on its way, and nothing for a closed order.
#[must_use]
pub fn next_action(order: &Order, attempt: Option<&Attempt>) -> Option<NextAction> {
    let attempt = attempt.filter(|attempt| order.awaits_payer() && attempt.status == AttemptStatus::Open)?;
    attempt.next_action.clone()
}

/// What the payers of listed orders have to do next, by the id of the order.
///
/// # Errors
/// Database errors.
pub async fn next_steps(app: &App, listed: &[Order]) -> Result<HashMap<Uuid, NextStep>, Error> {
    let waiting: Vec<&Order> = listed.iter().filter(|order| order.awaits_payer()).collect();
    if waiting.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = waiting.iter().map(|order| order.id).collect();
    let mut conn = app.pool.get().await?;
    let attempts = attempts::last_of_each(&mut conn, &ids).await?;
    let (mut steps, mut accounts) = (HashMap::new(), HashMap::new());
    for order in waiting {
        let attempt = attempts.iter().find(|attempt| attempt.order_id == order.id);
        let Some(action) = next_action(order, attempt) else { continue };
        // Most orders of a page name the same account.
        let known = order.bank_account_id.zip(order.bank_account_version);
        let account = match known.filter(|_| matches!(action, NextAction::BankTransfer)) {
            None => None,
            Some(version) if accounts.contains_key(&version) => accounts.get(&version).cloned(),
            Some(version) => {
                let found = version_of(&mut conn, order).await?;
                accounts.extend(found.clone().map(|found| (version, found)));
                found
            }
        };
        let paypal_order_id = attempt.and_then(paypal_order);
        steps.insert(order.id, NextStep { action, paypal_order_id, account });
    }
    Ok(steps)
}

/// The id of the order that an attempt has made at PayPal.
fn paypal_order(attempt: &Attempt) -> Option<String> {
    attempt.provider_reference.clone().filter(|_| attempt.provider == ProviderName::PayPal)
}

/// What a payer has to do next.
#[derive(Debug, Clone)]
pub struct NextStep {
    pub action: NextAction,
    pub paypal_order_id: Option<String>,
    /// The bank account that the payer was shown, for a bank transfer.
    pub account: Option<AccountVersion>,
}

/// The provider's page on which the payer of a declined order can try again. `None` for any other order.
///
/// # Errors
/// Database errors.
pub async fn page_to_try_again(app: &App, id: Uuid) -> Result<Option<String>, Error> {
    let mut conn = app.pool.get().await?;
    let Some(order) = orders::find(&mut conn, id).await?.filter(Order::was_declined) else { return Ok(None) };
    let attempt = attempts::last(&mut conn, id).await?;
    Ok(match next_action(&order, attempt.as_ref()) {
        Some(NextAction::Redirect { url }) => Some(url),
        _ => None,
    })
}

/// A page of orders, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &OrderFilter, page: &Page) -> Result<Rows<Order>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(order_lists::list(&mut conn, filter, page).await?)
}

/// How many orders a list has, at most `most`.
///
/// # Errors
/// Database errors.
pub async fn count(app: &App, filter: &OrderFilter, most: i64) -> Result<i64, Error> {
    let mut conn = app.pool.get().await?;
    Ok(order_lists::count(&mut conn, filter, most).await?)
}

/// The database's time, which decides what is overdue.
///
/// # Errors
/// Database errors.
pub async fn now(app: &App) -> Result<DateTime<Utc>, Error> {
    Ok(clock::now(&mut *app.pool.get().await?).await?)
}

/// How long a bank transfer has waited for its verification; `None` for an order that does not wait for one.
#[must_use]
pub fn verification(app: &App, order: &Order, now: DateTime<Utc>) -> Option<VerificationAge> {
    let waits = order.channel == Channel::BankTransfer && order.status() == OrderStatus::Pending;
    waits.then(|| app.settings.verification.age(order.created_at, now))
}

/// Asks the provider about an order now. For a bank transfer nothing changes, because only an operator knows. For an
/// operator, the provider is also asked for the refunds and disputes of a completed order.
///
/// # Errors
/// 404; errors of the provider.
pub async fn verify(
    app: &App,
    caller: &Caller,
    customer: Option<&CustomerId>,
    id: Option<Uuid>,
) -> Result<OrderView, Error> {
    let order = {
        let mut conn = app.pool.get().await?;
        owned(&mut conn, caller, customer, id).await?
    };
    let source = if caller.is_operator { EvidenceSource::AnswerToOperator } else { EvidenceSource::Answer };
    settlement::settle(app, order.id, source, &caller.actor()).await?;
    // A completed order stays completed, but its money may have been taken back without a notification.
    if caller.is_operator {
        take_back_search::ask_about_order(app, &order).await?;
    }
    get(app, caller, customer, id).await
}

/// The order whose payer's browser returns, found by its id or by the provider's reference. It must be an order
/// of this provider.
///
/// # Errors
/// Database errors.
pub async fn returned_to(
    app: &App,
    provider: ProviderName,
    id: Option<Uuid>,
    reference: Option<&str>,
) -> Result<Option<Order>, Error> {
    let mut conn = app.pool.get().await?;
    let id = match (id, reference) {
        (Some(id), _) => Some(id),
        (None, Some(reference)) => {
            let attempt = attempts::by_reference(&mut conn, provider, reference).await?;
            attempt.map(|attempt| attempt.order_id)
        }
        (None, None) => None,
    };
    let Some(id) = id else { return Ok(None) };
    Ok(orders::find(&mut conn, id).await?.filter(|order| order.provider == provider))
}
