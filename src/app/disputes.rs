//! Disputes (chargebacks): while one is open or lost the order's wallet has given the money back; won, it gets
//! it back, once.

use crate::storage::Connection;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::refunds::book::{self, Direction, Source};
use super::refunds::{lock, note, payment};
use super::{App, Error};
use crate::domain::id::IdKind;
use crate::domain::movement::TakeBackId;
use crate::domain::order::Order;
use crate::domain::payment::{DisputeFact, DisputeStatus, RefundFact};
use crate::domain::refund::dispute_may_become;
use crate::providers::Outcome;
use crate::storage::disputes;
use crate::storage::orders;
use crate::storage::payments::Payment;
use crate::storage::transaction::transact;

pub use crate::storage::disputes::{Dispute, DisputeFilter, status_word};

/// Takes a verified word about a dispute.
///
/// # Errors
/// 503 when it must be told again: the payment may be on its way to us.
pub async fn observe(
    app: &App,
    provider: &str,
    fact: &DisputeFact,
    told_at: Option<DateTime<Utc>>,
) -> Result<Outcome, Error> {
    let actor = format!("provider:{provider}");
    let Some(payment_id) = payment(app, provider, fact.payment_id.as_deref(), told_at).await? else {
        return Ok(Outcome::UnknownOrder);
    };
    transact(&app.pool, async |conn| {
        let (order, payment) = lock(conn, payment_id).await?;
        // There is nothing to book, but an operator may want to answer, or to refund before it becomes a dispute.
        if fact.inquiry {
            let why = fact.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            let detail = format!("the payer's bank asks about {}{why}", fact.amount);
            note(conn, order.as_ref(), &payment, "payment_questioned", &actor, &detail).await?;
            return Ok(Outcome::Recorded);
        }
        match disputes::lock(conn, provider, &fact.dispute_id).await? {
            Some(known) => follow(conn, order, &payment, known, fact, &actor).await,
            None => match unnamed(conn, &payment).await? {
                Some(reversal) => name(conn, order, &payment, reversal, fact, &actor).await,
                None => open(conn, order, &payment, fact, &actor).await,
            },
        }
    })
    .await
}

/// How a chargeback stands in the books that was told as a reversal only, before the dispute had a name.
const REVERSAL: &str = "reversal:";

/// Takes a verified word that the provider took a payment back by itself. It is the disputed money: where the
/// dispute is known the wallet has given it already; where not, it is a lost dispute until one claims it.
///
/// # Errors
/// Of the database.
pub(in crate::app) async fn reversed(
    conn: &mut Connection,
    order: Option<Order>,
    payment: &Payment,
    fact: &RefundFact,
    told_at: Option<DateTime<Utc>>,
    actor: &str,
) -> Result<Outcome, Error> {
    let known = disputes::of_payment(conn, payment.id).await?.into_iter().next();
    let covered = match &known {
        // A word from before it was won, which took its time.
        Some(known) if known.state()? == DisputeStatus::Won => told_at.is_some_and(|at| at <= known.updated_at),
        Some(_) => true,
        None => false,
    };
    if covered {
        note(conn, order.as_ref(), payment, "dispute_reversed", actor, &fact.amount.to_string()).await?;
        return Ok(Outcome::Recorded);
    }
    let lost = DisputeFact {
        dispute_id: format!("{REVERSAL}{}", fact.refund_id),
        payment_id: fact.payment_id.clone(),
        amount: fact.amount,
        status: DisputeStatus::Lost,
        inquiry: false,
        reason: fact.reason.clone(),
    };
    open(conn, order, payment, &lost, actor).await
}

/// A chargeback of this payment that waits for its dispute's name.
async fn unnamed(conn: &mut Connection, payment: &Payment) -> Result<Option<Dispute>, Error> {
    let mut known = disputes::of_payment(conn, payment.id).await?.into_iter();
    Ok(known
        .find(|dispute| dispute.dispute_id.starts_with(REVERSAL) && dispute.status != status_word(DisputeStatus::Won)))
}

