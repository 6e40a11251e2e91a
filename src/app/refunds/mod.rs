//! Refunds: money of a completed order goes back through its channel.
//!
//! First the wallet is debited and that is committed. Then the provider is called with our refund id as its key. Each
//! statement of the provider is recorded in a transaction of its own: a failure gives the wallet its money back, once.
//! An unclear answer moves no money; [`ask_due`] asks again.

mod ask;
pub(in crate::app) mod book;
pub(in crate::app) mod closing;
mod end;
mod observe;
pub(in crate::app) mod parts;
pub(in crate::app) mod source;
pub(in crate::app) mod wallet_credit;

pub use ask::ask_due;
pub(in crate::app) use ask::send;
pub(in crate::app) use book::record_of_rest;
pub use observe::observe;
pub(in crate::app) use observe::{add_to_timeline, lock};

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use self::book::RefundUpdate;
use super::{App, Caller, Error, IdempotencyKey, Made, own_word, payouts, refund_requests};
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::own_word::MoveKind;
use crate::domain::page::{Page, Rows};
use crate::domain::payment::{Channel, Payment, ProviderName, RefundStatus};
use crate::domain::permission::Permission;
use crate::domain::refund::payment_left::PaymentLeft;
use crate::domain::refund::{Refund, RefundFilter, RefundState};
use crate::storage::transaction::transact;
use crate::storage::{Connection, StorageError, audit, clock, ledger, orders, payments, refunds, unapplied_decisions};

/// The refund that an operator requests.
#[derive(Debug, Clone)]
pub struct NewRefund {
    pub order_id: Uuid,
    /// What the payer gets, in the order's currency.
    pub amount: Decimal,
    pub reason: String,
    /// Allow the wallet to go into debt when its paid money is spent.
    pub override_balance: bool,
    /// Take what the order's wallet lacks from the main wallet and from products whose money may go back.
    pub from_products: bool,
}

/// Refunds a completed order. Above the threshold it is a proposal until a second operator approves it.
///
/// # Errors
/// 404; 409 `order_not_completed`, `not_refundable` or `refund_exceeds_payment`; 402 when the wallet's unheld paid
/// money is less than its share and `override_balance` is not set; 422 for an impossible amount.
#[tracing::instrument(name = "refunds.request", skip_all, fields(order = %new.order_id))]
pub async fn request(app: &App, caller: &Caller, new: &NewRefund, key: &IdempotencyKey) -> Result<Made<Refund>, Error> {
    let made = transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            return Ok(Made::again(id));
        }
        let (refund, customer) = make(conn, app, caller, new).await?;
        key.record_resource(conn, refund.id, &customer).await?;
        Ok::<_, Error>(Made::new(refund.id))
    })
    .await?;
    if !made.replayed {
        ask::send(app, made.value).await;
    }
    Ok(Made { value: get(app, Some(made.value)).await?, replayed: made.replayed })
}

/// Makes a refund in the caller's transaction, which must roll back on an error. A refund that needs no second operator
/// is sent afterwards, by [`send`]. An operator without the permission `finance` only proposes it.
///
/// # Errors
/// As [`request`].
pub(in crate::app) async fn make(
    conn: &mut Connection,
    app: &App,
    caller: &Caller,
    new: &NewRefund,
) -> Result<(Refund, CustomerId), Error> {
    let actor = caller.actor();
    let (mut order, taken) = refundable_order(conn, new.order_id, None).await?;
    let payment = &taken.payment;
    let amount = Money::positive(new.amount, order.currency())
        .and_then(Money::require_minor_unit)
        .map_err(|error| Error::field("/amount", error.code(), error.to_string()))?;
    caller.require_not_own(&order.customer)?;
    require_left(conn, &order, taken.left(), amount).await?;
    let now = clock::now(conn).await?;
    let mut refund = draft(new, &order, payment, amount, &actor, now);
    let is_enough = caller.permissions.contains(Permission::Finance)
        && own_word::is_enough(conn, app, caller, MoveKind::Refund, refund.id, &order.customer, amount).await?;
    refund.second_needed = !is_enough;
    if is_enough {
        mark_started(app, &mut refund, now);
    }
    refunds::insert(conn, &refund).await?;
    if is_enough {
        book::start(conn, Some(&order), payment, &mut refund).await?;
    }
    let action = if is_enough { "started" } else { "proposed" };
    let detail = format!("{}: {}", book::describe_refund(&refund), refund.reason);
    book::record_on_order(conn, &mut order, &format!("refund_{action}"), &actor, &detail).await?;
    audit(conn, &actor, action, &refund).await?;
    Ok((refund, order.customer))
}

