//! `/v1/grants`: promotional credit.

pub mod body;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use self::body::{Grant, GrantPage};
use crate::app::grants::{self, Granted, NewGrant};
use crate::app::{App, Caller, Problems};
use crate::domain::code::Code;
use crate::domain::page::Sort;
use crate::http::edge::answers::{created, located, repeatable};
use crate::http::edge::auth::{Allowed, AsCustomer, AsStaff, SUPPORT};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::idempotency::IdempotencyHeader;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CustomerQuery, customer_of};
use crate::http::edge::times;
use crate::http::edge::wire::{
    Amount, ClientReference, CurrencyCode, CursorText, CustomerIdText, GrantId, GrantReason, Limit, Metadata,
    ProductCode, read_client_data,
};

/// Promotional credit to give to a customer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "customer_id": "demo", "currency": "CNY", "amount": "10.00", "expires_at": "2030-01-01T00:00:00Z",
    "priority": 10, "reason": "welcome"
}))]
pub struct CreateGrant {
    customer_id: CustomerIdText,
    currency: CurrencyCode,
    /// The amount: greater than zero, with up to 8 decimals.
    amount: Amount,
    /// The product whose wallet gets the credit; null for the main wallet.
    product: Option<ProductCode>,
    /// The credit cannot be spent from this moment on; null if it never expires.
    #[serde(default, deserialize_with = "times::moment")]
    expires_at: Option<DateTime<Utc>>,
    /// The credit with the lowest number is spent first; among equal numbers, the credit that expires first, then the
    /// oldest. 100 when absent.
    #[schema(minimum = 0, maximum = 1000, example = 10)]
    priority: Option<i16>,
    /// Why the credit was given.
    reason: GrantReason,
    /// Your own reference, for example of a cart. It need not be unique, and the customer sees it.
    client_reference: Option<ClientReference>,
    metadata: Option<Metadata>,
}

fn read(asked: CreateGrant, caller: &Caller, problems: &mut Problems) -> Option<NewGrant> {
    let customer = asked.customer_id.read(problems, "/customer_id");
    let currency = asked.currency.read(problems, "/currency");
    let amount = currency.and_then(|currency| asked.amount.positive_money(problems, "/amount", currency));
    let product = ProductCode::read_or_main(asked.product.as_ref(), problems, "/product");
    let reason = asked.reason.read(problems, "/reason");
    let priority = asked.priority.unwrap_or(100);
    if !(0..=1000).contains(&priority) {
        problems.add("/priority", Code::OutOfRange, "must be 0 to 1000");
    }
    let client = read_client_data(asked.client_reference.as_ref(), asked.metadata, problems);
    Some(NewGrant {
        customer: customer?,
        amount: amount?,
        product: product?,
        expires_at: asked.expires_at,
        priority,
        reason: reason?,
        created_by: caller.actor(),
        client,
    })
}

/// Grant promotional credit
///
/// Gives a customer credit that is spent before paid money. It cannot be transferred or refunded, and it does not
/// repay debt.
///
/// An operator's grant above the threshold is only proposed (202) until a second operator approves it under
/// `/v1/admin/grant-proposals`. A service's grant above the limit of 24 hours is refused with 403 `grant_above_limit`.
#[utoipa::path(
    tag = "grants",
    operation_id = "createGrant",
    params(IdempotencyHeader),
    request_body = CreateGrant,
    responses(
        (status = 201, description = "The new grant", body = Grant),
        (status = 200, description = "The grant that the same request made before", body = Grant),
        (status = 202, description = "`awaiting_second_approval`: nothing is given yet", body = Grant),
        (status = 409, description = "The same request is still being processed"),
    ),
    security(("bearer" = ["service", "operator:support"]))
)]
#[post("/v1/grants")]
pub async fn create_grant(
    Allowed(caller): AsStaff<SUPPORT>,
    key: IdempotencyHeader,
    body: JsonBody<CreateGrant>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let key = key.scoped(&caller, "create_grant", "", &body.bytes);
    let mut problems = Problems::new();
    let new = read(body.value, &caller, &mut problems);
    let made = grants::create(&app, &caller, &problems.into_result(new)?, &key).await?;
    Ok(match &made.value {
        Granted::Given(given) => {
            let answer = created(&Grant::from(given), made.replayed, StatusCode::OK);
            located(answer, "/v1/grants", &GrantId::of(given.grant.id))
        }
        Granted::Proposed(proposal) => repeatable(&Grant::from(proposal), made.replayed, StatusCode::ACCEPTED),
    })
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct GrantsQuery {
    customer_id: Option<CustomerIdText>,
    /// Only grants with exactly this client reference.
    client_reference: Option<ClientReference>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List grants
///
/// The customer's grants, newest first, including those that are used up or expired.
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
    let customer = customer_of(&caller, query.customer_id.as_ref())?;
    let limit = Limit::read(query.limit)?;
    let reference = ClientReference::filter(query.client_reference.as_ref(), "?client_reference")?;
    let filters = Filters::of(request.path())
        .with("customer_id", &customer)
        .with_optional("client_reference", reference.as_ref());
    let asked = page::read(query.cursor.as_ref(), Sort::Newest, limit, &filters)?;
    let found = grants::list(&app, &customer, reference.as_deref(), &asked).await?;
    let cursors = page::cursors(&found, &filters, |found| (found.grant.created_at, found.grant.id))?;
    let data = found.rows.iter().map(|found| Grant::from(found).told_to(caller.reader())).collect();
    Ok(HttpResponse::Ok().json(GrantPage {
        data,
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct GrantPath {
    /// The grant's id.
    grant_id: GrantId,
}

/// Get a grant
///
/// One grant of the customer.
#[utoipa::path(
    tag = "grants",
    operation_id = "getGrant",
    params(GrantPath, CustomerQuery),
    responses((status = 200, description = "The grant", body = Grant)),
    security(("bearer" = []))
)]
#[get("/v1/grants/{grant_id}")]
pub async fn get_grant(
    Allowed(caller): AsCustomer,
    path: web::Path<GrantPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let found = grants::get(&app, &query.customer(&caller)?, path.grant_id.named()).await?;
    Ok(HttpResponse::Ok().json(Grant::from(&found).told_to(caller.reader())))
}
