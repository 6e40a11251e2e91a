//! Reconciliation: a day of a payment company against our records. The company's list is read at once; a company
//! without a list is asked about each of our payments.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use super::take_back_search::attempt_of;
use super::{App, Error, OnProgress, settlement};
use crate::domain::calendar::Span;
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::payment::{Observation, ProviderName, RefundFact, RefundStatus};
use crate::domain::reconciliation::{CompanyMovement, MovedKind, OwnMovement, Reconciliation, compare};
use crate::providers::{PaymentProvider, TakeBack};
use crate::storage::{calendar, clock, payments, reconciliation as store};

/// How far a company's list is read beyond the day, at both ends: we may have recorded a movement that much later.
const MARGIN: Duration = Duration::days(2);

/// The comparison of a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciled {
    pub provider: ProviderName,
    pub span: Span,
    /// Whether the company has a list. Without one, movements that we have no record of are not found.
    pub has_list: bool,
    pub found: Reconciliation,
}

/// The company with this name.
///
/// # Errors
/// The rule for names, if there is no such provider, or it is not a company, such as the bank.
pub fn company(name: &str) -> Result<ProviderName, &'static str> {
    let named: Option<ProviderName> = name.parse().ok();
    let company = named.filter(|name| !matches!(name, ProviderName::BankTransfer | ProviderName::Balance));
    company.ok_or("must be stripe, paypal or vnpay")
}

/// Compares a day, in the time zone of the installation. `progress` is called for a company without a list, with the
/// number of payments.
///
/// # Errors
/// 409 `too_recent` until the company's list of the day is complete; 503 for a provider that is not configured. Errors
/// of the provider.
pub async fn of_day(
    app: &App,
    provider: ProviderName,
    day: NaiveDate,
    progress: OnProgress<'_>,
) -> Result<Reconciled, Error> {
    let (span, now) = {
        let mut conn = app.pool.get().await?;
        let next = day.succ_opt().ok_or(Error::field("?day", Code::OutOfRange, "must be a day near the present"))?;
        (calendar::span(&mut conn, day, next).await?, clock::now(&mut conn).await?)
    };
    let company = by_name(app, provider)?;
    if span.to + company.list_delay() > now {
        let hours = company.list_delay().num_hours();
        let detail = format!("the list of {provider} is complete {hours} hours after the end of the day");
        return Err(Error::conflict(Code::TooRecent, detail));
    }
    compared(app, provider, span, progress).await
}

fn by_name(app: &App, provider: ProviderName) -> Result<&dyn PaymentProvider, Error> {
    let found = app.providers.by_name(provider).map(AsRef::as_ref);
    found.ok_or_else(|| settlement::not_offered(provider))
}

/// Compares a period, which may not be over yet.
///
/// # Errors
/// As [`of_day`].
pub async fn of_span(app: &App, provider: ProviderName, span: Span) -> Result<Reconciled, Error> {
    compared(app, provider, span, &|_, _| ()).await
}

#[tracing::instrument(name = "reconciliations.compared", skip_all, fields(%provider))]
async fn compared(
    app: &App,
    provider: ProviderName,
    span: Span,
    progress: OnProgress<'_>,
) -> Result<Reconciled, Error> {
    let company = by_name(app, provider)?;
    let around = Span { from: span.from - MARGIN, to: span.to + MARGIN };
    let Some(listed) = company.movements(around).await? else {
        let recorded = of_payments(app, provider, span).await?;
        let said = ask(app, company, &recorded, progress).await?;
        let payments = recorded.iter().map(|one| one.payment_id.clone()).collect();
        let refunds = said.iter().flat_map(Said::names_of_refunds).collect();
        let own = {
            let mut conn = app.pool.get().await?;
            // It was read just now.
            let now = clock::now(&mut conn).await?;
            store::own(&mut conn, provider, span, payments, refunds, now).await?
        };
        let asked: Vec<CompanyMovement> = said.iter().flat_map(|one| one.movements(&own)).collect();
        return Ok(Reconciled { provider, span, has_list: false, found: compare(span, &asked, &own) });
    };
    let own = own(app, provider, span, &listed, around.to).await?;
    Ok(Reconciled { provider, span, has_list: true, found: compare(span, &listed, &own) })
}

/// What is recorded in the period, and what the company names.
async fn own(
    app: &App,
    provider: ProviderName,
    span: Span,
    listed: &[CompanyMovement],
    list_ends: DateTime<Utc>,
) -> Result<Vec<OwnMovement>, Error> {
    let payments = listed.iter().filter_map(|one| one.payment_id.clone()).collect();
    let refunds = listed.iter().filter(|one| one.kind == MovedKind::Refund).map(|one| one.id.clone()).collect();
    Ok(store::own(&mut *app.pool.get().await?, provider, span, payments, refunds, list_ends).await?)
}

