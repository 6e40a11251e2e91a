//! What payments brought to wallets without an order, and what refunds and disputes ask of it.

use diesel::prelude::*;
use diesel::sql_types::{Numeric, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{corrupt, customer_from_column};
use super::refunds::{Source, SourceRow, sources as in_order};
use super::schema::{disputes, refunds};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::money::Money;
use crate::domain::payment::{Payment, WalletCredit};
use crate::domain::product::Product;
use crate::domain::take_back::TakeBackId;

/// What a locked payment brought to wallets without an order, and what its refunds and disputes ask of it.
///
/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, payment: &Payment) -> Result<Option<WalletCredit>, StorageError> {
    let row: Option<WalletCreditRow> = Cached(ReadWalletCredit(payment.id)).load(conn).await?.into_iter().next();
    let money = |amount| Money::from_ledger(amount, payment.currency());
    row.map(|(customer, product, amount, asked, taken)| {
        Ok(WalletCredit {
            customer: customer_from_column(&customer)?,
            product: Product::from_column(&product),
            amount: money(amount),
            asked: money(asked),
            taken: money(taken),
        })
    })
    .transpose()
}

type WalletCreditRow = (String, String, Decimal, Decimal, Decimal);

struct ReadWalletCredit(Uuid);

impl Statement for ReadWalletCredit {
    const TEXT: &'static str = include_str!("sql/wallet_credit.sql");
    type Row = (Text, Text, Numeric, Numeric, Numeric);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<SqlUuid, _>(&self.0)
    }
}

/// The refunds and disputes of a payment that ask for what it brought to a wallet without an order, the latest first.
/// The caller holds the payment's lock.
///
/// # Errors
/// Database errors.
pub async fn sources(conn: &mut AsyncPgConnection, payment: &Payment) -> Result<Vec<Source>, StorageError> {
    let no_bonus = Decimal::ZERO.into_sql::<Numeric>();
    let refunded: Vec<SourceRow> = refunds::table
        .filter(refunds::payment_id.eq(payment.id))
        .select((refunds::id, refunds::provider, refunds::wallet_taken, no_bonus, refunds::created_at))
        .load(conn)
        .await?;
    let no_bonus = Decimal::ZERO.into_sql::<Numeric>();
    let disputed: Vec<SourceRow> = disputes::table
        .filter(disputes::payment_id.eq(payment.id))
        .select((disputes::id, disputes::provider, disputes::wallet_taken, no_bonus, disputes::created_at))
        .load(conn)
        .await?;
    in_order(refunded, disputed, payment.currency())
}

/// Lowers what a refund or dispute asks for of a payment's credit to a wallet. The caller holds the payment's lock.
///
/// # Errors
/// Database errors.
pub async fn lower_taken(conn: &mut AsyncPgConnection, id: TakeBackId, by: Money) -> Result<(), StorageError> {
    match id {
        TakeBackId::Refund(id) => {
            diesel::update(refunds::table.find(id))
                .set(refunds::wallet_taken.eq(refunds::wallet_taken - by.amount()))
                .execute(conn)
                .await?
        }
        TakeBackId::Dispute(id) => {
            diesel::update(disputes::table.find(id))
                .set(disputes::wallet_taken.eq(disputes::wallet_taken - by.amount()))
                .execute(conn)
                .await?
        }
        TakeBackId::Adjustment(_) => return Err(corrupt("source of a payment's refunds", id.shown())),
    };
    Ok(())
}
