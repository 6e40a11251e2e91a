//! Lists of usage: the customer's wallets are read entry by entry, because only the ledger's own index contains usage.

use std::collections::HashMap;

use uuid::Uuid;

use super::usage::UsageRecord;
use super::{App, Error};
use crate::domain::account_flow::{AccountFlow, FlowFilter, FlowId, FlowPosition};
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::money::Money;
use crate::domain::page::{Page, Rows};
use crate::domain::wallet_key::WalletKey;
use crate::storage::{account_flows, ledger};

/// A page of a customer's usage and captured holds that match the filter, newest first. The filter's kinds are ignored.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &FlowFilter, page: &Page<FlowPosition>) -> Result<Rows<UsageRecord>, Error> {
    // Both kinds, so that the search never has to skip many entries of the other kind.
    let of_usage = FlowFilter { kinds: EntryKind::CONSUMPTION.to_vec(), ..filter.clone() };
    let mut conn = app.pool.get().await?;
    let flows = account_flows::page(&mut conn, &of_usage, page).await?;
    let ids: Vec<String> = flows.rows.iter().filter_map(|flow| flow.reference.clone()).collect();
    let mut of_wallets: HashMap<Uuid, Vec<i64>> = HashMap::new();
    for flow in &flows.rows {
        of_wallets.entry(flow.id.wallet).or_default().push(flow.id.seq);
    }
    let mut entries: HashMap<FlowId, Entry> = HashMap::new();
    for (wallet, numbers) in of_wallets {
        let found = ledger::explain::entries_by_seq(&mut conn, &filter.customer, wallet, numbers).await?;
        entries.extend(found.into_iter().map(|entry| (FlowId::of(&entry), entry)));
    }
    let reversed: HashMap<String, _> = match ids.is_empty() {
        true => HashMap::new(),
        false => account_flows::reversed(&mut conn, &filter.customer, ids).await?.into_iter().collect(),
    };
    let record = |flow: AccountFlow| {
        let currency = flow.amount.currency();
        let wallet = WalletKey { customer: filter.customer.clone(), currency, product: flow.product };
        let entry = entries.remove(&flow.id).ok_or(Error::Internal("the entry of a usage that was listed"))?;
        let given_back = reversed.get(entry.label.reversed_as()).copied().unwrap_or_default();
        Ok(UsageRecord { entry, wallet, reversed: Money::from_ledger(given_back, currency) })
    };
    flows.try_map(record)
}
