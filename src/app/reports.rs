//! The reports of finance, made of folded days. A worker folds a day once nothing can be added to it.

use chrono::{DateTime, Duration, NaiveDate, SecondsFormat};

use super::{App, Error};
use crate::domain::code::Code;
use crate::domain::page::Page;
use crate::domain::payment::Channel;
use crate::domain::report::activity::{self, Activity, RowKey, Split};
use crate::domain::report::entries::{Days, EntriesPage, EntriesWanted, EntryPlace};
use crate::domain::report::journal::{self, JournalLine};
use crate::domain::report::{GrantAge, ReportLine, RollForward};
use crate::storage::connection::Purpose;
use crate::storage::reports::{self as store, NextDay};
use crate::storage::transaction::TransactionError;
use crate::storage::{Connection, clock, ledger, papers};

/// The most days of one report.
pub(super) const MOST_DAYS: i64 = 366;
/// The most days of a report by month, and of a roll-forward.
const MOST_DAYS_BY_MONTH: i64 = 3_700;

/// Folds the next day if it is ready. Returns whether it did.
///
/// # Errors
/// Database errors.
pub async fn fold_if_due(app: &App, patience: Duration) -> Result<bool, Error> {
    {
        let mut conn = app.pool.get().await?;
        let next = store::next_day(&mut conn).await?;
        if !is_ready(&mut conn, next, patience).await? {
            return Ok(false);
        }
    }
    // A day of much usage takes longer than a statement of a request may.
    let mut conn = app.pool.open(Purpose::Maintenance).await?;
    let mut transaction = conn.build_transaction();
    let folded = transaction.run(async |conn| {
        if !store::may_fold(conn).await? {
            return Ok::<_, Error>(None);
        }
        // Another process may have folded the day meanwhile, and the folding statement must see what is settled now.
        let next = store::next_day(conn).await?;
        if !is_ready(conn, next, patience).await? {
            return Ok(None);
        }
        Ok(Some((next.day, store::fold(conn, next, &app.settings.usage_keys).await?)))
    });
    match folded.await {
        Ok(Some((day, entries))) => {
            tracing::info!(%day, entries, "A day was folded into the reports");
            Ok(true)
        }
        Ok(None) => Ok(false),
        Err(error) if error.is_transient() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a day has been over for this long, no transaction that began before then can still write, and every paper of
/// the day is issued, because its fee and tax are in the reports. The delay is needed because the database's clock may
/// be set back after the day's end, by a failover for example: then entries of the day can still appear.
async fn is_ready(conn: &mut Connection, next: NextDay, patience: Duration) -> Result<bool, Error> {
    let end = next.span.to;
    if ledger::papers_settled_until(conn).await? < end + patience {
        return Ok(false);
    }
    Ok(papers::oldest_due(conn).await?.is_none_or(|due| due >= end))
}

/// The filter of a report.
#[derive(Debug, Clone)]
pub struct Narrowed {
    pub days: Days,
    pub channel: Option<Channel>,
}

/// The last day that is folded; `None` before the first one.
fn last_before(next: NextDay) -> Option<NaiveDate> {
    let is_first = next.span.from == DateTime::UNIX_EPOCH;
    next.day.pred_opt().filter(|_| !is_first)
}

/// Requires that all days are folded, in order, and not too many.
///
/// # Errors
/// 409 `too_recent`, 422 for days out of order or too many, database errors.
pub(super) async fn require_folded(app: &App, days: &Days, most: i64) -> Result<(), Error> {
    if days.from > days.to {
        return Err(Error::field("?to", Code::OutOfRange, "must not be earlier than from"));
    }
    if (days.to - days.from).num_days() >= most {
        return Err(Error::field("?from", Code::OutOfRange, format!("must be at most {most} days before to")));
    }
    let mut conn = app.pool.get().await?;
    let next = store::next_day(&mut conn).await?;
    match last_before(next) {
        Some(last) if days.to <= last => Ok(()),
        last => {
            let last = match last {
                Some(day) => format!("the last reported day is {day}"),
                None => "no day is reported yet".to_owned(),
            };
            let waits = what_waits(&mut conn, next).await?;
            Err(Error::conflict(Code::TooRecent, format!("{waits}; {last}")))
        }
    }
}

/// When the next day is reported, or what it waits for.
async fn what_waits(conn: &mut Connection, next: NextDay) -> Result<String, Error> {
    let (day, end) = (next.day, next.span.to);
    if clock::now(conn).await? < end {
        let end = end.to_rfc3339_opts(SecondsFormat::Secs, true);
        return Ok(format!("{day} is reported some minutes after its end at {end}"));
    }
    let waits_for_papers = papers::oldest_due(conn).await?.is_some_and(|due| due < end);
    Ok(match waits_for_papers {
        true => format!("{day} has ended and waits until all of its receipts and credit notes are issued"),
        false => format!("{day} has ended and is reported in some minutes"),
    })
}

/// What happened in a range of days, by day or by month.
///
/// # Errors
/// 409 `too_recent`, 422 for days out of order or too many, database errors.
pub async fn activity(
    app: &App,
    narrowed: &Narrowed,
    by_month: bool,
    split: Split,
) -> Result<Vec<(RowKey, Activity)>, Error> {
    let most = if by_month { MOST_DAYS_BY_MONTH } else { MOST_DAYS };
    require_folded(app, &narrowed.days, most).await?;
    let mut sums = store::sums(&mut *app.pool.get().await?, &narrowed.days, by_month).await?;
    sums.retain(|sum| activity::is_of(sum, None, narrowed.channel));
    Ok(activity::rows(&sums, split))
}

/// What was owed to customers before and after a range of days, and why it changed.
///
/// # Errors
/// As [`activity()`].
pub async fn roll_forward(app: &App, days: &Days) -> Result<Vec<RollForward>, Error> {
    require_folded(app, days, MOST_DAYS_BY_MONTH).await?;
    Ok(RollForward::of_each(&store::kind_sums(&mut *app.pool.get().await?, days).await?))
}

/// The journal of a range of days.
///
/// # Errors
/// As [`activity()`].
pub async fn journal(app: &App, days: &Days) -> Result<Vec<JournalLine>, Error> {
    require_folded(app, days, MOST_DAYS).await?;
    Ok(journal::lines(&store::sums(&mut *app.pool.get().await?, days, false).await?))
}

/// A page of the entries behind a line of a report.
///
/// # Errors
/// As [`activity()`].
pub async fn entries(
    app: &App,
    narrowed: &Narrowed,
    line: Option<ReportLine>,
    page: &Page<EntryPlace>,
) -> Result<EntriesPage, Error> {
    let Days { from, to, currency, product } = narrowed.days.clone();
    require_folded(app, &narrowed.days, MOST_DAYS_BY_MONTH).await?;
    let lines = line.map_or_else(|| ReportLine::ALL.to_vec(), |line| vec![line]);
    let mut conn = app.pool.get().await?;
    let Some(span) = store::span_of(&mut conn, from, to).await? else { return Ok(EntriesPage::default()) };
    let wanted = EntriesWanted {
        span,
        kinds: lines.into_iter().flat_map(ReportLine::kinds).collect(),
        currency,
        product,
        channel: narrowed.channel,
    };
    Ok(store::entries(&mut conn, &wanted, page).await?)
}

/// What is left of promotional credit now.
///
/// # Errors
/// Database errors.
pub async fn grant_ages(app: &App) -> Result<Vec<GrantAge>, Error> {
    Ok(store::grant_ages(&mut *app.pool.get().await?).await?)
}
