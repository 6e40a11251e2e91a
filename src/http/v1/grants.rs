//! `/v1/grants`: promotional credit.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::grants::{self, NewGrant};
use crate::app::{App, Problems};
use crate::domain::customer::CustomerId;
use crate::domain::grant::WalletGrant;
use crate::domain::id::IdKind;
use crate::domain::money::{Currency, Money, parse_plain_decimal};
use crate::http::edge::amount::Amount;
use crate::http::edge::auth::{Allowed, AsCustomer, AsStaff};
use crate::http::edge::extract::{IdempotencyHeader, JsonBody, QueryParams};
use crate::http::edge::filters;
use crate::http::edge::page;
use crate::http::edge::problem::Failure;
use crate::http::edge::respond::created;
use crate::http::v1::transfers::product;

/// Promotional credit to give.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "customer_id": "demo", "currency": "CNY", "amount": "10.00", "expires_at": "2030-01-01T00:00:00Z",
    "priority": 10, "reason": "welcome"
}))]
pub struct CreateGrant {
    #[schema(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: String,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Greater than zero, up to 8 decimals.
    #[schema(value_type = crate::http::edge::amount::Amount)]
    amount: String,
    /// For this product's wallet; null: the main wallet.
    #[schema(max_length = 32, pattern = "^[a-z0-9_-]{1,32}$", example = "whatsapp")]
    product: Option<String>,
    /// Unspendable from this second on; null: never.
    #[serde(default, deserialize_with = "filters::moment")]
    expires_at: Option<DateTime<Utc>>,
    /// Lower burns first; then the earliest expiry, then the oldest. 100 when absent.
    #[schema(minimum = 0, maximum = 1000, example = 10)]
    priority: Option<i16>,
    #[schema(min_length = 1, max_length = 200, example = "welcome")]
    reason: String,
}

/// Promotional credit.
#[derive(Debug, Serialize, ToSchema)]
pub struct Grant {
    #[schema(max_length = 64, pattern = "^grt_[0-9a-f]{32}$", example = "grt_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    id: String,
    #[schema(max_length = 64, example = "demo")]
    customer_id: String,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    currency: String,
    /// Null for the main wallet.
    #[schema(max_length = 32, example = "whatsapp")]
    product: Option<String>,
    amount: Amount,
    /// What is left, the part that holds reserve included.
    remaining: Amount,
    held: Amount,
    #[schema(minimum = 0, maximum = 1000, example = 10)]
    priority: i16,
    expires_at: Option<DateTime<Utc>>,
    #[schema(max_length = 200, example = "welcome")]
    reason: String,
    #[schema(max_length = 100, example = "operator:ops")]
    created_by: String,
    created_at: DateTime<Utc>,
}

/// A page of grants.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantPage {
    #[schema(max_items = 100)]
    data: Vec<Grant>,
    #[schema(max_length = 512, example = "WyI5ZjM1IiwiLi4uIl0")]
    next_cursor: Option<String>,
    has_more: bool,
}

impl From<&WalletGrant> for Grant {
    fn from(WalletGrant { wallet, grant }: &WalletGrant) -> Self {
        let currency = wallet.currency;
        Self {
            id: IdKind::Grant.show(grant.id),
            customer_id: wallet.customer.to_string(),
            currency: currency.code().to_owned(),
            product: wallet.product.code().map(str::to_owned),
            amount: Amount::of(grant.amount, currency),
            remaining: Amount::of(grant.remaining, currency),
            held: Amount::of(grant.held, currency),
            priority: grant.priority,
            expires_at: grant.expires_at,
            reason: grant.reason.clone(),
            created_by: grant.created_by.clone(),
            created_at: grant.created_at,
        }
    }
}

/// Grant promotional credit
///
/// Burns before paid money, cannot travel or be refunded, and does not repay debt.
#[utoipa::path(
    tag = "grants",
    operation_id = "createGrant",
    params(("Idempotency-Key" = String, Header, description = "Makes a repeat find the same grant. 1 to 255 visible ASCII characters.", max_length = 255, min_length = 1, example = "9d0a1f2e-3d4c-4b6a-8f1c-0e8e6a4d4f0b")),
    request_body = CreateGrant,
    responses(
        (status = 201, description = "The grant", body = Grant),
        (status = 200, description = "The same grant again (`Idempotent-Replayed: true`)", body = Grant),
        (status = 409, description = "The same key in flight"),
    ),
    security(("bearer" = ["service", "operator"]))
)]
#[post("/v1/grants")]
pub async fn create_grant(
    Allowed(caller): AsStaff,
    idempotency: IdempotencyHeader,
    body: JsonBody<CreateGrant>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let idempotency = idempotency.scoped(&caller, "create_grant", "", &body.bytes);
    let asked = body.value;
    let mut problems = Problems::new();
    let customer = CustomerId::new(&asked.customer_id);
    if customer.is_none() {
        problems.add("/customer_id", "malformed", "must be 1 to 64 of A-Z a-z 0-9 _ . : @ -");
    }
    let currency = problems.money("/currency", asked.currency.parse::<Currency>());
    let amount = currency.and_then(|currency| {
        let amount = parse_plain_decimal(&asked.amount).and_then(|amount| Money::positive(amount, currency));
        problems.money("/amount", amount)
    });
    let product = product(&mut problems, "/product", asked.product.as_deref());
    let reason = problems.text("/reason", &asked.reason, 1, 200);
    let priority = asked.priority.unwrap_or(100);
    if !(0..=1000).contains(&priority) {
        problems.add("/priority", "out_of_range", "must be 0 to 1000");
    }
    let fields = customer.zip(amount).zip(product.zip(reason));
    let ((customer, amount), (product, reason)) = problems.into_result(fields)?;
    let expires_at = asked.expires_at;
    let new = NewGrant { customer, amount, product, expires_at, priority, reason, created_by: caller.actor() };
    let made = grants::create(&app, &new, &idempotency).await?;
    Ok(created(&Grant::from(&made.value), made.replayed, StatusCode::OK))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct GrantsQuery {
    /// For services and operators: which customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: Option<String>,
    /// As `next_cursor` said; with the same filters.
    #[param(max_length = 512)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, example = 20)]
    limit: Option<i64>,
}

/// List grants
///
/// Newest first, used-up and expired ones included.
#[utoipa::path(
    tag = "grants",
    operation_id = "listGrants",
    params(GrantsQuery),
    responses((status = 200, description = "A page of grants", body = GrantPage)),
    security(("bearer" = []))
)]
#[get("/v1/grants")]
pub async fn list_grants(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<GrantsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let limit = page::limit(query.limit)?;
    let tag = format!("{} {customer}", request.path());
    let after = page::decode_cursor(query.cursor.as_deref(), &tag)?;
    let mut found = grants::list(&app, &customer, after, limit + 1).await?;
    let (rows, next_cursor) = page::cut(&mut found, limit, &tag, |found| (found.grant.created_at, found.grant.id));
    let data = rows.iter().map(Grant::from).collect();
    Ok(HttpResponse::Ok().json(GrantPage { data, has_more: next_cursor.is_some(), next_cursor }))
}
