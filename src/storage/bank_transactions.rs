//! Bank transactions: what operators stated about the lines of our bank statements.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::currency_from_column;
use super::schema::{bank_accounts, bank_lines, bank_transactions as transactions, payment_applications, payments};
use crate::domain::bank_transaction::{ALIKE_WITHIN_DAYS, BankTransaction, Identity, UsedPart};
use crate::domain::money::{Currency, Money};
use crate::domain::payment::Payment;

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = transactions)]
struct TransactionRow {
    payment_id: Uuid,
    bank_account_id: Uuid,
    identity: String,
    n: i32,
    stated_id: String,
    amount: Decimal,
    received_on: NaiveDate,
    remitter: Option<String>,
    payer: String,
    amount_is_open: bool,
    stated_by: String,
    stated_at: DateTime<Utc>,
}

/// The columns of a line's payment.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = payments)]
struct UsedRow {
    currency: String,
    applied: Decimal,
    refunded: Decimal,
    unapplied_taken: Decimal,
}

fn known((row, used): (TransactionRow, UsedRow)) -> Result<(BankTransaction, UsedPart), StorageError> {
    let currency = currency_from_column(&used.currency)?;
    let money = |amount| Money::from_ledger(amount, currency);
    let transaction = BankTransaction {
        payment_id: row.payment_id,
        account: row.bank_account_id,
        identity: Identity::stored(row.identity),
        n: row.n,
        stated_id: row.stated_id,
        amount: money(row.amount),
        received_on: row.received_on,
        remitter: row.remitter,
        payer: row.payer,
        amount_is_open: row.amount_is_open,
        stated_by: row.stated_by,
        stated_at: row.stated_at,
    };
    let part = UsedPart {
        applied: money(used.applied),
        refunded: money(used.refunded),
        unapplied_taken: money(used.unapplied_taken),
    };
    Ok((transaction, part))
}

/// Locks one of our accounts until the transaction ends, so that an operator's statement of a line is compared with all
/// lines that were stated before. Returns false for an unknown account.
///
/// # Errors
/// Database errors.
pub async fn lock_account(conn: &mut AsyncPgConnection, account: Uuid) -> Result<bool, StorageError> {
    let found: Option<Uuid> = bank_accounts::table
        .find(account)
        .select(bank_accounts::id)
        .for_no_key_update()
        .first(conn)
        .await
        .optional()?;
    Ok(found.is_some())
}

/// The recorded lines of an identity, in their order. Their payments are locked. If an operator mistyped the id of a
/// payment, the line of the bank's file with this identity counts, too.
///
/// # Errors
/// Database errors.
pub async fn lock_lines(
    conn: &mut AsyncPgConnection,
    account: Uuid,
    identity: &Identity,
) -> Result<Vec<(BankTransaction, UsedPart)>, StorageError> {
    let of_file: Vec<Option<Uuid>> = bank_lines::table
        .filter(bank_lines::bank_account_id.eq(account).and(bank_lines::identity.eq(identity.as_str())))
        .filter(bank_lines::payment_id.is_not_null())
        .select(bank_lines::payment_id)
        .load(conn)
        .await?;
    let of_file: Vec<Uuid> = of_file.into_iter().flatten().collect();
    let stated_so: Vec<Uuid> = transactions::table
        .filter(transactions::bank_account_id.eq(account).and(transactions::identity.eq(identity.as_str())))
        .select(transactions::payment_id)
        .load(conn)
        .await?;
    let rows: Vec<(TransactionRow, UsedRow)> = transactions::table
        .inner_join(payments::table.on(payments::id.eq(transactions::payment_id)))
        .filter(transactions::payment_id.eq_any(stated_so.into_iter().chain(of_file)))
        .order(transactions::n)
        .select((TransactionRow::as_select(), UsedRow::as_select()))
        .for_update()
        .load(conn)
        .await?;
    rows.into_iter().map(known).collect()
}

/// Reads a line, and locks its payment. A use case that needs both locks takes them here, in one order: a line, then
/// its payment.
///
/// # Errors
/// Database errors.
pub async fn lock(
    conn: &mut AsyncPgConnection,
    payment_id: Uuid,
) -> Result<Option<(BankTransaction, UsedPart)>, StorageError> {
    let row: Option<(TransactionRow, UsedRow)> = transactions::table
        .inner_join(payments::table.on(payments::id.eq(transactions::payment_id)))
        .filter(transactions::payment_id.eq(payment_id))
        .select((TransactionRow::as_select(), UsedRow::as_select()))
        .for_update()
        .first(conn)
        .await
        .optional()?;
    row.map(known).transpose()
}

/// The lines of all our accounts under an identity, with their payments.
///
/// # Errors
/// Database errors.
pub async fn by_identity(
    conn: &mut AsyncPgConnection,
    identity: &Identity,
) -> Result<Vec<(BankTransaction, UsedPart)>, StorageError> {
    let rows: Vec<(TransactionRow, UsedRow)> = transactions::table
        .inner_join(payments::table.on(payments::id.eq(transactions::payment_id)))
        .filter(transactions::identity.eq(identity.as_str()))
        .order((transactions::bank_account_id, transactions::n))
        .limit(100)
        .select((TransactionRow::as_select(), UsedRow::as_select()))
        .load(conn)
        .await?;
    rows.into_iter().map(known).collect()
}

