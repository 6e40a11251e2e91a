//! Lists of usage: a walk down the customer's wallets, because no index but the ledger's own contains usage.

use std::collections::HashMap;

use super::usage::UsageRecord;
use super::{App, Error};
use crate::domain::account_flow::{AccountFlow, FlowFilter, FlowPosition};
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::money::Money;
use crate::domain::wallet_key::WalletKey;
use crate::storage::{account_flows, ledger};

/// A page of a customer's usage, newest first, as far as the filter lets it through. Its kinds do not matter.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    filter: &FlowFilter,
    after: Option<FlowPosition>,
    limit: i64,
) -> Result<Vec<UsageRecord>, Error> {
    let of_usage = FlowFilter { kinds: vec![EntryKind::Usage], ..filter.clone() };
    let mut conn = app.pool.get().await?;
    let flows = account_flows::list(&mut conn, &of_usage, after, limit).await?;
    let ids: Vec<String> = flows.iter().filter_map(|flow| flow.reference.clone()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let entries = ledger::find_entries(&mut conn, &filter.customer, EntryKind::Usage, ids.clone()).await?;
    let mut entries: HashMap<String, Entry> =
        entries.into_iter().map(|entry| (entry.label.key().to_owned(), entry)).collect();
    let reversed: HashMap<String, _> =
        account_flows::reversed(&mut conn, &filter.customer, ids).await?.into_iter().collect();
    let record = |flow: AccountFlow| {
        let id = flow.reference.unwrap_or_default();
        let currency = flow.amount.currency();
        let wallet = WalletKey { customer: filter.customer.clone(), currency, product: flow.product };
        let entry = entries.remove(&id).ok_or(Error::Internal("the entry of a usage that was listed"))?;
        let given_back = reversed.get(&id).copied().unwrap_or_default();
        Ok(UsageRecord { entry, wallet, reversed: Money::from_ledger(given_back, currency) })
    };
    flows.into_iter().map(record).collect()
}
