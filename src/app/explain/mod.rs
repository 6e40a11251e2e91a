//! Explains what paid for a deduction, and what a payment paid for.
//!
//! The rules, with a worked example and drawings, are in [`crate::domain::explain`]. Nothing is stored for an
//! explanation: it is read from the ledger. Two use cases follow the same lines of money in opposite directions:
//!
//! * [`what_paid_for`] begins at a debit and goes back, through transfers and reversals, to the entries with which the
//!   money came to the customer. It reports whole origins, because an operator asks "which order paid for this?".
//! * [`what_it_paid_for`] begins at a credit and goes one step forward, page by page, because a large top-up can have
//!   paid for thousands of usages. If the money went on to another entry, the item names that entry and the part of
//!   it, and the caller asks there again.
//!
//! Every look-up is limited, so an explanation costs little however long the history is. An answer that a limit cut
//! short says `complete: false`.

mod history;
mod paid_by;
mod paid_for;
mod uses;

use std::collections::HashMap;

use uuid::Uuid;

pub use self::paid_by::{PaidBy, PaidByCredit, PaidByGrant, what_paid_for};
pub use self::paid_for::{NextFlow, PaidForItem, PaidForPage, order_paid_for, what_it_paid_for};
pub use self::uses::{PageRequest, RequestedPart};
use super::{App, Error};
use crate::domain::account_flow::FlowId;
use crate::domain::customer::CustomerId;
use crate::domain::entry::Entry;
use crate::domain::wallet_key::WalletKey;
use crate::storage::Connection;
use crate::storage::ledger::explain as store;

/// [`what_paid_for`] on a connection of its own.
///
/// # Errors
/// As [`what_paid_for`].
pub async fn paid_by(app: &App, customer: &CustomerId, flow: Option<FlowId>) -> Result<PaidBy, Error> {
    let mut conn = app.pool.get().await?;
    what_paid_for(&mut conn, customer, flow).await
}

/// [`what_it_paid_for`] on a connection of its own.
///
/// # Errors
/// As [`what_it_paid_for`].
pub async fn paid_for(
    app: &App,
    customer: &CustomerId,
    flow: Option<FlowId>,
    request: PageRequest,
) -> Result<PaidForPage, Error> {
    let mut conn = app.pool.get().await?;
    what_it_paid_for(&mut conn, customer, flow, request).await
}

/// The entry behind a flow of the customer. `None` is an id that could not be read.
async fn find(conn: &mut Connection, customer: &CustomerId, flow: Option<FlowId>) -> Result<Entry, Error> {
    let missing = || Error::NotFound("flow");
    let flow = flow.ok_or_else(missing)?;
    store::entry(conn, customer, flow.wallet, flow.seq).await?.ok_or_else(missing)
}

/// The wallet of an entry, among its customer's wallets.
fn wallet_of(entry: &Entry, wallets: &HashMap<Uuid, WalletKey>) -> Result<WalletKey, Error> {
    wallets.get(&entry.wallet_id).cloned().ok_or(Error::Internal("the wallet of an entry"))
}
