//! `topup import-statement`: takes a file of a bank, as `POST /v1/admin/bank-statements` does.

use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{CommandOutcome, Failed, in_words};
use crate::app::Caller;
use crate::app::bank_statements::{self, Imported, Upload};
use crate::config::Config;
use crate::domain::id::IdKind;
use crate::domain::money::parse_plain_decimal;
use crate::domain::permission::Permission;
use crate::server::{self, Database};

#[derive(Debug, clap::Args)]
pub struct ImportStatementArguments {
    /// The file: camt.053, MT940, or a CSV as the account's mapping reads it
    file: PathBuf,
    /// The bank account: bac_…
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Uuid,
    /// The operator who uploads the statement: what is credited by rule counts as moved by this operator
    #[arg(long, value_name = "NAME")]
    operator: String,
    /// The balance before the first line, if the file has none
    #[arg(long, value_name = "AMOUNT", value_parser = balance)]
    opening_balance: Option<Decimal>,
    /// The balance after the last line, if the file has none
    #[arg(long, value_name = "AMOUNT", value_parser = balance)]
    closing_balance: Option<Decimal>,
    /// The file does not begin with the last closing balance of the account, and that is right
    #[arg(long)]
    confirm_gap: bool,
}

pub async fn run(config: Config, arguments: &ImportStatementArguments) -> CommandOutcome {
    server::log(&config)?;
    let file = std::fs::read(&arguments.file)
        .map_err(|error| format!("{} cannot be read: {error}", arguments.file.display()))?;
    let database = Database::open(&config).await?;
    let imported = import(&config, &database, arguments, &file).await;
    let closed = database.close().await;
    let (imported, known) = imported?;
    closed?;
    println!("{}", said(&imported, known));
    Ok(ExitCode::SUCCESS)
}

async fn import(
    config: &Config,
    database: &Database,
    arguments: &ImportStatementArguments,
    file: &[u8],
) -> Result<(Imported, bool), Failed> {
    let prepared = database.prepare(config).await?;
    let app = server::use_cases(config, database, &prepared)?;
    let caller = Caller::operator(&arguments.operator, Permission::Finance.into());
    let upload = Upload {
        account: arguments.account,
        opening: arguments.opening_balance,
        closing: arguments.closing_balance,
        confirm_gap: arguments.confirm_gap,
    };
    // The bar draws on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template("{bar:20} {pos}/{len} orders")?);
    let made = bank_statements::upload(&app, &caller, &upload, file, &|done, of| {
        bar.set_length(u64::try_from(of).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    })
    .await;
    bar.finish_and_clear();
    app.poster.drain().await;
    app.pool.close();
    let made = made.map_err(|error| in_words(error).to_string().replace("\"confirm_gap=true\"", "--confirm-gap"))?;
    Ok((made.value, made.replayed))
}

fn said(imported: &Imported, known: bool) -> String {
    let statement = &imported.statement;
    let id = IdKind::BankStatement.show(statement.id);
    let lines = format!(
        "{id} has {} lines: {} arrived, {} left.",
        statement.sums.lines, statement.sums.credits, statement.sums.debits
    );
    let became = if statement.waits() {
        "A second operator must approve it before it counts.".to_owned()
    } else {
        format!("{} orders were credited by rule; /v1/admin/bank-lines shows what is left.", imported.credited)
    };
    let again = if known { " The file was already recorded." } else { "" };
    format!("{lines} {became}{again}")
}

fn account(text: &str) -> Result<Uuid, String> {
    IdKind::BankAccount.parse(text).ok_or_else(|| "must be the id of a bank account: bac_…".to_owned())
}

fn balance(text: &str) -> Result<Decimal, String> {
    parse_plain_decimal(text).map_err(|error| error.to_string())
}
