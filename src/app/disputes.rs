//! Disputes (chargebacks). While a dispute is open or lost, the customer's wallets have given the disputed money or owe
//! it. When it is won, they get the money back, once. A setting makes a dispute take the money only when it is lost.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ownership::{self, PaymentOwner};
use super::refunds::book;
use super::refunds::source::{TakeBackMode, TakeBackSource};
use super::refunds::{add_to_timeline, lock, wallet_credit};
use super::{App, Error, settlement};
use crate::domain::actor::Actor;
use crate::domain::dispute::{Dispute, DisputeFilter};
use crate::domain::division::TakenShare;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::domain::page::{Page, Rows};
use crate::domain::payment::{DisputeFact, DisputeStatus, NotificationOutcome, Payment, ProviderName, RefundFact};
use crate::domain::take_back::{Reach, TakeBackId};
use crate::storage::transaction::transact;
use crate::storage::{Connection, clock, dispute_cases, disputes, payments};

/// Records a verified statement about a dispute.
///
/// # Errors
/// 503 when the provider should send it again: it cannot be asked about an unknown payment at the moment.
#[tracing::instrument(name = "disputes.observe", skip_all, fields(provider = %provider, dispute = fact.dispute_id))]
pub async fn observe(app: &App, provider: ProviderName, fact: &DisputeFact) -> Result<NotificationOutcome, Error> {
    let actor = Actor::Provider(provider).to_string();
    // Lost money is taken whatever the setting says.
    let charged = app.settings.disputes_take_at_once || fact.status == DisputeStatus::Lost;
    let payment_id = match ownership::of_payment(app, provider, fact.payment_id.as_deref()).await? {
        PaymentOwner::Ours(id) => id,
        PaymentOwner::Foreign => return Ok(NotificationOutcome::Foreign),
        PaymentOwner::Unnamed => return Ok(NotificationOutcome::UnknownOrder),
    };
    transact(&app.pool, async |conn| {
        let (order, payment) = lock(conn, payment_id).await?;
        // Nothing is booked, but an operator may want to answer, or to refund before it becomes a dispute.
        if fact.inquiry {
            let why = fact.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            let detail = format!("the payer's bank asks about {}{why}", fact.amount);
            add_to_timeline(conn, order.as_ref(), &payment, "payment_questioned", &actor, &detail).await?;
            return Ok(NotificationOutcome::Recorded);
        }
        let outcome = match disputes::lock(conn, provider, &fact.dispute_id).await? {
            Some(known) => follow(conn, order, &payment, known, fact, &actor).await?,
            None => match awaiting_id(conn, &payment).await? {
                Some(reversal) => give_id(conn, order, &payment, reversal, fact, &actor).await?,
                None => open(conn, order, &payment, fact, (false, charged), &actor).await?,
            },
        };
        dispute_cases::note(conn, provider, fact).await?;
        Ok(outcome)
    })
    .await
}

/// Records a verified statement that the provider took a payment back by itself. That is the disputed money. If the
/// dispute is known, the wallet has given it already. If not, it is recorded as a lost dispute that awaits its id.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn reversed(
    conn: &mut Connection,
    order: Option<Order>,
    payment: &Payment,
    fact: &RefundFact,
    stated_at: Option<DateTime<Utc>>,
    actor: &str,
) -> Result<NotificationOutcome, Error> {
    let known = disputes::of_payment(conn, payment.id).await?.into_iter().next();
    if let Some(open) = known.clone().filter(|known| known.status == DisputeStatus::Open && !known.charged) {
        // The wallets have given nothing for it yet, and the money is gone.
        let lost = lost_by(fact, open.dispute_id.clone());
        return follow(conn, order, payment, open, &lost, actor).await;
    }
    let is_covered = match &known {
        // The statement is older than the outcome of the won dispute; it only arrived later.
        Some(known) if known.status == DisputeStatus::Won => stated_at.is_some_and(|at| at <= known.updated_at),
        Some(_) => true,
        None => false,
    };
    if is_covered {
        add_to_timeline(conn, order.as_ref(), payment, "dispute_reversed", actor, &fact.amount.to_string()).await?;
        return Ok(NotificationOutcome::Recorded);
    }
    let lost = lost_by(fact, format!("reversal:{}", fact.refund_id));
    open(conn, order, payment, &lost, (true, true), actor).await
}

