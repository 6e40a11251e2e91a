//! Taken-back money: the gate of a customer's wallets, and the claims and movements that a book reads and writes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, Int4, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::keys::wallet_key;
use crate::domain::book::TakeBacks;
use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::money::{Currency, Money};
use crate::domain::posting::Posting;
use crate::domain::take_back::{Claim, TakeBackId, TakeBackOrigin, Taken, TakenFrom, TakenPart};
use crate::domain::wallet::{Effects, Wallet};
use crate::domain::wallet_key::WalletKey;
use crate::storage::StorageError;
use crate::storage::columns::corrupt;
use crate::storage::schema::{take_backs, taken_back_debts, wallets};
use crate::storage::statement::{Cached, Parameters, Statement};

/// Takes the gates of these customers' wallets exclusively: until the transaction ends the customers get no new wallet.
/// Call it before any wallet is locked.
pub(super) async fn close_gates(
    conn: &mut AsyncPgConnection,
    customers: &BTreeSet<CustomerId>,
) -> Result<(), StorageError> {
    // In order, because two writers may take the same gates.
    for customer in customers {
        sql_query("SELECT pg_advisory_xact_lock(wallet_gate($1))")
            .bind::<Text, _>(customer.as_str())
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Takes the gate of a customer's wallets in shared mode.
pub(super) async fn pass_gate(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    sql_query("SELECT pg_advisory_xact_lock_shared(wallet_gate($1))")
        .bind::<Text, _>(customer.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// The keys of all wallets of these customers.
pub(super) async fn keys_of(
    conn: &mut AsyncPgConnection,
    customers: impl IntoIterator<Item = &CustomerId>,
) -> Result<Vec<WalletKey>, StorageError> {
    let customers: Vec<&str> = customers.into_iter().map(CustomerId::as_str).collect();
    let rows: Vec<(String, String, String)> = wallets::table
        .filter(wallets::customer_id.eq_any(customers))
        .select((wallets::customer_id, wallets::currency, wallets::product))
        .load(conn)
        .await?;
    rows.iter().map(|(customer, currency, product)| wallet_key(customer, currency, product)).collect()
}

type Ids = (Option<Uuid>, Option<Uuid>);
type ClaimRow = (String, String, Ids, String, String, String, Option<Uuid>, Option<String>, Decimal, DateTime<Utc>);

fn source(text: &str) -> Result<TakeBackId, StorageError> {
    TakeBackId::parse(text).ok_or_else(|| corrupt("source of taken-back money", text))
}

fn part(text: &str) -> Result<TakenPart, StorageError> {
    TakenPart::parse(text).ok_or_else(|| corrupt("part of taken-back money", text))
}

fn taken_from(ids: Ids) -> Result<TakenFrom, StorageError> {
    match ids {
        (Some(order), None) => Ok(TakenFrom::Order(order)),
        (None, Some(payment)) => Ok(TakenFrom::Payment(payment)),
        _ => Err(corrupt("order or payment of taken-back money", "")),
    }
}

fn counterpart(text: &str) -> Result<Counterpart, StorageError> {
    Counterpart::parse(text).ok_or_else(|| corrupt("counterpart", text))
}

fn claim(row: ClaimRow) -> Result<Claim, StorageError> {
    let (id, what, of, customer, currency, other, grant_id, description, amount, created_at) = row;
    let WalletKey { customer, currency, .. } = wallet_key(&customer, &currency, "")?;
    let amount = Money::from_ledger(amount, currency);
    let origin =
        TakeBackOrigin { id: source(&id)?, of: taken_from(of)?, counterpart: counterpart(&other)?, description };
    Ok(Claim { origin, customer, part: part(&what)?, grant_id, amount, created_at })
}

/// What is claimed from these customers, oldest first.
///
/// # Errors
/// Database errors.
pub async fn claims_of(
    conn: &mut AsyncPgConnection,
    customers: impl IntoIterator<Item = &CustomerId>,
) -> Result<Vec<Claim>, StorageError> {
    let customers: Vec<&str> = customers.into_iter().map(CustomerId::as_str).collect();
    let rows: Vec<ClaimRow> = taken_back_debts::table
        .filter(taken_back_debts::customer_id.eq_any(customers))
        // The order's money comes before its bonus.
        .order((taken_back_debts::created_at, taken_back_debts::source, taken_back_debts::part.desc()))
        .select((
            taken_back_debts::source,
            taken_back_debts::part,
            (taken_back_debts::order_id, taken_back_debts::payment_id),
            taken_back_debts::customer_id,
            taken_back_debts::currency,
            taken_back_debts::counterpart,
            taken_back_debts::grant_id,
            taken_back_debts::description,
            taken_back_debts::amount,
            taken_back_debts::created_at,
        ))
        .load(conn)
        .await?;
    rows.into_iter().map(claim).collect()
}

struct ReadTakeBacks {
    customers: Vec<String>,
    brought_by: Vec<Uuid>,
}

type TakenSql = (
    Text,
    Int4,
    Text,
    Nullable<SqlUuid>,
    Nullable<SqlUuid>,
    Text,
    Text,
    Text,
    SqlUuid,
    Text,
    Nullable<SqlUuid>,
    Numeric,
    Numeric,
    Int4,
    Timestamptz,
);

#[derive(Queryable)]
struct TakenRow {
    source: String,
    n: i32,
    part: String,
    order_id: Option<Uuid>,
    payment_id: Option<Uuid>,
    customer_id: String,
    currency: String,
    product: String,
    wallet_id: Uuid,
    counterpart: String,
    grant_id: Option<Uuid>,
    taken: Decimal,
    given_back: Decimal,
    returns: i32,
    taken_at: DateTime<Utc>,
}

impl Statement for ReadTakeBacks {
    const TEXT: &'static str = include_str!("sql/read_take_backs.sql");
    type Row = TakenSql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<SqlUuid>, _>(&self.brought_by)
    }
}

impl TakenRow {
    fn into_taken(self) -> Result<Taken, StorageError> {
        let wallet = wallet_key(&self.customer_id, &self.currency, &self.product)?;
        Ok(Taken {
            origin: TakeBackOrigin {
                id: source(&self.source)?,
                of: taken_from((self.order_id, self.payment_id))?,
                counterpart: counterpart(&self.counterpart)?,
                description: None,
            },
            n: self.n,
            part: part(&self.part)?,
            grant_id: self.grant_id,
            wallet_id: self.wallet_id,
            taken: Money::from_ledger(self.taken, wallet.currency),
            given_back: Money::from_ledger(self.given_back, wallet.currency),
            returns: self.returns,
            taken_at: self.taken_at,
            wallet,
        })
    }
}

/// Reads the taken-back money that concerns the postings and the locked wallets. Most calls concern none and read
/// nothing. `wanted` names the wallets that were to be locked. If one does not exist, only the table of claims says
/// whether its customer may spend.
///
/// # Errors
/// [`StorageError::Overtaken`] if a claim or a wallet was created while this transaction waited for its locks: then
/// some wallet to which money could come is not locked.
pub(super) async fn read(
    conn: &mut AsyncPgConnection,
    postings: &[Posting],
    wanted: &[WalletKey],
    locked: &BTreeMap<WalletKey, Wallet>,
) -> Result<TakeBacks, StorageError> {
    let named = postings.iter().filter_map(Posting::taken_back_of).collect::<Vec<_>>();
    let mut open: BTreeSet<(CustomerId, Currency)> = locked
        .values()
        .filter(|wallet| wallet.is_claimed() || !wallet.bonus_owed().is_zero())
        .map(|wallet| (wallet.key.customer.clone(), wallet.key.currency))
        .collect();
    let reaching = postings.iter().filter(|posting| posting.reaches_all_wallets()).filter_map(Posting::wallet);
    open.extend(reaching.map(|key| (key.customer.clone(), key.currency)));
    let absent = wanted.iter().filter(|key| !locked.contains_key(key)).map(|key| key.customer.clone());
    let mut customers: BTreeSet<CustomerId> = open.iter().map(|(customer, _)| customer.clone()).collect();
    let all = if customers.is_empty() { Vec::new() } else { keys_of(conn, &customers).await? };
    customers.extend(absent);
    if customers.is_empty() && named.is_empty() {
        return Ok(TakeBacks::default());
    }
    let missing = |key: &WalletKey| open.contains(&(key.customer.clone(), key.currency)) && !locked.contains_key(key);
    if all.iter().any(missing) {
        return Err(StorageError::Overtaken);
    }
    let claims = claims_of(conn, &customers).await?;
    if claims.is_empty() && open.is_empty() && named.is_empty() {
        return Ok(TakeBacks::default());
    }

    let mut brought_by: BTreeSet<Uuid> = named.iter().filter_map(|(_, of)| of.order().or(of.payment())).collect();
    brought_by.extend(
        locked
            .values()
            .flat_map(Wallet::grants)
            .filter(|grant| !grant.owed.is_zero())
            .filter_map(|grant| grant.order_id),
    );
    let owners: BTreeSet<&str> = locked.keys().map(|key| key.customer.as_str()).collect();
    let statement = ReadTakeBacks {
        customers: owners.into_iter().map(str::to_owned).collect(),
        brought_by: brought_by.into_iter().collect(),
    };
    let rows: Vec<TakenRow> = Cached(statement).load(conn).await?;
    let taken: Vec<Taken> = rows.into_iter().map(TakenRow::into_taken).collect::<Result<_, _>>()?;

    let sources: BTreeSet<TakeBackId> = named
        .iter()
        .map(|(id, _)| *id)
        .chain(claims.iter().map(|claim| claim.origin.id))
        .chain(taken.iter().map(|taken| taken.origin.id))
        .collect();
    let last: Vec<(String, Option<i32>)> = take_backs::table
        .filter(take_backs::source.eq_any(sources.into_iter().map(TakeBackId::shown)))
        .group_by(take_backs::source)
        .select((take_backs::source, diesel::dsl::max(take_backs::n)))
        .load(conn)
        .await?;
    let last = last.into_iter().map(|(text, n)| Ok((source(&text)?, n.unwrap_or(0))));
    Ok(TakeBacks::new(claims, taken, last.collect::<Result<HashMap<_, _>, StorageError>>()?))
}

/// Writes what has changed. When a claim has ended, no other transaction may be creating a wallet that would still get
/// the claim's mark.
pub(super) async fn write(
    conn: &mut AsyncPgConnection,
    take_backs: &TakeBacks,
    written: &[(&Wallet, &Effects)],
) -> Result<(), StorageError> {
    let taken: Vec<&Taken> = take_backs.changed_taken().collect();
    if !taken.is_empty() {
        Cached(SaveTakeBacks::new(&taken)).execute(conn).await?;
    }
    for claim in take_backs.changed_claims() {
        save_claim(conn, claim).await?;
    }
    if take_backs.ended().is_empty() {
        return Ok(());
    }
    for customer in take_backs.ended() {
        sql_query("SELECT close_wallet_gate_at_once($1)").bind::<Text, _>(customer.as_str()).execute(conn).await?;
    }
    let marked: Vec<(String, String, String)> = wallets::table
        .filter(wallets::customer_id.eq_any(take_backs.ended().iter().map(CustomerId::as_str)))
        .filter(wallets::claimed)
        .select((wallets::customer_id, wallets::currency, wallets::product))
        .load(conn)
        .await?;
    for (customer, currency, product) in marked {
        let key = wallet_key(&customer, &currency, &product)?;
        let is_cleared = written.iter().any(|(wallet, _)| {
            wallet.key.customer == key.customer && wallet.key.currency == key.currency && !wallet.is_claimed()
        });
        if is_cleared {
            return Err(StorageError::Overtaken);
        }
    }
    Ok(())
}

async fn save_claim(conn: &mut AsyncPgConnection, claim: &Claim) -> Result<(), StorageError> {
    let (source, part) = (claim.origin.id.shown(), claim.part.as_str());
    if claim.amount.is_zero() {
        diesel::delete(taken_back_debts::table.find((source, part))).execute(conn).await?;
        return Ok(());
    }
    diesel::insert_into(taken_back_debts::table)
        .values((
            taken_back_debts::source.eq(source),
            taken_back_debts::part.eq(part),
            taken_back_debts::order_id.eq(claim.origin.of.order()),
            taken_back_debts::payment_id.eq(claim.origin.of.payment()),
            taken_back_debts::customer_id.eq(claim.customer.as_str()),
            taken_back_debts::currency.eq(claim.amount.currency().code()),
            taken_back_debts::counterpart.eq(claim.origin.counterpart.to_string()),
            taken_back_debts::grant_id.eq(claim.grant_id),
            taken_back_debts::description.eq(claim.origin.description.as_deref()),
            taken_back_debts::amount.eq(claim.amount.amount()),
            taken_back_debts::created_at.eq(claim.created_at),
        ))
        .on_conflict((taken_back_debts::source, taken_back_debts::part))
        .do_update()
        .set(taken_back_debts::amount.eq(claim.amount.amount()))
        .execute(conn)
        .await?;
    Ok(())
}

#[derive(Default)]
struct SaveTakeBacks {
    sources: Vec<String>,
    numbers: Vec<i32>,
    parts: Vec<String>,
    orders: Vec<Option<Uuid>>,
    payments: Vec<Option<Uuid>>,
    customers: Vec<String>,
    wallet_ids: Vec<Uuid>,
    counterparts: Vec<String>,
    grant_ids: Vec<Option<Uuid>>,
    taken: Vec<Decimal>,
    given_back: Vec<Decimal>,
    returns: Vec<i32>,
    taken_at: Vec<DateTime<Utc>>,
}

impl SaveTakeBacks {
    fn new(all: &[&Taken]) -> Self {
        let mut rows = Self::default();
        for taken in all {
            rows.sources.push(taken.origin.id.shown());
            rows.numbers.push(taken.n);
            rows.parts.push(taken.part.as_str().to_owned());
            rows.orders.push(taken.origin.of.order());
            rows.payments.push(taken.origin.of.payment());
            rows.customers.push(taken.wallet.customer.as_str().to_owned());
            rows.wallet_ids.push(taken.wallet_id);
            rows.counterparts.push(taken.origin.counterpart.to_string());
            rows.grant_ids.push(taken.grant_id);
            rows.taken.push(taken.taken.amount());
            rows.given_back.push(taken.given_back.amount());
            rows.returns.push(taken.returns);
            rows.taken_at.push(taken.taken_at);
        }
        rows
    }
}

impl Statement for SaveTakeBacks {
    const TEXT: &'static str = include_str!("sql/save_take_backs.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.sources)?;
        parameters.add::<Array<Int4>, _>(&self.numbers)?;
        parameters.add::<Array<Text>, _>(&self.parts)?;
        parameters.add::<Array<Nullable<SqlUuid>>, _>(&self.orders)?;
        parameters.add::<Array<Nullable<SqlUuid>>, _>(&self.payments)?;
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<SqlUuid>, _>(&self.wallet_ids)?;
        parameters.add::<Array<Text>, _>(&self.counterparts)?;
        parameters.add::<Array<Nullable<SqlUuid>>, _>(&self.grant_ids)?;
        parameters.add::<Array<Numeric>, _>(&self.taken)?;
        parameters.add::<Array<Numeric>, _>(&self.given_back)?;
        parameters.add::<Array<Int4>, _>(&self.returns)?;
        parameters.add::<Array<Timestamptz>, _>(&self.taken_at)
    }
}