/// Approves a proposed refund. The proposer cannot approve it.
///
/// # Errors
/// 404; 409 `refund_not_awaiting_approval`, `second_operator_needed`; as [`request`].
#[tracing::instrument(name = "refunds.approve", skip_all, fields(refund = %id))]
pub async fn approve(app: &App, caller: &Caller, id: Uuid, key: &IdempotencyKey) -> Result<Made<Refund>, Error> {
    let actor = caller.actor();
    let replayed = transact(&app.pool, async |conn| {
        if key.claim(conn).await?.is_some() {
            return Ok(true);
        }
        let missing = || Error::NotFound("refund");
        let known = refunds::find(conn, id).await?.ok_or_else(missing)?;
        require_awaiting_approval(&known)?;
        let order_id = known.order_id.ok_or(Error::Internal("an order for every proposed refund"))?;
        let (mut order, taken) = refundable_order(conn, order_id, Some(known.payment_id)).await?;
        caller.require_not_own(&order.customer)?;
        let mut refund = refunds::lock(conn, id).await?.ok_or(Error::Internal("the refund that was found before"))?;
        require_awaiting_approval(&refund)?;
        if refund.proposed_by == actor {
            return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must approve this refund"));
        }
        require_left(conn, &order, taken.left(), refund.amount).await?;
        refund.approved_by = Some(actor.clone());
        mark_started(app, &mut refund, clock::now(conn).await?);
        refunds::update(conn, &refund).await?;
        book::start(conn, Some(&order), &taken.payment, &mut refund).await?;
        refund_requests::follow(conn, &refund, &actor).await?;
        let detail = book::describe_refund(&refund);
        book::record_on_order(conn, &mut order, "refund_approved", &actor, &detail).await?;
        audit(conn, &actor, "approved", &refund).await?;
        key.record_resource(conn, id, &order.customer).await?;
        Ok::<_, Error>(false)
    })
    .await?;
    if !replayed {
        ask::send(app, id).await;
    }
    Ok(Made { value: get(app, Some(id)).await?, replayed })
}

fn require_awaiting_approval(refund: &Refund) -> Result<(), Error> {
    if refund.state == RefundState::AwaitingSecondApproval {
        return Ok(());
    }
    Err(Error::conflict(Code::RefundNotAwaitingApproval, format!("the refund is {}", refund.state)))
}

/// Rejects a proposed refund, records that a refund by bank transfer did not arrive, or ends one that its provider
/// refuses for good. The wallet gets back what it gave. Repeating it changes nothing.
///
/// # Errors
/// 404; 409 `refund_not_rejectable` while the provider decides about the refund; 409 `refund_moved_on` when the
/// provider has made it after all; 409 `second_operator_needed` for the operator who sends the money by bank transfer.
/// Errors of the provider, which is asked before a refund is ended.
#[tracing::instrument(name = "refunds.reject", skip_all, fields(refund = %id))]
pub async fn reject(app: &App, caller: &Caller, id: Uuid, reason: &str) -> Result<Refund, Error> {
    let refund = get(app, Some(id)).await?;
    let is_over = refund.state == RefundState::Failed;
    let is_proposal = refund.state == RefundState::AwaitingSecondApproval;
    if !is_proposal && !is_over && is_sent_by_provider(app, &refund) && !was_sent_by_hand(app, &refund).await? {
        end::ask_before_ending(app, &refund).await?;
    }
    let update =
        RefundUpdate { status: RefundStatus::Failed, provider_refund_id: None, reason: Some(reason.to_owned()) };
    settle_by_hand(app, caller, &refund, &update, "rejected").await
}

/// Records that the bank transfer of a refund was sent. Repeating it changes nothing.
///
/// # Errors
/// 404; 409 `refund_not_by_hand` when the provider sends it, `refund_moved_on`, `bank_transaction_used`.
#[tracing::instrument(name = "refunds.mark_sent", skip_all, fields(refund = %id))]
pub async fn mark_sent(app: &App, caller: &Caller, id: Uuid, bank_transaction_id: &str) -> Result<Refund, Error> {
    let refund = get(app, Some(id)).await?;
    if is_sent_by_provider(app, &refund) {
        return Err(Error::conflict(Code::RefundNotByHand, format!("{} sends this refund itself", refund.provider)));
    }
    let known = {
        let mut conn = app.pool.get().await?;
        refunds::by_provider_id(&mut conn, refund.provider, bank_transaction_id).await?
    };
    match known {
        Some(known) if known.id != id => {
            Err(Error::conflict(Code::BankTransactionUsed, "this bank transaction belongs to another refund"))
        }
        Some(known) if known.state == RefundState::Succeeded => Ok(known),
        _ => {
            let update = RefundUpdate {
                status: RefundStatus::Succeeded,
                provider_refund_id: Some(bank_transaction_id.to_owned()),
                reason: None,
            };
            settle_by_hand(app, caller, &refund, &update, "sent").await
        }
    }
}

