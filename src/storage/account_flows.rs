//! Pages of account flows: a customer's entries, newest first. A page goes on after a position, not after a number of
//! rows, so a late page costs no more than the first one.
//!
//! Three statements list flows, and each has a counterpart (`BACK`) that reads a page backwards. Which one is used
//! depends on what the filter names: see [`page`].

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Int2, Jsonb, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use super::StorageError;
use super::columns::{currency_from_column, entry_kind_from_column};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::account_flow::{AccountFlow, FlowFilter, FlowId, FlowPosition};
use crate::domain::customer::CustomerId;
use crate::domain::entry::EntryKind;
use crate::domain::money::Money;
use crate::domain::page::{Page, Place, Rows};
use crate::domain::product::Product;

/// An entry with its wallet's currency and product.
#[derive(Queryable)]
struct FlowRow {
    wallet_id: Uuid,
    seq: i64,
    kind: i16,
    amount: Decimal,
    currency: String,
    product: String,
    balance_after: Decimal,
    key: String,
    reference: Option<String>,
    description: Option<String>,
    metadata: Option<Value>,
    occurred_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl TryFrom<FlowRow> for AccountFlow {
    type Error = StorageError;

    fn try_from(row: FlowRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        let kind = entry_kind_from_column(row.kind)?;
        Ok(Self {
            id: FlowId { wallet: row.wallet_id, seq: row.seq },
            kind,
            amount: Money::from_ledger(row.amount, currency),
            balance_after: Money::from_ledger(row.balance_after, currency),
            product: Product::from_column(&row.product),
            reference: Self::reference(kind, &row.key, row.reference),
            description: row.description,
            metadata: row.metadata,
            occurred_at: row.occurred_at,
            created_at: row.created_at,
        })
    }
}

/// The parameters that the three statements share.
struct FlowParameters {
    customer: String,
    kinds: Vec<i16>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    /// The position next to the page: the page comes after it, or before it if it is read backwards.
    at: DateTime<Utc>,
    seq: i64,
    wallet: Uuid,
    currency: Option<String>,
    product: Option<String>,
    /// Whether transfers that came in have to belong to an order; `None` if it does not matter.
    for_orders: Option<bool>,
    limit: i64,
}

impl FlowParameters {
    /// This page, with the filter's end as a position. No entry lies at that position, because numbers begin at 1.
    fn before_its_end(mut self) -> Self {
        if let Some(to) = self.to.filter(|to| *to <= self.at) {
            (self.at, self.seq, self.wallet) = (to, 0, Uuid::nil());
        }
        self
    }
}

/// The columns of [`FlowRow`].
type FlowSql = (
    SqlUuid,
    BigInt,
    Int2,
    Numeric,
    Text,
    Text,
    Numeric,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Jsonb>,
    Nullable<Timestamptz>,
    Timestamptz,
);

/// Lists any kinds but consumption. Each kind is one index scan that stops after a page; the scans are merged. A page
/// costs the same at any depth. Consumption has no such index, because every usage would have to write it.
struct ByKind<const BACK: bool>(FlowParameters);

impl<const BACK: bool> Statement for ByKind<BACK> {
    const TEXT: &'static str = match BACK {
        false => include_str!("sql/flows_by_kind.sql"),
        true => include_str!("sql/flows_by_kind_back.sql"),
    };
    type Row = FlowSql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        let page = &self.0;
        parameters.add::<Array<Int2>, _>(&page.kinds)?;
        parameters.add::<Text, _>(&page.customer)?;
        parameters.add::<Timestamptz, _>(&page.at)?;
        parameters.add::<BigInt, _>(&page.seq)?;
        parameters.add::<SqlUuid, _>(&page.wallet)?;
        parameters.add::<Nullable<Timestamptz>, _>(&page.from)?;
        parameters.add::<Nullable<Timestamptz>, _>(&page.to)?;
        parameters.add::<Nullable<Text>, _>(&page.currency)?;
        parameters.add::<Nullable<Text>, _>(&page.product)?;
        parameters.add::<BigInt, _>(&page.limit)?;
        parameters.add::<Nullable<Bool>, _>(&page.for_orders)
    }
}

