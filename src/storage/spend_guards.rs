//! Spend guards: the caps of a wallet. A guard is written while its wallet is locked, so every later posting obeys it.
//! The ledger keeps the running counts.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::schema::{spend_guards, wallets};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::guard::SetBy;
use crate::domain::money::Money;
use crate::domain::wallet::Wallet;

/// Writes the caps and running counts of a locked wallet, or removes them when the wallet has no guard. Returns who set
/// them and when, after the change.
///
/// # Errors
/// [`StorageError`].
pub async fn save(
    conn: &mut AsyncPgConnection,
    wallet: &Wallet,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<SetBy, StorageError> {
    let customer = wallet.key.customer.as_str();
    match &wallet.guard {
        None => {
            let guard = spend_guards::customer_id.eq(customer).and(spend_guards::wallet_id.eq(wallet.id));
            diesel::delete(spend_guards::table.filter(guard)).execute(conn).await?;
        }
        Some(_) => {
            let values = (spend_guards::set_by.eq(actor), spend_guards::updated_at.eq(now));
            diesel::insert_into(spend_guards::table)
                .values((spend_guards::customer_id.eq(customer), spend_guards::wallet_id.eq(wallet.id), values))
                .on_conflict((spend_guards::customer_id, spend_guards::wallet_id))
                .do_update()
                .set(values)
                .execute(conn)
                .await?;
        }
    }
    let guard = wallet.guard.as_ref();
    diesel::update(wallets::table.filter(wallets::customer_id.eq(customer).and(wallets::id.eq(wallet.id))))
        .set((
            wallets::daily_cap.eq(guard.and_then(|guard| guard.daily_cap).map(Money::amount)),
            wallets::monthly_cap.eq(guard.and_then(|guard| guard.monthly_cap).map(Money::amount)),
            wallets::guard_day.eq(guard.map(|guard| guard.day)),
            wallets::spent_today.eq(guard.map(|guard| guard.spent_today.amount())),
            wallets::spent_this_month.eq(guard.map(|guard| guard.spent_this_month.amount())),
        ))
        .execute(conn)
        .await?;
    Ok(SetBy { actor: actor.to_owned(), at: now })
}

/// Who set the caps of a customer's wallets, by wallet.
///
/// # Errors
/// [`StorageError`].
pub async fn set_by(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<HashMap<Uuid, SetBy>, StorageError> {
    let rows: Vec<(Uuid, String, DateTime<Utc>)> = spend_guards::table
        .filter(spend_guards::customer_id.eq(customer.as_str()))
        .select((spend_guards::wallet_id, spend_guards::set_by, spend_guards::updated_at))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(wallet, actor, at)| (wallet, SetBy { actor, at })).collect())
}

/// Computes what was consumed since a moment without reading every usage.
///
/// The entries of a wallet are numbered in the order of time, so a binary search over the primary key finds the last
/// entry before the moment in about 25 steps. The balance after that entry and the current balance differ by what was
/// consumed and by what other kinds of entry moved. There are few entries of other kinds, and they have an index by
/// time, so they are summed and subtracted. A reversal of older consumption counts as another kind. Usage of the
/// product that the main wallet paid is added entry by entry.
struct ConsumedSince {
    customer: String,
    wallet: Uuid,
    since: DateTime<Utc>,
    entry_seq: i64,
    balance: Decimal,
    /// The counterpart of this product's usage that the main wallet paid. It matches nothing for the main wallet
    /// itself.
    paid_by_main: String,
    currency: String,
}

impl Statement for ConsumedSince {
    const TEXT: &'static str = include_str!("sql/consumed_since.sql");
    type Row = Numeric;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.entry_seq)?;
        parameters.add::<Timestamptz, _>(&self.since)?;
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<SqlUuid, _>(&self.wallet)?;
        parameters.add::<Numeric, _>(&self.balance)?;
        parameters.add::<Text, _>(&self.paid_by_main)?;
        parameters.add::<Text, _>(&self.currency)?;
        Ok(())
    }
}

/// How much a locked wallet paid for consumption since a moment, and how much the main wallet paid for its product,
/// less what was given back of both.
///
/// # Errors
/// [`StorageError`].
pub async fn consumed_since(
    conn: &mut AsyncPgConnection,
    wallet: &Wallet,
    since: DateTime<Utc>,
) -> Result<Money, StorageError> {
    let statement = ConsumedSince {
        customer: wallet.key.customer.as_str().to_owned(),
        wallet: wallet.id,
        since,
        entry_seq: wallet.entry_seq,
        balance: wallet.balance().amount(),
        paid_by_main: Counterpart::Usage(Some(wallet.key.product.clone())).to_string(),
        currency: wallet.key.currency.code().to_owned(),
    };
    let consumed: Decimal = Cached(statement).get_result(conn).await?;
    Ok(Money::from_ledger(consumed, wallet.key.currency))
}
