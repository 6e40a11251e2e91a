//! Decisions about unapplied money: to an order, to a wallet, or back to the payer.
//!
//! Locks are taken in this order: order, payment, decision, the operator's lock (`own_word`), wallets.

use serde_json::json;
use uuid::Uuid;

use super::carry_out::carry_out;
use crate::app::settlement::recording::lock_orders;
use crate::app::{App, Caller, Error, IdempotencyKey, Made, own_word, refunds};
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::domain::own_word::{MoveKind, ProposalEnd};
use crate::domain::page::{Page, Rows};
use crate::domain::payment::{Payment, ProviderName};
use crate::domain::product::Product;
use crate::domain::unapplied::{Decision, Destination};
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, bank_transactions, catalogue, clock, payments, unapplied_decisions as store};

/// What an operator wants to do with unapplied money.
#[derive(Debug, Clone)]
pub enum Wanted {
    Order(Uuid),
    Wallet {
        customer: CustomerId,
        product: Product,
    },
    /// Back to the payer: through the company that took it, or by a bank transfer with this bank id.
    Payer {
        bank_transaction_id: Option<String>,
    },
}

/// A decision as an operator sends it.
#[derive(Debug, Clone)]
pub struct NewDecision {
    pub payment_id: Uuid,
    pub wanted: Wanted,
    /// `None`: all that is left.
    pub amount: Option<rust_decimal::Decimal>,
    pub reason: String,
}

/// Decides about unapplied money, or proposes to. Each part of it is applied or returned once.
///
/// # Errors
/// 404; 409 `nothing_unapplied`, `decision_waiting`, `order_already_completed`, `order_refunded`, `approval_reversed`
/// or `not_refundable`; 403 `own_account`; 422 for an amount, an order or a product that does not fit.
#[tracing::instrument(name = "unapplied_payments.decide", skip_all, fields(payment = %new.payment_id))]
pub async fn decide(
    app: &App,
    caller: &Caller,
    new: &NewDecision,
    key: &IdempotencyKey,
) -> Result<Made<Decision>, Error> {
    let made = transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            let known = store::find(conn, id).await?;
            return Ok(Made::again(known.ok_or(Error::Internal("the decision of a recorded idempotency key"))?));
        }
        let mut order = lock_order(conn, new).await?;
        let payment = payments::lock_by_id(conn, new.payment_id).await?.ok_or(Error::NotFound("payment"))?;
        require_known_amount(conn, &payment).await?;
        let amount = amount(&payment, new.amount)?;
        let destination = destination(conn, app, &payment, order.as_ref(), &new.wanted).await?;
        require_own_environment(app, &payment, &destination)?;
        require_not_own(conn, caller, &destination, &payment).await?;
        let id = Uuid::now_v7();
        let alone = is_enough(conn, app, caller, id, &destination, amount).await?;
        let mut decision = Decision {
            id,
            payment_id: payment.id,
            destination,
            amount,
            reason: new.reason.clone(),
            second_needed: !alone,
            proposed_by: caller.actor(),
            proposed_at: clock::now(conn).await?,
            end: None,
            done_at: None,
            refund_id: None,
        };
        if alone {
            carry_out(conn, &mut decision, order.as_mut(), payment, &caller.actor()).await?;
        }
        store::insert(conn, &decision).await.map_err(|error| {
            if error.violates("unapplied_decisions_one_waiting") {
                let detail = "a decision about this payment waits for a second operator; approve or withdraw it first";
                Error::conflict(Code::DecisionWaiting, detail)
            } else {
                error.into()
            }
        })?;
        record(conn, if alone { "done" } else { "proposed" }, &caller.actor(), &decision).await?;
        key.record_resource(conn, id, &whose(caller, &decision)?).await?;
        Ok::<_, Error>(Made::new(decision))
    })
    .await?;
    send(app, &made).await;
    Ok(made)
}

