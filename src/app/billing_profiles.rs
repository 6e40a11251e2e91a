//! Billing profiles: the details that a customer is billed with.

use chrono::DateTime;
use serde_json::json;

use super::{App, Caller, Error, Expected, Problems};
use crate::domain::billing_profile::{BillingProfile, Email};
use crate::domain::code::Code;
use crate::domain::country::Country;
use crate::domain::customer::CustomerId;
use crate::storage::transaction::transact;
use crate::storage::{audit, billing_profiles as store};

/// The profile that a caller sends. Nothing of it is checked yet.
#[derive(Debug, Clone)]
pub struct ProfileInput {
    pub name: String,
    pub email: String,
    pub country: String,
    pub address: Option<String>,
    pub tax_id: Option<String>,
    pub company: Option<String>,
}

/// A customer's profile.
///
/// # Errors
/// 404 until the customer has one.
pub async fn get(app: &App, customer: &CustomerId) -> Result<BillingProfile, Error> {
    let mut conn = app.pool.get().await?;
    store::find(&mut conn, customer).await?.ok_or(Error::NotFound("billing profile"))
}

/// Creates or replaces a customer's profile.
///
/// # Errors
/// 422 naming every field that is wrong; 412 when `expected` names another version than the current one.
pub async fn put(
    app: &App,
    caller: &Caller,
    customer: &CustomerId,
    expected: &Expected,
    input: ProfileInput,
) -> Result<BillingProfile, Error> {
    let new = validate(customer, &input)?;
    transact(&app.pool, async |conn| {
        let current = store::lock(conn, customer).await?;
        expected.check_if_said(current.map(|current| current.version))?;
        // When two requests create the profile at the same time, the later one replaces the earlier.
        let saved = match store::insert(conn, &new).await? {
            Some(made) => made,
            None => store::update(conn, &new).await?,
        };
        if caller.is_staff() {
            let subject = format!("billing_profile:{customer}");
            // The audit log keeps only the version. Personal data stays in one table, where it can be erased.
            let detail = json!({"version": saved.version});
            audit::write(conn, &caller.actor(), "billing_profile.saved", &subject, &detail).await?;
        }
        Ok(saved)
    })
    .await
}

/// Checks a profile. The database sets its version and its time.
fn validate(customer: &CustomerId, input: &ProfileInput) -> Result<BillingProfile, Error> {
    let mut problems = Problems::new();
    let name = problems.text("/name", &input.name, 1, 200);
    let email = Email::new(input.email.trim());
    if email.is_none() {
        problems.add("/email", Code::Malformed, "must be an e-mail address such as name@example.com");
    }
    let country = input.country.parse::<Country>();
    if let Err(error) = &country {
        problems.add("/country", Code::UnknownCountry, error.to_string());
    }
    let address = problems.optional_text("/address", input.address.as_deref(), 500);
    let tax_id = problems.optional_text("/tax_id", input.tax_id.as_deref(), 50);
    let company = problems.optional_text("/company", input.company.as_deref(), 200);
    let (Some(name), Some(email), Ok(country)) = (name, email, country) else { return Err(problems.into_error()) };
    problems.finish()?;
    Ok(BillingProfile {
        customer: customer.clone(),
        name,
        email,
        country,
        address,
        tax_id,
        company,
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn input() -> ProfileInput {
        ProfileInput {
            name: " Nguyễn Văn A ".to_owned(),
            email: "a@example.vn".to_owned(),
            country: "VN".to_owned(),
            address: Some("  ".to_owned()),
            tax_id: None,
            company: Some("Ánh Sáng".to_owned()),
        }
    }

    fn pointers(input: &ProfileInput) -> Vec<String> {
        match validate(&CustomerId::new("demo").unwrap(), input) {
            Err(Error::Invalid(errors)) => errors.into_iter().map(|error| error.pointer).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn texts_are_trimmed_and_empty_ones_are_absent() {
        let profile = validate(&CustomerId::new("demo").unwrap(), &input()).unwrap();
        assert_eq!(profile.name, "Nguyễn Văn A");
        assert_eq!(profile.address, None);
        assert_eq!(profile.company.as_deref(), Some("Ánh Sáng"));
    }

    #[test]
    fn every_broken_field_is_named_at_once() {
        let broken = ProfileInput {
            name: " ".to_owned(),
            email: "nobody".to_owned(),
            country: "vn".to_owned(),
            address: Some("x".repeat(501)),
            tax_id: Some("1\u{7}2".to_owned()),
            company: None,
        };
        assert_eq!(pointers(&broken), ["/name", "/email", "/country", "/address", "/tax_id"]);
    }
}
