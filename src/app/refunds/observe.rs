//! Providers' statements about refunds that we did not ask for.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::book::{self, RefundUpdate};
use super::wallet_credit;
use crate::app::ownership::{self, PaymentOwner};
use crate::app::settlement::recording::lock_orders;
use crate::app::{App, Error, disputes, settlement};
use crate::domain::actor::Actor;
use crate::domain::code::Code;
use crate::domain::division::TakenShare;
use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::domain::payment::{NotificationOutcome, Payment, ProviderName, RefundFact, RefundStatus};
use crate::domain::refund::{Refund, RefundState};
use crate::domain::take_back::TakeBackId;
use crate::storage::transaction::transact;
use crate::storage::{Connection, applications, clock, orders, payments, refunds};

/// Records a verified statement about a refund. A refund that we do not know was started at the provider's dashboard.
/// It is adopted, and the wallet gives for it, even into debt.
///
/// # Errors
/// 503 when the provider should send it again: it cannot be asked about an unknown payment at the moment, or the refund
/// may be our own, with an id at the provider that is not known yet.
#[tracing::instrument(name = "refunds.observe", skip_all, fields(provider = %provider, refund = fact.refund_id))]
pub async fn observe(
    app: &App,
    provider: ProviderName,
    fact: &RefundFact,
    stated_at: Option<DateTime<Utc>>,
) -> Result<NotificationOutcome, Error> {
    let actor = Actor::Provider(provider).to_string();
    let known = {
        let mut conn = app.pool.get().await?;
        find(&mut conn, provider, fact).await?
    };
    let refund = match known {
        Some(refund) => refund,
        None => match adopt(app, provider, fact, stated_at, &actor).await? {
            Adopted::Done(outcome) => return Ok(outcome),
            Adopted::KnownMeanwhile(refund) => *refund,
        },
    };
    // An adopted refund may be smaller than the statement: it is limited to what was left of the payment.
    let is_same = refund.amount == fact.amount;
    if refund.ours && !is_same {
        tracing::error!(refund = %refund.id, stated = %fact.amount,
            "The provider states another amount for our refund");
        return Ok(NotificationOutcome::AmountMismatch);
    }
    let changed = book::record_update(app, refund.id, &update(fact), &actor).await?;
    Ok(if changed { NotificationOutcome::Recorded } else { NotificationOutcome::AlreadySettled })
}

fn update(fact: &RefundFact) -> RefundUpdate {
    RefundUpdate { status: fact.status, provider_refund_id: Some(fact.refund_id.clone()), reason: fact.reason.clone() }
}

async fn find(conn: &mut Connection, provider: ProviderName, fact: &RefundFact) -> Result<Option<Refund>, Error> {
    let ours = match fact.our_refund_id {
        Some(id) => refunds::find(conn, id).await?.filter(|refund| refund.provider == provider),
        None => None,
    };
    match ours {
        // We understood an answer as a refusal and gave the wallet its money back, but the refund was made. Now it
        // counts as a new refund.
        Some(refused) if refused.was_given_up() && fact.status != RefundStatus::Failed => {
            Ok(refunds::by_provider_id(conn, provider, &fact.refund_id).await?)
        }
        Some(refund) => Ok(Some(refund)),
        None => Ok(refunds::by_provider_id(conn, provider, &fact.refund_id).await?),
    }
}

enum Adopted {
    Done(NotificationOutcome),
    /// Another notification has recorded the refund meanwhile.
    KnownMeanwhile(Box<Refund>),
}

async fn adopt(
    app: &App,
    provider: ProviderName,
    fact: &RefundFact,
    stated_at: Option<DateTime<Utc>>,
    actor: &str,
) -> Result<Adopted, Error> {
    let payment_id = match ownership::of_payment(app, provider, fact.payment_id.as_deref()).await? {
        PaymentOwner::Ours(id) => id,
        PaymentOwner::Foreign => return Ok(Adopted::Done(NotificationOutcome::Foreign)),
        PaymentOwner::Unnamed => return Ok(Adopted::Done(NotificationOutcome::UnknownOrder)),
    };
    transact(&app.pool, async |conn| {
        let (order, payment) = lock(conn, payment_id).await?;
        if let Some(known) = find(conn, provider, fact).await? {
            return Ok(Adopted::KnownMeanwhile(Box::new(known)));
        }
        adopt_locked(conn, order, &payment, fact, stated_at, actor).await.map(Adopted::Done)
    })
    .await
}

/// Locks the order that a payment completed, if there is one, and the order that the payment names, which may end when
/// the money goes back. Then locks the payment. Returns the first order.
///
/// # Errors
/// 503 when the payment was applied to an order in between.
pub(in crate::app) async fn lock(conn: &mut Connection, payment_id: Uuid) -> Result<(Option<Order>, Payment), Error> {
    let served = applications::order_served(conn, payment_id).await?;
    let order = lock_orders(conn, served, payment_id).await?.filter(|_| served.is_some());
    let payment =
        payments::lock_by_id(conn, payment_id).await?.ok_or(Error::Internal("a payment that was found before"))?;
    if order.is_none() && applications::order_served(conn, payment_id).await?.is_some() {
        return Err(try_again("the payment was applied to an order just now"));
    }
    Ok((order, payment))
}

