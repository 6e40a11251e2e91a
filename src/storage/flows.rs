//! Account flows: a customer's entries, newest first, by keyset.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Int2, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::statement::{Cached, StaticSql};
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;

/// An entry as a customer sees it.
#[derive(Debug, Clone, PartialEq, Queryable)]
pub struct Flow {
    pub wallet_id: Uuid,
    pub seq: i64,
    pub kind: i16,
    pub amount: Decimal,
    pub currency: String,
    pub product: String,
    pub balance_after: Decimal,
    pub key: String,
    pub reference: Option<String>,
    pub description: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// What flows are narrowed to.
#[derive(Debug, Clone)]
pub struct FlowFilter {
    pub customer: CustomerId,
    /// Which kinds; all when empty.
    pub kinds: Vec<EntryKind>,
    pub currency: Option<String>,
    pub product: Option<String>,
    /// An order, transfer or hold as the API shows its id.
    pub reference: Option<String>,
    pub created_from: Option<DateTime<Utc>>,
    pub created_to: Option<DateTime<Utc>>,
}

/// Where a page ended.
pub type FlowPosition = (DateTime<Utc>, i64, Uuid);

/// One index scan per kind, each of which stops after a page, merged: any depth costs the same, and no second
/// index is written for lists without a type.
struct ListFlows {
    customer: String,
    kinds: Vec<i16>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    after_at: DateTime<Utc>,
    after_seq: i64,
    after_wallet: Uuid,
    currency: Option<String>,
    product: Option<String>,
    reference: Option<String>,
    limit: i64,
}

impl StaticSql for ListFlows {
    type Row = (SqlUuid, BigInt, Int2, Numeric, Text, Text, Numeric, Text, Nullable<Text>, Nullable<Text>, Timestamptz);

    fn build<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT e.wallet_id, e.seq, e.kind, e.amount, w.currency, w.product, e.balance_after, e.key, e.reference, e.description, e.created_at FROM unnest(");
        out.push_bind_param::<Array<Int2>, _>(&self.kinds)?;
        out.push_sql(") AS k (kind) CROSS JOIN LATERAL (SELECT * FROM entries WHERE customer_id = ");
        out.push_bind_param::<Text, _>(&self.customer)?;
        out.push_sql(" AND kind = k.kind AND (created_at, seq, wallet_id) < (");
        out.push_bind_param::<Timestamptz, _>(&self.after_at)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.after_seq)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlUuid, _>(&self.after_wallet)?;
        out.push_sql(") AND created_at >= coalesce(");
        out.push_bind_param::<Nullable<Timestamptz>, _>(&self.from)?;
        out.push_sql(", '-infinity') AND created_at < coalesce(");
        out.push_bind_param::<Nullable<Timestamptz>, _>(&self.to)?;
        // The wallets are put so that no index can look for them: PostgreSQL, which cannot know that one wallet has most
        // of a customer's entries, would gather all of them by another index and sort them.
        out.push_sql(", 'infinity') AND ((");
        out.push_bind_param::<Nullable<Text>, _>(&self.currency)?;
        out.push_sql("::text IS NULL AND ");
        out.push_bind_param::<Nullable<Text>, _>(&self.product)?;
        out.push_sql("::text IS NULL) OR coalesce(wallet_id, $5) = ANY (ARRAY (SELECT id FROM wallets WHERE customer_id = $2 AND currency = coalesce($8, currency) AND product = coalesce($9, product)))) AND (");
        out.push_bind_param::<Nullable<Text>, _>(&self.reference)?;
        out.push_sql("::text IS NULL OR reference = $10) ORDER BY created_at DESC, seq DESC FETCH FIRST (");
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        // The index has no wallet: whoever asked it for the whole order would make PostgreSQL sort all there is.
        out.push_sql(") ROWS WITH TIES) e JOIN wallets w ON w.customer_id = $2 AND w.id = e.wallet_id ORDER BY e.created_at DESC, e.seq DESC, e.wallet_id DESC LIMIT $11");
        Ok(())
    }
}

/// A page of flows after a position.
///
/// # Errors
/// Of the database.
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &FlowFilter,
    after: Option<FlowPosition>,
    limit: i64,
) -> Result<Vec<Flow>, StorageError> {
    let kinds = if filter.kinds.is_empty() { EntryKind::ALL.to_vec() } else { filter.kinds.clone() };
    // Before every possible entry, when there is no cursor: the last second of the year 9999.
    let end = DateTime::from_timestamp(253_402_300_799, 0).unwrap_or_default();
    let (after_at, after_seq, after_wallet) = after.unwrap_or((end, i64::MAX, Uuid::max()));
    let statement = ListFlows {
        customer: filter.customer.as_str().to_owned(),
        kinds: kinds.into_iter().map(EntryKind::code).collect(),
        from: filter.created_from,
        to: filter.created_to,
        after_at,
        after_seq,
        after_wallet,
        currency: filter.currency.clone(),
        product: filter.product.clone(),
        reference: filter.reference.clone(),
        limit,
    };
    Ok(Cached(statement).load(conn).await?)
}
