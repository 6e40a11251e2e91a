//! Carries out a decision about unapplied money, in the transaction that decides.

use chrono::Duration;
use uuid::Uuid;

use crate::app::settlement::further::complete_further;
use crate::app::{Error, payouts, refunds, settlement};
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::movement::top_up::{AppliedPayment, top_up_without_order};
use crate::domain::order::{Order, OrderStatus};
use crate::domain::own_word::ProposalEnd;
use crate::domain::payment::{Application, Channel, Payment, ProviderName};
use crate::domain::posting::PostingOutcome;
use crate::domain::product::Product;
use crate::domain::refund::{Refund, RefundState};
use crate::domain::unapplied::{Decision, Destination};
use crate::storage::{Connection, applications, clock, ledger, orders, payments, wallet_credits};

/// How long this process has to ask the company before a worker does.
const LEASE: Duration = Duration::seconds(90);

/// Carries out the decision on a locked payment of which enough is left. The order that the money serves, or that the
/// payment names, is locked too.
///
/// # Errors
/// 409 and 422 as [`super::decide::decide`]. A refusal of the ledger refuses everything.
pub(super) async fn carry_out(
    conn: &mut Connection,
    decision: &mut Decision,
    order: Option<&mut Order>,
    payment: Payment,
    actor: &str,
) -> Result<(), Error> {
    let now = clock::now(conn).await?;
    match &decision.destination {
        Destination::Order { .. } => {
            let order = order.ok_or(Error::Internal("the order of a decision"))?;
            complete(conn, order, payment.clone(), decision.amount, actor).await?;
        }
        Destination::Wallet { customer, product } => {
            credit(conn, customer, product, payment.clone(), decision.amount, actor).await?;
            note(conn, order, "payment_applied", actor, &decision.reason).await?;
        }
        Destination::Payer { .. } | Destination::PayerByHand { .. } => {
            let refund = draft(decision, &payment, now);
            if let Destination::PayerByHand { bank_transaction_id } = &decision.destination {
                payouts::require_free_transfer(conn, refund.id, bank_transaction_id).await?;
            }
            refunds::record_of_rest(conn, &refund).await?;
            decision.refund_id = Some(refund.id);
            note(conn, order, "payment_returned", actor, &decision.reason).await?;
        }
    }
    // If nothing of its money is left, the order that the payment names no longer waits for the rest.
    settlement::end_if_returned(conn, &payment, actor).await?;
    decision.done_at = Some(now);
    Ok(())
}

/// Adds an event to the timeline of the order that a payment names: where the money went. Customers do not see the
/// reason.
async fn note(
    conn: &mut Connection,
    order: Option<&mut Order>,
    event: &str,
    actor: &str,
    reason: &str,
) -> Result<(), Error> {
    match order {
        Some(order) => Ok(orders::add_to_timeline(conn, order, event, actor, Some(reason)).await?),
        None => Ok(()),
    }
}

/// Completes an order with a payment that the company made for another purpose, or with another amount. A company's
/// payment serves one order: what the company takes back is taken from that one. A bank transfer for a completed order
/// by bank transfer is credited beside what was credited before.
async fn complete(
    conn: &mut Connection,
    order: &mut Order,
    mut payment: Payment,
    amount: Money,
    actor: &str,
) -> Result<(), Error> {
    let by_bank = payment.provider == ProviderName::BankTransfer;
    let is_completed = order.status() == OrderStatus::Completed;
    if is_completed && !(by_bank && order.channel == Channel::BankTransfer) {
        let detail = "this order has been credited; apply the money to the customer's wallet";
        return Err(Error::conflict(Code::OrderAlreadyCompleted, detail));
    }
    let wrong = |code, detail: &str| Error::field("/order_id", code, detail);
    if order.currency() != amount.currency() {
        return Err(wrong(Code::CurrencyMismatch, "has another currency than the payment"));
    }
    if is_completed {
        payment.apply(amount);
        payments::update_applied(conn, &payment).await?;
        return complete_further(conn, order, &payment, amount, actor).await;
    }
    if by_bank {
        return Err(wrong(Code::InvalidValue, "is credited by its approval, which names the bank's transaction"));
    }
    if order.provider != payment.provider || order.merchant_account != payment.merchant_account {
        let detail = "is paid by another company or account; apply the money to the customer's wallet";
        return Err(wrong(Code::InvalidValue, detail));
    }
    require_one_customer(conn, &payment, &order.customer).await?;
    if let Some(served) = applications::order_served(conn, payment.id).await? {
        let served = IdKind::TopUpOrder.show(served);
        let detail = format!("cannot get this money: the payment serves {served}; apply the rest to a wallet");
        return Err(wrong(Code::InvalidValue, &detail));
    }
    payment.order_id = payment.order_id.or(Some(order.id));
    payment.apply(amount);
    payments::update_applied(conn, &payment).await?;
    settlement::complete(conn, order, &payment, amount, actor).await
}

