//! `/v1/admin/disputes/{dispute_id}`: the work on a dispute, its evidence, and how disputes end.

use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{Dispute, DisputeStatusName, dispute_body};
use crate::app::dispute_cases::{self, DisputeView};
use crate::app::{App, Problems};
use crate::domain::dispute_case::{DisputeOutcome, Evidence};
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{
    Actor, Amount, CurrencyCode, DisputeId, MonthText, Note, ProviderCode, ReferenceCode, TopUpOrderId,
};

/// A dispute with the work on it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisputeCase {
    dispute: Dispute,
    /// Until when the company takes evidence; null if it does not say.
    evidence_due_at: Option<DateTime<Utc>>,
    /// Whether the company waits for evidence. It no longer waits once it has evidence, even if that was sent on its
    /// own pages.
    evidence_awaited: bool,
    /// What the company charges the platform for the dispute; null if it does not say.
    fee_amount: Option<Amount>,
    fee_currency: Option<CurrencyCode>,
    /// Who has sent evidence; null until then. It is sent once.
    evidence_sent_by: Option<Actor>,
    evidence_sent_at: Option<DateTime<Utc>>,
    /// The sent file.
    #[schema(max_length = 20000, example = "Order TU0123456X over 20 USD, paid on 2026-11-21, for the main wallet.")]
    evidence_sent: Option<String>,
}

impl From<&DisputeView> for DisputeCase {
    fn from(view: &DisputeView) -> Self {
        let sent = view.case.sent.as_ref();
        Self {
            dispute: dispute_body(&view.dispute),
            evidence_due_at: view.case.evidence_due_at,
            evidence_awaited: view.case.awaits_evidence,
            fee_amount: view.case.fee.map(Amount::from),
            fee_currency: view.case.fee.map(|fee| CurrencyCode::of(fee.currency())),
            evidence_sent_by: sent.map(|sent| Actor::new(&sent.by)),
            evidence_sent_at: sent.map(|sent| sent.at),
            evidence_sent: sent.map(|sent| sent.text.clone()),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct DisputePath {
    /// The dispute's id.
    dispute_id: DisputeId,
}

/// Read a dispute
///
/// The dispute, with the time until which the company takes evidence, and the company's charge.
#[utoipa::path(
    tag = "admin-disputes",
    operation_id = "adminGetDispute",
    params(DisputePath),
    responses((status = 200, description = "The dispute", body = DisputeCase)),
    security(("bearer" = []))
)]
#[get("/v1/admin/disputes/{dispute_id}")]
pub async fn get_dispute(
    _: AsOperator,
    path: web::Path<DisputePath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let view = dispute_cases::read(&app, path.dispute_id.named()).await?;
    Ok(HttpResponse::Ok().json(DisputeCase::from(&view)))
}

/// Evidence that the payer ordered, agreed, got a receipt, and used what was paid for.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisputeEvidence {
    order_id: TopUpOrderId,
    reference: ReferenceCode,
    paid_on: NaiveDate,
    #[schema(max_length = 200, example = "the main wallet")]
    product: String,
    #[schema(max_length = 200, example = "Demo Customer")]
    customer_name: Option<String>,
    #[schema(max_length = 254, example = "demo@example.com")]
    customer_email: Option<String>,
    #[schema(max_length = 600, example = "1 Example Street, Hanoi, VN")]
    billing_address: Option<String>,
    /// The address from which the order was made.
    #[schema(max_length = 64, example = "192.0.2.1")]
    customer_ip: String,
    #[schema(max_length = 300, example = "agreement 2026-01, accepted 2026-11-21 08:30:00 UTC")]
    consent: String,
    /// The number of the receipt; null until it is issued.
    #[schema(max_length = 100, example = "R-2026-000001")]
    receipt: Option<String>,
    /// What the money paid for, the newest first, at most 50.
    #[schema(max_items = 50, example = json!(["2026-11-22 08:30:00 UTC usage of 0.01 USD 1 message"]))]
    usage: Vec<String>,
    /// What happened to the order.
    #[schema(max_items = 10000, example = json!(["2026-11-21 08:30:00 UTC created"]))]
    timeline: Vec<String>,
    /// All of this as one text, to copy or to send.
    #[schema(max_length = 20000, example = "Order TU0123456X over 20 USD, paid on 2026-11-21, for the main wallet.")]
    text: String,
}

