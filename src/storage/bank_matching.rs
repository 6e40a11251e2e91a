//! What the lines of our banks' files are compared with: payments that operators stated, and orders that wait for
//! money.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Duration, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Date, Numeric, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::schema::{
    bank_lines, bank_transactions as transactions, payment_applications as applications, payments,
    top_up_orders as orders,
};
use super::statement::{Cached, Parameters, Statement};
use crate::domain::bank_statement::StatementLine;
use crate::domain::bank_statement::matching::{StatedPayment, stretches};
use crate::domain::bank_statement::suggestion::{OLDEST_DAYS, OpenOrder};
use crate::domain::bank_transaction::Identity;
use crate::domain::money::{Currency, Money};
use crate::domain::order::OrderStatus;
use crate::domain::payment::Channel;

/// The payments on an account that operators stated, that have no line yet, and that may be one of these lines.
/// The caller holds the account's lock.
///
/// # Errors
/// Database errors.
pub async fn stated(
    conn: &mut AsyncPgConnection,
    account: Uuid,
    currency: Currency,
    lines: &[StatementLine],
) -> Result<Vec<StatedPayment>, StorageError> {
    let ids = candidates(conn, account, lines).await?;
    let bound: Vec<Option<Uuid>> =
        bank_lines::table.filter(bank_lines::payment_id.eq_any(&ids)).select(bank_lines::payment_id).load(conn).await?;
    let bound: HashSet<Uuid> = bound.into_iter().flatten().collect();
    let ids: Vec<Uuid> = ids.into_iter().filter(|id| !bound.contains(id)).collect();
    type Row = (Uuid, String, Decimal, bool, NaiveDate, Option<String>, Decimal);
    let rows: Vec<Row> = transactions::table
        .inner_join(payments::table.on(payments::id.eq(transactions::payment_id)))
        .filter(transactions::payment_id.eq_any(&ids))
        .order((transactions::stated_at, transactions::payment_id))
        .select((
            transactions::payment_id,
            transactions::identity,
            transactions::amount,
            transactions::amount_is_open,
            transactions::received_on,
            transactions::remitter,
            payments::applied + payments::unapplied_taken,
        ))
        .load(conn)
        .await?;
    let mut served = orders_of(conn, &ids).await?;
    let read = |(id, identity, amount, amount_is_open, received_on, remitter, used): Row| {
        let of_orders = served.remove(&id).unwrap_or_default();
        let declared = of_orders.iter().filter_map(|(_, remitter)| remitter.clone());
        StatedPayment {
            id,
            identity: Identity::stored(identity),
            amount: Money::from_ledger(amount, currency),
            used: Money::from_ledger(used, currency),
            amount_is_open,
            received_on,
            payers: Option::into_iter(remitter).chain(declared).collect(),
            references: of_orders.iter().map(|(reference, _)| reference.clone()).collect(),
        }
    };
    Ok(rows.into_iter().map(read).collect())
}

struct ByFigures {
    account: Uuid,
    amounts: Vec<Decimal>,
    first_days: Vec<NaiveDate>,
    last_days: Vec<NaiveDate>,
}

impl ByFigures {
    fn of(account: Uuid, lines: &[StatementLine]) -> Self {
        let stretches = stretches(lines);
        Self {
            account,
            amounts: stretches.iter().map(|stretch| stretch.amount.amount()).collect(),
            first_days: stretches.iter().map(|stretch| stretch.first_day).collect(),
            last_days: stretches.iter().map(|stretch| stretch.last_day).collect(),
        }
    }
}

impl Statement for ByFigures {
    const TEXT: &'static str = include_str!("sql/bank_transactions_by_figures.sql");
    type Row = SqlUuid;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<SqlUuid, _>(&self.account)?;
        parameters.add::<Array<Numeric>, _>(&self.amounts)?;
        parameters.add::<Array<Date>, _>(&self.first_days)?;
        parameters.add::<Array<Date>, _>(&self.last_days)
    }
}

/// By the bank's id, by a reference, or by amount and day: each is found in an index.
async fn candidates(
    conn: &mut AsyncPgConnection,
    account: Uuid,
    lines: &[StatementLine],
) -> Result<Vec<Uuid>, StorageError> {
    let identities: Vec<String> = lines.iter().map(|line| line.identity().as_str().to_owned()).collect();
    let of_account = transactions::bank_account_id.eq(account);
    let by_id: Vec<Uuid> = transactions::table
        .filter(of_account.and(transactions::identity.eq_any(identities)))
        .select(transactions::payment_id)
        .load(conn)
        .await?;
    let references: BTreeSet<String> = lines.iter().flat_map(StatementLine::references).collect();
    let named: Vec<Uuid> =
        orders::table.filter(orders::reference.eq_any(references)).select(orders::id).load(conn).await?;
    let naming: Vec<Uuid> =
        payments::table.filter(payments::order_id.eq_any(&named)).select(payments::id).load(conn).await?;
    let serving: Vec<Uuid> = applications::table
        .filter(applications::order_id.eq_any(&named).and(applications::reversed_at.is_null()))
        .select(applications::payment_id)
        .load(conn)
        .await?;
    let by_reference: Vec<Uuid> = transactions::table
        .filter(of_account.and(transactions::payment_id.eq_any(naming.into_iter().chain(serving))))
        .select(transactions::payment_id)
        .load(conn)
        .await?;
    let by_figures: Vec<Uuid> = Cached(ByFigures::of(account, lines)).load(conn).await?;
    let all: BTreeSet<Uuid> = by_id.into_iter().chain(by_reference).chain(by_figures).collect();
    Ok(all.into_iter().collect())
}