/// Lists consumption, alone or with other kinds. It walks down each wallet that the filter allows and merges the walks.
/// Where a page begins and ends within a wallet is found by binary search, unless the page begins at the newest entry.
/// For each wallet a whole page is read, however few entries it has, and entries of other kinds are skipped.
struct ByWallet {
    page: FlowParameters,
    from_newest: bool,
}

impl Statement for ByWallet {
    const TEXT: &'static str = include_str!("sql/flows_by_wallet.sql");
    type Row = FlowSql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        let page = &self.page;
        parameters.add::<Bool, _>(&self.from_newest)?;
        parameters.add::<Timestamptz, _>(&page.at)?;
        parameters.add::<BigInt, _>(&page.seq)?;
        parameters.add::<SqlUuid, _>(&page.wallet)?;
        parameters.add::<Nullable<Timestamptz>, _>(&page.from)?;
        parameters.add::<Text, _>(&page.customer)?;
        parameters.add::<Nullable<Text>, _>(&page.currency)?;
        parameters.add::<Nullable<Text>, _>(&page.product)?;
        parameters.add::<Array<Int2>, _>(&page.kinds)?;
        parameters.add::<BigInt, _>(&page.limit)?;
        parameters.add::<Nullable<Bool>, _>(&page.for_orders)
    }
}

/// [`ByWallet`], read backwards.
struct ByWalletBack(FlowParameters);

impl Statement for ByWalletBack {
    const TEXT: &'static str = include_str!("sql/flows_by_wallet_back.sql");
    type Row = FlowSql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        let page = &self.0;
        parameters.add::<Timestamptz, _>(&page.at)?;
        parameters.add::<BigInt, _>(&page.seq)?;
        parameters.add::<SqlUuid, _>(&page.wallet)?;
        parameters.add::<Nullable<Timestamptz>, _>(&page.from)?;
        parameters.add::<Nullable<Timestamptz>, _>(&page.to)?;
        parameters.add::<Text, _>(&page.customer)?;
        parameters.add::<Nullable<Text>, _>(&page.currency)?;
        parameters.add::<Nullable<Text>, _>(&page.product)?;
        parameters.add::<Array<Int2>, _>(&page.kinds)?;
        parameters.add::<BigInt, _>(&page.limit)?;
        parameters.add::<Nullable<Bool>, _>(&page.for_orders)
    }
}

/// Lists the entries with one reference. There are few of them, so they are read and sorted. There are many captures,
/// and no index of references contains them.
struct ByReference<const BACK: bool> {
    page: FlowParameters,
    reference: String,
}

impl<const BACK: bool> Statement for ByReference<BACK> {
    const TEXT: &'static str = match BACK {
        false => include_str!("sql/flows_by_reference.sql"),
        true => include_str!("sql/flows_by_reference_back.sql"),
    };
    type Row = FlowSql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        let page = &self.page;
        parameters.add::<Text, _>(&page.customer)?;
        parameters.add::<Text, _>(&self.reference)?;
        parameters.add::<Array<Int2>, _>(&page.kinds)?;
        parameters.add::<Timestamptz, _>(&page.at)?;
        parameters.add::<BigInt, _>(&page.seq)?;
        parameters.add::<SqlUuid, _>(&page.wallet)?;
        parameters.add::<Nullable<Timestamptz>, _>(&page.from)?;
        parameters.add::<Nullable<Timestamptz>, _>(&page.to)?;
        parameters.add::<Nullable<Text>, _>(&page.currency)?;
        parameters.add::<Nullable<Text>, _>(&page.product)?;
        parameters.add::<BigInt, _>(&page.limit)?;
        parameters.add::<Nullable<Bool>, _>(&page.for_orders)
    }
}

