//! Account flows: every movement of a customer's wallets, with what a list says about its cause.

use std::collections::HashMap;

use futures_util::{Stream, stream};
use uuid::Uuid;

use super::{App, Error};
use crate::domain::account_flow::{AccountFlow, FlowCause, FlowFilter, FlowPosition};
use crate::domain::client_data::ClientData;
use crate::domain::entry::EntryKind;
use crate::domain::order::ToldOrder;
use crate::domain::page::{Page, Place, Rows};
use crate::domain::product::Product;
use crate::domain::transfer::Transfer;
use crate::storage::{account_flows as store, grants, ledger, orders, transfers};

/// How many flows are read at once for an export.
const EXPORTED_AT_ONCE: i64 = 1_000;

/// What a list says about the orders, transfers and grants that caused flows.
#[derive(Debug, Clone, Default)]
pub struct FlowCauses {
    orders: HashMap<Uuid, ToldOrder>,
    transfers: HashMap<Uuid, Transfer>,
    grants: HashMap<Uuid, ClientData>,
}

impl FlowCauses {
    /// The order that caused a flow.
    #[must_use]
    pub fn order(&self, flow: &AccountFlow) -> Option<&ToldOrder> {
        match flow.cause()? {
            FlowCause::Order(id) => self.orders.get(&id),
            FlowCause::Transfer(_) | FlowCause::Grant(_) => None,
        }
    }

    /// The other wallet of the transfer that caused a flow: a product's, or the main wallet.
    #[must_use]
    pub fn other_wallet(&self, flow: &AccountFlow) -> Option<Product> {
        match flow.cause()? {
            FlowCause::Order(_) if flow.kind == EntryKind::TransferIn => Some(Product::main()),
            FlowCause::Order(_) | FlowCause::Grant(_) => None,
            FlowCause::Transfer(id) => self
                .transfers
                .get(&id)
                .map(|moved| if moved.from == flow.product { &moved.to } else { &moved.from })
                .cloned(),
        }
    }

    /// What a caller attached to the order, the transfer or the grant that caused a flow.
    #[must_use]
    pub fn client(&self, flow: &AccountFlow) -> Option<&ClientData> {
        match flow.cause()? {
            FlowCause::Order(id) => self.orders.get(&id).map(|order| &order.client),
            FlowCause::Transfer(id) => self.transfers.get(&id).map(|transfer| &transfer.client),
            FlowCause::Grant(id) => self.grants.get(&id),
        }
    }
}

/// A page of flows, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &FlowFilter, page: &Page<FlowPosition>) -> Result<Rows<AccountFlow>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(store::page(&mut conn, filter, page).await?)
}

/// The causes of these flows, which all belong to one customer.
///
/// # Errors
/// Database errors.
pub async fn causes(app: &App, filter: &FlowFilter, flows: &[AccountFlow]) -> Result<FlowCauses, Error> {
    let (mut of_orders, mut of_transfers, mut of_grants) = (Vec::new(), Vec::new(), Vec::new());
    for cause in flows.iter().filter_map(AccountFlow::cause) {
        match cause {
            FlowCause::Order(id) => of_orders.push(id),
            FlowCause::Transfer(id) => of_transfers.push(id),
            FlowCause::Grant(id) => of_grants.push(id),
        }
    }
    let customer = &filter.customer;
    let mut causes = FlowCauses::default();
    if of_orders.is_empty() && of_transfers.is_empty() && of_grants.is_empty() {
        return Ok(causes);
    }
    let mut conn = app.pool.get().await?;
    if !of_orders.is_empty() {
        let orders = orders::told(&mut conn, customer, &of_orders).await?;
        causes.orders = orders.into_iter().map(|order| (order.id, order)).collect();
    }
    if !of_transfers.is_empty() {
        let transfers = transfers::find_all(&mut conn, customer, &of_transfers).await?;
        causes.transfers = transfers.into_iter().map(|transfer| (transfer.id, transfer)).collect();
    }
    if !of_grants.is_empty() {
        causes.grants = grants::attached(&mut conn, customer, &of_grants).await?.into_iter().collect();
    }
    Ok(causes)
}

/// All flows, newest first, in pages that are read as they are needed. The export ends at the last moment whose entries
/// are all known. So no flow is missing or occurs twice, however long the export takes.
///
/// # Errors
/// Database errors, before the first page; afterwards they are the last item of the stream.
pub async fn export(
    app: App,
    mut filter: FlowFilter,
) -> Result<impl Stream<Item = Result<Vec<AccountFlow>, Error>>, Error> {
    let settled = ledger::settled_until(&mut *app.pool.get().await?).await?;
    filter.created_to = Some(filter.created_to.map_or(settled, |to| to.min(settled)));
    let begin = Export { app, filter, place: Place::Start, is_over: false };
    Ok(stream::unfold(begin, |mut export| async {
        if export.is_over {
            return None;
        }
        let page = export.page().await;
        export.is_over = page.as_ref().map_or(true, |page| !page.has_next);
        if let Some(last) = page.as_ref().ok().and_then(|page| page.rows.last()) {
            export.place = Place::After(last.position());
        }
        Some((page.map(|page| page.rows), export))
    }))
}

/// An export, and the place up to which it has read.
struct Export {
    app: App,
    filter: FlowFilter,
    place: Place<FlowPosition>,
    is_over: bool,
}

impl Export {
    /// The next page. The answer has begun, so the request's share of connections has ended; each page uses the
    /// customer's share again.
    async fn page(&self) -> Result<Rows<AccountFlow>, Error> {
        let share = self.app.pool.share_of_customer(self.filter.customer.as_str());
        let page = Page { place: self.place, ..Page::newest(EXPORTED_AT_ONCE) };
        share.hold(list(&self.app, &self.filter, &page)).await
    }
}