/// Requires that the operator who sends the money does not also say that it did not arrive: the customer would have it
/// twice. If two operators were involved, the other operator can always say so.
fn require_another_operator(app: &App, refund: &Refund, actor: &str) -> Result<(), Error> {
    let by = refund.approved_by.as_ref().unwrap_or(&refund.proposed_by);
    if app.settings.own_word.any_threshold() && by == actor {
        let detail = "you sent this refund; another operator must say that it did not arrive";
        return Err(Error::conflict(Code::SecondOperatorNeeded, detail));
    }
    Ok(())
}

/// Records what an operator says about a refund. `seen` is the refund that the decision was based on. If it was
/// approved, or its provider has made it, since then, the decision is void, so that nobody gets the money twice.
async fn settle_by_hand(
    app: &App,
    caller: &Caller,
    seen: &Refund,
    update: &RefundUpdate,
    action: &str,
) -> Result<Refund, Error> {
    let (actor, id) = (caller.actor(), seen.id);
    transact(&app.pool, async |conn| {
        let (mut order, payment, mut refund) = book::lock_with_order(conn, id).await?;
        if let Some(customer) = &refund.customer {
            caller.require_not_own(customer)?;
        }
        own_word::require_not_own_payment(conn, caller, &payment).await?;
        let is_failure = update.status == RefundStatus::Failed;
        if refund.state == RefundState::Failed && is_failure {
            return Ok(());
        }
        let by_hand = unapplied_decisions::was_by_hand(conn, &refund).await?;
        let was_made = is_sent_by_provider(app, &refund) && !by_hand && refund.provider_refund_id.is_some();
        if refund.state != seen.state || is_failure && was_made {
            return Err(Error::conflict(Code::RefundMovedOn, format!("the refund is {}", refund.state)));
        }
        let goes_by_hand = by_hand || !is_sent_by_provider(app, &refund) || refund.state == RefundState::Succeeded;
        if is_failure && refund.state.is_in_force() && goes_by_hand {
            require_another_operator(app, &refund, &actor)?;
        }
        // A proposal leaves its state by approval or rejection only.
        let is_proposal = refund.state == RefundState::AwaitingSecondApproval;
        if is_proposal && !is_failure || !refund.state.may_become(RefundState::from(update.status)) {
            return Err(Error::conflict(Code::RefundMovedOn, format!("the refund is {}", refund.state)));
        }
        if let (ProviderName::BankTransfer, Some(transfer)) = (refund.provider, &update.provider_refund_id) {
            payouts::require_free_transfer(conn, id, transfer).await?;
        }
        book::record_update_locked(conn, order.as_mut(), &payment, &mut refund, update, &actor).await?;
        refund_requests::follow(conn, &refund, &actor).await?;
        audit(conn, &actor, action, &refund).await
    })
    .await?;
    get(app, Some(id)).await
}

/// Reads a refund.
///
/// # Errors
/// 404.
pub async fn get(app: &App, id: Option<Uuid>) -> Result<Refund, Error> {
    let missing = || Error::NotFound("refund");
    let mut conn = app.pool.get().await?;
    refunds::find(&mut conn, id.ok_or_else(missing)?).await?.ok_or_else(missing)
}

/// A page of refunds, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &RefundFilter, page: &Page) -> Result<Rows<Refund>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(refunds::list(&mut conn, filter, page).await?)
}

