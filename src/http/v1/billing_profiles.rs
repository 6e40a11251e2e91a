//! `/v1/billing-profile`: the name and address that a customer is billed under.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::app::billing_profiles::{self, ProfileInput};
use crate::domain::billing_profile;
use crate::http::edge::answers::tagged;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::etag::IfMatch;
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::CustomerQuery;
use crate::http::edge::wire::{CountryCode, CustomerIdText};

/// The profile to save: whom the platform bills.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Demo Customer", "email": "demo@example.com", "country": "VN", "address": "1 Example Street, Hanoi"
}))]
pub struct BillingProfileRequest {
    #[schema(min_length = 1, max_length = 200, example = "Demo Customer")]
    name: String,
    #[schema(max_length = 254, example = "demo@example.com")]
    email: String,
    /// The country as ISO 3166-1 writes it, in two upper-case letters. Some channels depend on it.
    country: CountryCode,
    #[schema(max_length = 500, example = "1 Example Street, Hanoi")]
    address: Option<String>,
    #[schema(max_length = 50, example = "0100109106")]
    tax_id: Option<String>,
    #[schema(max_length = 200, example = "Example JSC")]
    company: Option<String>,
}

// Personal data must not get into logs.
impl std::fmt::Debug for BillingProfileRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BillingProfileRequest").finish_non_exhaustive()
    }
}

/// Whom the platform bills.
#[derive(Serialize, ToSchema)]
pub struct BillingProfile {
    customer_id: CustomerIdText,
    #[schema(max_length = 200, example = "Demo Customer")]
    name: String,
    #[schema(max_length = 254, example = "demo@example.com")]
    email: String,
    country: CountryCode,
    #[schema(max_length = 500, example = "1 Example Street, Hanoi")]
    address: Option<String>,
    #[schema(max_length = 50, example = "0100109106")]
    tax_id: Option<String>,
    #[schema(max_length = 200, example = "Example JSC")]
    company: Option<String>,
    /// A number that grows with every change. It is also the ETag: `"<version>"`.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
}

impl std::fmt::Debug for BillingProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BillingProfile").field("customer_id", &self.customer_id).finish_non_exhaustive()
    }
}

fn answer(profile: billing_profile::BillingProfile) -> HttpResponse {
    let version = profile.version;
    let body = BillingProfile {
        customer_id: CustomerIdText::of(&profile.customer),
        name: profile.name,
        email: profile.email.as_str().to_owned(),
        country: CountryCode::new(profile.country.code()),
        address: profile.address,
        tax_id: profile.tax_id,
        company: profile.company,
        version,
        updated_at: profile.updated_at,
    };
    tagged(StatusCode::OK, version, &body)
}

/// Show the billing profile
///
/// Returns 404 `not_found` until a profile is saved.
#[utoipa::path(
    tag = "billing-profile",
    operation_id = "getBillingProfile",
    params(CustomerQuery),
    responses((status = 200, description = "The profile", body = BillingProfile,
        headers(("ETag" = String, description = "The version, to send as `If-Match`")))),
    security(("bearer" = []))
)]
#[get("/v1/billing-profile")]
pub async fn get_billing_profile(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    Ok(answer(billing_profiles::get(&app, &customer).await?))
}

/// Save the billing profile
///
/// Creates the profile or replaces all of it. A customer needs one before the first order. With `If-Match`, the call
/// replaces only the version that it names (otherwise 412).
#[utoipa::path(
    tag = "billing-profile",
    operation_id = "saveBillingProfile",
    params(
        CustomerQuery,
        IfMatch,
    ),
    request_body = BillingProfileRequest,
    responses((status = 200, description = "The profile as it is now", body = BillingProfile,
        headers(("ETag" = String, description = "The version, to send as `If-Match`")))),
    security(("bearer" = []))
)]
#[put("/v1/billing-profile")]
pub async fn save_billing_profile(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<CustomerQuery>,
    IfMatch(expected): IfMatch,
    body: JsonBody<BillingProfileRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let BillingProfileRequest { name, email, country, address, tax_id, company } = body.value;
    let input = ProfileInput { name, email, country: country.into_string(), address, tax_id, company };
    Ok(answer(billing_profiles::put(&app, &caller, &customer, &expected, input).await?))
}
