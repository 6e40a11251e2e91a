//! Spend guards and low-balance thresholds: how a wallet is watched. Written under the wallet's lock, so that the
//! postings after it obey; the ledger keeps the running counts.

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
use crate::domain::customer::CustomerId;
use crate::domain::entry::Label;
use crate::domain::wallet::Wallet;

/// Who set a wallet's caps, and when.
#[derive(Debug, Clone, PartialEq, Queryable)]
pub struct SetBy {
    pub wallet_id: Uuid,
    pub actor: String,
    pub at: DateTime<Utc>,
}

/// Writes the caps and counts of a locked wallet, or removes them. Answers who set them and when, as of now.
///
/// # Errors
/// Of the database.
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
        .set((wallets::guarded.eq(wallet.guard.is_some()), wallets::slow.eq(wallet.slow())))
        .execute(conn)
        .await?;
    Ok(SetBy { wallet_id: wallet.id, actor: actor.to_owned(), at: now })
}

/// Who set the caps of a customer's wallets.
///
/// # Errors
/// Of the database.
pub async fn set_by(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<Vec<SetBy>, StorageError> {
    Ok(spend_guards::table
        .filter(spend_guards::customer_id.eq(customer.as_str()))
        .select((spend_guards::wallet_id, spend_guards::set_by, spend_guards::updated_at))
        .load(conn)
        .await?)
}

/// Writes the low-balance threshold of a locked wallet, or removes it.
///
/// # Errors
/// Of the database.
pub async fn save_threshold(conn: &mut AsyncPgConnection, wallet: &Wallet) -> Result<(), StorageError> {
    let mine = wallets::customer_id.eq(wallet.key.customer.as_str()).and(wallets::id.eq(wallet.id));
    diesel::update(wallets::table.filter(mine))
        .set((
            wallets::low_balance_threshold.eq(wallet.low_balance.as_ref().map(|low| low.threshold)),
            wallets::fast_floor.eq(wallet.fast_floor()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Entries of a wallet are numbered in the order of time, so the last one before a moment is found by halving, in
/// some 25 steps through the primary key however many there are. What was consumed since is what the balance has
/// lost since and nothing else has taken; "else" is rare, unlike consumption, and has an index by time. Reversals of
/// what was consumed before belong to it. What the main wallet paid for a product is counted beside it, one by one.
struct ConsumedSince {
    customer: String,
    wallet: Uuid,
    since: DateTime<Utc>,
    entry_seq: i64,
    balance: Decimal,
    /// The counterpart of this product's usage where the main wallet paid; matches nothing for the main wallet.
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
        // Every kind but usage (2), captures (3) and reversals (4), which make room again where they gave back what
        // was consumed since.
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

/// What was consumed since a moment from a locked wallet, or of its product at the main wallet's expense, less what was
/// given back of that.
///
/// # Errors
/// Of the database.
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
        balance: wallet.balance(),
        paid_by_main: Label::counterpart_paid_for(&wallet.key.product),
        currency: wallet.key.currency.code().to_owned(),
    };
    Ok(Cached(statement).get_result(conn).await?)
}
