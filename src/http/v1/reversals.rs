//! `/v1/usage/reversals`: gives a deduction back.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::usage::{self, NewReversal};
use crate::app::{App, Problems};
use crate::http::edge::answers::created;
use crate::http::edge::auth::AsService;
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{Amount, CurrencyCode, CustomerIdText, DedupeId, ProductCode, SignedAmount};

/// A deduction to give back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"id": "rev-0001", "customer_id": "demo", "usage_id": "msg-0001"}))]
pub struct CreateUsageReversal {
    /// Your own id of the reversal, unique for each customer.
    id: DedupeId,
    customer_id: CustomerIdText,
    /// The id of the usage, or the `hold_id` of a captured hold. Closed holds are kept only for a while: 30 days,
    /// unless the installation sets another time.
    usage_id: DedupeId,
    /// The amount to give back. Absent: all that is left. It cannot be more than what is left of the deduction.
    amount: Option<Amount>,
}

/// A booked reversal.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageReversal {
    id: DedupeId,
    usage_id: DedupeId,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    amount: Amount,
    /// The balance of the wallet afterwards: paid + granted − debt.
    balance_after: SignedAmount,
    /// The part of the amount that returned to expired promotional credit. It expires at once, by an entry of its own.
    expired_amount: Amount,
    created_at: DateTime<Utc>,
}

fn read(asked: &CreateUsageReversal, problems: &mut Problems) -> Option<NewReversal> {
    let id = asked.id.read(problems, "/id");
    let usage_id = asked.usage_id.read(problems, "/usage_id");
    let customer = asked.customer_id.read(problems, "/customer_id");
    let amount = asked.amount.as_ref().and_then(|amount| amount.decimal(problems, "/amount"));
    Some(NewReversal { id: id?, customer: customer?, usage_id: usage_id?, amount })
}

/// Reverse usage
///
/// Gives a deduction back, as a whole or in part. Paid money becomes paid money again, and promotional credit becomes
/// promotional credit again.
#[utoipa::path(
    tag = "usage",
    operation_id = "createUsageReversal",
    request_body = CreateUsageReversal,
    responses(
        (status = 201, description = "The amount was given back", body = UsageReversal),
        (status = 200, description = "The amount had been given back before", body = UsageReversal),
        (status = 404, description = "The customer has no such usage"),
    ),
    security(("bearer" = ["service"]))
)]
#[post("/v1/usage/reversals")]
pub async fn create_usage_reversal(
    _: AsService,
    body: JsonBody<CreateUsageReversal>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let new = read(&body.value, &mut problems);
    let done = usage::reverse(&app, &problems.into_result(new)?).await?;
    let reversal = UsageReversal {
        id: DedupeId::new(&done.id),
        usage_id: body.value.usage_id,
        currency: CurrencyCode::of(done.amount.currency()),
        product: ProductCode::of_product(&done.product),
        amount: Amount::from(done.amount),
        balance_after: SignedAmount::from(done.balance_after),
        expired_amount: Amount::from(done.expired),
        created_at: done.created_at,
    };
    Ok(created(&reversal, done.replayed, StatusCode::OK))
}