/// What is recorded in the period, and the payments that it is about.
async fn of_payments(app: &App, provider: ProviderName, span: Span) -> Result<Vec<OwnMovement>, Error> {
    let mut conn = app.pool.get().await?;
    let recorded = store::own(&mut conn, provider, span, Vec::new(), Vec::new(), span.to).await?;
    let payments = recorded.into_iter().map(|one| one.payment_id).collect();
    Ok(store::own(&mut conn, provider, span, payments, Vec::new(), span.to).await?)
}

/// What a company without a list says about one of our payments. It shows only the last refund of a payment.
struct Said<'p> {
    payment: &'p OwnMovement,
    /// What was paid. `None`: the company knows no such payment.
    paid: Option<Money>,
    taken_back: Vec<TakeBack>,
}

/// Asks about each payment, and how much of it was taken back.
async fn ask<'p>(
    app: &App,
    company: &dyn PaymentProvider,
    own: &'p [OwnMovement],
    progress: OnProgress<'_>,
) -> Result<Vec<Said<'p>>, Error> {
    let mut said = Vec::new();
    let payments: Vec<&OwnMovement> = own.iter().filter(|one| one.kind == MovedKind::Payment).collect();
    let of = payments.len();
    for one in payments {
        progress(said.len(), of);
        let known = match IdKind::Payment.parse(&one.record) {
            Some(id) => payments::find(&mut *app.pool.get().await?, id).await?,
            None => None,
        };
        let payment = known.ok_or(Error::Internal("the payment of a movement"))?;
        let attempt = attempt_of(app, &payment).await?;
        let mut paid = None;
        if let Some(attempt) = &attempt
            && let Observation::Paid(fact) = company.read(attempt).await?
            && fact.payment_id == one.payment_id
        {
            paid = Some(fact.amount);
        }
        let taken_back = company.take_backs_of(&one.payment_id, attempt.as_ref()).await?;
        // Once a payment was refunded, its last movement only shows that the payment existed.
        let is_refunded = taken_back.iter().any(|taken| matches!(taken, TakeBack::Refund(_)));
        let paid = paid.or(is_refunded.then_some(one.amount));
        said.push(Said { payment: one, paid, taken_back });
    }
    Ok(said)
}

impl Said<'_> {
    /// The refunds that were made, not those that the company refused.
    fn refunds(&self) -> impl Iterator<Item = &RefundFact> {
        self.taken_back.iter().filter_map(|taken| match taken {
            TakeBack::Refund(fact) => (fact.status != RefundStatus::Failed).then_some(fact),
            TakeBack::Dispute(_) => None,
        })
    }

    /// The ids under which we may have recorded its refunds. Until the company has an id, ours is used.
    fn names_of_refunds(&self) -> Vec<String> {
        let own_name = |fact: &RefundFact| fact.our_refund_id.map(|id| IdKind::Refund.show(id));
        self.refunds().flat_map(|fact| [Some(fact.refund_id.clone()), own_name(fact)]).flatten().collect()
    }

    /// What the company says that it moved. A refund that we have recorded counts as made when we recorded it.
    fn movements(&self, own: &[OwnMovement]) -> Vec<CompanyMovement> {
        let Self { payment, paid, taken_back } = self;
        let says = |kind, id: &str, amount, at| CompanyMovement {
            kind,
            id: id.to_owned(),
            payment_id: Some(payment.payment_id.clone()),
            amount,
            fee: None,
            at,
            marked: true,
        };
        let mut found: Vec<CompanyMovement> = Vec::new();
        found.extend(paid.map(|amount| says(MovedKind::Payment, &payment.payment_id, amount, payment.at)));
        let ours = own.iter().filter(|one| one.kind == MovedKind::Refund && one.payment_id == payment.payment_id);
        let ours: Vec<&OwnMovement> = ours.collect();
        for taken in taken_back {
            let fact = match taken {
                TakeBack::Refund(fact) => fact,
                TakeBack::Dispute(fact) => {
                    found.push(says(MovedKind::Dispute, &fact.dispute_id, fact.amount, payment.at));
                    continue;
                }
            };
            let own_name = fact.our_refund_id.map(|id| IdKind::Refund.show(id));
            let is_known = |one: &&OwnMovement| one.id == fact.refund_id || Some(&one.record) == own_name.as_ref();
            let known = ours.iter().copied().find(is_known);
            if fact.status != RefundStatus::Failed {
                let (id, at) = known.map_or((&fact.refund_id, payment.at), |known| (&known.id, known.at));
                found.push(says(MovedKind::Refund, id, fact.amount, at));
            }
            // The company no longer shows earlier refunds, so they count as we have recorded them.
            let before = ours.iter().filter(|one| match known {
                Some(known) => one.id != known.id && one.at <= known.at,
                None => true,
            });
            found.extend(before.map(|one| says(MovedKind::Refund, &one.id, one.amount, one.at)));
        }
        found
    }
}