/// Approves a waiting decision, and carries it out. The proposer cannot approve it.
///
/// # Errors
/// 404; 409 `nothing_proposed`, `second_operator_needed`, or as [`decide`] when the money has moved on.
#[tracing::instrument(name = "unapplied_payments.approve", skip_all, fields(decision = %id))]
pub async fn approve(app: &App, caller: &Caller, id: Uuid, key: &IdempotencyKey) -> Result<Made<Decision>, Error> {
    let actor = caller.actor();
    let made = transact(&app.pool, async |conn| {
        let missing = || Error::NotFound("decision");
        let known = store::find(conn, id).await?.ok_or_else(missing)?;
        if key.claim(conn).await?.is_some() {
            return Ok(Made::again(known));
        }
        let target = match known.destination {
            Destination::Order { id, .. } => Some(id),
            _ => None,
        };
        let mut order = lock_orders(conn, target, known.payment_id).await?;
        let payment = payments::lock_by_id(conn, known.payment_id).await?;
        let payment = payment.ok_or(Error::Internal("the payment of a decision"))?;
        let mut decision = store::lock(conn, id).await?.ok_or_else(missing)?;
        require_waiting(&decision)?;
        if decision.proposed_by == actor {
            return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must approve this decision"));
        }
        require_not_own(conn, caller, &decision.destination, &payment).await?;
        require_known_amount(conn, &payment).await?;
        require_own_environment(app, &payment, &decision.destination)?;
        if amount(&payment, Some(decision.amount.amount()))? != decision.amount {
            let detail = format!(
                "the amount of this payment was corrected meanwhile: {} of it is left unapplied",
                payment.rest()
            );
            return Err(Error::conflict(Code::NothingUnapplied, detail));
        }
        decision.end = Some(ProposalEnd::Approved { by: actor.clone(), at: clock::now(conn).await? });
        carry_out(conn, &mut decision, order.as_mut(), payment, &actor).await?;
        store::update(conn, &decision).await?;
        record(conn, "approved", &actor, &decision).await?;
        key.record_resource(conn, id, &whose(caller, &decision)?).await?;
        Ok::<_, Error>(Made::new(decision))
    })
    .await?;
    send(app, &made).await;
    Ok(made)
}

/// Withdraws a waiting decision. Withdrawing it again changes nothing.
///
/// # Errors
/// 404; 409 `nothing_proposed` when it was carried out.
#[tracing::instrument(name = "unapplied_payments.withdraw", skip_all, fields(decision = %id))]
pub async fn withdraw(app: &App, caller: &Caller, id: Uuid) -> Result<Decision, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let mut decision = store::lock(conn, id).await?.ok_or(Error::NotFound("decision"))?;
        if matches!(decision.end, Some(ProposalEnd::Withdrawn { .. })) {
            return Ok(decision);
        }
        require_waiting(&decision)?;
        decision.end = Some(ProposalEnd::Withdrawn { by: actor.clone(), at: clock::now(conn).await? });
        store::update(conn, &decision).await?;
        record(conn, "withdrawn", &actor, &decision).await?;
        Ok(decision)
    })
    .await
}

/// A page of the decisions that wait for a second operator.
///
/// # Errors
/// Database errors.
pub async fn waiting(app: &App, page: &Page) -> Result<Rows<Decision>, Error> {
    Ok(store::waiting(&mut *app.pool.get().await?, page).await?)
}

fn require_waiting(decision: &Decision) -> Result<(), Error> {
    let detail = match &decision.end {
        None if decision.waits() => return Ok(()),
        Some(ProposalEnd::Approved { by, .. }) => format!("the decision was approved by {by}"),
        Some(ProposalEnd::Withdrawn { by, .. }) => format!("the decision was withdrawn by {by}"),
        None => "the decision was carried out at once".to_owned(),
    };
    Err(Error::conflict(Code::NothingProposed, detail))
}

/// Locks the order that the money shall serve, or else the one that the payment names, which may end if the money goes
/// back.
async fn lock_order(conn: &mut Connection, new: &NewDecision) -> Result<Option<Order>, Error> {
    let Wanted::Order(id) = new.wanted else { return lock_orders(conn, None, new.payment_id).await };
    let unknown = || Error::field("/order_id", Code::Unknown, "is not an order of this platform");
    Ok(Some(lock_orders(conn, Some(id), new.payment_id).await?.ok_or_else(unknown)?))
}

/// Refuses a decision about the operator's own money, by where the money goes and where it came from.
async fn require_not_own(
    conn: &mut Connection,
    caller: &Caller,
    destination: &Destination,
    payment: &Payment,
) -> Result<(), Error> {
    if let Some(customer) = destination.customer() {
        caller.require_not_own(customer)?;
    }
    own_word::require_not_own_payment(conn, caller, payment).await
}

/// Refuses to make money of one environment the money of the other: a test payment that reached a live database is
/// kept, and can only go back.
fn require_own_environment(app: &App, payment: &Payment, destination: &Destination) -> Result<(), Error> {
    let is_applied = matches!(destination, Destination::Order { .. } | Destination::Wallet { .. });
    if is_applied && payment.live != app.settings.live {
        let detail = "the payment is from the wrong environment (test or live), so it cannot be applied";
        return Err(Error::conflict(Code::NothingUnapplied, detail));
    }
    Ok(())
}