/// Reference and declared remitter of the orders that each payment serves or names.
async fn orders_of(
    conn: &mut AsyncPgConnection,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<(String, Option<String>)>>, StorageError> {
    let naming: Vec<(Uuid, String, Option<String>)> = payments::table
        .inner_join(orders::table.on(payments::order_id.eq(orders::id.nullable())))
        .filter(payments::id.eq_any(ids))
        .select((payments::id, orders::reference, orders::remitter_name))
        .load(conn)
        .await?;
    let serving: Vec<(Uuid, String, Option<String>)> = applications::table
        .inner_join(orders::table.on(applications::order_id.eq(orders::id.nullable())))
        .filter(applications::payment_id.eq_any(ids).and(applications::reversed_at.is_null()))
        .select((applications::payment_id, orders::reference, orders::remitter_name))
        .load(conn)
        .await?;
    let mut found: HashMap<Uuid, Vec<(String, Option<String>)>> = HashMap::new();
    for (payment, reference, remitter) in naming.into_iter().chain(serving) {
        let of_payment = found.entry(payment).or_default();
        if !of_payment.iter().any(|(known, _)| *known == reference) {
            of_payment.push((reference, remitter));
        }
    }
    Ok(found)
}

/// Whether an order waits for a bank transfer in a currency. An expired order waits, too: verified money always wins.
macro_rules! waits {
    ($currency:expr) => {{
        let statuses = [OrderStatus::Pending, OrderStatus::Processing, OrderStatus::Expired].map(OrderStatus::as_str);
        orders::channel
            .eq(Channel::BankTransfer.as_str())
            .and(orders::currency.eq($currency.code()))
            .and(orders::status.eq_any(statuses))
    }};
}

/// The orders in a currency that wait for a bank transfer and whose reference one of these lines names, by reference.
///
/// # Errors
/// Database errors.
pub async fn named_orders(
    conn: &mut AsyncPgConnection,
    currency: Currency,
    lines: &[StatementLine],
) -> Result<HashMap<String, Uuid>, StorageError> {
    let references: BTreeSet<String> = lines.iter().flat_map(StatementLine::references).collect();
    let rows: Vec<(String, Uuid)> = orders::table
        .filter(waits!(currency).and(orders::reference.eq_any(references)))
        .select((orders::reference, orders::id))
        .load(conn)
        .await?;
    Ok(rows.into_iter().collect())
}

/// The orders in a currency that wait for a bank transfer and may be meant by one of these lines: those whose reference
/// they name, and those of the same amount that are not much older.
///
/// # Errors
/// Database errors.
pub async fn open_orders(
    conn: &mut AsyncPgConnection,
    currency: Currency,
    lines: &[StatementLine],
) -> Result<Vec<OpenOrder>, StorageError> {
    let columns = (orders::id, orders::reference, orders::payable_amount, orders::remitter_name, orders::created_at);
    type Row = (Uuid, String, Decimal, Option<String>, DateTime<Utc>);
    let references: BTreeSet<String> = lines.iter().flat_map(StatementLine::references).collect();
    let mut rows: Vec<Row> = orders::table
        .filter(waits!(currency).and(orders::reference.eq_any(references)))
        .select(columns)
        .load(conn)
        .await?;
    let days = || lines.iter().map(|line| line.booked_on);
    if let Some((from, to)) = days().min().zip(days().max()) {
        let amounts: BTreeSet<Decimal> = lines.iter().map(|line| line.amount.amount()).collect();
        let start = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
        let alike: Vec<Row> = orders::table
            .filter(waits!(currency).and(orders::payable_amount.eq_any(amounts)))
            .filter(orders::created_at.ge(start(from - Duration::days(OLDEST_DAYS + 1))))
            .filter(orders::created_at.lt(start(to + Duration::days(3))))
            .order((orders::created_at, orders::id))
            .limit(10_000)
            .select(columns)
            .load(conn)
            .await?;
        let known: BTreeSet<Uuid> = rows.iter().map(|(id, ..)| *id).collect();
        rows.extend(alike.into_iter().filter(|(id, ..)| !known.contains(id)));
    }
    let read = |(id, reference, amount, remitter, created_at): Row| OpenOrder {
        id,
        reference,
        amount: Money::from_ledger(amount, currency),
        remitter,
        created_on: created_at.date_naive(),
    };
    Ok(rows.into_iter().map(read).collect())
}
