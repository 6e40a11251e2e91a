//! The personal data of one customer outside the entries. All of it can be shown, and the owner of the database can
//! erase it.

use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::schema::{
    attempts, billing_profiles, grant_proposals as proposals, grants, top_up_orders as orders, transfers,
};
use super::statement::{Cached, Parameters, Statement};
use super::{StorageError, usage_sums};
use crate::domain::customer::CustomerId;

struct OfCustomer(String);

impl Statement for OfCustomer {
    const TEXT: &'static str = include_str!("sql/personal_data.sql");
    type Row = (Text, Jsonb);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.0)
    }
}

/// The personal data of a customer: the table, and the personal part of each row.
///
/// # Errors
/// Database errors.
pub async fn of_customer(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
) -> Result<Vec<(String, Value)>, StorageError> {
    Ok(Cached(OfCustomer(customer.as_str().to_owned())).load(conn).await?)
}

struct EraseEvents(String);

impl Statement for EraseEvents {
    const TEXT: &'static str = include_str!("sql/erase_events.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.0)
    }
}

/// Erases the billing profile, who bought and who paid from orders, attempts and events, what callers attached, and the
/// labels of usage. A text that a CHECK requires is replaced by a placeholder. The caller keeps the worker from folding
/// meanwhile.
///
/// # Errors
/// Database errors.
pub async fn erase(conn: &mut AsyncPgConnection, of: &CustomerId) -> Result<(), StorageError> {
    let customer = of.as_str();
    diesel::delete(billing_profiles::table.find(customer)).execute(conn).await?;
    let of_customer = orders::table.filter(orders::customer_id.eq(customer));
    let nothing = None::<String>;
    diesel::update(of_customer)
        .set((
            orders::buyer.eq(None::<Value>),
            orders::payer_ip.eq("0.0.0.0"),
            orders::locale.eq(&nothing),
            orders::return_url.eq(&nothing),
            orders::client_reference.eq(&nothing),
            orders::metadata.eq(None::<Value>),
        ))
        .execute(conn)
        .await?;
    diesel::update(transfers::table.filter(transfers::customer_id.eq(customer)))
        .set((transfers::client_reference.eq(&nothing), transfers::metadata.eq(None::<Value>)))
        .execute(conn)
        .await?;
    diesel::update(grants::table.filter(grants::customer_id.eq(customer)))
        .set((grants::client_reference.eq(&nothing), grants::metadata.eq(None::<Value>)))
        .execute(conn)
        .await?;
    diesel::update(proposals::table.filter(proposals::customer_id.eq(customer)))
        .set((proposals::client_reference.eq(&nothing), proposals::metadata.eq(None::<Value>)))
        .execute(conn)
        .await?;
    diesel::update(of_customer.filter(orders::remitter_name.is_not_null()))
        .set((
            orders::remitter_name.eq("erased"),
            orders::remitter_bank.eq("erased"),
            orders::remarks.eq(&nothing),
            orders::remitter_key.eq(&nothing),
        ))
        .execute(conn)
        .await?;
    diesel::update(attempts::table.filter(attempts::order_id.eq_any(of_customer.select(orders::id))))
        .set(attempts::customer_email.eq(&nothing))
        .execute(conn)
        .await?;
    Cached(EraseEvents(customer.to_owned())).execute(conn).await?;
    usage_sums::erase_labels(conn, of).await
}
