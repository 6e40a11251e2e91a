//! Billing profiles: the details that a customer is billed with.

use chrono::{DateTime, Duration};
use serde_json::json;

use super::{App, Caller, Error, Expected};
use crate::domain::audit::AuditRecord;
use crate::domain::billing_profile::{BillingProfile, Email};
use crate::domain::code::Code;
use crate::domain::country::Country;
use crate::domain::customer::CustomerId;
use crate::domain::party::{BillingDetails, TaxIdCheck, TaxIdVerification};
use crate::storage::transaction::transact;
use crate::storage::{audit, billing_profiles as store, clock};

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
    let new = BillingProfile {
        customer: customer.clone(),
        name,
        email,
        country,
        details,
        tax_id_verified: None,
        version,
        updated_at,
    };
    transact(&app.pool, async |conn| {
        let current = store::lock(conn, customer).await?;
        expected.check_if_said(current.as_ref().map(|current| current.version))?;
        let verified = current.as_ref();
        let tax_id_verified =
            verified.and_then(|current| current.verification_for(new.country, &new.name, &new.details));
        let new = BillingProfile { tax_id_verified, ..new.clone() };
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

/// Records that an operator has verified the tax id of a profile, or that it is no longer verified. From then on the
/// customer is taxed as a business or, without verification, as a consumer.
///
/// # Errors
/// 404 without a profile; 422 without a tax id; 412 and 428 as [`Expected::check`].
#[tracing::instrument(name = "billing_profiles.verify_tax_id", skip_all, fields(customer = %customer))]
pub async fn verify_tax_id(
    app: &App,
    caller: &Caller,
    customer: &CustomerId,
    expected: &Expected,
    verified: bool,
    reason: &str,
) -> Result<BillingProfile, Error> {
    let said = TaxIdVerdict { verified, of: "/verified", check: None, reason: Some(reason) };
    judge_tax_id(app, caller, customer, expected, "billing_profile.tax_id_verified", said).await
}

/// How much a checker's clock may be ahead of the database's.
const CHECKER_IS_AHEAD: Duration = Duration::minutes(5);

/// Stores the answer of a checker about the tax id of a profile. It counts like an operator's verification: if the tax
/// id is valid, the customer is taxed as a business from then on, otherwise as a consumer. An answer that it is not
/// valid is recorded in the audit log only.
///
/// # Errors
/// 404 without a profile; 422 without a tax id, and for an answer from the future; 412 and 428 as [`Expected::check`].
#[tracing::instrument(name = "billing_profiles.record_tax_id_check", skip_all, fields(customer = %customer))]
pub async fn record_tax_id_check(
    app: &App,
    caller: &Caller,
    customer: &CustomerId,
    expected: &Expected,
    valid: bool,
    check: &TaxIdCheck,
) -> Result<BillingProfile, Error> {
    let said = TaxIdVerdict { verified: valid, of: "/valid", check: Some(check), reason: None };
    judge_tax_id(app, caller, customer, expected, "billing_profile.tax_id_checked", said).await
}

/// What is stated about a tax id, in which field of the request, and by which evidence.
#[derive(Clone, Copy)]
struct TaxIdVerdict<'s> {
    verified: bool,
    of: &'static str,
    check: Option<&'s TaxIdCheck>,
    reason: Option<&'s str>,
}

async fn judge_tax_id(
    app: &App,
    caller: &Caller,
    customer: &CustomerId,
    expected: &Expected,
    action: &str,
    said: TaxIdVerdict<'_>,
) -> Result<BillingProfile, Error> {
    let actor = &caller.actor();
    transact(&app.pool, async |conn| {
        let TaxIdVerdict { verified, of, check, reason } = said;
        let mut profile = store::lock(conn, customer).await?.ok_or(Error::NotFound("billing profile"))?;
        expected.check(Some(profile.version))?;
        if verified && profile.details.tax_id.is_none() {
            return Err(Error::field(of, Code::InvalidValue, "must be false: the profile has no tax id"));
        }
        let now = clock::now(conn).await?;
        if check.is_some_and(|check| check.checked_at > now + CHECKER_IS_AHEAD) {
            return Err(Error::field("/checked_at", Code::OutOfRange, "must not be in the future"));
        }
        let before = profile.is_business();
        let verification = TaxIdVerification { at: now, by: actor.clone(), check: check.cloned() };
        profile.tax_id_verified = verified.then_some(verification);
        let saved = store::update(conn, &profile).await?;
        let shown = |verified: bool, version: i64| json!({ "verified": verified, "version": version });
        let mut after = shown(verified, saved.version);
        if let (Some(check), Some(after)) = (check, after.as_object_mut()) {
            after.insert("checker".to_owned(), json!(check.checker));
            after.insert("checked_at".to_owned(), json!(check.checked_at));
            after.insert("consultation".to_owned(), json!(check.consultation));
        }
        let record = AuditRecord::new(actor, action, format!("billing_profile:{customer}")).of(customer);
        let record = AuditRecord { reason: reason.map(str::to_owned), ..record };
        audit::write(conn, &record.from(Some(shown(before, profile.version))).to(after)).await?;
        Ok(saved)
    })
    .await
}
