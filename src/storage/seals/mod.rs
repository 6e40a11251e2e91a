//! Seals: the chains, the keys that signed them, and the walk over all wallets that seals them.

pub mod erase;
mod lines;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bytea, Int2, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StorageError;
use super::clock::NowOnce;
use super::columns::{corrupt, customer_from_column};
use super::schema::{customer_secrets, seal_keys, seal_walk};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::customer::CustomerId;
use crate::domain::seal::heads::Head;
use crate::domain::seal::key::{SealKey, SealPublicKey};
use crate::domain::seal::{Hash, NO_SEAL, Seal, SealedWallet};

pub use lines::lines;

/// The walk over all wallets that seals them, and how far it is.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    /// Customer, currency and product of the last wallet that was checked.
    pub at: (String, String, String),
    /// When the oldest entry was made that the last complete walk left unsealed.
    pub oldest: Option<DateTime<Utc>>,
    /// As `oldest`, for the part that this walk has checked.
    pub oldest_so_far: Option<DateTime<Utc>>,
}

impl Walk {
    /// When the oldest entry was made that may still be unsealed.
    #[must_use]
    pub fn oldest_unsealed(&self) -> Option<DateTime<Utc>> {
        [self.oldest, self.oldest_so_far].into_iter().flatten().min()
    }
}

type WalkRow = (String, String, String, Option<DateTime<Utc>>, Option<DateTime<Utc>>);

const WALK: (
    seal_walk::customer_id,
    seal_walk::currency,
    seal_walk::product,
    seal_walk::oldest,
    seal_walk::oldest_so_far,
) = (seal_walk::customer_id, seal_walk::currency, seal_walk::product, seal_walk::oldest, seal_walk::oldest_so_far);

fn walk((customer, currency, product, oldest, oldest_so_far): WalkRow) -> Walk {
    Walk { at: (customer, currency, product), oldest, oldest_so_far }
}

/// How far the walk has come.
///
/// # Errors
/// Database errors.
pub async fn read_walk(conn: &mut AsyncPgConnection) -> Result<Walk, StorageError> {
    Ok(walk(seal_walk::table.select(WALK).first(conn).await?))
}

/// Locks the walk if its next slice is due. `None` when it is not due, or when another process seals.
///
/// # Errors
/// Database errors.
pub async fn lock_due_walk(conn: &mut AsyncPgConnection) -> Result<Option<Walk>, StorageError> {
    let row: Option<WalkRow> = seal_walk::table
        .filter(seal_walk::next_at.le(NowOnce))
        .select(WALK)
        .for_update()
        .skip_locked()
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(walk))
}

/// Waits until no process seals, and then prevents it until the transaction ends.
///
/// # Errors
/// Database errors.
pub async fn stop_walk(conn: &mut AsyncPgConnection) -> Result<(), StorageError> {
    seal_walk::table.select(seal_walk::singleton).for_update().first::<bool>(conn).await?;
    Ok(())
}

