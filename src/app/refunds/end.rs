//! Ending a refund that its company refuses for good, after the company was asked once more.

use super::book::{self, RefundUpdate};
use super::{get, observe};
use crate::app::{App, Error, disputes, settlement, take_back_search};
use crate::domain::actor::Actor;
use crate::domain::code::Code;
use crate::domain::payment::{RefundFact, RefundStatus};
use crate::domain::refund::{Refund, RefundState, refusal_is_final};
use crate::providers::TakeBack;
use crate::storage::{clock, payments, refunds};

/// Makes sure that a pending refund was not made, before an operator ends it: the company is asked for all refunds and
/// disputes of the payment, and those are adopted. If the refund appears later nevertheless, it is taken back like one
/// that was started at the company.
///
/// # Errors
/// 409 `refund_not_rejectable` while the company still decides; 409 `refund_moved_on` when it has made the refund.
/// Errors of the provider; then the refund stays as it is.
pub(super) async fn ask_before_ending(app: &App, refund: &Refund) -> Result<(), Error> {
    let (payment, now) = {
        let mut conn = app.pool.get().await?;
        (payments::find(&mut conn, refund.payment_id).await?, clock::now(&mut conn).await?)
    };
    let payment = payment.ok_or(Error::Internal("the payment of a refund"))?;
    // A refusal in the first hours ends the refund by itself. Later a refusal may only be the answer to a repetition.
    let is_stuck = is_unnamed(refund) && !refusal_is_final(refund.since(), now);
    if !is_stuck {
        let detail = format!("{} decides about this refund; it is {}", refund.provider, refund.state);
        return Err(Error::conflict(Code::RefundNotRejectable, detail));
    }
    let provider = app.providers.by_name(refund.provider).ok_or_else(|| settlement::not_offered(refund.provider))?;
    let attempt = take_back_search::attempt_of(app, &payment).await?;
    for found in provider.take_backs_of(&payment.payment_id, attempt.as_ref()).await? {
        match found {
            TakeBack::Refund(fact) => adopt(app, refund, &fact).await?,
            TakeBack::Dispute(fact) if !fact.inquiry => {
                disputes::observe(app, refund.provider, &fact).await?;
            }
            TakeBack::Dispute(_) => {}
        }
    }
    let refund = get(app, Some(refund.id)).await?;
    if is_unnamed(&refund) || refund.state == RefundState::Failed {
        return Ok(());
    }
    let detail = format!("{} has made this refund; it is {}", refund.provider, refund.state);
    Err(Error::conflict(Code::RefundMovedOn, detail))
}

fn is_unnamed(refund: &Refund) -> bool {
    refund.state == RefundState::Pending && refund.provider_refund_id.is_none()
}

/// Records a refund that the company has. If it has the same amount and none of our ids, it was made in place of the
/// stuck one: the payer has the money that the wallet gave.
async fn adopt(app: &App, stuck: &Refund, fact: &RefundFact) -> Result<(), Error> {
    let known = {
        let mut conn = app.pool.get().await?;
        refunds::by_provider_id(&mut conn, stuck.provider, &fact.refund_id).await?
    };
    let is_in_its_place = known.is_none()
        && fact.our_refund_id.is_none()
        && !fact.reversal
        && fact.status != RefundStatus::Failed
        && fact.amount == stuck.amount
        && is_unnamed(&get(app, Some(stuck.id)).await?);
    if is_in_its_place {
        let update = RefundUpdate {
            status: fact.status,
            provider_refund_id: Some(fact.refund_id.clone()),
            reason: fact.reason.clone(),
        };
        book::record_update(app, stuck.id, &update, &Actor::Provider(stuck.provider).to_string()).await?;
    } else {
        observe(app, stuck.provider, fact, None).await?;
    }
    Ok(())
}
