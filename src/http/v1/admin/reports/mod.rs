//! `/v1/admin/reports`: what is owed to customers, what happened, and the entries behind each figure.

pub mod body;

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::IntoParams;

use self::body::{
    ActivityReport, ActivityRow, GrantAgeClass, GrantAgeing, ReportEntry, ReportEntryPage, ReportLine, ReportPeriod,
    ReportSplit, RollForward, RollForwardReport,
};
use crate::app::reports::{self, Narrowed};
use crate::app::{App, Error};
use crate::domain::page::{Page, Sort};
use crate::domain::payment::Channel;
use crate::domain::product::Product;
use crate::domain::report;
use crate::domain::report::activity::{RowKey, Split};
use crate::domain::report::entries::{Days, EntryPlace};
use crate::http::edge::auth::{AsOperator, FINANCE};
use crate::http::edge::csv::{self, Cell, Sheet};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::times;
use crate::http::edge::wire::{CurrencyCode, CursorText, Limit, PaymentChannel, ProductFilter};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DaysQuery {
    /// The first day.
    #[serde(deserialize_with = "times::day")]
    #[param(example = "2026-11-01")]
    from: NaiveDate,
    /// The last day. It must be over.
    #[serde(deserialize_with = "times::day")]
    #[param(example = "2026-11-21")]
    to: NaiveDate,
    currency: Option<CurrencyCode>,
    product: Option<ProductFilter>,
}

