//! Account flows: every movement of a customer's wallets.

use futures_util::{Stream, stream};

use super::{App, Error};
use crate::domain::account_flow::{AccountFlow, FlowFilter, FlowPosition};
use crate::storage::account_flows as store;
use crate::storage::ledger;

/// How many flows are read at once for an export.
const EXPORTED_AT_ONCE: i64 = 1_000;

/// A page of flows, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    filter: &FlowFilter,
    after: Option<FlowPosition>,
    limit: i64,
) -> Result<Vec<AccountFlow>, Error> {
    let mut conn = app.pool.get().await?;
    Ok(store::list(&mut conn, filter, after, limit).await?)
}

/// All flows, newest first, in pages that are read as they are needed. The export ends where every entry is known, so
/// however long it takes, no flow is missing or comes twice.
///
/// # Errors
/// Database errors, before the first page; afterwards they are the last item of the stream.
pub async fn export(
    app: App,
    mut filter: FlowFilter,
) -> Result<impl Stream<Item = Result<Vec<AccountFlow>, Error>>, Error> {
    let settled = ledger::settled_until(&mut *app.pool.get().await?).await?;
    filter.created_to = Some(filter.created_to.map_or(settled, |to| to.min(settled)));
    let begin = Export { app, filter, after: None, is_over: false };
    Ok(stream::unfold(begin, |mut export| async {
        if export.is_over {
            return None;
        }
        let page = export.page().await;
        export.is_over = page.as_ref().map_or(true, |page| page.len() < usize_of(EXPORTED_AT_ONCE));
        export.after = page.as_ref().ok().and_then(|page| page.last()).map(AccountFlow::position);
        Some((page, export))
    }))
}

/// An export, and where it has come to.
struct Export {
    app: App,
    filter: FlowFilter,
    after: Option<FlowPosition>,
    is_over: bool,
}

impl Export {
    /// The next page. The answer has begun, so the request's share of connections has ended; each page takes part in
    /// the customer's share anew.
    async fn page(&self) -> Result<Vec<AccountFlow>, Error> {
        let share = self.app.pool.share_of_customer(self.filter.customer.as_str());
        share.hold(list(&self.app, &self.filter, self.after, EXPORTED_AT_ONCE)).await
    }
}

fn usize_of(n: i64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