/// A page of flows, newest first. It can be read from either side.
///
/// # Errors
/// [`StorageError`].
pub async fn page(
    conn: &mut AsyncPgConnection,
    filter: &FlowFilter,
    page: &Page<FlowPosition>,
) -> Result<Rows<AccountFlow>, StorageError> {
    let rows = match page.place {
        Place::Start => list(conn, filter, None, page.to_read()).await?,
        Place::After(position) => list(conn, filter, Some(position), page.to_read()).await?,
        Place::Before(position) => list_back(conn, filter, position, page.to_read()).await?,
    };
    Ok(page.cut(rows))
}

fn asked(filter: &FlowFilter, (at, seq, wallet): FlowPosition, limit: i64) -> FlowParameters {
    let kinds = if filter.kinds.is_empty() { EntryKind::ALL.to_vec() } else { filter.kinds.clone() };
    FlowParameters {
        customer: filter.customer.as_str().to_owned(),
        kinds: kinds.into_iter().map(EntryKind::code).collect(),
        from: filter.created_from,
        to: filter.created_to,
        at,
        seq,
        wallet,
        currency: filter.currency.map(|currency| currency.code().to_owned()),
        product: filter.product.as_ref().map(|product| product.as_column().to_owned()),
        for_orders: filter.transfers_in.for_orders(),
        limit,
    }
}

/// Whether consumption is asked for. Most entries are consumption, so a walk down the wallets meets it soon, and may
/// meet other kinds late.
fn has_consumption(page: &FlowParameters) -> bool {
    page.kinds.iter().any(|kind| [EntryKind::Usage.code(), EntryKind::Capture.code()].contains(kind))
}

/// At most `limit` flows after a position, or from the newest flow if there is no position.
///
/// # Errors
/// [`StorageError`].
pub async fn list(
    conn: &mut AsyncPgConnection,
    filter: &FlowFilter,
    after: Option<FlowPosition>,
    limit: i64,
) -> Result<Vec<AccountFlow>, StorageError> {
    // Without a position the page begins after every possible entry.
    let end_of_time = (DateTime::<Utc>::MAX_UTC, i64::MAX, Uuid::max());
    let page = asked(filter, after.unwrap_or(end_of_time), limit);
    if let Some(reference) = filter.reference.clone() {
        return flows(Cached(ByReference::<false> { page, reference }).load(conn).await?);
    }
    if has_consumption(&page) {
        let from_newest = after.is_none() && page.to.is_none();
        return flows(Cached(ByWallet { page: page.before_its_end(), from_newest }).load(conn).await?);
    }
    flows(Cached(ByKind::<false>(page)).load(conn).await?)
}

/// At most `limit` flows before a position, the nearest first.
async fn list_back(
    conn: &mut AsyncPgConnection,
    filter: &FlowFilter,
    before: FlowPosition,
    limit: i64,
) -> Result<Vec<AccountFlow>, StorageError> {
    let page = asked(filter, before, limit);
    if let Some(reference) = filter.reference.clone() {
        return flows(Cached(ByReference::<true> { page, reference }).load(conn).await?);
    }
    if has_consumption(&page) {
        return flows(Cached(ByWalletBack(page)).load(conn).await?);
    }
    flows(Cached(ByKind::<true>(page)).load(conn).await?)
}

struct ReversedOfUsages {
    customer: String,
    ids: Vec<String>,
}

impl Statement for ReversedOfUsages {
    const TEXT: &'static str = include_str!("sql/reversed_of_usages.sql");
    type Row = (Text, Numeric);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<Array<Text>, _>(&self.ids)
    }
}

/// How much of these usages was given back. A usage of which nothing was given back is left out.
///
/// # Errors
/// [`StorageError`].
pub async fn reversed(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    ids: Vec<String>,
) -> Result<Vec<(String, Decimal)>, StorageError> {
    Ok(Cached(ReversedOfUsages { customer: customer.as_str().to_owned(), ids }).load(conn).await?)
}

fn flows(rows: Vec<FlowRow>) -> Result<Vec<AccountFlow>, StorageError> {
    rows.into_iter().map(TryInto::try_into).collect()
}
