//! Searches of operators. Every way to match is a range of one index, so a search is fast even in large tables.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{currency_from_column, customer_from_column};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::search::{Found, FoundId, FoundKind, IdRange, Prefix, SearchTerms};

type FoundColumns =
    (Nullable<SqlUuid>, Nullable<Text>, Text, Nullable<Text>, Nullable<Text>, Nullable<Numeric>, Nullable<Timestamptz>);

#[derive(Queryable)]
struct FoundRow {
    id: Option<Uuid>,
    customer_id: Option<String>,
    matched: String,
    status: Option<String>,
    currency: Option<String>,
    amount: Option<Decimal>,
    created_at: Option<DateTime<Utc>>,
}

impl FoundRow {
    fn into_found(self, kind: FoundKind) -> Result<Found, StorageError> {
        let currency = self.currency.as_deref().map(currency_from_column).transpose()?;
        let customer = self.customer_id.as_deref().map(customer_from_column).transpose()?;
        let missing = || StorageError::Corrupt(format!("a {kind:?} was found without its id"));
        let ours = |ids| self.id.map(|id| FoundId::Ours(ids, id)).ok_or_else(missing);
        Ok(Found {
            kind,
            id: match kind {
                FoundKind::Order => ours(IdKind::TopUpOrder)?,
                FoundKind::Payment => ours(IdKind::Payment)?,
                FoundKind::Refund => ours(IdKind::Refund)?,
                FoundKind::Dispute => ours(IdKind::Dispute)?,
                FoundKind::Customer => FoundId::Customer(customer.clone().ok_or_else(missing)?),
            },
            customer,
            matched: self.matched,
            status: self.status,
            money: self.amount.zip(currency).map(|(amount, currency)| Money::from_ledger(amount, currency)),
            created_at: self.created_at,
        })
    }
}

/// The ends of a range, as parameters that may be null.
struct Ends<T> {
    first: Option<T>,
    last: Option<T>,
}

impl Ends<Uuid> {
    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Nullable<SqlUuid>, _>(&self.first)?;
        parameters.add::<Nullable<SqlUuid>, _>(&self.last)
    }
}

impl Ends<String> {
    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Nullable<Text>, _>(&self.first)?;
        parameters.add::<Nullable<Text>, _>(&self.last)
    }
}

impl From<Option<IdRange>> for Ends<Uuid> {
    fn from(range: Option<IdRange>) -> Self {
        Self { first: range.map(|range| range.first), last: range.map(|range| range.last) }
    }
}

impl From<Option<&Prefix>> for Ends<String> {
    fn from(prefix: Option<&Prefix>) -> Self {
        Self { first: prefix.map(|prefix| prefix.first.clone()), last: prefix.map(|prefix| prefix.end.clone()) }
    }
}

struct Orders {
    limit: i64,
    ids: Ends<Uuid>,
    references: Ends<String>,
    raw: Ends<String>,
    normal: Ends<String>,
    amount: Option<Decimal>,
    customer: String,
}

impl Statement for Orders {
    const TEXT: &'static str = include_str!("sql/search_orders.sql");
    type Row = FoundColumns;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.limit)?;
        self.ids.bind(parameters)?;
        self.references.bind(parameters)?;
        self.raw.bind(parameters)?;
        self.normal.bind(parameters)?;
        parameters.add::<Nullable<Numeric>, _>(&self.amount)?;
        parameters.add::<Text, _>(&self.customer)
    }
}

struct FindPayments {
    limit: i64,
    ids: Ends<Uuid>,
    raw: Ends<String>,
    normal: Ends<String>,
    amount: Option<Decimal>,
}

impl Statement for FindPayments {
    const TEXT: &'static str = include_str!("sql/search_payments.sql");
    type Row = FoundColumns;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.limit)?;
        self.ids.bind(parameters)?;
        self.raw.bind(parameters)?;
        self.normal.bind(parameters)?;
        parameters.add::<Nullable<Numeric>, _>(&self.amount)
    }
}

/// What refunds and disputes are found by.
struct TakenBack {
    limit: i64,
    ids: Ends<Uuid>,
    raw: Ends<String>,
    amount: Option<Decimal>,
    customer: String,
}

impl TakenBack {
    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.limit)?;
        self.ids.bind(parameters)?;
        self.raw.bind(parameters)?;
        parameters.add::<Nullable<Numeric>, _>(&self.amount)?;
        parameters.add::<Text, _>(&self.customer)
    }
}

struct Refunds(TakenBack);

impl Statement for Refunds {
    const TEXT: &'static str = include_str!("sql/search_refunds.sql");
    type Row = FoundColumns;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        self.0.bind(parameters)
    }
}

struct Disputes(TakenBack);

impl Statement for Disputes {
    const TEXT: &'static str = include_str!("sql/search_disputes.sql");
    type Row = FoundColumns;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        self.0.bind(parameters)
    }
}

struct Customers {
    limit: i64,
    raw: Ends<String>,
    lower: Ends<String>,
}

impl Statement for Customers {
    const TEXT: &'static str = include_str!("sql/search_customers.sql");
    type Row = FoundColumns;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<BigInt, _>(&self.limit)?;
        self.raw.bind(parameters)?;
        self.lower.bind(parameters)
    }
}

/// The objects of one kind that a text finds, at most `limit` for each way in which it can match.
///
/// # Errors
/// Database errors.
pub async fn find(
    conn: &mut AsyncPgConnection,
    kind: FoundKind,
    terms: &SearchTerms,
    limit: i64,
) -> Result<Vec<Found>, StorageError> {
    let raw = || Ends::from(Some(&terms.raw));
    let normal = || Ends::from(terms.normal.as_ref());
    let (amount, customer) = (terms.amount, terms.raw.first.clone());
    let taken_back =
        |ids: IdKind| TakenBack { limit, ids: terms.ids(ids).into(), raw: raw(), amount, customer: customer.clone() };
    let rows: Vec<FoundRow> = match kind {
        FoundKind::Order => {
            let references = Ends::from(terms.reference.as_ref());
            let ids = terms.ids(IdKind::TopUpOrder).into();
            let found = Orders { limit, ids, references, raw: raw(), normal: normal(), amount, customer };
            Cached(found).load(conn).await?
        }
        FoundKind::Payment => {
            let ids = terms.ids(IdKind::Payment).into();
            Cached(FindPayments { limit, ids, raw: raw(), normal: normal(), amount }).load(conn).await?
        }
        FoundKind::Refund => Cached(Refunds(taken_back(IdKind::Refund))).load(conn).await?,
        FoundKind::Dispute => Cached(Disputes(taken_back(IdKind::Dispute))).load(conn).await?,
        FoundKind::Customer => {
            let lower = Ends::from(Some(&terms.lower));
            Cached(Customers { limit, raw: raw(), lower }).load(conn).await?
        }
    };
    rows.into_iter().map(|row| row.into_found(kind)).collect()
}
