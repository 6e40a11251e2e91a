//! Whether a payment is ours: only a reference that we stored, or data that our server wrote at the company, makes it
//! ours. What a payer's browser can set proves nothing, nor does the data of another deployment.

use super::settlement::recording::{NAMES_NO_ORDER, keep_unmatched};
use super::settlement::{self, EvidenceSource};
use super::{App, Error};
use crate::domain::actor::Actor;
use crate::domain::attempt::Attempt;
use crate::domain::code::Code;
use crate::domain::order::Order;
use crate::domain::payment::{AttemptLocator, Observation, ProviderName};
use crate::providers::PaymentLookup;
use crate::storage::{attempts, foreign_payments, orders, payments};
use uuid::Uuid;

/// What a notification about an attempt concerns.
#[derive(Debug)]
pub(super) enum Located {
    /// `is_superseded`: a later attempt of this order was made, because this one could never be paid.
    Ours {
        order: Box<Order>,
        attempt: Option<Box<Attempt>>,
        is_superseded: bool,
    },
    /// The payment carries our marks, but names no order of this provider.
    UnknownOrder,
    Foreign,
}

/// Whose payment a refund or a dispute takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PaymentOwner {
    /// The payment by our id.
    Ours(Uuid),
    Foreign,
    /// The statement names no payment.
    Unnamed,
}

/// Finds the order and the attempt that a company names. An order of another provider is not found.
///
/// # Errors
/// Database errors.
pub(super) async fn locate(app: &App, provider: ProviderName, locator: &AttemptLocator) -> Result<Located, Error> {
    let mut conn = app.pool.get().await?;
    let mut attempt = match &locator.provider_reference {
        Some(reference) => attempts::by_reference(&mut conn, provider, reference).await?,
        None => None,
    };
    let Some(id) = attempt.as_ref().map(|attempt| attempt.order_id).or(locator.order_id) else {
        return Ok(Located::Foreign);
    };
    let order = orders::find(&mut conn, id).await?.filter(|order| order.provider == provider);
    let Some(order) = order else { return Ok(Located::UnknownOrder) };
    if let (None, Some(n)) = (&attempt, locator.attempt) {
        attempt = attempts::find(&mut conn, id, n).await?;
    }
    let last = attempts::last(&mut conn, id).await?;
    let is_superseded = attempt.as_ref().zip(last).is_some_and(|(named, last)| named.n < last.n);
    Ok(Located::Ours { order: Box::new(order), attempt: attempt.map(Box::new), is_superseded })
}

/// The payment that a refund or a dispute takes back. A payment that we do not know is read at its company: if it is
/// ours, it is settled first; if it is not, that is recorded, so that the company is asked only once.
///
/// # Errors
/// Errors of the provider: while it cannot be asked, nothing is known. 503 when the payment has not arrived yet.
pub(super) async fn of_payment(
    app: &App,
    provider: ProviderName,
    payment_id: Option<&str>,
) -> Result<PaymentOwner, Error> {
    let Some(payment_id) = payment_id else { return Ok(PaymentOwner::Unnamed) };
    {
        let mut conn = app.pool.get().await?;
        if let Some(payment) = payments::by_provider_id(&mut conn, provider, payment_id).await? {
            return Ok(PaymentOwner::Ours(payment.id));
        }
        if foreign_payments::is_known(&mut conn, provider, payment_id).await? {
            return Ok(PaymentOwner::Foreign);
        }
    }
    let company = app.providers.by_name(provider).ok_or_else(|| settlement::not_offered(provider))?;
    let located = match company.look_up(payment_id).await? {
        PaymentLookup::Unknown => None,
        PaymentLookup::Found { locator, observation } => Some((locate(app, provider, &locator).await?, observation)),
    };
    let Some((located, observation)) = located.filter(|(located, _)| !matches!(located, Located::Foreign)) else {
        let mut conn = app.pool.get().await?;
        foreign_payments::remember(&mut conn, provider, payment_id).await?;
        return Ok(PaymentOwner::Foreign);
    };
    match (located, &observation) {
        (Located::Ours { order, .. }, Some(observation)) => {
            let actor = Actor::Provider(provider).to_string();
            settlement::observe(app, order.id, observation, EvidenceSource::Answer, &actor).await?;
        }
        (_, Some(Observation::Paid(fact))) => {
            keep_unmatched(app, provider, fact, NAMES_NO_ORDER).await?;
        }
        _ => {}
    }
    let mut conn = app.pool.get().await?;
    match payments::by_provider_id(&mut conn, provider, payment_id).await? {
        Some(payment) => Ok(PaymentOwner::Ours(payment.id)),
        None => Err(Error::Unavailable {
            code: Code::TryAgain,
            detail: "the payment that this is about has not arrived yet".to_owned(),
            retry_after_seconds: 60,
        }),
    }
}
