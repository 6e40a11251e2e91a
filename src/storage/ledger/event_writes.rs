//! Writes the events that follow from postings: of wallets that crossed the threshold of their alert, of holds and of
//! grants that expired. Ordinary usage writes none.

use diesel::prelude::*;
use diesel::sql_types::{Array, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::keys::KeyArrays;
use crate::domain::entry::EntryKind;
use crate::domain::event::EventKind;
use crate::domain::guard::Crossing;
use crate::domain::hold::HoldStatus;
use crate::domain::wallet::{Effects, Wallet};
use crate::storage::StorageError;
use crate::storage::statement::{Cached, Parameters, Statement};

/// Writes the events of changed wallets, after the wallets themselves.
pub(super) async fn all(conn: &mut AsyncPgConnection, changed: &[(&Wallet, &Effects)]) -> Result<(), StorageError> {
    let expired: Vec<(&Wallet, Uuid)> = changed
        .iter()
        .flat_map(|(wallet, effects)| expired_grants(effects).map(move |grant| (*wallet, grant)))
        .collect();
    if !expired.is_empty() {
        Cached(ExpiredGrants::new(&expired)).execute(conn).await?;
    }
    let holds: Vec<Uuid> = changed
        .iter()
        .flat_map(|(_, effects)| &effects.holds)
        .filter(|hold| hold.status == HoldStatus::Expired)
        .map(|hold| hold.id)
        .collect();
    if !holds.is_empty() {
        Cached(ExpiredHolds(holds)).execute(conn).await?;
    }
    let mut alerts = Alerts::default();
    for (wallet, effects) in changed {
        alerts.add(wallet, &effects.crossings);
    }
    if !alerts.kinds.is_empty() {
        Cached(alerts).execute(conn).await?;
    }
    Ok(())
}

/// The grants of which something expired, each once.
fn expired_grants(effects: &Effects) -> impl Iterator<Item = Uuid> {
    let mut grants: Vec<Uuid> = effects
        .entries
        .iter()
        .filter(|entry| entry.label.kind() == EntryKind::Expire)
        .flat_map(|entry| &entry.grant_uses)
        .map(|(grant, _)| *grant)
        .collect();
    grants.sort_unstable();
    grants.dedup();
    grants.into_iter()
}

#[derive(Default)]
struct Alerts {
    keys: KeyArrays,
    kinds: Vec<String>,
}

impl Alerts {
    fn add(&mut self, wallet: &Wallet, crossings: &[Crossing]) {
        for crossing in crossings {
            let kind = match crossing {
                Crossing::Fell => EventKind::BalanceLow,
                Crossing::Recovered => EventKind::BalanceRecovered,
            };
            self.keys.push(&wallet.key);
            self.kinds.push(kind.as_str().to_owned());
        }
    }
}

impl Statement for Alerts {
    const TEXT: &'static str = include_str!("sql/tell_of_balances.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.keys.customers)?;
        parameters.add::<Array<Text>, _>(&self.keys.currencies)?;
        parameters.add::<Array<Text>, _>(&self.keys.products)?;
        parameters.add::<Array<Text>, _>(&self.kinds)
    }
}

struct ExpiredHolds(Vec<Uuid>);

impl Statement for ExpiredHolds {
    const TEXT: &'static str = include_str!("sql/tell_of_expired_holds.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<SqlUuid>, _>(&self.0)
    }
}

struct ExpiredGrants {
    customers: Vec<String>,
    ids: Vec<Uuid>,
    currencies: Vec<String>,
    products: Vec<String>,
}

impl ExpiredGrants {
    fn new(expired: &[(&Wallet, Uuid)]) -> Self {
        let keys = || expired.iter().map(|(wallet, _)| &wallet.key);
        Self {
            customers: keys().map(|key| key.customer.as_str().to_owned()).collect(),
            ids: expired.iter().map(|(_, grant)| *grant).collect(),
            currencies: keys().map(|key| key.currency.code().to_owned()).collect(),
            products: keys().map(|key| key.product.as_column().to_owned()).collect(),
        }
    }
}

impl Statement for ExpiredGrants {
    const TEXT: &'static str = include_str!("sql/tell_of_expired_grants.sql");
    type Row = ();

    fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<SqlUuid>, _>(&self.ids)?;
        parameters.add::<Array<Text>, _>(&self.currencies)?;
        parameters.add::<Array<Text>, _>(&self.products)
    }
}
