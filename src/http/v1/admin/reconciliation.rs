//! `GET /v1/admin/reports/reconciliation`: a day of a payment company against our records.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::reconciliations::{self, Reconciled};
use crate::app::{App, Error};
use crate::domain::code::Code;
use crate::domain::money::{Currency, Money};
use crate::domain::reconciliation::{CompanyMovement, Difference, DifferenceKind, MovedKind, MovedTotal};
use crate::http::edge::auth::{AsOperator, FINANCE};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::edge::times;
use crate::http::edge::wire::{Amount, CurrencyCode, ProviderCode};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReconciliationQuery {
    /// The company: `stripe`, `paypal` or `vnpay`.
    #[param(max_length = 10, pattern = "^(stripe|paypal|vnpay)$", example = "stripe")]
    provider: String,
    /// The day, in the time zone of the installation. It must be over.
    #[serde(deserialize_with = "times::day")]
    #[param(example = "2026-11-21")]
    day: NaiveDate,
}

/// A day of a company against our records.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReconciliationReport {
    provider: ProviderCode,
    from: DateTime<Utc>,
    /// The day ends before this moment.
    to: DateTime<Utc>,
    /// Whether the company has a list of what it moved. Without one it was asked about each of our payments, and
    /// movements that we have no record of are not found.
    has_list: bool,
    #[schema(max_items = 1000)]
    totals: Vec<ReconciliationTotal>,
    /// Every difference, by time. Empty: both sides agree.
    #[schema(max_items = 100_000)]
    differences: Vec<ReconciliationDifference>,
    /// What the company paid to our bank account.
    #[schema(max_items = 1000)]
    payouts: Vec<ReconciliationPayout>,
    /// How many movements of the company concern other uses of the account.
    #[schema(minimum = 0, example = 0)]
    foreign: u64,
}

/// What was moved.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReconciledKind {
    Payment,
    Refund,
    Dispute,
    Payout,
}

impl From<MovedKind> for ReconciledKind {
    fn from(kind: MovedKind) -> Self {
        match kind {
            MovedKind::Payment => Self::Payment,
            MovedKind::Refund => Self::Refund,
            MovedKind::Dispute => Self::Dispute,
            MovedKind::Payout => Self::Payout,
        }
    }
}

/// What both sides moved, in one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReconciliationTotal {
    kind: ReconciledKind,
    currency: CurrencyCode,
    #[schema(minimum = 0, example = 12)]
    company_count: u64,
    company_amount: Amount,
    /// What the company kept, if it says so, in this currency.
    company_fee: Amount,
    #[schema(minimum = 0, example = 12)]
    own_count: u64,
    own_amount: Amount,
}

/// How both sides differ: the company moved money that we have no record of, we have a record that the company does not
/// name, or the amounts differ.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReconciliationDifferenceKind {
    MissingHere,
    MissingThere,
    OtherAmount,
}

/// One difference.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReconciliationDifference {
    difference: ReconciliationDifferenceKind,
    kind: ReconciledKind,
    /// The company's id.
    #[schema(max_length = 200, example = "pi_3TestIntentOfARequest")]
    id: String,
    currency: CurrencyCode,
    /// Null if the company does not name it.
    company_amount: Option<Amount>,
    /// Null if we have no record.
    own_amount: Option<Amount>,
    at: DateTime<Utc>,
    /// Our own id of the record; null if there is none.
    #[schema(max_length = 64, example = "pay_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    record: Option<String>,
}

/// What the company paid to our bank account.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReconciliationPayout {
    /// The company's id.
    #[schema(max_length = 200, example = "po_1TestPayout")]
    id: String,
    currency: CurrencyCode,
    amount: Amount,
    at: DateTime<Utc>,
}

fn total((kind, currency, total): &(MovedKind, Currency, MovedTotal)) -> ReconciliationTotal {
    ReconciliationTotal {
        kind: (*kind).into(),
        currency: CurrencyCode::of(*currency),
        company_count: total.company_count,
        company_amount: total.company_amount.into(),
        company_fee: total.company_fee.into(),
        own_count: total.own_count,
        own_amount: total.own_amount.into(),
    }
}

fn difference(one: &Difference) -> Result<ReconciliationDifference, Error> {
    let some = one.company.or(one.own).ok_or(Error::Internal("an amount of a difference"))?;
    let shown = |amount: Option<Money>| amount.map(Amount::from);
    Ok(ReconciliationDifference {
        difference: match one.kind {
            DifferenceKind::MissingHere => ReconciliationDifferenceKind::MissingHere,
            DifferenceKind::MissingThere => ReconciliationDifferenceKind::MissingThere,
            DifferenceKind::OtherAmount => ReconciliationDifferenceKind::OtherAmount,
        },
        kind: one.moved.into(),
        id: one.id.clone(),
        currency: CurrencyCode::of(some.currency()),
        company_amount: shown(one.company),
        own_amount: shown(one.own),
        at: one.at,
        record: one.record.clone(),
    })
}

fn payout(one: &CompanyMovement) -> ReconciliationPayout {
    let (id, currency) = (one.id.clone(), CurrencyCode::of(one.amount.currency()));
    ReconciliationPayout { id, currency, amount: one.amount.into(), at: one.at }
}

/// The report of a day.
///
/// # Errors
/// 500 for a difference without an amount, which cannot happen.
pub fn report(day: &Reconciled) -> Result<ReconciliationReport, Error> {
    Ok(ReconciliationReport {
        provider: ProviderCode::new(day.provider.as_str()),
        from: day.span.from,
        to: day.span.to,
        has_list: day.has_list,
        totals: day.found.totals.iter().map(total).collect(),
        differences: day.found.differences.iter().map(difference).collect::<Result<_, _>>()?,
        payouts: day.found.payouts.iter().map(payout).collect(),
        foreign: day.found.foreign,
    })
}

/// Reconcile a day with a company
///
/// Asks the company which payments, refunds and disputes it has, and compares them with our payments,
/// refunds and disputes, by their ids. Stripe is asked for its balance transactions, PayPal for its transaction search,
/// which is complete three hours later; VNPay has no list and is asked about each payment. Nothing is changed.
#[utoipa::path(
    tag = "admin-reports",
    operation_id = "adminReconcile",
    params(ReconciliationQuery),
    responses(
        (status = 200, description = "The comparison", body = ReconciliationReport),
        (status = 409, description = "The company's list of the day is not complete yet (`too_recent`)"),
        (status = 502, description = "The company did not answer"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[get("/v1/admin/reports/reconciliation")]
pub async fn report_reconciliation(
    _: AsOperator<FINANCE>,
    QueryParams(query): QueryParams<ReconciliationQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let provider = reconciliations::company(&query.provider)
        .map_err(|detail| Error::field("?provider", Code::InvalidValue, detail))?;
    let day = reconciliations::of_day(&app, provider, query.day, &|_, _| ()).await?;
    Ok(HttpResponse::Ok().json(report(&day)?))
}
