//! Billing profiles: the details that a customer is billed with.

use chrono::DateTime;
use serde_json::json;

use super::{App, Caller, Error, Expected};
use crate::domain::audit::AuditRecord;
use crate::domain::billing_profile::{BillingDetails, BillingProfile, Email};
use crate::domain::country::Country;
use crate::domain::customer::CustomerId;
use crate::storage::transaction::transact;
use crate::storage::{audit, billing_profiles as store};

/// The profile that a caller saves. The texts are trimmed, and none is empty.
#[derive(Clone)]
pub struct NewProfile {
    pub name: String,
    pub email: Email,
    pub country: Country,
    pub details: BillingDetails,
}

// Personal data stays out of logs.
impl std::fmt::Debug for NewProfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewProfile").finish_non_exhaustive()
    }
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
/// 412 when `expected` names another version than the current one.
pub async fn put(
    app: &App,
    caller: &Caller,
    customer: &CustomerId,
    expected: &Expected,
    new: NewProfile,
) -> Result<BillingProfile, Error> {
    let NewProfile { name, email, country, details } = new;
    // The database sets version and time.
    let (version, updated_at) = (1, DateTime::UNIX_EPOCH);
    let new = BillingProfile { customer: customer.clone(), name, email, country, details, version, updated_at };
    transact(&app.pool, async |conn| {
        let current = store::lock(conn, customer).await?;
        expected.check_if_said(current.as_ref().map(|current| current.version))?;
        // When two requests create the profile at the same time, the later one replaces the earlier.
        let saved = match store::insert(conn, &new).await? {
            Some(made) => made,
            None => store::update(conn, &new).await?,
        };
        if caller.is_staff() {
            // The audit log keeps only the version. Personal data stays in one table, where it can be erased.
            let version = |version: i64| json!({ "version": version });
            let target = format!("billing_profile:{customer}");
            let record = AuditRecord::new(&caller.actor(), "billing_profile.saved", target).of(customer);
            audit::write(
                conn,
                &record.from(current.map(|current| version(current.version))).to(version(saved.version)),
            )
            .await?;
        }
        Ok(saved)
    })
    .await
}
