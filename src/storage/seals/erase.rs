//! Erases the texts of a customer's entries. Only the owner of the database may do so.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::customer::CustomerId;
use crate::domain::seal::form::Texts;
use crate::storage::schema::{customer_secrets, holds, taken_back_debts};
use crate::storage::statement::{Cached, Parameters, Statement};
use crate::storage::{
    StorageError, bank_lines, closings, dispute_cases, payouts, refund_requests, transfer_slips, write_offs,
};

struct ToErase {
    customer: String,
    wallet: Uuid,
    seq: i64,
    limit: i64,
}

impl Statement for ToErase {
    const TEXT: &'static str = include_str!("../sql/texts_to_erase.sql");
    type Row = (SqlUuid, BigInt, Nullable<Text>, Nullable<Jsonb>);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<SqlUuid, _>(&self.wallet)?;
        parameters.add::<BigInt, _>(&self.seq)?;
        parameters.add::<BigInt, _>(&self.limit)
    }
}

/// The customer's next entries with texts, after the given entry: wallet, number and texts.
///
/// # Errors
/// Database errors.
pub async fn texts_after(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    (wallet, seq): (Uuid, i64),
    limit: i64,
) -> Result<Vec<(Uuid, i64, Texts)>, StorageError> {
    let wanted = ToErase { customer: customer.as_str().to_owned(), wallet, seq, limit };
    let rows: Vec<(Uuid, i64, Option<String>, Option<serde_json::Value>)> = Cached(wanted).load(conn).await?;
    let read = |(wallet, seq, description, metadata)| (wallet, seq, Texts { description, metadata });
    Ok(rows.into_iter().map(read).collect())
}

struct Erase {
    customer: String,
    wallets: Vec<Uuid>,
    seqs: Vec<i64>,
    digests: Vec<String>,
}

impl Statement for Erase {
    const TEXT: &'static str = include_str!("../sql/erase_texts.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Text, _>(&self.customer)?;
        parameters.add::<Array<SqlUuid>, _>(&self.wallets)?;
        parameters.add::<Array<BigInt>, _>(&self.seqs)?;
        parameters.add::<Array<Text>, _>(&self.digests)
    }
}

/// Puts digests in the place of the texts of these entries.
///
/// # Errors
/// Database errors.
pub async fn erase(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    digests: Vec<(Uuid, i64, String)>,
) -> Result<(), StorageError> {
    let mut rows =
        Erase { customer: customer.as_str().to_owned(), wallets: Vec::new(), seqs: Vec::new(), digests: Vec::new() };
    for (wallet, seq, digest) in digests {
        rows.wallets.push(wallet);
        rows.seqs.push(seq);
        rows.digests.push(digest);
    }
    let wanted = rows.seqs.len();
    let erased = Cached(rows).execute(conn).await?;
    if erased == wanted {
        return Ok(());
    }
    Err(StorageError::Corrupt(format!("{erased} of {wanted} entries were erased")))
}

/// Erases what is stored outside the entries: the same texts on holds and on claims of taken-back money, what the
/// customer wrote and uploaded for operators, and what operators wrote about the end of the account.
///
/// # Errors
/// Database errors.
pub async fn erase_beside(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    diesel::update(holds::table.filter(holds::customer_id.eq(customer.as_str())))
        .set((holds::description.eq(None::<String>), holds::metadata.eq(None::<serde_json::Value>)))
        .execute(conn)
        .await?;
    diesel::update(taken_back_debts::table.filter(taken_back_debts::customer_id.eq(customer.as_str())))
        .set(taken_back_debts::description.eq(None::<String>))
        .execute(conn)
        .await?;
    bank_lines::erase(conn, customer).await?;
    closings::erase(conn, customer).await?;
    dispute_cases::erase(conn, customer).await?;
    payouts::erase(conn, customer).await?;
    refund_requests::erase(conn, customer).await?;
    transfer_slips::erase(conn, customer).await?;
    write_offs::erase(conn, customer).await
}

/// Deletes the customer's secret: from then on nobody can find out which text a digest came from.
///
/// # Errors
/// Database errors.
pub async fn delete_secret(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<(), StorageError> {
    diesel::delete(customer_secrets::table.find(customer.as_str())).execute(conn).await?;
    Ok(())
}
