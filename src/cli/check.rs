//! `topup check`: recomputes the books and prints what disagrees.

use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};

use super::{CommandOutcome, Failed, seal};
use crate::app::{check, integrity};
use crate::config::Config;
use crate::domain::check::Report;
use crate::domain::seal::heads::Head;
use crate::server::{self, Database};

#[derive(Debug, clap::Args)]
pub struct CheckArguments {
    /// Also check that the chains of seals still have the heads in this file of `topup seal export`
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
}

pub async fn run(config: Config, arguments: &CheckArguments) -> CommandOutcome {
    let heads = arguments.heads.as_deref().map(seal::read).transpose()?.unwrap_or_default();
    server::log(&config)?;
    let database = Database::open(&config).await?;
    let checked = check(&config, &database, &heads).await;
    let closed = database.close().await;
    let report = checked?;
    closed?;
    print!("{}", check::render(&report));
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check(config: &Config, database: &Database, heads: &[Head]) -> Result<Report, Failed> {
    let prepared = database.prepare(config).await?;
    // The bar draws on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template("{bar:20} {pos}/{len} {msg}")?);
    let pool = database.pool(&prepared)?;
    let report = check::run_against(&pool, heads, &mut |progress| {
        bar.set_length(u64::try_from(progress.of).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(progress.done).unwrap_or(u64::MAX));
        bar.set_message(progress.step);
    })
    .await;
    bar.finish_and_clear();
    let report = report?;
    // The result counts even if it cannot be stored, for example on a standby.
    if let Err(error) = integrity::keep(&pool, &report, "topup check").await {
        tracing::warn!(%error, "The result of the check was not stored, so /v1/admin/integrity shows an older one");
    }
    Ok(report)
}
