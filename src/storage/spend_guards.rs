//! Spend guards: the caps of a wallet. A guard is written while its wallet is locked, so every later posting obeys it.
//! The ledger keeps the running counts.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{BigInt, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::schema::{spend_guards, wallets};
use super::statement::{Cached, StaticSql};
use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::guard::SetBy;
use crate::domain::wallet::Wallet;

/// Writes the caps and running counts of a locked wallet, or removes them when the wallet has no guard. Returns who set
/// them now.
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
        Some(guard) => {
            let values = (
                spend_guards::daily_cap.eq(guard.daily_cap),
                spend_guards::monthly_cap.eq(guard.monthly_cap),
                spend_guards::day.eq(guard.day),
                spend_guards::spent_today.eq(guard.spent_today),
                spend_guards::month.eq(guard.month),
                spend_guards::spent_this_month.eq(guard.spent_this_month),
                spend_guards::set_by.eq(actor),
                spend_guards::updated_at.eq(now),
            );
            diesel::insert_into(spend_guards::table)
                .values((spend_guards::customer_id.eq(customer), spend_guards::wallet_id.eq(wallet.id), values))
                .on_conflict((spend_guards::customer_id, spend_guards::wallet_id))
                .do_update()
                .set(values)
                .execute(conn)
                .await?;
        }
    }
    diesel::update(wallets::table.filter(wallets::customer_id.eq(customer).and(wallets::id.eq(wallet.id))))
        .set((wallets::guarded.eq(wallet.guard.is_some()), wallets::slow.eq(wallet.needs_full_path())))
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
/// entry before the moment in about 25 steps. The balance after that entry and the balance now differ by what was
/// consumed and by what other kinds of entry moved. Other kinds are few and have an index by time, so they are summed
/// and taken out. A reversal of older consumption counts as another kind. Usage of the product that the main wallet paid
/// is added entry by entry.
struct ConsumedSince {
    customer: String,
    wallet: Uuid,
    since: DateTime<Utc>,
    entry_seq: i64,
    balance: Decimal,
    /// The counterpart of this product's usage that the main wallet paid. It matches no entry for the main wallet itself.
    paid_by_main: String,
    currency: String,
}

impl StaticSql for ConsumedSince {
    type Row = Numeric;

    fn build<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH RECURSIVE halves (low, high) AS (SELECT 0::bigint, ");
        out.push_bind_param::<BigInt, _>(&self.entry_seq)?;
        out.push_sql(" + 1 UNION ALL SELECT CASE WHEN e.created_at < ");
        out.push_bind_param::<Timestamptz, _>(&self.since)?;
        out.push_sql(" THEN h.middle ELSE h.low END, CASE WHEN e.created_at < $2 THEN h.high ELSE h.middle END FROM (SELECT low, high, (low + high) / 2 AS middle FROM halves WHERE high - low > 1) h JOIN entries e ON e.customer_id = ");
        out.push_bind_param::<Text, _>(&self.customer)?;
        out.push_sql(" AND e.wallet_id = ");
        out.push_bind_param::<SqlUuid, _>(&self.wallet)?;
        out.push_sql(" AND e.seq = h.middle), last AS (SELECT low FROM halves WHERE high - low = 1) SELECT greatest(0, coalesce((SELECT balance_after FROM entries, last WHERE customer_id = $3 AND wallet_id = $4 AND seq = last.low), 0) - ");
        out.push_bind_param::<Numeric, _>(&self.balance)?;
        // The list has every kind but usage (2), capture (3) and reversal (4). A reversal of usage since the moment makes
        // room again, so only reversals of older usage are taken out.
        out.push_sql(" + coalesce((SELECT sum(amount) FROM entries, last WHERE customer_id = $3 AND kind = ANY ('{1,5,6,7,8,9,10,11,12,13,14,15,16}') AND created_at >= $2 AND wallet_id = $4 AND seq > last.low), 0) + coalesce((SELECT sum(r.amount) FROM entries r, last WHERE r.customer_id = $3 AND r.kind = 4 AND r.created_at >= $2 AND r.wallet_id = $4 AND r.seq > last.low AND coalesce((SELECT o.created_at FROM entries o WHERE o.customer_id = $3 AND o.kind = 2 AND o.key = r.reference), (SELECT o.created_at FROM entries o WHERE o.customer_id = $3 AND o.kind = 3 AND o.key = r.reference)) < $2), 0)) + coalesce((SELECT sum(-u.amount - coalesce((SELECT sum(r.amount) FROM entries r WHERE r.customer_id = $3 AND r.kind = 4 AND r.reference = u.key AND r.wallet_id = u.wallet_id), 0)) FROM entries u WHERE u.customer_id = $3 AND u.kind = 2 AND u.counterpart <> 'usage' AND u.counterpart = ");
        out.push_bind_param::<Text, _>(&self.paid_by_main)?;
        out.push_sql(
            " AND u.created_at >= $2 AND u.wallet_id = (SELECT id FROM wallets WHERE customer_id = $3 AND currency = ",
        );
        out.push_bind_param::<Text, _>(&self.currency)?;
        out.push_sql(" AND product = '')), 0)");
        Ok(())
    }
}

/// What a locked wallet paid for consumption since a moment, and what the main wallet paid for its product, less what
/// was given back of both.
///
/// # Errors
/// [`StorageError`].
pub async fn consumed_since(
    conn: &mut AsyncPgConnection,
    wallet: &Wallet,
    since: DateTime<Utc>,
) -> Result<Decimal, StorageError> {
    let statement = ConsumedSince {
        customer: wallet.key.customer.as_str().to_owned(),
        wallet: wallet.id,
        since,
        entry_seq: wallet.entry_seq,
        balance: wallet.balance().amount(),
        paid_by_main: Counterpart::Usage(Some(wallet.key.product.clone())).to_string(),
        currency: wallet.key.currency.code().to_owned(),
    };
    Ok(Cached(statement).get_result(conn).await?)
}
