//! Billing profiles: one per customer.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StorageError;
use super::clock::ledger_now;
use super::columns::{corrupt, customer_from_column};
use super::schema::billing_profiles as profiles;
use crate::domain::billing_profile::{BillingProfile, Email};
use crate::domain::customer::CustomerId;
use crate::domain::party::{BillingDetails, TaxIdCheck, TaxIdVerification};

#[derive(Queryable, Selectable)]
#[diesel(table_name = profiles, check_for_backend(diesel::pg::Pg))]
struct BillingProfileRow {
    customer_id: String,
    name: String,
    email: String,
    country: String,
    address: Option<String>,
    city: Option<String>,
    region: Option<String>,
    postal_code: Option<String>,
    phone: Option<String>,
    tax_id: Option<String>,
    company: Option<String>,
    registered_address: Option<String>,
    bank_name: Option<String>,
    bank_account: Option<String>,
    tax_id_verified_at: Option<DateTime<Utc>>,
    tax_id_verified_by: Option<String>,
    tax_id_checker: Option<String>,
    tax_id_checked_at: Option<DateTime<Utc>>,
    tax_id_consultation: Option<String>,
    version: i64,
    updated_at: DateTime<Utc>,
}

impl TryFrom<BillingProfileRow> for BillingProfile {
    type Error = StorageError;

    fn try_from(row: BillingProfileRow) -> Result<Self, StorageError> {
        let consultation = row.tax_id_consultation;
        let check = row.tax_id_checker.zip(row.tax_id_checked_at);
        let check = check.map(|(checker, checked_at)| TaxIdCheck { checker, checked_at, consultation });
        Ok(Self {
            customer: customer_from_column(&row.customer_id)?,
            name: row.name,
            email: Email::from_column(&row.email),
            country: row.country.parse().map_err(|_| corrupt("country", &row.country))?,
            details: BillingDetails {
                address: row.address,
                city: row.city,
                region: row.region,
                postal_code: row.postal_code,
                phone: row.phone,
                tax_id: row.tax_id,
                company: row.company,
                registered_address: row.registered_address,
                bank_name: row.bank_name,
                bank_account: row.bank_account,
            },
            tax_id_verified: row.tax_id_verified_at.zip(row.tax_id_verified_by).map(|(at, by)| TaxIdVerification {
                at,
                by,
                check,
            }),
            version: row.version,
            updated_at: row.updated_at,
        })
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = profiles, treat_none_as_null = true)]
struct BillingProfileColumns<'a> {
    customer_id: &'a str,
    name: &'a str,
    email: &'a str,
    country: &'a str,
    address: Option<&'a str>,
    city: Option<&'a str>,
    region: Option<&'a str>,
    postal_code: Option<&'a str>,
    phone: Option<&'a str>,
    tax_id: Option<&'a str>,
    company: Option<&'a str>,
    registered_address: Option<&'a str>,
    bank_name: Option<&'a str>,
    bank_account: Option<&'a str>,
    tax_id_verified_at: Option<DateTime<Utc>>,
    tax_id_verified_by: Option<&'a str>,
    tax_id_checker: Option<&'a str>,
    tax_id_checked_at: Option<DateTime<Utc>>,
    tax_id_consultation: Option<&'a str>,
}

impl<'a> From<&'a BillingProfile> for BillingProfileColumns<'a> {
    fn from(profile: &'a BillingProfile) -> Self {
        let verified = profile.tax_id_verified.as_ref();
        let check = verified.and_then(|verified| verified.check.as_ref());
        Self {
            customer_id: profile.customer.as_str(),
            name: &profile.name,
            email: profile.email.as_str(),
            country: profile.country.code(),
            address: profile.details.address.as_deref(),
            city: profile.details.city.as_deref(),
            region: profile.details.region.as_deref(),
            postal_code: profile.details.postal_code.as_deref(),
            phone: profile.details.phone.as_deref(),
            tax_id: profile.details.tax_id.as_deref(),
            company: profile.details.company.as_deref(),
            registered_address: profile.details.registered_address.as_deref(),
            bank_name: profile.details.bank_name.as_deref(),
            bank_account: profile.details.bank_account.as_deref(),
            tax_id_verified_at: verified.map(|verified| verified.at),
            tax_id_verified_by: verified.map(|verified| verified.by.as_str()),
            tax_id_checker: check.map(|check| check.checker.as_str()),
            tax_id_checked_at: check.map(|check| check.checked_at),
            tax_id_consultation: check.and_then(|check| check.consultation.as_deref()),
        }
    }
}

/// A customer's profile.
///
/// # Errors
/// [`StorageError`].
pub async fn find(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Option<BillingProfile>, StorageError> {
    let row: Option<BillingProfileRow> =
        profiles::table.find(customer.as_str()).select(BillingProfileRow::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// The profiles of some customers.
///
/// # Errors
/// [`StorageError`].
pub async fn of_each(
    conn: &mut AsyncPgConnection,
    customers: &[CustomerId],
) -> Result<Vec<BillingProfile>, StorageError> {
    let ids: Vec<&str> = customers.iter().map(CustomerId::as_str).collect();
    let rows: Vec<BillingProfileRow> = profiles::table
        .filter(profiles::customer_id.eq_any(ids))
        .select(BillingProfileRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Reads a profile and locks it for a change.
///
/// # Errors
/// [`StorageError`].
pub async fn lock(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Option<BillingProfile>, StorageError> {
    let row: Option<BillingProfileRow> = profiles::table
        .find(customer.as_str())
        .for_update()
        .select(BillingProfileRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(TryInto::try_into).transpose()
}

/// Writes a new profile; `None` when the customer has one already.
///
/// # Errors
/// [`StorageError`].
pub async fn insert(
    conn: &mut AsyncPgConnection,
    new: &BillingProfile,
) -> Result<Option<BillingProfile>, StorageError> {
    let row: Option<BillingProfileRow> = diesel::insert_into(profiles::table)
        .values(BillingProfileColumns::from(new))
        .on_conflict_do_nothing()
        .returning(BillingProfileRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    row.map(TryInto::try_into).transpose()
}

/// Replaces a profile and increments its version.
///
/// # Errors
/// [`StorageError`].
pub async fn update(conn: &mut AsyncPgConnection, new: &BillingProfile) -> Result<BillingProfile, StorageError> {
    let row: BillingProfileRow = diesel::update(profiles::table.find(new.customer.as_str()))
        .set((
            BillingProfileColumns::from(new),
            profiles::version.eq(profiles::version + 1),
            profiles::updated_at.eq(ledger_now()),
        ))
        .returning(BillingProfileRow::as_returning())
        .get_result(conn)
        .await?;
    row.try_into()
}