/// Writes how far the walk has come, and when it goes on.
///
/// # Errors
/// Database errors.
pub async fn save_walk(conn: &mut AsyncPgConnection, walk: &Walk, next_at: DateTime<Utc>) -> Result<(), StorageError> {
    let (customer, currency, product) = &walk.at;
    diesel::update(seal_walk::table)
        .set((
            seal_walk::customer_id.eq(customer),
            seal_walk::currency.eq(currency),
            seal_walk::product.eq(product),
            seal_walk::next_at.eq(next_at),
            seal_walk::oldest.eq(walk.oldest),
            seal_walk::oldest_so_far.eq(walk.oldest_so_far),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

struct Slice {
    after: (String, String, String),
    limit: i64,
}

impl Statement for Slice {
    const TEXT: &'static str = include_str!("../sql/seal_slice.sql");
    type Row = (Text, Text, Text, SqlUuid, BigInt, Nullable<BigInt>, Nullable<Bytea>, Nullable<Timestamptz>);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.after.0)?;
        parameters.add::<Text, _>(&self.after.1)?;
        parameters.add::<Text, _>(&self.after.2)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

type SliceRow = (String, String, String, Uuid, i64, Option<i64>, Option<Vec<u8>>, Option<DateTime<Utc>>);

/// The next wallets in the order of their keys (customer, currency, product).
///
/// # Errors
/// Database errors.
pub async fn wallets_after(
    conn: &mut AsyncPgConnection,
    after: (String, String, String),
    limit: i64,
) -> Result<Vec<SealedWallet>, StorageError> {
    let rows: Vec<SliceRow> = Cached(Slice { after, limit }).load(conn).await?;
    let read = |(customer, currency, product, wallet_id, last_seq, sealed_to, hash, oldest_unsealed): SliceRow| {
        Ok(SealedWallet {
            customer: customer_from_column(&customer)?,
            wallet_id,
            currency,
            product,
            last_seq,
            sealed_to: sealed_to.unwrap_or(0),
            hash: hash.map_or(Ok(NO_SEAL), hash_from_column)?,
            oldest_unsealed,
        })
    };
    rows.into_iter().map(read).collect()
}

fn hash_from_column(bytes: Vec<u8>) -> Result<Hash, StorageError> {
    bytes.try_into().map_err(|bytes: Vec<u8>| corrupt("hash", hex::encode(bytes)))
}

#[derive(Default)]
struct InsertSeals {
    customers: Vec<String>,
    wallets: Vec<Uuid>,
    from: Vec<i64>,
    to: Vec<i64>,
    forms: Vec<i16>,
    previous: Vec<Vec<u8>>,
    hashes: Vec<Vec<u8>>,
    keys: Vec<String>,
    signatures: Vec<Vec<u8>>,
    at: Vec<DateTime<Utc>>,
}

impl Statement for InsertSeals {
    const TEXT: &'static str = include_str!("../sql/insert_seals.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<SqlUuid>, _>(&self.wallets)?;
        parameters.add::<Array<BigInt>, _>(&self.from)?;
        parameters.add::<Array<BigInt>, _>(&self.to)?;
        parameters.add::<Array<Int2>, _>(&self.forms)?;
        parameters.add::<Array<Bytea>, _>(&self.previous)?;
        parameters.add::<Array<Bytea>, _>(&self.hashes)?;
        parameters.add::<Array<Text>, _>(&self.keys)?;
        parameters.add::<Array<Bytea>, _>(&self.signatures)?;
        parameters.add::<Array<Timestamptz>, _>(&self.at)
    }
}

/// Writes new seals, and their key if it is a new one.
///
/// # Errors
/// Database errors; the primary key refuses a stretch that is sealed.
pub async fn insert(conn: &mut AsyncPgConnection, key: &SealKey, seals: &[Seal]) -> Result<(), StorageError> {
    diesel::insert_into(seal_keys::table)
        .values((seal_keys::id.eq(key.id()), seal_keys::public_key.eq(key.public())))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    let mut rows = InsertSeals::default();
    for seal in seals {
        rows.customers.push(seal.customer.as_str().to_owned());
        rows.wallets.push(seal.wallet_id);
        rows.from.push(seal.from_seq);
        rows.to.push(seal.to_seq);
        rows.forms.push(seal.form);
        rows.previous.push(seal.previous_hash.to_vec());
        rows.hashes.push(seal.hash.to_vec());
        rows.keys.push(seal.key_id.clone());
        rows.signatures.push(seal.signature.clone());
        rows.at.push(seal.sealed_at);
    }
    Cached(rows).execute(conn).await?;
    Ok(())
}

/// All keys that ever signed a seal, in the order of their first use.
///
/// # Errors
/// Database errors.
pub async fn keys(conn: &mut AsyncPgConnection) -> Result<Vec<SealPublicKey>, StorageError> {
    let rows: Vec<(String, Vec<u8>, DateTime<Utc>)> =
        seal_keys::table.order((seal_keys::first_used_at, seal_keys::id)).load(conn).await?;
    let read = |(id, public_key, first_used_at)| SealPublicKey { id, public_key, first_used_at };
    Ok(rows.into_iter().map(read).collect())
}

struct SealsAfter {
    customer: String,
    wallet: Uuid,
    from: i64,
    limit: i64,
}

impl Statement for SealsAfter {
    const TEXT: &'static str = include_str!("../sql/seals_after.sql");
    type Row = (
        (Text, SqlUuid, BigInt, BigInt, Int2, Bytea, Bytea, Text, Bytea, Timestamptz),
        (Nullable<Text>, Nullable<Text>),
    );

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<SqlUuid, _>(&self.wallet)?;
        parameters.add::<BigInt, _>(&self.from)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

type SealRow = (String, Uuid, i64, i64, i16, Vec<u8>, Vec<u8>, String, Vec<u8>, DateTime<Utc>);

/// A seal with the currency and product of its wallet, if the wallet still exists.
type SealOfWallet = (SealRow, (Option<String>, Option<String>));

/// The seals that follow one in the order of customer, wallet and stretch, each with the currency and product of its
/// wallet; empty texts if the wallet no longer exists.
///
/// # Errors
/// Database errors.
pub async fn after(
    conn: &mut AsyncPgConnection,
    last: Option<&Seal>,
    limit: i64,
) -> Result<Vec<(Seal, String, String)>, StorageError> {
    let (customer, wallet, from) =
        last.map_or((String::new(), Uuid::nil(), 0), |s| (s.customer.as_str().to_owned(), s.wallet_id, s.from_seq));
    page(conn, SealsAfter { customer, wallet, from, limit }).await
}

/// The seals of a customer that follow one of them, by wallet and stretch.
///
/// # Errors
/// Database errors.
pub async fn of_customer(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    last: Option<&Seal>,
    limit: i64,
) -> Result<Vec<(Seal, String, String)>, StorageError> {
    let (wallet, from) = last.map_or((Uuid::nil(), 0), |seal| (seal.wallet_id, seal.from_seq));
    let statement = SealsAfter { customer: customer.as_str().to_owned(), wallet, from, limit };
    let mut found = page(conn, statement).await?;
    found.retain(|(seal, ..)| seal.customer == *customer);
    Ok(found)
}

async fn page(
    conn: &mut AsyncPgConnection,
    statement: SealsAfter,
) -> Result<Vec<(Seal, String, String)>, StorageError> {
    let rows: Vec<SealOfWallet> = Cached(statement).load(conn).await?;
    let read = |(seal, (currency, product)): SealOfWallet| {
        let (customer, wallet_id, from_seq, to_seq, form, previous, hash, key_id, signature, sealed_at) = seal;
        let seal = Seal {
            customer: customer_from_column(&customer)?,
            wallet_id,
            from_seq,
            to_seq,
            form,
            previous_hash: hash_from_column(previous)?,
            hash: hash_from_column(hash)?,
            key_id,
            signature,
            sealed_at,
        };
        Ok((seal, currency.unwrap_or_default(), product.unwrap_or_default()))
    };
    rows.into_iter().map(read).collect()
}

struct FindHeads {
    customers: Vec<String>,
    wallets: Vec<Uuid>,
    ends: Vec<i64>,
}

impl Statement for FindHeads {
    const TEXT: &'static str = include_str!("../sql/find_seal_heads.sql");
    type Row = (BigInt, Bytea);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<SqlUuid>, _>(&self.wallets)?;
        parameters.add::<Array<BigInt>, _>(&self.ends)
    }
}

/// The hashes of the chains at the ends of these heads: for each head its place, from 1, and the hash.
///
/// # Errors
/// Database errors.
pub async fn find_heads(conn: &mut AsyncPgConnection, heads: &[Head]) -> Result<Vec<(i64, Hash)>, StorageError> {
    let wanted = FindHeads {
        customers: heads.iter().map(|head| head.customer.as_str().to_owned()).collect(),
        wallets: heads.iter().map(|head| head.wallet_id).collect(),
        ends: heads.iter().map(|head| head.to_seq).collect(),
    };
    let rows: Vec<(i64, Vec<u8>)> = Cached(wanted).load(conn).await?;
    rows.into_iter().map(|(n, hash)| Ok((n, hash_from_column(hash)?))).collect()
}

/// The secrets of these customers, if they have one.
///
/// # Errors
/// Database errors.
pub async fn secrets(
    conn: &mut AsyncPgConnection,
    customers: &[CustomerId],
) -> Result<Vec<(CustomerId, Vec<u8>)>, StorageError> {
    let named: Vec<&str> = customers.iter().map(CustomerId::as_str).collect();
    let rows: Vec<(String, Vec<u8>)> = customer_secrets::table
        .filter(customer_secrets::customer_id.eq_any(named))
        .select((customer_secrets::customer_id, customer_secrets::secret))
        .load(conn)
        .await?;
    rows.into_iter().map(|(customer, secret)| Ok((customer_from_column(&customer)?, secret))).collect()
}

/// Gives a customer its secret. The caller has locked the walk, so no other process makes or deletes one.
///
/// # Errors
/// Database errors.
pub async fn insert_secret(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    secret: &[u8],
) -> Result<(), StorageError> {
    diesel::insert_into(customer_secrets::table)
        .values((customer_secrets::customer_id.eq(customer.as_str()), customer_secrets::secret.eq(secret)))
        .execute(conn)
        .await?;
    Ok(())
}