fn try_again(detail: &str) -> Error {
    Error::Unavailable { code: Code::TryAgain, detail: detail.to_owned(), retry_after_seconds: 60 }
}

/// Records a refund that was started at the provider. The caller holds the locks of order and payment.
async fn adopt_locked(
    conn: &mut Connection,
    mut order: Option<Order>,
    payment: &Payment,
    fact: &RefundFact,
    stated_at: Option<DateTime<Utc>>,
    actor: &str,
) -> Result<NotificationOutcome, Error> {
    if fact.reversal {
        return disputes::reversed(conn, order, payment, fact, stated_at, actor).await;
    }
    if refunds::has_unnamed(conn, payment.id, fact.amount).await? {
        return Err(try_again("this may be our own refund, which is being sent"));
    }
    let failed = fact.status == RefundStatus::Failed;
    let left = if failed { payment.amount } else { payment.amount - payment.refunded };
    let is_left = fact.amount.currency() == payment.currency() && fact.amount.min(left).is_positive();
    if !is_left {
        let detail = format!("{} was refunded at the provider, which is more than is left of the payment", fact.amount);
        tracing::warn!(payment = %payment.id, refund = fact.refund_id, detail, "A refund cannot be explained");
        // A list is read again and again, so its statements would fill the timeline. A notification arrives once.
        if stated_at.is_some() {
            add_to_timeline(conn, order.as_ref(), payment, "refund_unexplained", actor, &detail).await?;
        }
        return Ok(NotificationOutcome::AmountMismatch);
    }
    let amount = fact.amount.min(left);
    let now = clock::now(conn).await?;
    let mut refund = started_at_provider(order.as_ref(), payment, fact, amount, actor, now);
    let new = TakenShare::new(TakeBackId::Refund(refund.id), order.is_some(), amount, true, now);
    let divided = wallet_credit::divide(conn, payment, new.id, (!failed).then_some(new)).await?;
    if let Some((parts, customer)) = divided {
        (refund.from_unapplied, refund.from_wallet) = (parts.from_unapplied, parts.from_wallet);
        refund.customer = refund.customer.or(customer.filter(|_| parts.from_wallet.is_positive()));
    }
    refunds::insert(conn, &refund).await?;
    if !failed {
        book::start(conn, order.as_ref(), payment, &mut refund).await?;
    }
    let beyond = if amount < fact.amount { format!(", stated as {}", fact.amount) } else { String::new() };
    match &mut order {
        Some(order) => {
            let detail = format!("{}, {}{beyond}", book::describe_refund(&refund), refund.state);
            book::record_on_order(conn, order, "refund_adopted", actor, &detail).await?;
        }
        None => {
            add_to_timeline(conn, None, payment, "payment_refunded", actor, &fact.amount.to_string()).await?;
        }
    }
    if !failed {
        settlement::end_if_returned(conn, payment, actor).await?;
    }
    Ok(NotificationOutcome::Recorded)
}

/// The refund that a provider states, before it is divided.
fn started_at_provider(
    order: Option<&Order>,
    payment: &Payment,
    fact: &RefundFact,
    amount: Money,
    actor: &str,
    now: DateTime<Utc>,
) -> Refund {
    let zero = Money::zero(amount.currency());
    let mut refund = Refund {
        id: Uuid::now_v7(),
        order_id: order.map(|order| order.id),
        payment_id: payment.id,
        customer: order.map(|order| order.customer.clone()),
        provider: payment.provider,
        provider_refund_id: Some(fact.refund_id.clone()),
        amount,
        from_unapplied: if order.is_some() { zero } else { amount },
        from_wallet: zero,
        debited: zero,
        wallet_taken: zero,
        bonus_taken: zero,
        state: RefundState::from(fact.status),
        reason: "started at the provider".to_owned(),
        failure: fact.reason.clone().filter(|_| fact.status == RefundStatus::Failed),
        ours: false,
        override_balance: false,
        from_products: false,
        closing_id: None,
        proposed_by: actor.to_owned(),
        approved_by: None,
        second_needed: false,
        created_at: now,
        started_at: Some(now),
        updated_at: now,
        ask_at: Some(now),
        asked: 0,
    };
    refund.ask_at = refund.next_question_at(now);
    refund
}

/// Adds a line to the timeline of the order that a payment completed, or else of the order that it names.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn add_to_timeline(
    conn: &mut Connection,
    order: Option<&Order>,
    payment: &Payment,
    event: &str,
    actor: &str,
    detail: &str,
) -> Result<(), Error> {
    let named = match (order, payment.order_id) {
        (None, Some(id)) => orders::find(conn, id).await?,
        _ => None,
    };
    if let Some(order) = order.or(named.as_ref()) {
        orders::add_to_timeline(conn, order, event, actor, Some(detail)).await?;
    }
    Ok(())
}