/// A line similar to this one: of the same account and amount, at most three days apart, and by the same payer or with
/// an unknown payer. A line of the bank's file counts as similar even under another name, because banks write names in
/// their own way. The line itself is not recorded yet.
///
/// # Errors
/// Database errors.
pub async fn find_alike(
    conn: &mut AsyncPgConnection,
    account: Uuid,
    amount: Money,
    received_on: NaiveDate,
    payer: &str,
) -> Result<Option<(Uuid, String)>, StorageError> {
    let (from, to) = (received_on - Duration::days(ALIKE_WITHIN_DAYS), received_on + Duration::days(ALIKE_WITHIN_DAYS));
    let mut query = transactions::table
        .filter(transactions::bank_account_id.eq(account).and(transactions::amount.eq(amount.amount())))
        .filter(transactions::received_on.between(from, to))
        .order((transactions::received_on.desc(), transactions::stated_at.desc()))
        .select((transactions::payment_id, transactions::stated_id))
        .into_boxed();
    if !payer.is_empty() {
        let of_file = diesel::dsl::exists(
            bank_lines::table.filter(bank_lines::payment_id.eq(transactions::payment_id.nullable())),
        );
        query = query.filter(transactions::payer.eq_any([payer.to_owned(), String::new()]).or(of_file));
    }
    Ok(query.first(conn).await.optional()?)
}

/// Records a line. Its payment was written earlier in the same transaction.
///
/// # Errors
/// Database errors.
pub async fn insert(conn: &mut AsyncPgConnection, line: &BankTransaction) -> Result<(), StorageError> {
    let row = TransactionRow {
        payment_id: line.payment_id,
        bank_account_id: line.account,
        identity: line.identity.as_str().to_owned(),
        n: line.n,
        stated_id: line.stated_id.clone(),
        amount: line.amount.amount(),
        received_on: line.received_on,
        remitter: line.remitter.clone(),
        payer: line.payer.clone(),
        amount_is_open: line.amount_is_open,
        stated_by: line.stated_by.clone(),
        stated_at: line.stated_at,
    };
    diesel::insert_into(transactions::table).values(row).execute(conn).await?;
    Ok(())
}

/// Writes the new statement about a locked line, and the amount of its payment.
///
/// # Errors
/// Database errors; a CHECK refuses an amount below what is applied or refunded.
pub async fn restate(
    conn: &mut AsyncPgConnection,
    line: &BankTransaction,
    payment: &Payment,
) -> Result<(), StorageError> {
    diesel::update(transactions::table.find(line.payment_id))
        .set((
            transactions::amount.eq(line.amount.amount()),
            transactions::received_on.eq(line.received_on),
            transactions::remitter.eq(&line.remitter),
            transactions::payer.eq(&line.payer),
            transactions::amount_is_open.eq(line.amount_is_open),
            transactions::stated_by.eq(&line.stated_by),
            transactions::stated_at.eq(line.stated_at),
        ))
        .execute(conn)
        .await?;
    diesel::update(payments::table.find(payment.id))
        .set((
            payments::amount.eq(payment.amount.amount()),
            payments::applied.eq(payment.applied.amount()),
            payments::unapplied_reason.eq(&payment.unapplied_reason),
            payments::order_id.eq(payment.order_id),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// The number of the next line under an identity. The caller holds the account's lock.
///
/// # Errors
/// Database errors.
pub async fn next_number(
    conn: &mut AsyncPgConnection,
    account: Uuid,
    identity: &Identity,
) -> Result<i32, StorageError> {
    let last: Option<i32> = transactions::table
        .filter(transactions::bank_account_id.eq(account).and(transactions::identity.eq(identity.as_str())))
        .select(diesel::dsl::max(transactions::n))
        .get_result(conn)
        .await?;
    Ok(last.map_or(1, |last| last + 1))
}

/// The line of a payment.
///
/// # Errors
/// Database errors.
pub async fn of_payment(
    conn: &mut AsyncPgConnection,
    payment_id: Uuid,
) -> Result<Option<BankTransaction>, StorageError> {
    let row: Option<(TransactionRow, UsedRow)> = transactions::table
        .inner_join(payments::table.on(payments::id.eq(transactions::payment_id)))
        .filter(transactions::payment_id.eq(payment_id))
        .select((TransactionRow::as_select(), UsedRow::as_select()))
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(known).transpose()?.map(|(line, _)| line))
}

/// Opens the amount of a line whose approval was reversed.
///
/// # Errors
/// Database errors.
pub async fn open_amount(conn: &mut AsyncPgConnection, payment_id: Uuid) -> Result<(), StorageError> {
    diesel::update(transactions::table.find(payment_id))
        .set(transactions::amount_is_open.eq(true))
        .execute(conn)
        .await?;
    Ok(())
}

/// The orders that a line serves, each with its part, in the order of their approvals. `currency` is the line's.
///
/// # Errors
/// Database errors.
pub async fn orders_served(
    conn: &mut AsyncPgConnection,
    payment_id: Uuid,
    currency: Currency,
) -> Result<Vec<(Uuid, Money)>, StorageError> {
    let rows: Vec<(Option<Uuid>, Decimal)> = payment_applications::table
        .filter(payment_applications::payment_id.eq(payment_id).and(payment_applications::reversed_at.is_null()))
        .order(payment_applications::n)
        .select((payment_applications::order_id, payment_applications::amount))
        .load(conn)
        .await?;
    let part = |(order, amount): (Option<Uuid>, Decimal)| Some((order?, Money::from_ledger(amount, currency)));
    Ok(rows.into_iter().filter_map(part).collect())
}
