//! Account flows: a customer's entries, newest first, by keyset.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Bool, Int2, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
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
    /// What they refer to, as the API shows its id: an order, a transfer, a grant, a usage that was given back. Captures
    /// are not found by their hold.
    pub reference: Option<String>,
    pub created_from: Option<DateTime<Utc>>,
    pub created_to: Option<DateTime<Utc>>,
}

/// Where a page ended.
pub type FlowPosition = (DateTime<Utc>, i64, Uuid);

/// What the statements ask for.
struct Page {
    customer: String,
    kinds: Vec<i16>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    after_at: DateTime<Utc>,
    after_seq: i64,
    after_wallet: Uuid,
    currency: Option<String>,
    product: Option<String>,
    limit: i64,
}

impl Page {
    /// The same, with its end as a position that none of its entries reaches: numbers begin with 1.
    fn before_its_end(mut self) -> Self {
        if let Some(to) = self.to.filter(|to| *to <= self.after_at) {
            (self.after_at, self.after_seq, self.after_wallet) = (to, 0, Uuid::nil());
        }
        self
    }
}

/// The columns of [`Flow`].
const FLOW_COLUMNS: &str = "SELECT e.wallet_id, e.seq, e.kind, e.amount, w.currency, w.product, e.balance_after, e.key, e.reference, e.description, e.created_at FROM ";

type FlowSql = (SqlUuid, BigInt, Int2, Numeric, Text, Text, Numeric, Text, Nullable<Text>, Nullable<Text>, Timestamptz);

/// One index scan per kind, each of which stops after a page, merged: any depth costs the same. Consumption has no such
/// index, for it would be written with every usage.
struct ByKind(Page);

impl StaticSql for ByKind {
    type Row = FlowSql;

    fn build<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let page = &self.0;
        out.push_sql(FLOW_COLUMNS);
        out.push_sql("unnest(");
        out.push_bind_param::<Array<Int2>, _>(&page.kinds)?;
        out.push_sql(") AS k (kind) CROSS JOIN LATERAL (SELECT * FROM entries WHERE customer_id = ");
        out.push_bind_param::<Text, _>(&page.customer)?;
        out.push_sql(" AND kind = k.kind AND kind NOT IN (2, 3) AND (created_at, seq, wallet_id) < (");
        out.push_bind_param::<Timestamptz, _>(&page.after_at)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&page.after_seq)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlUuid, _>(&page.after_wallet)?;
        out.push_sql(") AND created_at >= coalesce(");
        out.push_bind_param::<Nullable<Timestamptz>, _>(&page.from)?;
        out.push_sql(", '-infinity') AND created_at < coalesce(");
        out.push_bind_param::<Nullable<Timestamptz>, _>(&page.to)?;
        // The wallets are put so that no index can look for them: PostgreSQL, which cannot know that one wallet has most
        // of a customer's entries, would gather all of them by another index and sort them.
        out.push_sql(", 'infinity') AND ((");
        out.push_bind_param::<Nullable<Text>, _>(&page.currency)?;
        out.push_sql("::text IS NULL AND ");
        out.push_bind_param::<Nullable<Text>, _>(&page.product)?;
        out.push_sql("::text IS NULL) OR coalesce(wallet_id, $5) = ANY (ARRAY (SELECT id FROM wallets WHERE customer_id = $2 AND currency = coalesce($8, currency) AND product = coalesce($9, product)))) ORDER BY created_at DESC, seq DESC FETCH FIRST (");
        out.push_bind_param::<BigInt, _>(&page.limit)?;
        // The index has no wallet: whoever asked it for the whole order would make PostgreSQL sort all there is.
        out.push_sql(") ROWS WITH TIES) e JOIN wallets w ON w.customer_id = $2 AND w.id = e.wallet_id ORDER BY e.created_at DESC, e.seq DESC, e.wallet_id DESC LIMIT $10");
        Ok(())
    }
}

/// One walk down each wallet, or those that the filter names, merged: between which of its numbers a page can lie is
/// found by halving, unless it begins at the newest. A wallet that has few of its customer's entries costs no more than
/// others; but each wallet costs a page, and entries of other kinds than asked for are walked over.
struct ByWallet {
    page: Page,
    from_newest: bool,
}

impl StaticSql for ByWallet {
    type Row = FlowSql;

