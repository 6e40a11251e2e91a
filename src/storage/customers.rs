//! Customers. There is no table of them: an id with a wallet, a billing profile or an order is a customer.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StorageError;
use super::columns::customer_from_column;
use super::schema::{frozen_customers, frozen_wallets};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::customer::CustomerId;
use crate::domain::page::{Page, Place, Rows};

struct CustomersAfter(String, i64);

impl Statement for CustomersAfter {
    const TEXT: &'static str = include_str!("sql/customers_after.sql");
    type Row = Text;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.0)?;
        parameters.add::<BigInt, _>(&self.1)
    }
}

struct Before(String, i64);

impl Statement for Before {
    const TEXT: &'static str = include_str!("sql/customers_before.sql");
    type Row = Text;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.0)?;
        parameters.add::<BigInt, _>(&self.1)
    }
}

/// A page of customers in the order of their ids.
///
/// # Errors
/// Database errors.
pub async fn list(conn: &mut AsyncPgConnection, page: &Page<String>) -> Result<Rows<CustomerId>, StorageError> {
    let ids: Vec<String> = match &page.place {
        Place::Start => Cached(CustomersAfter(String::new(), page.to_read())).load(conn).await?,
        Place::After(id) => Cached(CustomersAfter(id.clone(), page.to_read())).load(conn).await?,
        Place::Before(id) => Cached(Before(id.clone(), page.to_read())).load(conn).await?,
    };
    page.cut(ids).try_map(|id| customer_from_column(&id))
}

/// Which of some customers are frozen, as a whole or in one wallet.
///
/// # Errors
/// Database errors.
pub async fn frozen(conn: &mut AsyncPgConnection, customers: &[CustomerId]) -> Result<Vec<String>, StorageError> {
    let ids: Vec<&str> = customers.iter().map(CustomerId::as_str).collect();
    let mut frozen: Vec<String> = frozen_customers::table
        .filter(frozen_customers::customer_id.eq_any(&ids))
        .select(frozen_customers::customer_id)
        .load(conn)
        .await?;
    let wallets: Vec<String> = frozen_wallets::table
        .filter(frozen_wallets::customer_id.eq_any(&ids))
        .select(frozen_wallets::customer_id)
        .load(conn)
        .await?;
    frozen.extend(wallets);
    Ok(frozen)
}
