//! `/v1/billing-profile`.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::app::billing_profiles::{self, ProfileInput};
use crate::domain::billing_profile;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::etag::{IfMatch, tagged};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ProfileQuery {
    /// Whose profile: for services and operators only, who must name the customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: Option<String>,
}

/// Who is billed.
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
    /// ISO 3166-1, two upper-case letters. Some channels depend on it.
    #[schema(max_length = 2, pattern = "^[A-Z]{2}$", example = "VN")]
    country: String,
    #[schema(max_length = 500, example = "1 Example Street, Hanoi")]
    address: Option<String>,
    #[schema(max_length = 50, example = "0100109106")]
    tax_id: Option<String>,
    #[schema(max_length = 200, example = "Example JSC")]
    company: Option<String>,
}

// Personal data stays out of logs.
impl std::fmt::Debug for BillingProfileRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BillingProfileRequest").finish_non_exhaustive()
    }
}

/// Who is billed.
#[derive(Serialize, ToSchema)]
pub struct BillingProfile {
    #[schema(max_length = 64, example = "demo")]
    customer_id: String,
    #[schema(max_length = 200, example = "Demo Customer")]
    name: String,
    #[schema(max_length = 254, example = "demo@example.com")]
    email: String,
    #[schema(max_length = 2, pattern = "^[A-Z]{2}$", example = "VN")]
    country: String,
    #[schema(max_length = 500, example = "1 Example Street, Hanoi")]
    address: Option<String>,
    #[schema(max_length = 50, example = "0100109106")]
    tax_id: Option<String>,
    #[schema(max_length = 200, example = "Example JSC")]
    company: Option<String>,
    /// As the ETag.
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
        customer_id: profile.customer.to_string(),
        name: profile.name,
        email: profile.email.as_str().to_owned(),
        country: profile.country.code().to_owned(),
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
/// 404 `not_found` until it is filled in.
#[utoipa::path(
    tag = "billing-profile",
    operation_id = "getBillingProfile",
    params(ProfileQuery),
    responses((status = 200, description = "The profile", body = BillingProfile,
        headers(("ETag" = String, description = "The version, for If-Match")))),
    security(("bearer" = []))
)]
#[get("/v1/billing-profile")]
pub async fn get_billing_profile(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<ProfileQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    Ok(answer(billing_profiles::get(&app, &customer).await?))
}

/// Save the billing profile
///
/// Makes it or replaces all of it; required before the first order. With `If-Match`, only the version named is
/// replaced (412 otherwise).
#[utoipa::path(
    tag = "billing-profile",
    operation_id = "saveBillingProfile",
    params(
        ProfileQuery,
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to replace", max_length = 200)
    ),
    request_body = BillingProfileRequest,
    responses((status = 200, description = "The profile as it is now", body = BillingProfile,
        headers(("ETag" = String, description = "The version, for If-Match")))),
    security(("bearer" = []))
)]
#[put("/v1/billing-profile")]
pub async fn save_billing_profile(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<ProfileQuery>,
    IfMatch(expected): IfMatch,
    body: JsonBody<BillingProfileRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let BillingProfileRequest { name, email, country, address, tax_id, company } = body.value;
    let input = ProfileInput { name, email, country, address, tax_id, company };
    Ok(answer(billing_profiles::put(&app, &caller, &customer, &expected, input).await?))
}
