//! `POST /v1/usage/reversals`.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::usage::{self, NewReversal};
use crate::app::{App, Error, Problems};
use crate::domain::customer::CustomerId;
use crate::domain::money::parse_plain_decimal;
use crate::http::edge::amount::{Amount, SignedAmount};
use crate::http::edge::auth::AsService;
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::respond::created;
use crate::http::v1::usage::key;

/// A deduction to give back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"id": "rev-0001", "customer_id": "demo", "usage_id": "msg-0001"}))]
pub struct CreateUsageReversal {
    /// Yours, unique per customer.
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]{1,128}$", example = "rev-0001")]
    id: String,
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: String,
    /// The usage's id, or the hold's (`hold_…`) for a capture.
    #[schema(min_length = 1, max_length = 128, example = "msg-0001")]
    usage_id: String,
    /// All that is left of it when absent; never more than it was.
    #[schema(value_type = Option<crate::http::edge::amount::Amount>, nullable = false)]
    amount: Option<String>,
}

/// A booked reversal.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageReversal {
    #[schema(max_length = 128, example = "rev-0001")]
    id: String,
    #[schema(max_length = 128, example = "msg-0001")]
    usage_id: String,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Null for the main wallet.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    amount: Amount,
    balance_after: SignedAmount,
    created_at: DateTime<Utc>,
}

/// Reverse usage
///
/// Gives a deduction back, whole or in part, into the parts that it was taken from.
#[utoipa::path(
    tag = "usage",
    operation_id = "createUsageReversal",
    request_body = CreateUsageReversal,
    responses(
        (status = 201, description = "Given back", body = UsageReversal),
        (status = 200, description = "Given back before (`Idempotent-Replayed: true`)", body = UsageReversal),
        (status = 404, description = "No such usage"),
    ),
    security(("bearer" = ["service"]))
)]
#[post("/v1/usage/reversals")]
pub async fn create_usage_reversal(
    _: AsService,
    body: JsonBody<CreateUsageReversal>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let asked = body.value;
    let mut problems = Problems::new();
    let id = key(&mut problems, "/id", &asked.id);
    let usage_id = key(&mut problems, "/usage_id", &asked.usage_id);
    let customer = CustomerId::new(&asked.customer_id);
    if customer.is_none() {
        problems.add("/customer_id", "malformed", "must be 1 to 64 of A-Z a-z 0-9 _ . : @ -");
    }
    let amount = asked.amount.as_deref().map(|amount| problems.money("/amount", parse_plain_decimal(amount)));
    problems.finish()?;
    let (Some(id), Some(usage_id), Some(customer)) = (id, usage_id, customer) else {
        return Err(Error::NotFound("usage").into());
    };
    let new = NewReversal { id, customer, usage_id: usage_id.clone(), amount: amount.flatten() };
    let done = usage::reverse(&app, &new).await?;
    let body = UsageReversal {
        id: done.id.clone(),
        usage_id,
        currency: done.currency.code().to_owned(),
        product: done.product.code().map(str::to_owned),
        amount: Amount::of(done.amount, done.currency),
        balance_after: SignedAmount::of(done.balance_after, done.currency),
        created_at: done.created_at,
    };
    Ok(created(&body, done.replayed, StatusCode::OK))
}
