//! Reads the rows that events keep as JSON: the subject of an event in its state at that time.
//!
//! An event keeps a whole row of its table. `jsonb_populate_record` makes it a row again, and the noun's own row type
//! makes that a domain type, as it does for rows of the table.

use chrono::{DateTime, Utc};
use diesel::dsl::{AsSelect, SqlTypeOf};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::StorageError;
use super::closings::ClosingRow;
use super::columns::{corrupt, customer_from_column};
use super::disputes::DisputeRow;
use super::ledger::{AttachedRow, GrantRow, HoldRow, WalletRow, WalletSql, key_from_columns};
use super::orders::OrderRow;
use super::payments::PaymentRow;
use super::refund_requests::RefundRequestRow;
use super::refunds::RefundRow;
use super::statement::{Cached, Parameters, Statement};
use super::transfers::TransferRow;
use super::webhook_endpoints::EndpointRow;
use crate::domain::event::Subject;
use crate::domain::freeze::{Freeze, Frozen};
use crate::domain::grant::WalletGrant;

/// Defines the statement that reads the kept rows of one noun.
macro_rules! kept {
    ($name:ident, $file:literal, $columns:ty) => {
        struct $name(Vec<Value>);

        impl Statement for $name {
            const TEXT: &'static str = include_str!($file);
            type Row = $columns;

            fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
                parameters.add::<Array<Jsonb>, _>(&self.0)
            }
        }
    };
}

kept!(Orders, "sql/kept_orders.sql", SqlTypeOf<AsSelect<OrderRow, Pg>>);
kept!(Payments, "sql/kept_payments.sql", SqlTypeOf<AsSelect<PaymentRow, Pg>>);
kept!(Refunds, "sql/kept_refunds.sql", SqlTypeOf<AsSelect<RefundRow, Pg>>);
kept!(RefundRequests, "sql/kept_refund_requests.sql", SqlTypeOf<AsSelect<RefundRequestRow, Pg>>);
kept!(Disputes, "sql/kept_disputes.sql", SqlTypeOf<AsSelect<DisputeRow, Pg>>);
kept!(Transfers, "sql/kept_transfers.sql", SqlTypeOf<AsSelect<TransferRow, Pg>>);
kept!(Holds, "sql/kept_holds.sql", SqlTypeOf<AsSelect<HoldRow, Pg>>);
kept!(Wallets, "sql/kept_wallets.sql", WalletSql);
kept!(Grants, "sql/kept_grants.sql", GrantSql);
kept!(WebhookEndpoints, "sql/kept_webhook_endpoints.sql", SqlTypeOf<AsSelect<EndpointRow, Pg>>);
kept!(FrozenCustomers, "sql/kept_frozen_customers.sql", FrozenSql);
kept!(Closings, "sql/kept_closings.sql", SqlTypeOf<AsSelect<ClosingRow, Pg>>);

type GrantSql = (SqlTypeOf<AsSelect<GrantRow, Pg>>, SqlTypeOf<AsSelect<AttachedRow, Pg>>, Text, Text, Text);
type FrozenSql = (Text, Nullable<Text>, Nullable<Text>, Nullable<Timestamptz>);
type FrozenRow = (String, Option<String>, Option<String>, Option<DateTime<Utc>>);

/// The subjects that these rows of a noun describe, in the same order.
pub(super) async fn read(
    conn: &mut AsyncPgConnection,
    noun: &str,
    rows: Vec<Value>,
) -> Result<Vec<Subject>, StorageError> {
    match noun {
        "order" => {
            let rows: Vec<OrderRow> = Cached(Orders(rows)).load(conn).await?;
            each(rows, |row| Ok(Subject::Order(Box::new(row.try_into()?))))
        }
        "unapplied_payment" => {
            let rows: Vec<PaymentRow> = Cached(Payments(rows)).load(conn).await?;
            each(rows, |row| Ok(Subject::UnappliedPayment(Box::new(row.try_into()?))))
        }
        "refund" => {
            let rows: Vec<RefundRow> = Cached(Refunds(rows)).load(conn).await?;
            each(rows, |row| Ok(Subject::Refund(Box::new(row.try_into()?))))
        }
        "refund_request" => {
            let rows: Vec<RefundRequestRow> = Cached(RefundRequests(rows)).load(conn).await?;
            each(rows, |row| Ok(Subject::RefundRequest(Box::new(row.try_into()?))))
        }
        "dispute" => {
            let rows: Vec<DisputeRow> = Cached(Disputes(rows)).load(conn).await?;
            each(rows, |row| Ok(Subject::Dispute(Box::new(row.try_into()?))))
        }
        "transfer" => {
            let rows: Vec<TransferRow> = Cached(Transfers(rows)).load(conn).await?;
            each(rows, |row| Ok(Subject::Transfer(Box::new(row.try_into()?))))
        }
        "balance" => {
            let rows: Vec<WalletRow> = Cached(Wallets(rows)).load(conn).await?;
            each(rows, |row| Ok(Subject::Balance(Box::new(row.into_wallet_alone()?))))
        }
        "grant" => {
            let rows: Vec<(GrantRow, AttachedRow, String, String, String)> = Cached(Grants(rows)).load(conn).await?;
            each(rows, |(row, attached, customer, currency, product)| {
                let wallet = key_from_columns(&customer, &currency, &product)?;
                let grant = row.into_grant(wallet.currency);
                Ok(Subject::Grant(Box::new(WalletGrant { grant, wallet, client: attached.into() })))
            })
        }
        "hold" => {
            let rows: Vec<HoldRow> = Cached(Holds(rows)).load(conn).await?;
            each(rows, |row| Ok(Subject::Hold(Box::new(row.into_hold()?))))
        }
        "customer" => {
            let rows: Vec<FrozenRow> = Cached(FrozenCustomers(rows)).load(conn).await?;
            each(rows, customer)
        }
        "closing" => {
            let rows: Vec<ClosingRow> = Cached(Closings(rows)).load(conn).await?;
            each(rows, |row| Ok(Subject::Closing(Box::new(row.try_into()?))))
        }
        "webhook_endpoint" => {
            let rows: Vec<EndpointRow> = Cached(WebhookEndpoints(rows)).load(conn).await?;
            each(rows, |row| Ok(Subject::WebhookEndpoint(Box::new(row.try_into()?))))
        }
        other => Err(corrupt("noun", other)),
    }
}

fn each<R>(rows: Vec<R>, read: impl Fn(R) -> Result<Subject, StorageError>) -> Result<Vec<Subject>, StorageError> {
    rows.into_iter().map(read).collect()
}

fn customer((customer, reason, frozen_by, frozen_at): FrozenRow) -> Result<Subject, StorageError> {
    let customer = customer_from_column(&customer)?;
    let freeze = match (reason, frozen_by, frozen_at) {
        (Some(reason), Some(frozen_by), Some(frozen_at)) => {
            Some(Box::new(Freeze { frozen: Frozen::Customer(customer.clone()), reason, frozen_by, frozen_at }))
        }
        _ => None,
    };
    Ok(Subject::Customer(customer, freeze))
}
