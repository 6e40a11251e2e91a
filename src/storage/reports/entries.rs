//! The entries behind a figure of a report.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Int2, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::counterpart_from_column;
use crate::domain::account_flow::{AccountFlow, FlowId};
use crate::domain::calendar::Span;
use crate::domain::entry::EntryKind;
use crate::domain::money::{Currency, Money};
use crate::domain::page::{Page, Place};
use crate::domain::payment::Channel;
use crate::domain::product::Product;
use crate::domain::report::Parts;
use crate::domain::report::entries::{EntriesPage, EntriesWanted, EntryPlace, ReportedEntry};
use crate::storage::StorageError;
use crate::storage::columns::{corrupt, currency_from_column, customer_from_column, entry_kind_from_column};
use crate::storage::statement::{Cached, Parameters, Statement};

struct AskedWallets {
    customer: String,
    of_currency: String,
    of_product: String,
    from: DateTime<Utc>,
    currency: Option<&'static str>,
    product: Option<String>,
    limit: i64,
}

struct FindReportedWallets<const BACK: bool>(AskedWallets);

impl<const BACK: bool> Statement for FindReportedWallets<BACK> {
    const TEXT: &'static str = match BACK {
        false => include_str!("../sql/report_wallets.sql"),
        true => include_str!("../sql/report_wallets_back.sql"),
    };
    type Row = (Text, Text, Text, SqlUuid, BigInt);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        let asked = &self.0;
        parameters.add::<Text, _>(&asked.customer)?;
        parameters.add::<Text, _>(&asked.of_currency)?;
        parameters.add::<Text, _>(&asked.of_product)?;
        parameters.add::<Timestamptz, _>(&asked.from)?;
        parameters.add::<Nullable<Text>, _>(&asked.currency)?;
        parameters.add::<Nullable<Text>, _>(&asked.product)?;
        parameters.add::<BigInt, _>(&asked.limit)
    }
}

#[derive(Queryable)]
struct ReportedWalletRow {
    customer: String,
    currency: String,
    product: String,
    id: Uuid,
    entries: i64,
}

struct AskedEntries {
    customers: Vec<String>,
    wallets: Vec<Uuid>,
    counts: Vec<i64>,
    /// The entries of the first wallet come after this number, or before it if the page is read backwards.
    beyond: i64,
    span: Span,
    kinds: Vec<i16>,
    consumption: bool,
    counterpart: Option<String>,
    limit: i64,
}

struct Entries<const BACK: bool>(AskedEntries);

impl<const BACK: bool> Statement for Entries<BACK> {
    const TEXT: &'static str = match BACK {
        false => include_str!("../sql/report_entries.sql"),
        true => include_str!("../sql/report_entries_back.sql"),
    };
    type Row = (BigInt, BigInt, Int2, Numeric, Numeric, Numeric, Text, Text, Nullable<Text>, Timestamptz);

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        let asked = &self.0;
        parameters.add::<Array<Text>, _>(&asked.customers)?;
        parameters.add::<Array<SqlUuid>, _>(&asked.wallets)?;
        parameters.add::<Array<BigInt>, _>(&asked.counts)?;
        parameters.add::<BigInt, _>(&asked.beyond)?;
        parameters.add::<Timestamptz, _>(&asked.span.from)?;
        parameters.add::<Timestamptz, _>(&asked.span.to)?;
        parameters.add::<Array<Int2>, _>(&asked.kinds)?;
        parameters.add::<Bool, _>(&asked.consumption)?;
        parameters.add::<Nullable<Text>, _>(&asked.counterpart)?;
        parameters.add::<BigInt, _>(&asked.limit)
    }
}

#[derive(Queryable)]
struct ReportedEntryRow {
    n: i64,
    seq: i64,
    kind: i16,
    amount: Decimal,
    granted: Decimal,
    debt: Decimal,
    counterpart: String,
    key: String,
    reference: Option<String>,
    created_at: DateTime<Utc>,
}

/// How many wallets are searched for a page of entries.
const WALLETS_OF_PAGE: i64 = 1_000;

