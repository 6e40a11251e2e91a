//! `/v1/billing-profile`: the name and address that a customer is billed under.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, post, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::billing_profiles::{self, NewProfile};
use crate::app::{App, Error, Problems};
use crate::domain::billing_profile::{self, Email};
use crate::domain::code::Code;
use crate::domain::party::{BillingDetails, TaxIdCheck};
use crate::domain::tax_id;
use crate::http::edge::answers::tagged;
use crate::http::edge::auth::{Allowed, AsCustomer, AsOperator, AsStaff, FINANCE, SUPPORT};
use crate::http::edge::etag::IfMatch;
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CustomerPath, CustomerQuery};
use crate::http::edge::times;
use crate::http::edge::wire::{CountryCode, CustomerIdText, Reason};

/// The profile to save: whom the platform bills.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Demo Customer", "email": "demo@example.com", "country": "VN", "address": "1 Example Street",
    "city": "Hanoi"
}))]
pub struct BillingProfileRequest {
    #[schema(min_length = 1, max_length = 200, example = "Demo Customer")]
    name: String,
    #[schema(max_length = 254, example = "demo@example.com")]
    email: String,
    /// The country, in the two upper-case letters of ISO 3166-1. Some channels depend on it.
    country: CountryCode,
    /// Street and house.
    #[schema(max_length = 500, example = "1 Example Street")]
    address: Option<String>,
    #[schema(max_length = 100, example = "Hanoi")]
    city: Option<String>,
    /// The state or the province.
    #[schema(max_length = 100, example = "Hanoi")]
    region: Option<String>,
    #[schema(max_length = 20, example = "100000")]
    postal_code: Option<String>,
    #[schema(max_length = 30, example = "+84 24 0000 0000")]
    phone: Option<String>,
    #[schema(max_length = 50, example = "0100109106")]
    tax_id: Option<String>,
    #[schema(max_length = 200, example = "Example JSC")]
    company: Option<String>,
    /// The registered address of the company. A special invoice of China names it, with phone, bank and account.
    #[schema(max_length = 500, example = "1 Example Street, Hanoi")]
    registered_address: Option<String>,
    #[schema(max_length = 200, example = "Bank of China")]
    bank_name: Option<String>,
    #[schema(max_length = 64, example = "6216600100001234567")]
    bank_account: Option<String>,
}

// Personal data must not appear in logs.
impl std::fmt::Debug for BillingProfileRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BillingProfileRequest").finish_non_exhaustive()
    }
}

