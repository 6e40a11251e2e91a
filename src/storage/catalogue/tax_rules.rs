//! Tax rules, and the copy of one that an order and its papers keep.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::domain::country::Country;
use crate::domain::percent::Percent;
use crate::domain::tax::{AppliedTax, TaxKey, TaxRule, TaxTerms, TaxedAt};
use crate::storage::StorageError;
use crate::storage::clock::ledger_now;
use crate::storage::columns::corrupt;
use crate::storage::schema::tax_rules as rules;

#[derive(Queryable, Selectable)]
#[diesel(table_name = rules, check_for_backend(diesel::pg::Pg))]
struct TaxRuleRow {
    seller_country: String,
    customer_country: String,
    business: bool,
    rate_percent: Decimal,
    inclusive: bool,
    taxed_at: String,
    reverse_charge: bool,
    enabled: bool,
    version: i64,
    updated_at: DateTime<Utc>,
    updated_by: String,
}

fn country(code: &str) -> Result<Country, StorageError> {
    code.parse().map_err(|_| corrupt("country", code))
}

/// The empty text means all countries without a rule.
fn customer_country(code: &str) -> Result<Option<Country>, StorageError> {
    Some(code).filter(|code| !code.is_empty()).map(country).transpose()
}

fn customer_column(key: &TaxKey) -> &'static str {
    key.customer.map_or("", Country::code)
}

fn percent(rate: Decimal) -> Result<Percent, StorageError> {
    Percent::new(rate).ok_or_else(|| corrupt("rate_percent", rate))
}

fn taxed_at(text: &str) -> Result<TaxedAt, StorageError> {
    TaxedAt::parse(text).ok_or_else(|| corrupt("taxed_at", text))
}

impl TryFrom<TaxRuleRow> for TaxRule {
    type Error = StorageError;

    fn try_from(row: TaxRuleRow) -> Result<Self, StorageError> {
        Ok(Self {
            key: TaxKey {
                seller: country(&row.seller_country)?,
                customer: customer_country(&row.customer_country)?,
                business: row.business,
            },
            terms: TaxTerms {
                rate: percent(row.rate_percent)?,
                inclusive: row.inclusive,
                at: taxed_at(&row.taxed_at)?,
                reverse_charge: row.reverse_charge,
            },
            enabled: row.enabled,
            version: row.version,
            updated_at: row.updated_at,
            updated_by: row.updated_by,
        })
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = rules)]
struct TaxRuleColumns<'a> {
    seller_country: &'a str,
    customer_country: &'a str,
    business: bool,
    rate_percent: Decimal,
    inclusive: bool,
    taxed_at: &'a str,
    reverse_charge: bool,
    enabled: bool,
    updated_by: &'a str,
}

impl<'a> From<&'a TaxRule> for TaxRuleColumns<'a> {
    fn from(rule: &'a TaxRule) -> Self {
        Self {
            seller_country: rule.key.seller.code(),
            customer_country: customer_column(&rule.key),
            business: rule.key.business,
            rate_percent: rule.terms.rate.value(),
            inclusive: rule.terms.inclusive,
            taxed_at: rule.terms.at.as_str(),
            reverse_charge: rule.terms.reverse_charge,
            enabled: rule.enabled,
            updated_by: &rule.updated_by,
        }
    }
}

/// All rules, by the countries of seller and customer; consumers first.
///
/// # Errors
/// [`StorageError`].
pub async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<TaxRule>, StorageError> {
    let rows: Vec<TaxRuleRow> = rules::table
        .order((rules::seller_country, rules::customer_country, rules::business))
        .select(TaxRuleRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// # Errors
/// [`StorageError`].
pub async fn lock(conn: &mut AsyncPgConnection, key: &TaxKey) -> Result<Option<TaxRule>, StorageError> {
    let key = (key.seller.code(), customer_column(key), key.business);
    let row: Option<TaxRuleRow> =
        rules::table.find(key).for_update().select(TaxRuleRow::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// Writes a new rule; `None` when the rule exists already.
///
/// # Errors
/// [`StorageError`].
pub async fn insert(conn: &mut AsyncPgConnection, new: &TaxRule) -> Result<Option<TaxRule>, StorageError> {
    let row: Option<TaxRuleRow> = diesel::insert_into(rules::table)
        .values(TaxRuleColumns::from(new))
        .on_conflict_do_nothing()
        .returning(TaxRuleRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    row.map(TryInto::try_into).transpose()
}

/// # Errors
/// [`StorageError`].
pub async fn update(conn: &mut AsyncPgConnection, new: &TaxRule) -> Result<TaxRule, StorageError> {
    let key = (new.key.seller.code(), customer_column(&new.key), new.key.business);
    let row: TaxRuleRow = diesel::update(rules::table.find(key))
        .set((TaxRuleColumns::from(new), rules::version.eq(rules::version + 1), rules::updated_at.eq(ledger_now())))
        .returning(TaxRuleRow::as_returning())
        .get_result(conn)
        .await?;
    row.try_into()
}

/// The rule of an order as its column keeps it.
pub(in crate::storage) fn to_document(rule: &AppliedTax) -> Value {
    serde_json::json!({
        "seller_country": rule.key.seller.code(), "customer_country": customer_column(&rule.key),
        "business": rule.key.business, "version": rule.version, "rate_percent": rule.terms.rate.to_string(),
        "inclusive": rule.terms.inclusive, "at": rule.terms.at.as_str(), "reverse_charge": rule.terms.reverse_charge,
    })
}

pub(in crate::storage) fn from_document(document: &Value) -> Result<AppliedTax, StorageError> {
    let read = || {
        let text = |name: &str| document.get(name)?.as_str();
        let flag = |name: &str| document.get(name)?.as_bool();
        let customer = text("customer_country")?;
        Some(AppliedTax {
            key: TaxKey {
                seller: text("seller_country")?.parse().ok()?,
                customer: customer_country(customer).ok()?,
                business: flag("business")?,
            },
            version: document.get("version")?.as_i64()?,
            terms: TaxTerms {
                rate: Percent::new(text("rate_percent")?.parse().ok()?)?,
                inclusive: flag("inclusive")?,
                at: TaxedAt::parse(text("at")?)?,
                reverse_charge: flag("reverse_charge")?,
            },
        })
    };
    read().ok_or_else(|| corrupt("tax_rule", document))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_rule_is_read_back_as_it_was_written() {
        for customer in [None, Some("FR")] {
            let rule = AppliedTax {
                key: TaxKey {
                    seller: country("DE").unwrap(),
                    customer: customer.map(|code| country(code).unwrap()),
                    business: true,
                },
                version: 3,
                terms: TaxTerms {
                    rate: percent(Decimal::new(195, 1)).unwrap(),
                    inclusive: true,
                    at: TaxedAt::Never,
                    reverse_charge: false,
                },
            };
            assert_eq!(from_document(&to_document(&rule)).unwrap(), rule);
        }
        assert!(from_document(&serde_json::json!({ "seller_country": "DE" })).is_err());
    }
}