/// A page of the entries behind a figure, the oldest of each wallet first. It searches a limited number of wallets.
///
/// # Errors
/// Database errors.
pub async fn entries(
    conn: &mut AsyncPgConnection,
    wanted: &EntriesWanted,
    page: &Page<EntryPlace>,
) -> Result<EntriesPage, StorageError> {
    let is_backwards = !page.ascends();
    let place = page.bound().unwrap_or_default();
    let (customer, of_currency, of_product, seq) = place.clone();
    let asked = AskedWallets {
        customer,
        of_currency,
        of_product,
        from: wanted.span.from,
        currency: wanted.currency.map(Currency::code),
        product: wanted.product.as_ref().map(|product| product.as_column().to_owned()),
        limit: WALLETS_OF_PAGE + 1,
    };
    let mut wallets: Vec<ReportedWalletRow> = match is_backwards {
        false => Cached(FindReportedWallets::<false>(asked)).load(conn).await?,
        true => Cached(FindReportedWallets::<true>(asked)).load(conn).await?,
    };
    // No entry has either of these numbers.
    let end = if is_backwards { i64::MAX } else { 0 };
    // The position at which the next page begins.
    let next_wallet = usize::try_from(WALLETS_OF_PAGE).ok().and_then(|n| wallets.as_slice().get(n));
    let next_wallet = next_wallet.map(|row| (row.customer.clone(), row.currency.clone(), row.product.clone(), end));
    wallets.truncate(usize::try_from(WALLETS_OF_PAGE).unwrap_or(usize::MAX));
    let begins_there =
        |row: &ReportedWalletRow| (&row.customer, &row.currency, &row.product) == (&place.0, &place.1, &place.2);
    let asked = AskedEntries {
        customers: wallets.iter().map(|row| row.customer.clone()).collect(),
        wallets: wallets.iter().map(|row| row.id).collect(),
        counts: wallets.iter().map(|row| row.entries).collect(),
        // A forged cursor may name any number.
        beyond: if wallets.as_slice().first().is_some_and(begins_there) { seq.max(0) } else { end },
        span: wanted.span,
        kinds: wanted.kinds.iter().map(|kind| kind.code()).collect(),
        consumption: wanted.kinds.iter().any(|kind| EntryKind::CONSUMPTION.contains(kind)),
        counterpart: wanted.channel.map(counterparts),
        limit: page.to_read(),
    };
    let mut rows: Vec<ReportedEntryRow> = match is_backwards {
        false => Cached(Entries::<false>(asked)).load(conn).await?,
        true => Cached(Entries::<true>(asked)).load(conn).await?,
    };
    let is_full = i64::try_from(rows.len()).is_ok_and(|found| found > page.limit);
    rows.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
    let mut found = Vec::with_capacity(rows.len());
    let mut last = None;
    for row in rows {
        let wallet = usize::try_from(row.n - 1).ok().and_then(|n| wallets.get(n));
        let wallet = wallet.ok_or_else(|| corrupt("the number of a wallet", row.n))?;
        last = Some((wallet.customer.clone(), wallet.currency.clone(), wallet.product.clone(), row.seq));
        found.push(reported(row, wallet)?);
    }
    if is_backwards {
        found.reverse();
    }
    let goes_on = if is_full { last } else { next_wallet };
    let moved = |by| (place.0.clone(), place.1.clone(), place.2.clone(), place.3.saturating_add(by));
    let (previous, next) = match page.place {
        Place::Start => (None, goes_on),
        Place::After(_) => (Some(moved(1)), goes_on),
        Place::Before(_) => (goes_on, Some(moved(-1))),
    };
    Ok(EntriesPage { entries: found, previous, next })
}

/// The counterparts of a channel, as a regular expression.
fn counterparts(channel: Channel) -> String {
    let name = match channel {
        Channel::Card => "stripe",
        Channel::Paypal => "paypal",
        Channel::Vnpay => "vnpay",
        Channel::Balance => "balance",
        Channel::BankTransfer => return "^(bank:.*|(provider|refund|dispute):bank|payout)$".to_owned(),
    };
    format!("^(provider|refund|dispute):{name}$")
}

fn reported(row: ReportedEntryRow, wallet: &ReportedWalletRow) -> Result<ReportedEntry, StorageError> {
    let currency = currency_from_column(&wallet.currency)?;
    let money = |amount| Money::from_ledger(amount, currency);
    let kind = entry_kind_from_column(row.kind)?;
    Ok(ReportedEntry {
        id: FlowId { wallet: wallet.id, seq: row.seq },
        customer: customer_from_column(&wallet.customer)?,
        product: Product::from_column(&wallet.product),
        kind,
        parts: Parts { entries: 1, amount: money(row.amount), granted: money(row.granted), debt: money(row.debt) },
        counterpart: counterpart_from_column(&row.counterpart)?,
        reference: AccountFlow::reference(kind, &row.key, row.reference),
        created_at: row.created_at,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::domain::counterpart::Counterpart;
    use crate::domain::payment::ProviderName;
    use crate::domain::report::channel_of;

    #[test]
    fn the_pattern_of_a_channel_is_of_its_counterparts_and_no_others() {
        let mut all = vec![
            Counterpart::Bank("0193:x".to_owned()),
            Counterpart::Usage(None),
            Counterpart::Usage(Product::new("payout")),
            Counterpart::Promotion,
            Counterpart::Transfer,
            Counterpart::Adjustment,
            Counterpart::Payout,
            Counterpart::WriteOff,
        ];
        for name in ProviderName::ALL {
            all.extend([Counterpart::Provider(name), Counterpart::Refund(name), Counterpart::Dispute(name)]);
        }
        for channel in Channel::ALL {
            let pattern = regex_lite::Regex::new(&counterparts(channel)).unwrap();
            for counterpart in &all {
                let is_of_channel = channel_of(counterpart) == Some(channel);
                assert_eq!(pattern.is_match(&counterpart.to_string()), is_of_channel, "{channel}: {counterpart}");
            }
        }
    }
}