impl BillingProfileRequest {
    fn read(&self) -> Result<NewProfile, Error> {
        let mut problems = Problems::new();
        let name = problems.text("/name", &self.name, 1, 200);
        let email = Email::new(self.email.trim());
        if email.is_none() {
            problems.add("/email", Code::Malformed, "must be an e-mail address such as name@example.com");
        }
        let country = self.country.read(&mut problems, "/country");
        if let (Some(country), Some(tax_id)) = (country, self.tax_id.as_deref().filter(|id| !id.trim().is_empty()))
            && !tax_id::is_plausible(country, tax_id.trim())
        {
            let detail = format!("is no tax id of {}: look for a typing error", country.name());
            problems.add("/tax_id", Code::Malformed, detail);
        }
        let mut text = |pointer, text: &Option<String>, max| problems.optional_text(pointer, text.as_deref(), max);
        let details = BillingDetails {
            address: text("/address", &self.address, 500),
            city: text("/city", &self.city, 100),
            region: text("/region", &self.region, 100),
            postal_code: text("/postal_code", &self.postal_code, 20),
            phone: text("/phone", &self.phone, 30),
            tax_id: text("/tax_id", &self.tax_id, 50),
            company: text("/company", &self.company, 200),
            registered_address: text("/registered_address", &self.registered_address, 500),
            bank_name: text("/bank_name", &self.bank_name, 200),
            bank_account: text("/bank_account", &self.bank_account, 64),
        };
        let ((name, email), country) = problems.into_result(name.zip(email).zip(country))?;
        Ok(NewProfile { name, email, country, details })
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
    /// Street and house.
    #[schema(max_length = 500, example = "1 Example Street")]
    address: Option<String>,
    #[schema(max_length = 100, example = "Hanoi")]
    city: Option<String>,
    /// The state or the province.
    #[schema(max_length = 100, example = "Hanoi")]
    region: Option<String>,
    #[schema(max_length = 20, example = "100000")]
    postal_code: Option<String>,
    #[schema(max_length = 30, example = "+84 24 0000 0000")]
    phone: Option<String>,
    #[schema(max_length = 50, example = "0100109106")]
    tax_id: Option<String>,
    #[schema(max_length = 200, example = "Example JSC")]
    company: Option<String>,
    /// The registered address of the company. A special invoice of China names it, with phone, bank and account.
    #[schema(max_length = 500, example = "1 Example Street, Hanoi")]
    registered_address: Option<String>,
    #[schema(max_length = 200, example = "Bank of China")]
    bank_name: Option<String>,
    #[schema(max_length = 64, example = "6216600100001234567")]
    bank_account: Option<String>,
    /// When the tax id was verified, which made the customer a business for tax; null until then. A change of name,
    /// company, country or tax id ends it.
    tax_id_verified_at: Option<DateTime<Utc>>,
    /// The checker that gave the answer; null if an operator verified it.
    #[schema(max_length = 50, example = "VIES")]
    tax_id_checker: Option<String>,
    tax_id_checked_at: Option<DateTime<Utc>>,
    /// The number under which the checker keeps its answer.
    #[schema(max_length = 100, example = "WAPIAAAAY0jnJxk5")]
    tax_id_consultation: Option<String>,
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
    let (version, details, verified) = (profile.version, profile.details, profile.tax_id_verified);
    let check = verified.as_ref().and_then(|verified| verified.check.as_ref());
    let body = BillingProfile {
        customer_id: CustomerIdText::of(&profile.customer),
        name: profile.name,
        email: profile.email.as_str().to_owned(),
        country: CountryCode::new(profile.country.code()),
        address: details.address,
        city: details.city,
        region: details.region,
        postal_code: details.postal_code,
        phone: details.phone,
        tax_id: details.tax_id,
        company: details.company,
        registered_address: details.registered_address,
        bank_name: details.bank_name,
        bank_account: details.bank_account,
        tax_id_verified_at: verified.as_ref().map(|verified| verified.at),
        tax_id_checker: check.map(|check| check.checker.clone()),
        tax_id_checked_at: check.map(|check| check.checked_at),
        tax_id_consultation: check.and_then(|check| check.consultation.clone()),
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
    security(("bearer" = ["customer", "service", "operator:support"]))
)]
#[put("/v1/billing-profile")]
pub async fn save_billing_profile(
    Allowed(caller): AsCustomer<SUPPORT>,
    QueryParams(query): QueryParams<CustomerQuery>,
    IfMatch(expected): IfMatch,
    body: JsonBody<BillingProfileRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    Ok(answer(billing_profiles::put(&app, &caller, &customer, &expected, body.value.read()?).await?))
}

/// Whether the tax id of a profile is verified.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"verified": true, "reason": "valid at VIES on 2026-11-27"}))]
pub struct TaxIdVerification {
    /// `true`: the tax id exists and is the customer's. `false`: it is no longer verified.
    verified: bool,
    reason: Reason,
}

/// Verify a tax id
///
/// Records that an operator has made sure that the tax id of the billing profile exists and is the customer's. From
/// then on new orders of the customer are taxed as those of a business. `If-Match` names the version of the profile
/// that was checked: without it the call fails with 428 `if_match_required`, and with 412 if the profile has changed
/// since then.
#[utoipa::path(
    tag = "billing-profile",
    operation_id = "adminVerifyTaxId",
    params(CustomerPath, CustomerQuery, IfMatch),
    request_body = TaxIdVerification,
    responses((status = 200, description = "The profile as it is now", body = BillingProfile,
        headers(("ETag" = String, description = "The version, to send as `If-Match`")))),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/customers/{customer_id}/verify-tax-id")]
pub async fn admin_verify_tax_id(
    Allowed(caller): AsOperator<FINANCE>,
    path: web::Path<CustomerPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    IfMatch(expected): IfMatch,
    body: JsonBody<TaxIdVerification>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = path.customer(&query)?;
    let TaxIdVerification { verified, reason } = body.value;
    let mut problems = Problems::new();
    let reason = reason.read(&mut problems, "/reason");
    let reason = problems.into_result(reason)?;
    Ok(answer(billing_profiles::verify_tax_id(&app, &caller, &customer, &expected, verified, &reason).await?))
}

/// What a checker of tax ids has answered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "checker": "VIES", "valid": true, "checked_at": "2026-11-21T09:30:00Z", "consultation": "WAPIAAAAY0jnJxk5"
}))]
pub struct TaxIdAnswer {
    #[schema(min_length = 1, max_length = 50, example = "VIES")]
    checker: String,
    /// Whether the tax id exists and is the customer's.
    valid: bool,
    /// When it answered.
    #[serde(deserialize_with = "times::required_moment")]
    checked_at: DateTime<Utc>,
    /// The number under which the checker keeps its answer.
    #[schema(max_length = 100, example = "WAPIAAAAY0jnJxk5")]
    consultation: Option<String>,
}

