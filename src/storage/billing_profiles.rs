//! Billing profiles.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StorageError;
use super::schema::billing_profiles as profiles;
use crate::domain::billing_profile::{BillingProfile, Email};
use crate::domain::customer::CustomerId;

#[derive(Queryable, Selectable)]
#[diesel(table_name = profiles, check_for_backend(diesel::pg::Pg))]
struct Row {
    customer_id: String,
    name: String,
    email: String,
    country: String,
    address: Option<String>,
    tax_id: Option<String>,
    company: Option<String>,
    version: i64,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for BillingProfile {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let corrupt = |what: &str, text: &str| StorageError::Corrupt(format!("{what} {text}"));
        Ok(Self {
            customer: CustomerId::new(&row.customer_id).ok_or_else(|| corrupt("customer", &row.customer_id))?,
            name: row.name,
            email: Email::from_column(&row.email),
            country: row.country.parse().map_err(|_| corrupt("country", &row.country))?,
            address: row.address,
            tax_id: row.tax_id,
            company: row.company,
            version: row.version,
            updated_at: row.updated_at,
        })
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = profiles, treat_none_as_null = true)]
struct Columns<'a> {
    customer_id: &'a str,
    name: &'a str,
    email: &'a str,
    country: &'a str,
    address: Option<&'a str>,
    tax_id: Option<&'a str>,
    company: Option<&'a str>,
}

impl<'a> From<&'a BillingProfile> for Columns<'a> {
    fn from(profile: &'a BillingProfile) -> Self {
        Self {
            customer_id: profile.customer.as_str(),
            name: &profile.name,
            email: profile.email.as_str(),
            country: profile.country.code(),
            address: profile.address.as_deref(),
            tax_id: profile.tax_id.as_deref(),
            company: profile.company.as_deref(),
        }
    }
}

/// A customer's profile.
///
/// # Errors
/// Of the database.
pub async fn find(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Option<BillingProfile>, StorageError> {
    let row: Option<Row> =
        profiles::table.find(customer.as_str()).select(Row::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// Reads a profile for a change.
///
/// # Errors
/// Of the database.
pub async fn lock(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Option<BillingProfile>, StorageError> {
    let row: Option<Row> =
        profiles::table.find(customer.as_str()).for_update().select(Row::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// Makes a profile; `None` when it is there already.
///
/// # Errors
/// Of the database.
pub async fn insert(
    conn: &mut AsyncPgConnection,
    new: &BillingProfile,
) -> Result<Option<BillingProfile>, StorageError> {
    let row: Option<Row> = diesel::insert_into(profiles::table)
        .values(Columns::from(new))
        .on_conflict_do_nothing()
        .returning(Row::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    row.map(TryInto::try_into).transpose()
}

/// Replaces a profile and counts its version up.
///
/// # Errors
/// Of the database.
pub async fn update(conn: &mut AsyncPgConnection, new: &BillingProfile) -> Result<BillingProfile, StorageError> {
    let row: Row = diesel::update(profiles::table.find(new.customer.as_str()))
        .set((Columns::from(new), profiles::version.eq(profiles::version + 1), profiles::updated_at.eq(now)))
        .returning(Row::as_returning())
        .get_result(conn)
        .await?;
    row.try_into()
}
