//! Explain: what paid for a deduction, and what a payment paid for. First in, first out; nothing is written for it.
//!
//! Both directions read the same lines (`domain::explain`): what one says of two entries, the other says too.

mod paid_by;
mod paid_for;
mod past;

use std::collections::HashMap;

use uuid::Uuid;

pub use self::paid_by::{GrantPart, MoneyPart, PaidBy, what_paid_for};
pub use self::paid_for::{PaidFor, PaidForPart, Question, WentOn, order_paid_for, what_it_paid_for};
use super::{App, Error};
use crate::domain::customer::CustomerId;
use crate::domain::entry::Entry;
use crate::storage::Connection;
use crate::storage::ledger::explain as store;

/// Which entry: its wallet and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId {
    pub wallet: Uuid,
    pub seq: i64,
}

/// A wallet's currency and product, as columns.
#[derive(Debug, Clone, Default)]
pub struct WalletName {
    pub currency: String,
    pub product: String,
}

/// [`what_paid_for`] an entry, on a connection of its own.
///
/// # Errors
/// The same.
pub async fn paid_by(app: &App, customer: &CustomerId, flow: Option<FlowId>) -> Result<PaidBy, Error> {
    let mut conn = app.pool.get().await?;
    what_paid_for(&mut conn, customer, flow).await
}

/// [`what_it_paid_for`], on a connection of its own.
///
/// # Errors
/// The same.
pub async fn paid_for(
    app: &App,
    customer: &CustomerId,
    flow: Option<FlowId>,
    question: Question,
) -> Result<PaidFor, Error> {
    let mut conn = app.pool.get().await?;
    what_it_paid_for(&mut conn, customer, flow, question).await
}

async fn find(conn: &mut Connection, customer: &CustomerId, flow: Option<FlowId>) -> Result<Entry, Error> {
    let missing = || Error::NotFound("flow");
    let flow = flow.ok_or_else(missing)?;
    store::entry(conn, customer, flow.wallet, flow.seq).await?.ok_or_else(missing)
}

async fn names(conn: &mut Connection, customer: &CustomerId) -> Result<HashMap<Uuid, WalletName>, Error> {
    let wallets = store::wallets_by_id(conn, customer).await?;
    Ok(wallets.into_iter().map(|(id, currency, product)| (id, WalletName { currency, product })).collect())
}
