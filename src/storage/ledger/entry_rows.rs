//! Reads entries, above all by the keys of repeated postings.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::dsl::{AsSelect, SqlTypeOf};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Int2, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::hold_rows::HoldRow;
use crate::domain::book::KnownKey;
use crate::domain::counterpart::Counterpart;
use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::label::StoredLabel;
use crate::domain::money::Money;
use crate::domain::posting::{Booked, DedupeKey, Posting};
use crate::storage::StorageError;
use crate::storage::columns::currency_from_column;
use crate::storage::schema::{entries, wallets};
use crate::storage::statement::{Cached, Parameters, Statement};

struct FindEntries {
    customers: Vec<String>,
    kinds: Vec<i16>,
    keys: Vec<String>,
}

/// The columns of [`EntryRow`], in its order.
pub(super) type EntrySql = SqlTypeOf<AsSelect<EntryRow, Pg>>;

impl Statement for FindEntries {
    const TEXT: &'static str = include_str!("sql/find_entries.sql");
    type Row = EntrySql;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<Int2>, _>(&self.kinds)?;
        parameters.add::<Array<Text>, _>(&self.keys)?;
        Ok(())
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = entries)]
pub(crate) struct EntryRow {
    pub customer_id: String,
    pub wallet_id: Uuid,
    pub seq: i64,
    pub kind: i16,
    pub key: String,
    pub fingerprint: i64,
    pub counterpart: String,
    pub reference: Option<String>,
    pub description: Option<String>,
    pub metadata: Option<serde_json::Value>,
    pub occurred_at: Option<DateTime<Utc>>,
    pub amount: Decimal,
    pub granted: Option<Decimal>,
    pub debt: Option<Decimal>,
    pub grant_id: Option<Uuid>,
    pub balance_after: Decimal,
    pub paid_in: Decimal,
    pub paid_out: Decimal,
    pub created_at: DateTime<Utc>,
    /// The wallet's.
    #[diesel(select_expression = wallets::currency, select_expression_type = wallets::currency)]
    pub currency: String,
}

/// Entries with their wallets, from which an [`EntryRow`] is selected.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn entries_of_wallets() -> _ {
    let own = wallets::customer_id.eq(entries::customer_id).and(wallets::id.eq(entries::wallet_id));
    entries::table.inner_join(wallets::table.on(own))
}

impl EntryRow {
    /// The entry, with the grant that its row names. [`super::find::uses`] reads the uses that have rows of their own.
    pub(crate) fn into_entry(self) -> Result<Entry, StorageError> {
        let kind = EntryKind::from_code(self.kind)
            .ok_or_else(|| StorageError::Corrupt(format!("entry kind {}", self.kind)))?;
        let counterpart = Counterpart::parse(&self.counterpart)
            .ok_or_else(|| StorageError::Corrupt(format!("counterpart {:?}", self.counterpart)))?;
        let currency = currency_from_column(&self.currency)?;
        let money = |amount| Money::from_ledger(amount, currency);
        let granted = money(self.granted.unwrap_or_default());
        Ok(Entry {
            wallet_id: self.wallet_id,
            seq: self.seq,
            label: StoredLabel {
                kind,
                key: self.key,
                fingerprint: self.fingerprint,
                counterpart,
                reference: self.reference,
                description: self.description,
                metadata: self.metadata,
                occurred_at: self.occurred_at,
            }
            .into(),
            amount: money(self.amount),
            granted,
            debt: money(self.debt.unwrap_or_default()),
            balance_after: money(self.balance_after),
            paid_in: money(self.paid_in),
            paid_out: money(self.paid_out),
            created_at: self.created_at,
            grant_uses: self.grant_id.map(|id| (id, granted)).into_iter().collect(),
        })
    }
}

struct FindHolds {
    customers: Vec<String>,
    keys: Vec<String>,
}

impl Statement for FindHolds {
    const TEXT: &'static str = include_str!("sql/find_holds.sql");
    type Row = SqlTypeOf<AsSelect<HoldRow, Pg>>;

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<Text>, _>(&self.keys)?;
        Ok(())
    }
}