/// The dispute that the provider's reversal has decided against us.
fn lost_by(reversal: &RefundFact, dispute_id: String) -> DisputeFact {
    DisputeFact {
        dispute_id,
        payment_id: reversal.payment_id.clone(),
        amount: reversal.amount,
        status: DisputeStatus::Lost,
        inquiry: false,
        reason: reversal.reason.clone(),
        evidence_due_at: None,
        awaits_evidence: false,
        fee: None,
    }
}

/// The dispute of this payment that awaits its id.
async fn awaiting_id(conn: &mut Connection, payment: &Payment) -> Result<Option<Dispute>, Error> {
    let known = disputes::of_payment(conn, payment.id).await?;
    Ok(known.into_iter().find(|dispute| dispute.awaits_id))
}

/// Gives a reversal the id of its dispute. The reversal took the money, so nothing more is taken.
async fn give_id(
    conn: &mut Connection,
    mut order: Option<Order>,
    payment: &Payment,
    mut reversal: Dispute,
    fact: &DisputeFact,
    actor: &str,
) -> Result<NotificationOutcome, Error> {
    reversal.dispute_id.clone_from(&fact.dispute_id);
    reversal.awaits_id = false;
    if fact.status == DisputeStatus::Won {
        return follow(conn, order, payment, reversal, fact, actor).await;
    }
    reversal.status = fact.status;
    reversal.reason = fact.reason.clone().or(reversal.reason);
    reversal.updated_at = clock::now(conn).await?;
    disputes::update(conn, &reversal).await?;
    record_change(conn, order.as_mut(), payment, &reversal, actor).await
}

/// Records a new dispute. The wallets give the money, unless the dispute is already won, or takes the money only when
/// it is lost.
async fn open(
    conn: &mut Connection,
    mut order: Option<Order>,
    payment: &Payment,
    fact: &DisputeFact,
    (awaits_id, charged): (bool, bool),
    actor: &str,
) -> Result<NotificationOutcome, Error> {
    let now = clock::now(conn).await?;
    // An amount in another currency cannot be compared, so it counts as the whole payment.
    let same_currency = fact.amount.currency() == payment.currency();
    let stated = if same_currency { fact.amount } else { payment.amount };
    let amount = stated.min(payment.amount);
    let mut dispute = Dispute {
        id: Uuid::now_v7(),
        payment_id: payment.id,
        order_id: order.as_ref().map(|order| order.id),
        customer: order.as_ref().map(|order| order.customer.clone()),
        provider: payment.provider,
        dispute_id: fact.dispute_id.clone(),
        awaits_id,
        amount,
        from_unapplied: if order.is_some() { Money::zero(amount.currency()) } else { amount },
        from_wallet: Money::zero(payment.currency()),
        status: fact.status,
        reason: fact.reason.clone(),
        taken_back: Money::zero(payment.currency()),
        wallet_taken: Money::zero(payment.currency()),
        bonus_taken: Money::zero(payment.currency()),
        restored: false,
        charged,
        created_at: now,
        updated_at: now,
    };
    let new = TakenShare::new(TakeBackId::Dispute(dispute.id), order.is_some(), amount, charged, now);
    divide(conn, payment, &mut dispute, fact.status.is_in_force().then_some(new)).await?;
    disputes::insert(conn, &dispute).await?;
    if fact.status.is_in_force() && charged {
        move_wallets(conn, order.as_ref(), payment, &mut dispute, TakeBackMode::Take(Reach::AllWallets)).await?;
    }
    record_change(conn, order.as_mut(), payment, &dispute, actor).await
}

