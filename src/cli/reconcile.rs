//! `topup reconcile`: compares a day of a payment company with our records, and prints the report of
//! `GET /v1/admin/reports/reconciliation`.

use std::process::ExitCode;
use std::time::Duration;

use chrono::NaiveDate;
use indicatif::{ProgressBar, ProgressStyle};

use super::{CommandOutcome, Failed, in_words};
use crate::app::reconciliations::{self, Reconciled};
use crate::config::Config;
use crate::domain::payment::ProviderName;
use crate::http::v1::admin::reconciliation::report;
use crate::server::{self, Database};

#[derive(Debug, clap::Args)]
pub struct ReconcileArguments {
    /// The company: stripe, paypal or vnpay
    #[arg(long, value_name = "NAME", value_parser = reconciliations::company)]
    provider: ProviderName,
    /// The day, such as 2026-11-21, in the time zone of the installation; it must be over
    #[arg(long, value_name = "DAY")]
    day: NaiveDate,
}

pub async fn run(config: Config, arguments: &ReconcileArguments) -> CommandOutcome {
    server::log(&config)?;
    let database = Database::open(&config).await?;
    let compared = compare(&config, &database, arguments).await;
    let closed = database.close().await;
    let day = compared?;
    closed?;
    println!("{}", serde_json::to_string_pretty(&report(&day)?)?);
    Ok(if day.found.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn compare(config: &Config, database: &Database, arguments: &ReconcileArguments) -> Result<Reconciled, Failed> {
    let prepared = database.prepare(config).await?;
    let app = server::use_cases(config, database, &prepared)?;
    // It draws on standard error, and only if that is a terminal.
    let spinner = ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {msg}")?);
    spinner.set_message(format!("{} is asked", arguments.provider));
    spinner.enable_steady_tick(Duration::from_millis(100));
    let compared = reconciliations::of_day(&app, arguments.provider, arguments.day, &|done, of| {
        spinner.set_message(format!("{} is asked: {done} of {of} payments", arguments.provider));
    })
    .await;
    spinner.finish_and_clear();
    app.poster.drain().await;
    app.pool.close();
    compared.map_err(in_words)
}