/// The entries that were booked before under the keys of these postings. Call it after the wallets are locked, so that
/// it sees what another writer has just booked.
pub(super) async fn find_known(
    conn: &mut AsyncPgConnection,
    postings: &[Posting],
) -> Result<HashMap<DedupeKey, KnownKey>, StorageError> {
    let mut wanted = FindEntries { customers: Vec::new(), kinds: Vec::new(), keys: Vec::new() };
    let mut wanted_holds = FindHolds { customers: Vec::new(), keys: Vec::new() };
    for DedupeKey { customer, kind, key } in postings.iter().filter_map(Posting::dedupe_key) {
        match kind {
            Some(kind) => {
                wanted.customers.push(customer);
                wanted.kinds.push(kind.code());
                wanted.keys.push(key);
            }
            None => {
                wanted_holds.customers.push(customer);
                wanted_holds.keys.push(key);
            }
        }
    }
    let mut known = HashMap::new();
    if !wanted.keys.is_empty() {
        let rows: Vec<EntryRow> = Cached(wanted).load(conn).await?;
        for row in rows {
            let customer = row.customer_id.clone();
            let entry = row.into_entry()?;
            let key = DedupeKey { customer, kind: Some(entry.label.kind()), key: entry.label.key().to_owned() };
            let fingerprint = entry.label.fingerprint();
            let booked = Booked { wallet: None, entry: Some(entry), hold: None };
            known.insert(key, KnownKey::Booked { fingerprint, booked });
        }
    }
    if !wanted_holds.keys.is_empty() {
        // The row of a hold takes precedence over its capture.
        for (customer, key) in captured_before(conn, &wanted_holds).await? {
            known.insert(DedupeKey { customer, kind: None, key }, KnownKey::CapturedHold);
        }
        let rows: Vec<HoldRow> = Cached(wanted_holds).load(conn).await?;
        for row in rows {
            let hold = row.into_hold()?;
            let customer = hold.wallet.customer.as_str().to_owned();
            let key = DedupeKey { customer, kind: None, key: hold.key.clone() };
            let booked = Booked { wallet: Some(hold.wallet.clone()), entry: None, hold: Some(hold.clone()) };
            known.insert(key, KnownKey::Booked { fingerprint: hold.fingerprint, booked });
        }
    }
    Ok(known)
}

/// The customers and keys among these whose hold was captured, even if its row is deleted.
async fn captured_before(
    conn: &mut AsyncPgConnection,
    holds: &FindHolds,
) -> Result<Vec<(String, String)>, StorageError> {
    let captures = FindEntries {
        customers: holds.customers.clone(),
        kinds: vec![EntryKind::Capture.code(); holds.keys.len()],
        keys: holds.keys.clone(),
    };
    let rows: Vec<EntryRow> = Cached(captures).load(conn).await?;
    Ok(rows.into_iter().map(|row| (row.customer_id, row.key)).collect())
}

/// The entries of a customer by their kind and keys.
///
/// # Errors
/// Database errors.
pub async fn find_entries(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    kind: EntryKind,
    keys: Vec<String>,
) -> Result<Vec<Entry>, StorageError> {
    let wanted = FindEntries {
        customers: vec![customer.as_str().to_owned(); keys.len()],
        kinds: vec![kind.code(); keys.len()],
        keys,
    };
    let rows: Vec<EntryRow> = Cached(wanted).load(conn).await?;
    rows.into_iter().map(EntryRow::into_entry).collect()
}

/// The entry of a customer by its kind and key.
///
/// # Errors
/// Database errors.
pub async fn find_entry(
    conn: &mut AsyncPgConnection,
    customer: &CustomerId,
    kind: EntryKind,
    key: &str,
) -> Result<Option<Entry>, StorageError> {
    Ok(find_entries(conn, customer, kind, vec![key.to_owned()]).await?.pop())
}