    fn build<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let page = &self.page;
        out.push_sql(FLOW_COLUMNS);
        out.push_sql("(SELECT id, currency, product, CASE WHEN ");
        out.push_bind_param::<Bool, _>(&self.from_newest)?;
        out.push_sql(" THEN entry_seq ELSE entries_before(customer_id, id, entry_seq, ");
        out.push_bind_param::<Timestamptz, _>(&page.after_at)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&page.after_seq)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlUuid, _>(&page.after_wallet)?;
        out.push_sql(") END AS newest, CASE WHEN ");
        out.push_bind_param::<Nullable<Timestamptz>, _>(&page.from)?;
        out.push_sql("::timestamptz IS NULL THEN 0 ELSE entries_before(customer_id, id, entry_seq, $5, 0, '00000000-0000-0000-0000-000000000000') END AS below FROM wallets WHERE customer_id = ");
        out.push_bind_param::<Text, _>(&page.customer)?;
        out.push_sql(" AND currency = coalesce(");
        out.push_bind_param::<Nullable<Text>, _>(&page.currency)?;
        out.push_sql(", currency) AND product = coalesce(");
        out.push_bind_param::<Nullable<Text>, _>(&page.product)?;
        // The kinds are put so that no index can look for them, which has them in another order.
        out.push_sql(", product) OFFSET 0) w CROSS JOIN LATERAL (SELECT * FROM entries WHERE customer_id = $6 AND wallet_id = w.id AND seq <= w.newest AND seq > w.below AND coalesce(kind, 0::smallint) = ANY (");
        out.push_bind_param::<Array<Int2>, _>(&page.kinds)?;
        out.push_sql(") ORDER BY seq DESC LIMIT ");
        out.push_bind_param::<BigInt, _>(&page.limit)?;
        out.push_sql(") e ORDER BY e.created_at DESC, e.seq DESC, e.wallet_id DESC LIMIT $10");
        Ok(())
    }
}

/// What refers to one thing is little; captures, which are many, are in no index of references.
struct ByReference {
    page: Page,
    reference: String,
}

impl StaticSql for ByReference {
    type Row = FlowSql;

    fn build<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let page = &self.page;
        out.push_sql(FLOW_COLUMNS);
        out.push_sql("(SELECT * FROM entries WHERE customer_id = ");
        out.push_bind_param::<Text, _>(&page.customer)?;
        out.push_sql(" AND reference = ");
        out.push_bind_param::<Text, _>(&self.reference)?;
        out.push_sql(" AND kind NOT IN (2, 3) OFFSET 0) e JOIN wallets w ON w.customer_id = $1 AND w.id = e.wallet_id WHERE e.kind = ANY (");
        out.push_bind_param::<Array<Int2>, _>(&page.kinds)?;
        out.push_sql(") AND (e.created_at, e.seq, e.wallet_id) < (");
        out.push_bind_param::<Timestamptz, _>(&page.after_at)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&page.after_seq)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlUuid, _>(&page.after_wallet)?;
        out.push_sql(") AND e.created_at >= coalesce(");
        out.push_bind_param::<Nullable<Timestamptz>, _>(&page.from)?;
        out.push_sql(", '-infinity') AND e.created_at < coalesce(");
        out.push_bind_param::<Nullable<Timestamptz>, _>(&page.to)?;
        out.push_sql(", 'infinity') AND w.currency = coalesce(");
        out.push_bind_param::<Nullable<Text>, _>(&page.currency)?;
        out.push_sql(", w.currency) AND w.product = coalesce(");
        out.push_bind_param::<Nullable<Text>, _>(&page.product)?;
        out.push_sql(", w.product) ORDER BY e.created_at DESC, e.seq DESC, e.wallet_id DESC LIMIT ");
        out.push_bind_param::<BigInt, _>(&page.limit)
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
    let page = Page {
        customer: filter.customer.as_str().to_owned(),
        kinds: kinds.into_iter().map(EntryKind::code).collect(),
        from: filter.created_from,
        to: filter.created_to,
        after_at,
        after_seq,
        after_wallet,
        currency: filter.currency.clone(),
        product: filter.product.clone(),
        limit,
    };
    if let Some(reference) = filter.reference.clone() {
        return Ok(Cached(ByReference { page, reference }).load(conn).await?);
    }
    // Consumption is what there is much of, so a walk meets it soon; other kinds it may not meet for long.
    let consumption = page.kinds.iter().any(|kind| [EntryKind::Usage.code(), EntryKind::Capture.code()].contains(kind));
    if consumption {
        let from_newest = after.is_none() && page.to.is_none();
        return Ok(Cached(ByWallet { page: page.before_its_end(), from_newest }).load(conn).await?);
    }
    Ok(Cached(ByKind(page)).load(conn).await?)
}