/// Requires that a company's payment serves one customer: what the company takes back is taken from that customer.
async fn require_one_customer(conn: &mut Connection, payment: &Payment, customer: &CustomerId) -> Result<(), Error> {
    if payment.provider == ProviderName::BankTransfer {
        return Ok(());
    }
    match wallet_credits::customer_served(conn, payment.id).await? {
        Some(served) if served != *customer => {
            let detail = format!("another part of this payment serves {served}; it serves one customer");
            Err(Error::field("/customer_id", Code::InvalidValue, detail))
        }
        _ => Ok(()),
    }
}

/// Credits a wallet with a part of a payment.
async fn credit(
    conn: &mut Connection,
    customer: &CustomerId,
    product: &Product,
    mut payment: Payment,
    amount: Money,
    actor: &str,
) -> Result<(), Error> {
    require_one_customer(conn, &payment, customer).await?;
    let n = applications::next_number(conn, payment.id).await?;
    let applied = AppliedPayment {
        id: payment.id,
        application: i64::from(n),
        provider: payment.provider,
        merchant_account: &payment.merchant_account,
    };
    let posting = top_up_without_order(customer, product, applied, amount);
    let mut wallet_id = None;
    for outcome in ledger::post(conn, &[posting]).await? {
        match outcome {
            PostingOutcome::Booked(booked) => wallet_id = booked.entry.map(|entry| entry.wallet_id),
            PostingOutcome::Replayed(_) => return Err(Error::Internal("a new application of a locked payment")),
            PostingOutcome::Refused(refusal) => return Err(Error::refused(refusal)),
        }
    }
    let nothing = Money::zero(amount.currency());
    let application = Application {
        payment_id: payment.id,
        n,
        order_id: None,
        customer: customer.clone(),
        wallet_id: wallet_id.ok_or(Error::Internal("an entry for the credit of a payment"))?,
        amount,
        fee: nothing,
        tax: nothing,
        tax_included: nothing,
        applied_by: actor.to_owned(),
        applied_at: clock::now(conn).await?,
        reversed_at: None,
    };
    payment.apply(amount);
    payments::update_applied(conn, &payment).await?;
    applications::insert(conn, &application).await?;
    Ok(())
}

/// The refund by which a part of a payment's rest goes back: already sent, or to be sent by the company.
fn draft(decision: &Decision, payment: &Payment, now: chrono::DateTime<chrono::Utc>) -> Refund {
    let nothing = Money::zero(decision.amount.currency());
    let (state, provider_refund_id) = match &decision.destination {
        Destination::PayerByHand { bank_transaction_id } => (RefundState::Succeeded, Some(bank_transaction_id.clone())),
        _ => (RefundState::Pending, None),
    };
    let approved_by = match &decision.end {
        Some(ProposalEnd::Approved { by, .. }) => Some(by.clone()),
        _ => None,
    };
    Refund {
        // The decision is recorded under this id as the operator's move.
        id: if decision.second_needed { Uuid::now_v7() } else { decision.id },
        order_id: None,
        payment_id: payment.id,
        customer: decision.destination.customer().cloned(),
        provider: payment.provider,
        provider_refund_id,
        amount: decision.amount,
        from_unapplied: decision.amount,
        from_wallet: nothing,
        debited: nothing,
        wallet_taken: nothing,
        bonus_taken: nothing,
        ask_at: (state == RefundState::Pending).then(|| now + LEASE),
        state,
        reason: decision.reason.clone(),
        failure: None,
        ours: true,
        override_balance: false,
        from_products: false,
        closing_id: None,
        proposed_by: decision.proposed_by.clone(),
        approved_by,
        second_needed: decision.second_needed,
        created_at: now,
        started_at: Some(now),
        updated_at: now,
        asked: 0,
    }
}
