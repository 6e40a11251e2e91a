//! One turn of each worker. A turn takes a share of the work and handles each item separately.

use chrono::Duration;

use crate::app::{
    App, Error, closings, events, grants, orders, papers, reports, retention, seals, sweep, take_back_search,
};

/// The largest number of items of one turn.
const SHARE: i64 = 50;

/// The largest number of rows that one turn deletes of each kind, or of events that one turn handles. A batch takes a
/// few milliseconds.
const BATCH: i64 = 500;

/// How long after its end a day is folded.
const FOLDING_PATIENCE: Duration = Duration::minutes(5);

/// How long after an event its paper is issued: all earlier events have committed by then, because a request's
/// transaction ends sooner.
const ISSUING_PATIENCE: Duration = Duration::seconds(15);

/// Expires the orders whose time is over. Returns how many were expired.
///
/// # Errors
/// Database errors, when the orders cannot be found.
pub async fn expire_orders(app: &App) -> Result<usize, Error> {
    let mut expired = 0;
    for id in orders::expire::overdue(app, SHARE).await? {
        match orders::expire::expire(app, id).await {
            Ok(true) => expired += 1,
            Ok(false) => {}
            Err(error) => tracing::warn!(order = %id, error = %error, "An order could not be expired"),
        }
    }
    Ok(expired)
}

/// Asks providers about orders that have been open for too long, and for some days about closed ones. Returns how many
/// orders there were.
///
/// # Errors
/// Database errors, when no order can be claimed.
pub async fn ask_about_orders(app: &App) -> Result<usize, Error> {
    let claimed = orders::ask::claim_due(app, SHARE).await?;
    // All at the same time: one after the other could take longer than the lease.
    let asked = claimed.iter().map(async |order| {
        if let Err(error) = orders::ask::ask(app, order).await {
            tracing::warn!(order = %order.id, error = %error, "The next question about an order was not scheduled");
        }
    });
    futures_util::future::join_all(asked).await;
    Ok(claimed.len())
}

/// Asks companies for refunds and disputes whose notification did not arrive. Returns how much there was to ask.
///
/// # Errors
/// Database errors.
pub async fn find_take_backs(app: &App) -> Result<usize, Error> {
    Ok(take_back_search::read_due_lists(app).await? + take_back_search::ask_due_payments(app).await?)
}

/// Writes down expired holds and grants. Returns how many wallets were swept.
///
/// # Errors
/// Database errors.
pub async fn sweep_wallets(app: &App) -> Result<usize, Error> {
    sweep::sweep_lapsed(app, SHARE).await
}

/// Gives numbers to events that have been committed. Returns how many got one.
///
/// # Errors
/// Database errors.
pub async fn number_events(app: &App) -> Result<usize, Error> {
    events::number(app, BATCH).await
}

/// Writes events about promotional credit that expires soon. Returns how much there was.
///
/// # Errors
/// Database errors.
pub async fn tell_expiring_grants(app: &App) -> Result<usize, Error> {
    grants::tell_expiring(app, BATCH).await
}

/// Deletes what was kept for long enough. Returns how many rows were deleted.
///
/// # Errors
/// Database errors.
pub async fn prune(app: &App) -> Result<usize, Error> {
    retention::prune(app, BATCH).await
}

/// Folds the next day into the reports, if it is over. Returns how many days were folded.
///
/// # Errors
/// Database errors.
pub async fn fold_reports(app: &App) -> Result<usize, Error> {
    Ok(usize::from(reports::fold_if_due(app, FOLDING_PATIENCE).await?))
}

/// Issues the papers that are due. Returns how many were issued.
///
/// # Errors
/// Database errors.
pub async fn issue_papers(app: &App) -> Result<usize, Error> {
    papers::issue_due(app, ISSUING_PATIENCE, SHARE).await
}

/// Seals what is ripe among the next wallets. Returns how many seals were made.
///
/// # Errors
/// Database errors.
pub async fn seal_entries(app: &App) -> Result<usize, Error> {
    match &app.settings.sealing {
        Some(sealing) => seals::seal_slice(&app.pool, sealing).await,
        None => Ok(0),
    }
}

/// Takes the next steps of accounts that are being closed. Returns how many there were.
///
/// # Errors
/// Database errors.
pub async fn close_accounts(app: &App) -> Result<usize, Error> {
    closings::advance_due(app, SHARE).await
}