/// Locks a completed order and the payment that a refund of it takes: the given one, or else the next.
async fn refundable_order(
    conn: &mut Connection,
    id: Uuid,
    payment: Option<Uuid>,
) -> Result<(Order, PaymentLeft), Error> {
    let order = orders::lock(conn, id).await?.ok_or(Error::NotFound("order"))?;
    if order.status() != OrderStatus::Completed {
        let detail = format!("only a completed order is refunded; this one is {}", order.status());
        return Err(Error::conflict(Code::OrderNotCompleted, detail));
    }
    if order.channel == Channel::Balance {
        let detail = "this order was paid from the wallet; transfer the money back instead";
        return Err(Error::conflict(Code::NotRefundable, detail));
    }
    let corrupt = || StorageError::Corrupt(format!("completed order {id} without a payment"));
    let reversed = || Error::conflict(Code::ApprovalReversed, "the approval of this order has been reversed");
    let lefts = parts::lefts(conn, &order).await?;
    let taken = match payment {
        None => PaymentLeft::next(lefts),
        Some(id) => lefts.into_iter().find(|left| left.payment.id == id),
    };
    let taken = taken.ok_or_else(reversed)?;
    // Another order that it serves may have been refunded meanwhile.
    let payment = payments::lock_by_id(conn, taken.payment.id).await?.ok_or_else(corrupt)?;
    Ok((order, PaymentLeft { payment, ..taken }))
}

async fn require_left(
    conn: &mut Connection,
    order: &Order,
    left_of_payment: Money,
    amount: Money,
) -> Result<(), Error> {
    let bonus = ledger::bonus_of_order(conn, order).await?;
    let returned = refunds::returned_so_far(conn, order).await?.with_bonus(bonus);
    let left = returned.refundable(order, left_of_payment);
    if amount <= left {
        return Ok(());
    }
    let disputed = if returned.disputed.is_zero() { "" } else { "; disputed money is not refunded" };
    let spent = if returned.bonus_spent.is_zero() { "" } else { "; spent bonus is deducted" };
    Err(Error::conflict(
        Code::RefundExceedsPayment,
        format!("{left} of this order's payment is left to refund{disputed}{spent}"),
    ))
}

fn draft(new: &NewRefund, order: &Order, payment: &Payment, amount: Money, actor: &str, now: DateTime<Utc>) -> Refund {
    Refund {
        id: Uuid::now_v7(),
        order_id: Some(order.id),
        payment_id: payment.id,
        customer: Some(order.customer.clone()),
        provider: payment.provider,
        provider_refund_id: None,
        amount,
        from_unapplied: Money::zero(order.currency()),
        from_wallet: Money::zero(order.currency()),
        wallet_taken: Money::zero(order.currency()),
        debited: Money::zero(order.currency()),
        bonus_taken: Money::zero(order.currency()),
        state: RefundState::AwaitingSecondApproval,
        reason: new.reason.clone(),
        failure: None,
        ours: true,
        override_balance: new.override_balance,
        from_products: new.from_products,
        closing_id: None,
        proposed_by: actor.to_owned(),
        approved_by: None,
        second_needed: true,
        created_at: now,
        started_at: None,
        updated_at: now,
        ask_at: None,
        asked: 0,
    }
}

/// Makes a refund pending. If this process stops before it calls the provider, [`ask_due`] calls it later.
fn mark_started(app: &App, refund: &mut Refund, now: DateTime<Utc>) {
    refund.state = RefundState::Pending;
    refund.started_at = Some(now);
    refund.updated_at = now;
    refund.ask_at = is_sent_by_provider(app, refund).then(|| now + Duration::seconds(i64::from(ask::LEASE_SECONDS)));
}

/// Whether the provider sends the money. People send bank transfers. If a provider is not configured at the moment, the
/// refund is sent later.
fn is_sent_by_provider(app: &App, refund: &Refund) -> bool {
    app.providers.by_name(refund.provider).is_none_or(|provider| provider.capabilities().can_refund)
}

/// Whether an operator sent it in place of its provider.
async fn was_sent_by_hand(app: &App, refund: &Refund) -> Result<bool, Error> {
    Ok(unapplied_decisions::was_by_hand(&mut *app.pool.get().await?, refund).await?)
}

async fn audit(conn: &mut Connection, actor: &str, action: &str, refund: &Refund) -> Result<(), Error> {
    let detail = json!({
        "order_id": refund.order_id.map(|id| IdKind::TopUpOrder.show(id)),
        "amount": refund.amount.amount().normalize().to_string(),
        "currency": refund.amount.currency().code(),
        "failure": refund.failure,
        "override_balance": refund.override_balance,
        "from_products": refund.from_products,
        "debited": refund.money_taken().amount().normalize().to_string(),
    });
    let target = format!("refund:{}", IdKind::Refund.show(refund.id));
    let record = AuditRecord::new(actor, &format!("refund.{action}"), target).because(&refund.reason).to(detail);
    Ok(audit::write(conn, &AuditRecord { customer: refund.customer.clone(), ..record }).await?)
}