/// Record a check of the tax id
///
/// Keeps what a checker such as VIES has answered about the tax id of the billing profile. A valid tax id makes the
/// customer a business for tax, as an operator's word does, and one that is not valid ends that. `If-Match` names the
/// version of the profile whose tax id was checked: without it the call fails with 428 `if_match_required`, and with
/// 412 if the profile has changed since.
#[utoipa::path(
    tag = "billing-profile",
    operation_id = "recordTaxIdCheck",
    params(CustomerQuery, IfMatch),
    request_body = TaxIdAnswer,
    responses((status = 200, description = "The profile as it is now", body = BillingProfile,
        headers(("ETag" = String, description = "The version, to send as `If-Match`")))),
    security(("bearer" = ["service", "operator:finance"]))
)]
#[post("/v1/billing-profile/record-tax-id-check")]
pub async fn record_tax_id_check(
    Allowed(caller): AsStaff<FINANCE>,
    QueryParams(query): QueryParams<CustomerQuery>,
    IfMatch(expected): IfMatch,
    body: JsonBody<TaxIdAnswer>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let TaxIdAnswer { checker, valid, checked_at, consultation } = body.value;
    let mut problems = Problems::new();
    let checker = problems.text("/checker", &checker, 1, 50);
    let consultation = problems.optional_text("/consultation", consultation.as_deref(), 100);
    let check = TaxIdCheck { checker: problems.into_result(checker)?, checked_at, consultation };
    Ok(answer(billing_profiles::record_tax_id_check(&app, &caller, &customer, &expected, valid, &check).await?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn request() -> BillingProfileRequest {
        BillingProfileRequest {
            name: " Nguyễn Văn A ".to_owned(),
            email: "a@example.vn".to_owned(),
            country: CountryCode::new("VN"),
            address: Some("  ".to_owned()),
            company: Some("Ánh Sáng".to_owned()),
            city: None,
            region: None,
            postal_code: None,
            phone: None,
            tax_id: None,
            registered_address: None,
            bank_name: None,
            bank_account: None,
        }
    }

    #[test]
    fn texts_are_trimmed_and_empty_ones_are_absent() {
        let profile = request().read().unwrap();
        assert_eq!(profile.name, "Nguyễn Văn A");
        assert_eq!(profile.details.address, None);
        assert_eq!(profile.details.company.as_deref(), Some("Ánh Sáng"));
    }

    #[test]
    fn every_broken_field_is_named_at_once() {
        let broken = BillingProfileRequest {
            name: " ".to_owned(),
            email: "nobody".to_owned(),
            country: CountryCode::new("vn"),
            address: Some("x".repeat(501)),
            tax_id: Some("1\u{7}2".to_owned()),
            bank_account: Some("1".repeat(65)),
            ..request()
        };
        let Err(Error::Invalid(errors)) = broken.read() else { panic!("accepted") };
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/name", "/email", "/country", "/address", "/tax_id", "/bank_account"]);
    }
}
