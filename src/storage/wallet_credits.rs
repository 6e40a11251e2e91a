//! Credits without an order: what payments brought to wallets directly, and what refunds and disputes take from it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Numeric, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{corrupt, customer_from_column};
use super::refunds::{Source, SourceRow, sources as in_order};
use super::schema::{disputes, payment_applications as applications, refunds};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::customer::CustomerId;
use crate::domain::division::{TakenParts, TakenShare, WalletCredit};
use crate::domain::money::Money;
use crate::domain::payment::{DisputeStatus, Payment};
use crate::domain::product::Product;
use crate::domain::refund::RefundState;
use crate::domain::take_back::TakeBackId;

/// What a locked payment brought to wallets without an order, and what its refunds and disputes take from it.
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

/// The customer whom a locked payment serves, by an order or a wallet.
///
/// # Errors
/// Database errors.
pub async fn customer_served(conn: &mut AsyncPgConnection, payment: Uuid) -> Result<Option<CustomerId>, StorageError> {
    let found: Option<String> = applications::table
        .filter(applications::payment_id.eq(payment).and(applications::reversed_at.is_null()))
        .select(applications::customer_id)
        .first(conn)
        .await
        .optional()?;
    found.as_deref().map(customer_from_column).transpose()
}

/// The refunds and disputes of a locked payment that are in force.
///
/// # Errors
/// Database errors.
pub async fn standing(conn: &mut AsyncPgConnection, payment: &Payment) -> Result<Vec<TakenShare>, StorageError> {
    let money = |amount| Money::from_ledger(amount, payment.currency());
    let parts = |unapplied, wallet| TakenParts { from_unapplied: money(unapplied), from_wallet: money(wallet) };
    type Refunded = (Uuid, Option<Uuid>, Decimal, Decimal, Decimal, DateTime<Utc>);
    let in_force = RefundState::ALL.into_iter().filter(|state| state.is_in_force()).map(RefundState::as_str);
    let refunded: Vec<Refunded> = refunds::table
        .filter(refunds::payment_id.eq(payment.id).and(refunds::status.eq_any(in_force)))
        .select((
            refunds::id,
            refunds::order_id,
            refunds::amount,
            refunds::from_unapplied,
            refunds::from_wallet,
            refunds::created_at,
        ))
        .load(conn)
        .await?;
    let refunded = refunded.into_iter().map(|(id, order, amount, unapplied, wallet, created_at)| TakenShare {
        id: TakeBackId::Refund(id),
        has_order: order.is_some(),
        amount: money(amount),
        parts: parts(unapplied, wallet),
        is_fixed: true,
        charged: true,
        created_at,
    });
    type Disputed = (Uuid, Option<Uuid>, Decimal, Decimal, Decimal, bool, DateTime<Utc>);
    let in_force = DisputeStatus::ALL.into_iter().filter(|status| status.is_in_force()).map(DisputeStatus::as_str);
    let disputed: Vec<Disputed> = disputes::table
        .filter(disputes::payment_id.eq(payment.id).and(disputes::status.eq_any(in_force)))
        .select((
            disputes::id,
            disputes::order_id,
            disputes::amount,
            disputes::from_unapplied,
            disputes::from_wallet,
            disputes::charged,
            disputes::created_at,
        ))
        .load(conn)
        .await?;
    let disputed = disputed.into_iter().map(|(id, order, amount, unapplied, wallet, charged, created_at)| TakenShare {
        id: TakeBackId::Dispute(id),
        has_order: order.is_some(),
        amount: money(amount),
        parts: parts(unapplied, wallet),
        is_fixed: false,
        charged,
        created_at,
    });
    Ok(refunded.chain(disputed).collect())
}

/// Writes which parts of its payment a dispute takes, and from which customer, if it takes from a wallet.
///
/// # Errors
/// Database errors.
pub async fn write_parts(
    conn: &mut AsyncPgConnection,
    dispute: Uuid,
    parts: TakenParts,
    customer: Option<&CustomerId>,
) -> Result<(), StorageError> {
    let customer = customer.filter(|_| parts.from_wallet.is_positive()).map(CustomerId::as_str);
    diesel::update(disputes::table.find(dispute))
        .set((
            disputes::from_unapplied.eq(parts.from_unapplied.amount()),
            disputes::from_wallet.eq(parts.from_wallet.amount()),
            customer.map(|customer| disputes::customer_id.eq(customer)),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// The refunds and disputes of a payment that ask for what it brought to a wallet without an order, the latest first.
/// The caller holds the payment's lock.
///
/// # Errors
/// Database errors.
pub async fn sources(conn: &mut AsyncPgConnection, payment: &Payment) -> Result<Vec<Source>, StorageError> {
    type Row = (Uuid, String, Decimal, DateTime<Utc>);
    let refunded: Vec<Row> = refunds::table
        .filter(refunds::payment_id.eq(payment.id))
        .select((refunds::id, refunds::provider, refunds::wallet_taken, refunds::created_at))
        .load(conn)
        .await?;
    let disputed: Vec<Row> = disputes::table
        .filter(disputes::payment_id.eq(payment.id))
        .select((disputes::id, disputes::provider, disputes::wallet_taken, disputes::created_at))
        .load(conn)
        .await?;
    let with_no_bonus = |rows: Vec<Row>| -> Vec<SourceRow> {
        rows.into_iter().map(|(id, provider, money, at)| (id, provider, money, Decimal::ZERO, at)).collect()
    };
    in_order(with_no_bonus(refunded), with_no_bonus(disputed), payment.currency())
}

/// Lowers what a refund or dispute takes from a payment's credit to a wallet. The caller holds the payment's lock.
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