/// Records a new status of a known dispute. An out-of-date status changes nothing.
async fn follow(
    conn: &mut Connection,
    mut order: Option<Order>,
    payment: &Payment,
    mut dispute: Dispute,
    fact: &DisputeFact,
    actor: &str,
) -> Result<NotificationOutcome, Error> {
    if !dispute.status.may_become(fact.status) {
        return Ok(NotificationOutcome::AlreadySettled);
    }
    dispute.status = fact.status;
    dispute.reason = fact.reason.clone().or(dispute.reason);
    dispute.updated_at = clock::now(conn).await?;
    let is_due = dispute.status == DisputeStatus::Lost && !dispute.charged;
    dispute.charged |= is_due;
    disputes::update(conn, &dispute).await?;
    divide(conn, payment, &mut dispute, None).await?;
    if is_due {
        move_wallets(conn, order.as_ref(), payment, &mut dispute, TakeBackMode::Take(Reach::AllWallets)).await?;
    } else if dispute.status == DisputeStatus::Won {
        dispute.restored = true;
        move_wallets(conn, order.as_ref(), payment, &mut dispute, TakeBackMode::GiveBack).await?;
    }
    record_change(conn, order.as_mut(), payment, &dispute, actor).await
}

/// Divides the payment again, and stores the parts of this dispute.
async fn divide(
    conn: &mut Connection,
    payment: &Payment,
    dispute: &mut Dispute,
    new: Option<TakenShare>,
) -> Result<(), Error> {
    let id = TakeBackId::Dispute(dispute.id);
    if let Some((parts, customer)) = wallet_credit::divide(conn, payment, id, new).await? {
        (dispute.from_unapplied, dispute.from_wallet) = (parts.from_unapplied, parts.from_wallet);
        dispute.customer = dispute.customer.take().or(customer.filter(|_| parts.from_wallet.is_positive()));
    }
    Ok(())
}

async fn move_wallets(
    conn: &mut Connection,
    order: Option<&Order>,
    payment: &Payment,
    dispute: &mut Dispute,
    mode: TakeBackMode,
) -> Result<(), Error> {
    let source = TakeBackSource { id: TakeBackId::Dispute(dispute.id), provider: dispute.provider };
    if let Some(order) = order {
        book::sweep_bonus(conn, order).await?;
    }
    dispute.wallet_taken += wallet_credit::align(conn, payment, source, &mode).await?;
    if let Some(order) = order {
        let moved = book::align_wallet(conn, order, source, mode).await?;
        dispute.taken_back += moved.money;
        dispute.bonus_taken += moved.bonus;
    }
    Ok(disputes::update(conn, dispute).await?)
}

/// Records the dispute's status on its order, or on the order that the payment names.
async fn record_change(
    conn: &mut Connection,
    order: Option<&mut Order>,
    payment: &Payment,
    dispute: &Dispute,
    actor: &str,
) -> Result<NotificationOutcome, Error> {
    payments::recount_unapplied(conn, payment.id).await?;
    let event = match dispute.status {
        DisputeStatus::Open => "dispute_opened",
        DisputeStatus::Won => "dispute_won",
        DisputeStatus::Lost => "dispute_lost",
    };
    let (amount, shown) = (dispute.amount.amount().normalize(), IdKind::Dispute.show(dispute.id));
    let why = dispute.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let detail = format!("{shown} over {amount} {}{why}", dispute.amount.currency());
    match order {
        Some(order) => book::record_on_order(conn, order, event, actor, &detail).await?,
        None => add_to_timeline(conn, None, payment, event, actor, &detail).await?,
    }
    if dispute.status == DisputeStatus::Lost {
        settlement::end_if_returned(conn, payment, actor).await?;
    }
    Ok(NotificationOutcome::Recorded)
}

/// A page of disputes, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &DisputeFilter, page: &Page) -> Result<Rows<Dispute>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(disputes::list(&mut conn, filter, page).await?)
}
