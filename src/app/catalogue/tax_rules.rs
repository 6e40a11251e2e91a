//! Tax rules: how a top-up is taxed, by the countries of seller and customer.

use chrono::DateTime;
use serde_json::{Value, json};

use crate::app::{App, Caller, Error, Expected, Problems, Saved};
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::country::Country;
use crate::domain::tax::{TaxKey, TaxRule, TaxTerms, contradiction};
use crate::storage::audit;
use crate::storage::catalogue::tax_rules as store;
use crate::storage::transaction::transact;

/// All rules, sorted by the countries of seller and customer; consumers first.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App) -> Result<Vec<TaxRule>, Error> {
    Ok(store::list(&mut *app.pool.get().await?).await?)
}

/// Creates or replaces a rule.
///
/// # Errors
/// 422 for contradictory terms; 412 and 428 as [`Expected::check`].
pub async fn put(
    app: &App,
    caller: &Caller,
    expected: &Expected,
    key: TaxKey,
    terms: TaxTerms,
    enabled: bool,
) -> Result<Saved<TaxRule>, Error> {
    if let Some((pointer, detail)) = contradiction(key, terms) {
        let mut problems = Problems::new();
        problems.add(pointer, Code::OutOfRange, detail);
        return Err(problems.into_error());
    }
    let updated_by = caller.actor();
    // The database sets version and time.
    let new = TaxRule { key, terms, enabled, version: 1, updated_at: DateTime::UNIX_EPOCH, updated_by };
    transact(&app.pool, async |conn| {
        let current = store::lock(conn, &key).await?;
        expected.check(current.as_ref().map(|current| current.version))?;
        let value = match &current {
            Some(_) => store::update(conn, &new).await?,
            // Another request has created it since then.
            None => store::insert(conn, &new).await?.ok_or(Error::PreconditionFailed)?,
        };
        let customer = key.customer.map_or("other", Country::code);
        let buyer = if key.business { "business" } else { "consumer" };
        let target = format!("tax_rule:{}:{customer}:{buyer}", key.seller);
        let record = AuditRecord::new(&caller.actor(), "tax_rule.saved", target);
        audit::write(conn, &record.from(current.as_ref().map(describe)).to(describe(&value))).await?;
        Ok(Saved { value, created: current.is_none() })
    })
    .await
}

fn describe(rule: &TaxRule) -> Value {
    json!({
        "rate_percent": rule.terms.rate.to_string(),
        "inclusive": rule.terms.inclusive,
        "at": rule.terms.at.as_str(),
        "reverse_charge": rule.terms.reverse_charge,
        "enabled": rule.enabled,
        "version": rule.version,
    })
}