/// Refuses a bank line whose approval was reversed: nobody knows how much it truly brought.
async fn require_known_amount(conn: &mut Connection, payment: &Payment) -> Result<(), Error> {
    let line = match payment.provider {
        ProviderName::BankTransfer => bank_transactions::of_payment(conn, payment.id).await?,
        _ => None,
    };
    if line.is_some_and(|line| line.amount_is_open) {
        let detail = "the approval of this transfer was reversed; state its amount first, by `restate`";
        return Err(Error::conflict(Code::NothingUnapplied, detail));
    }
    Ok(())
}

/// The part of the rest that a decision is about.
fn amount(payment: &Payment, asked: Option<rust_decimal::Decimal>) -> Result<Money, Error> {
    let rest = payment.rest();
    if !rest.is_positive() {
        return Err(Error::conflict(Code::NothingUnapplied, "nothing of this payment is left unapplied"));
    }
    let Some(asked) = asked else { return Ok(rest) };
    let amount = Money::positive(asked, rest.currency())
        .and_then(Money::require_minor_unit)
        .map_err(|error| Error::field("/amount", error.code(), error.to_string()))?;
    if amount <= rest {
        return Ok(amount);
    }
    Err(Error::conflict(Code::NothingUnapplied, format!("{rest} of this payment is left unapplied")))
}

async fn destination(
    conn: &mut Connection,
    app: &App,
    payment: &Payment,
    order: Option<&Order>,
    wanted: &Wanted,
) -> Result<Destination, Error> {
    match wanted {
        Wanted::Order(id) => {
            let order = order.ok_or(Error::Internal("the order that was locked"))?;
            Ok(Destination::Order { id: *id, customer: order.customer.clone() })
        }
        Wanted::Wallet { customer, product } => {
            if !product.is_main() && catalogue::products::find(conn, product).await?.is_none() {
                return Err(Error::field("/product", Code::UnknownProduct, "is not a product of this platform"));
            }
            Ok(Destination::Wallet { customer: customer.clone(), product: product.clone() })
        }
        Wanted::Payer { bank_transaction_id: None } => {
            let company = app.providers.by_name(payment.provider);
            let can = company.is_some_and(|company| company.capabilities().can_refund);
            if can && payment.order_id.is_some() {
                return Ok(Destination::Payer { customer: order.map(|order| order.customer.clone()) });
            }
            let detail = format!(
                "{} cannot send this payment back; send the money by bank transfer, and state its bank_transaction_id",
                payment.provider
            );
            Err(Error::conflict(Code::NotRefundable, detail))
        }
        Wanted::Payer { bank_transaction_id: Some(id) } => {
            Ok(Destination::PayerByHand { bank_transaction_id: id.clone() })
        }
    }
}

/// Whether the operator may decide alone. What an operator sends back by bank transfer is known from that operator
/// only, so it always needs a second operator. So does money that belongs to no known customer.
async fn is_enough(
    conn: &mut Connection,
    app: &App,
    caller: &Caller,
    id: Uuid,
    destination: &Destination,
    amount: Money,
) -> Result<bool, Error> {
    let kind = match destination {
        Destination::Order { .. } | Destination::Wallet { .. } => MoveKind::Application,
        Destination::Payer { .. } => MoveKind::Refund,
        Destination::PayerByHand { .. } => return Ok(false),
    };
    let Some(customer) = destination.customer() else { return Ok(false) };
    own_word::is_enough(conn, app, caller, kind, id, customer, amount).await
}

/// Asks the company to send money back, after the commit.
async fn send(app: &App, made: &Made<Decision>) {
    if let (false, Destination::Payer { .. }, Some(refund)) =
        (made.replayed, &made.value.destination, made.value.refund_id)
    {
        refunds::send(app, refund).await;
    }
}

async fn record(conn: &mut Connection, action: &str, actor: &str, decision: &Decision) -> Result<(), Error> {
    let target = format!("payment:{}", IdKind::Payment.show(decision.payment_id));
    let decided = json!({
        "decision_id": IdKind::UnappliedDecision.show(decision.id),
        "destination": decision.destination.as_str(),
        "amount": decision.amount.to_string(),
        "proposed_by": decision.proposed_by,
    });
    let record = AuditRecord::new(actor, &format!("unapplied_payment.{action}"), target);
    let record = AuditRecord { customer: decision.destination.customer().cloned(), ..record };
    Ok(audit::write(conn, &record.because(&decision.reason).to(decided)).await?)
}

/// The customer of a decision. Money that names no order belongs to no customer, so the operator is named in place of a
/// customer: the key's row needs a name.
fn whose(caller: &Caller, decision: &Decision) -> Result<CustomerId, Error> {
    let named = decision.destination.customer().cloned();
    named.or_else(|| CustomerId::new(&caller.subject)).ok_or(Error::Internal("a subject as customers have them"))
}