impl From<&Evidence> for DisputeEvidence {
    fn from(evidence: &Evidence) -> Self {
        Self {
            order_id: TopUpOrderId::of(evidence.order_id),
            reference: ReferenceCode::new(&evidence.reference),
            paid_on: evidence.paid_on,
            product: evidence.product.clone(),
            customer_name: evidence.customer_name.clone(),
            customer_email: evidence.customer_email.clone(),
            billing_address: evidence.billing_address.clone(),
            customer_ip: evidence.customer_ip.clone(),
            consent: evidence.consent.clone(),
            receipt: evidence.receipt.clone(),
            usage: evidence.usage.clone(),
            timeline: evidence.timeline.clone(),
            text: evidence.text(),
        }
    }
}

/// Read the evidence about a dispute
///
/// A file that is ready to be sent, made from the current records: the order, the consent, the receipt, the customer's
/// addresses, the timeline, and what the money paid for.
#[utoipa::path(
    tag = "admin-disputes",
    operation_id = "adminGetDisputeEvidence",
    params(DisputePath),
    responses((status = 200, description = "The file", body = DisputeEvidence)),
    security(("bearer" = []))
)]
#[get("/v1/admin/disputes/{dispute_id}/evidence")]
pub async fn get_dispute_evidence(
    Allowed(caller): AsOperator,
    path: web::Path<DisputePath>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let evidence = dispute_cases::evidence(&app, &caller, path.dispute_id.named(), None).await?;
    Ok(HttpResponse::Ok().json(DisputeEvidence::from(&evidence)))
}

/// An addition to the evidence.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "note": "the payer has confirmed the order by e-mail" }))]
pub struct SendDisputeEvidence {
    /// A sentence for the payer's bank.
    note: Option<Note>,
}

/// Send the evidence about a dispute
///
/// Sends the file to the company, which passes it to the payer's bank at once and takes it once. If a company takes
/// evidence only on its own pages, the call fails with `provider_unsupported`; copy the text there.
#[utoipa::path(
    tag = "admin-disputes",
    operation_id = "adminSendDisputeEvidence",
    params(DisputePath),
    request_body = SendDisputeEvidence,
    responses((status = 200, description = "The dispute", body = DisputeCase)),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/disputes/{dispute_id}/evidence")]
pub async fn send_dispute_evidence(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<DisputePath>,
    body: JsonBody<SendDisputeEvidence>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let note = Note::read_optional(body.value.note.as_ref(), &mut problems, "/note");
    problems.finish()?;
    let view = dispute_cases::send(&app, &caller, path.dispute_id.named(), note).await?;
    Ok(HttpResponse::Ok().json(DisputeCase::from(&view)))
}

/// The number of disputes of one month, company, currency and status.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisputeOutcomeCount {
    /// The month in which they were opened.
    month: MonthText,
    provider: ProviderCode,
    status: DisputeStatusName,
    currency: CurrencyCode,
    #[schema(minimum = 1, example = 2)]
    count: i64,
    /// The sum of their amounts.
    amount: Amount,
}

impl From<&DisputeOutcome> for DisputeOutcomeCount {
    fn from(outcome: &DisputeOutcome) -> Self {
        Self {
            month: MonthText::of(outcome.month),
            provider: ProviderCode::new(outcome.provider.as_str()),
            status: outcome.status.into(),
            currency: CurrencyCode::of(outcome.amount.currency()),
            count: outcome.count,
            amount: outcome.amount.into(),
        }
    }
}

/// The outcomes of disputes.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisputeOutcomeList {
    #[schema(max_items = 10000)]
    data: Vec<DisputeOutcomeCount>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OutcomesQuery {
    /// The first month in which the disputes were opened.
    from: MonthText,
    /// The last month: at most the 35th after the first.
    to: MonthText,
}

/// Count disputes by month and outcome
///
/// How many disputes are open, won or lost, by the month in which they were opened, the newest month first.
#[utoipa::path(
    tag = "admin-disputes",
    operation_id = "adminListDisputeOutcomes",
    params(OutcomesQuery),
    responses((status = 200, description = "The outcomes", body = DisputeOutcomeList)),
    security(("bearer" = []))
)]
#[get("/v1/admin/dispute-outcomes")]
pub async fn list_dispute_outcomes(
    _: AsOperator,
    QueryParams(query): QueryParams<OutcomesQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let from = query.from.read(&mut problems, "?from");
    let to = query.to.read(&mut problems, "?to");
    let (from, to) = problems.into_result(from.zip(to))?;
    let found = dispute_cases::outcomes(&app, from, to).await?;
    Ok(HttpResponse::Ok().json(DisputeOutcomeList { data: found.iter().map(DisputeOutcomeCount::from).collect() }))
}
