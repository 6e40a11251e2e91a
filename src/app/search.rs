//! The search of operators for orders, payments, refunds, disputes and customers.

use super::{App, Error};
use crate::domain::code::Code;
use crate::domain::search::{Findings, Found, FoundKind, LENGTH, SearchTerms};
use crate::storage::search;

/// The most that is listed of each kind.
const LISTED: usize = 20;

/// The order in which findings are listed.
const KINDS: [FoundKind; 5] =
    [FoundKind::Order, FoundKind::Payment, FoundKind::Refund, FoundKind::Dispute, FoundKind::Customer];

/// Looks for a text among orders, payments, refunds, disputes and customers: as a whole, or by its beginning.
///
/// # Errors
/// 422 `?q` for a text that is too short or too long.
pub async fn find(app: &App, text: &str) -> Result<Findings, Error> {
    let rule = || format!("must be {} to {} characters long, without control characters", LENGTH.start(), LENGTH.end());
    let terms = SearchTerms::read(text).ok_or_else(|| Error::field("?q", Code::Length, rule()))?;
    let limit = i64::try_from(LISTED + 1).map_err(|_| Error::Internal("a small limit"))?;
    let mut conn = app.pool.get().await?;
    let (mut found, mut is_cut) = (Vec::new(), false);
    for kind in KINDS {
        let mut of_kind = one_each(search::find(&mut conn, kind, &terms, limit).await?);
        is_cut |= of_kind.len() > LISTED;
        of_kind.truncate(LISTED);
        found.extend(of_kind);
    }
    Ok(Findings { found, is_cut })
}

/// Keeps for each object the first way in which it was found. The newest objects come first.
fn one_each(found: Vec<Found>) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::new();
    for one in found {
        let is_known = |known: &Found| known.id == one.id;
        if !kept.iter().any(is_known) {
            kept.push(one);
        }
    }
    kept.sort_by_key(|one| std::cmp::Reverse(one.created_at));
    kept
}