impl DaysQuery {
    fn days(&self) -> Result<Days, Error> {
        Ok(Days {
            from: self.from,
            to: self.to,
            currency: CurrencyCode::filter(self.currency.as_ref(), "?currency")?,
            product: ProductFilter::filter(self.product.as_ref(), "?product")?,
        })
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ActivityQuery {
    /// The first day.
    #[serde(deserialize_with = "times::day")]
    #[param(example = "2026-11-01")]
    from: NaiveDate,
    /// The last day. It must be over.
    #[serde(deserialize_with = "times::day")]
    #[param(example = "2026-11-21")]
    to: NaiveDate,
    /// Whether a row is a day or a month; a day when absent.
    by: Option<ReportPeriod>,
    /// What else separates rows. Repeat the parameter for both.
    #[serde(default)]
    #[param(max_items = 2)]
    split: Vec<ReportSplit>,
    currency: Option<CurrencyCode>,
    product: Option<ProductFilter>,
    /// Only money that came or went by this channel.
    channel: Option<PaymentChannel>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// Filters that a cursor is tied to.
fn filters(request: &HttpRequest, days: &Days, channel: Option<Channel>) -> Filters {
    Filters::of(request.path())
        .with("from", days.from)
        .with("to", days.to)
        .with_optional("currency", days.currency)
        .with_optional("product", days.product.as_ref().map(Product::as_column))
        .with_optional("channel", channel)
}

/// The place of a row in the report: its period, currency, product and channel.
type RowPlace = (NaiveDate, String, Option<String>, Option<String>);

fn place(key: &RowKey) -> RowPlace {
    (key.period, key.currency.code().to_owned(), key.product.clone(), key.channel.map(str::to_owned))
}

/// Report what happened
///
/// Money in, credit, consumption and what went back, for each day or month and currency, and on demand for each product
/// and channel. A day begins in the time zone of the installation and is reported some minutes after its end. Every
/// figure is the sum of its entries, which `GET /v1/admin/reports/entries` lists; fee and tax are those of the receipts
/// and credit notes for what happened on these days, which `GET /v1/admin/papers` lists (`happened_from`).
#[utoipa::path(
    tag = "admin-reports",
    operation_id = "adminReportActivity",
    params(ActivityQuery),
    responses(
        (status = 200, description = "A page of the report", body = ActivityReport),
        (status = 409, description = "The last day is not reported yet (`too_recent`)"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[get("/v1/admin/reports/activity")]
pub async fn report_activity(
    _: AsOperator<FINANCE>,
    QueryParams(query): QueryParams<ActivityQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let limit = Limit::read(query.limit)?;
    let ActivityQuery { from, to, by, split, currency, product, channel, cursor, .. } = query;
    let narrowed =
        Narrowed { days: DaysQuery { from, to, currency, product }.days()?, channel: channel.map(Channel::from) };
    let by_month = by == Some(ReportPeriod::Month);
    let split =
        Split { product: split.contains(&ReportSplit::Product), channel: split.contains(&ReportSplit::Channel) };
    let filters = filters(&request, &narrowed.days, narrowed.channel)
        .with("by_month", by_month)
        .with("by_product", split.product)
        .with("by_channel", split.channel);
    let asked: Page<RowPlace> = page::read(cursor.as_ref(), Sort::Oldest, limit, &filters)?;
    let rows = reports::activity(&app, &narrowed, by_month, split).await?;
    let found = asked.pick(rows, |(key, _)| place(key));
    let cursors = page::cursors(&found, &filters, |(key, _)| place(key))?;
    Ok(HttpResponse::Ok().json(ActivityReport {
        data: found.rows.iter().map(|(key, row)| ActivityRow::of(key, row)).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

/// Report the roll-forward
///
/// What was owed to customers before the first day, each reason why it changed, and what is owed at the end of the last
/// day, for each currency. Opening plus all lines is the closing, to the last digit.
#[utoipa::path(
    tag = "admin-reports",
    operation_id = "adminReportRollForward",
    params(DaysQuery),
    responses(
        (status = 200, description = "The report", body = RollForwardReport),
        (status = 409, description = "The last day is not reported yet (`too_recent`)"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[get("/v1/admin/reports/roll-forward")]
pub async fn report_roll_forward(
    _: AsOperator<FINANCE>,
    QueryParams(query): QueryParams<DaysQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let days = query.days()?;
    let rolled = reports::roll_forward(&app, &days).await?;
    let currencies = rolled.iter().map(RollForward::from).collect();
    Ok(HttpResponse::Ok().json(RollForwardReport { from: days.from, to: days.to, currencies }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EntriesQuery {
    /// The first day.
    #[serde(deserialize_with = "times::day")]
    #[param(example = "2026-11-01")]
    from: NaiveDate,
    /// The last day. It must be over.
    #[serde(deserialize_with = "times::day")]
    #[param(example = "2026-11-21")]
    to: NaiveDate,
    /// Only what belongs to this line of the roll-forward.
    line: Option<ReportLine>,
    currency: Option<CurrencyCode>,
    product: Option<ProductFilter>,
    /// Only money that came or went by this channel.
    channel: Option<PaymentChannel>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

/// List the entries behind a figure
///
/// The account flows of all customers that add up to a figure of the reports, wallet by wallet and oldest first. Use
/// the days, the line and the filters of the figure.
#[utoipa::path(
    tag = "admin-reports",
    operation_id = "adminListReportEntries",
    params(EntriesQuery),
    responses(
        (status = 200, description = "A page of entries", body = ReportEntryPage),
        (status = 409, description = "The last day is not reported yet (`too_recent`)"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[get("/v1/admin/reports/entries")]
pub async fn list_report_entries(
    _: AsOperator<FINANCE>,
    QueryParams(query): QueryParams<EntriesQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let limit = Limit::read(query.limit)?;
    let EntriesQuery { from, to, line, currency, product, channel, cursor, .. } = query;
    let narrowed =
        Narrowed { days: DaysQuery { from, to, currency, product }.days()?, channel: channel.map(Channel::from) };
    let line = line.map(report::ReportLine::from);
    let filters =
        filters(&request, &narrowed.days, narrowed.channel).with_optional("line", line.map(report::ReportLine::as_str));
    let asked: Page<EntryPlace> = page::read(cursor.as_ref(), Sort::Oldest, limit, &filters)?;
    let found = reports::entries(&app, &narrowed, line, &asked).await?;
    let cursors = page::cursors_at(found.previous, found.next, &filters)?;
    Ok(HttpResponse::Ok().json(ReportEntryPage {
        data: found.entries.iter().map(ReportEntry::from).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
    }))
}

/// Report the age of promotional credit
///
/// What is left of promotional credit now, for each currency, by its age and by the time until it expires.
#[utoipa::path(
    tag = "admin-reports",
    operation_id = "adminReportGrantAgeing",
    responses((status = 200, description = "The report", body = GrantAgeing)),
    security(("bearer" = ["operator:finance"]))
)]
#[get("/v1/admin/reports/grants")]
pub async fn report_grant_ageing(_: AsOperator<FINANCE>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let data = reports::grant_ages(&app).await?.iter().map(GrantAgeClass::from).collect();
    Ok(HttpResponse::Ok().json(GrantAgeing { data }))
}

/// Export the journal
///
/// The entries of a range of days as double-entry lines for an accounting system, as CSV: one line for each day,
/// reason, account and side. On every day debits equal credits in each currency. `TOPUP_JOURNAL_ACCOUNTS` names the
/// accounts.
#[utoipa::path(
    tag = "admin-reports",
    operation_id = "adminExportJournal",
    params(DaysQuery),
    responses(
        (status = 200, description = "The journal", body = String, content_type = "text/csv",
            example = json!("date,account,debit,credit,currency,document,memo\r\n\
                2026-11-26,card,100.00,,CNY,topup-2026-11-26,credited\r\n\
                2026-11-26,customer_paid,,100.00,CNY,topup-2026-11-26,credited\r\n")),
        (status = 409, description = "The last day is not reported yet (`too_recent`)"),
    ),
    security(("bearer" = ["operator:finance"]))
)]
#[get("/v1/admin/reports/journal")]
pub async fn export_journal(
    _: AsOperator<FINANCE>,
    QueryParams(query): QueryParams<DaysQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let days = query.days()?;
    let lines = reports::journal(&app, &days).await?;
    let names = &app.settings.journal_accounts;
    let mut sheet = Sheet::with_head(&["date", "account", "debit", "credit", "currency", "document", "memo"])?;
    for line in &lines {
        let day = line.day.to_string();
        let currency = line.debit.or(line.credit).map_or("", |amount| amount.currency().code());
        sheet.row([
            Cell::word(day.as_str()),
            Cell::text(names.name(line.account)),
            line.debit.map_or(Cell::word(""), Cell::money),
            line.credit.map_or(Cell::word(""), Cell::money),
            Cell::word(currency),
            Cell::word(format!("topup-{day}")),
            Cell::word(line.line.as_str()),
        ])?;
    }
    let name = format!("journal-{}-{}.csv", days.from, days.to);
    Ok(csv::answer(&name).body(sheet.finish()?))
}