/// The dispute behind a reversal: nothing more is taken for it than the reversal took.
async fn name(
    conn: &mut Connection,
    mut order: Option<Order>,
    payment: &Payment,
    mut reversal: Dispute,
    fact: &DisputeFact,
    actor: &str,
) -> Result<Outcome, Error> {
    reversal.dispute_id.clone_from(&fact.dispute_id);
    if fact.status == DisputeStatus::Won {
        return follow(conn, order, payment, reversal, fact, actor).await;
    }
    status_word(fact.status).clone_into(&mut reversal.status);
    reversal.reason = fact.reason.clone().or(reversal.reason);
    reversal.updated_at = orders::clock(conn).await?;
    disputes::update(conn, &reversal).await?;
    tell(conn, order.as_mut(), payment, &reversal, actor).await
}

async fn open(
    conn: &mut Connection,
    mut order: Option<Order>,
    payment: &Payment,
    fact: &DisputeFact,
    actor: &str,
) -> Result<Outcome, Error> {
    let now = orders::clock(conn).await?;
    // Stated in another currency, it is at most all of the payment.
    let same_currency = fact.amount.currency().code() == payment.currency;
    let stated = if same_currency { fact.amount.amount() } else { payment.amount };
    let mut dispute = Dispute {
        id: Uuid::now_v7(),
        payment_id: Some(payment.id),
        order_id: order.as_ref().map(|order| order.id),
        customer_id: order.as_ref().map(|order| order.customer.as_str().to_owned()),
        provider: payment.provider.clone(),
        dispute_id: fact.dispute_id.clone(),
        currency: payment.currency.clone(),
        amount: stated.min(payment.amount),
        status: status_word(fact.status).to_owned(),
        reason: fact.reason.clone(),
        taken_back: Decimal::ZERO,
        bonus_taken: Decimal::ZERO,
        restored: false,
        created_at: now,
        updated_at: now,
    };
    disputes::insert(conn, &dispute).await?;
    if let Some(order) = &order
        && fact.status != DisputeStatus::Won
    {
        let moved = book::align(conn, order, &source(&dispute), Direction::Force).await?;
        dispute.taken_back += moved.money;
        dispute.bonus_taken += moved.bonus;
        disputes::update(conn, &dispute).await?;
    }
    tell(conn, order.as_mut(), payment, &dispute, actor).await
}

async fn follow(
    conn: &mut Connection,
    mut order: Option<Order>,
    payment: &Payment,
    mut dispute: Dispute,
    fact: &DisputeFact,
    actor: &str,
) -> Result<Outcome, Error> {
    if !dispute_may_become(dispute.state()?, fact.status) {
        return Ok(Outcome::AlreadySettled);
    }
    status_word(fact.status).clone_into(&mut dispute.status);
    dispute.reason = fact.reason.clone().or(dispute.reason);
    dispute.updated_at = orders::clock(conn).await?;
    disputes::update(conn, &dispute).await?;
    if let Some(order) = &order
        && fact.status == DisputeStatus::Won
    {
        let moved = book::align(conn, order, &source(&dispute), Direction::GiveBack).await?;
        dispute.taken_back += moved.money;
        dispute.bonus_taken += moved.bonus;
        dispute.restored = true;
        disputes::update(conn, &dispute).await?;
    }
    tell(conn, order.as_mut(), payment, &dispute, actor).await
}

fn source(dispute: &Dispute) -> Source {
    Source { id: TakeBackId::Dispute(dispute.id), provider: dispute.provider.clone() }
}

async fn tell(
    conn: &mut Connection,
    order: Option<&mut Order>,
    payment: &Payment,
    dispute: &Dispute,
    actor: &str,
) -> Result<Outcome, Error> {
    let event = match dispute.state()? {
        DisputeStatus::Open => "dispute_opened",
        DisputeStatus::Won => "dispute_won",
        DisputeStatus::Lost => "dispute_lost",
    };
    let (amount, shown) = (dispute.amount.normalize(), IdKind::Dispute.show(dispute.id));
    let why = dispute.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let detail = format!("{shown} over {amount} {}{why}", dispute.currency);
    match order {
        Some(order) => book::tell(conn, order, event, actor, &detail).await?,
        None => note(conn, None, payment, event, actor, &detail).await?,
    }
    Ok(Outcome::Recorded)
}

/// A page of disputes, newest first.
///
/// # Errors
/// Of the database.
pub async fn list(
    app: &App,
    filter: &DisputeFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Dispute>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(disputes::list(&mut conn, filter, after, limit).await?)
}
