//! What a customer's wallets had at a moment of the past, and what moved between two moments.
//!
//! The moments must not be later than [`super::ledger::settled_until`]: then the statements here see the same entries,
//! though each has a snapshot of its own.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Int2, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{currency_from_column, entry_kind_from_column};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::account_statement::{KindSum, Standing, WalletEnds};
use crate::domain::calendar::Span;
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::money::{Currency, Money};
use crate::domain::product::Product;

#[derive(Queryable)]
struct EndsRow {
    wallet: Uuid,
    currency: String,
    product: String,
    before: i64,
    after: i64,
    opening_balance: Decimal,
    opening_paid: Decimal,
    closing_balance: Decimal,
    closing_paid: Decimal,
}

struct FindWalletEnds {
    customer: String,
    currency: Option<&'static str>,
    product: Option<String>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl Statement for FindWalletEnds {
    const TEXT: &'static str = include_str!("sql/statement_wallets.sql");
    type Row = (SqlUuid, Text, Text, BigInt, BigInt, Numeric, Numeric, Numeric, Numeric);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<Nullable<Text>, _>(&self.currency)?;
        parameters.add::<Nullable<Text>, _>(&self.product)?;
        parameters.add::<Timestamptz, _>(&self.from)?;
        parameters.add::<Timestamptz, _>(&self.to)?;
        Ok(())
    }
}

/// Which wallets of a customer to read.
#[derive(Debug, Clone)]
pub struct WhichWallets {
    pub customer: CustomerId,
    pub currency: Option<Currency>,
    pub product: Option<Product>,
}

/// The wallets at both ends of a period, by currency and product.
///
/// # Errors
/// Database errors.
pub async fn ends(
    conn: &mut AsyncPgConnection,
    which: &WhichWallets,
    span: Span,
) -> Result<Vec<WalletEnds>, StorageError> {
    let statement = FindWalletEnds {
        customer: which.customer.as_str().to_owned(),
        currency: which.currency.map(Currency::code),
        product: which.product.as_ref().map(|product| product.as_column().to_owned()),
        from: span.from,
        to: span.to,
    };
    let rows: Vec<EndsRow> = Cached(statement).load(conn).await?;
    let ends = |row: EndsRow| {
        let currency = currency_from_column(&row.currency)?;
        let standing = |balance, paid| Standing {
            balance: Money::from_ledger(balance, currency),
            paid: Money::from_ledger(paid, currency),
        };
        Ok(WalletEnds {
            wallet: row.wallet,
            product: Product::from_column(&row.product),
            entries_before: row.before,
            entries_after: row.after,
            opening: standing(row.opening_balance, row.opening_paid),
            closing: standing(row.closing_balance, row.closing_paid),
        })
    };
    rows.into_iter().map(ends).collect()
}

struct FindKindSums {
    kinds: Vec<i16>,
    customer: String,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl Statement for FindKindSums {
    const TEXT: &'static str = include_str!("sql/statement_sums.sql");
    type Row = (SqlUuid, Int2, Bool, BigInt, Numeric);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Int2>, _>(&self.kinds)?;
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<Timestamptz, _>(&self.from)?;
        parameters.add::<Timestamptz, _>(&self.to)?;
        Ok(())
    }
}

/// What the entries of these wallets moved in a period, by wallet and kind, without consumption.
///
/// # Errors
/// Database errors.
pub async fn sums(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    wallets: &[WalletEnds],
    span: Span,
) -> Result<Vec<KindSum>, StorageError> {
    let others = EntryKind::ALL.into_iter().filter(|kind| !EntryKind::CONSUMPTION.contains(kind));
    let statement = FindKindSums {
        kinds: others.map(EntryKind::code).collect(),
        customer: customer.as_str().to_owned(),
        from: span.from,
        to: span.to,
    };
    let rows: Vec<(Uuid, i16, bool, i64, Decimal)> = Cached(statement).load(conn).await?;
    let mut found = Vec::with_capacity(rows.len());
    for (wallet, kind, pays_order, count, amount) in rows {
        let kind = entry_kind_from_column(kind)?;
        // Other wallets are left out.
        if let Some(ends) = wallets.iter().find(|ends| ends.wallet == wallet) {
            let amount = Money::from_ledger(amount, ends.opening.balance.currency());
            found.push(KindSum { wallet, kind, pays_order, count, amount });
        }
    }
    Ok(found)
}

struct Lapsed {
    customer: String,
    at: DateTime<Utc>,
    wallets: Vec<Uuid>,
    entries: Vec<i64>,
}

impl Statement for Lapsed {
    const TEXT: &'static str = include_str!("sql/past_lapsed.sql");
    type Row = (SqlUuid, Numeric);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<Timestamptz, _>(&self.at)?;
        parameters.add::<Array<SqlUuid>, _>(&self.wallets)?;
        parameters.add::<Array<BigInt>, _>(&self.entries)?;
        Ok(())
    }
}

/// The credit of the wallets' grants that had expired at a moment and was written off only later, without what holds
/// had reserved. `wallets` are as at that moment.
///
/// # Errors
/// Database errors.
pub async fn lapsed(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    at: DateTime<Utc>,
    wallets: &[WalletEnds],
) -> Result<Vec<(Uuid, Decimal)>, StorageError> {
    let statement = Lapsed {
        customer: customer.as_str().to_owned(),
        at,
        wallets: wallets.iter().map(|ends| ends.wallet).collect(),
        entries: wallets.iter().map(|ends| ends.entries_after).collect(),
    };
    Ok(Cached(statement).load(conn).await?)
}
