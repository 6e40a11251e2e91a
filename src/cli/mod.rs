//! The command line: one file per command.
//!
//! A command prints its result to standard output, and all else to standard error. A command that fails prints one
//! sentence with the reason and the next step. Exit codes: 0 done, 1 failed (or `check` found a disagreement, or
//! `reconcile` a difference), 2 wrong usage.

mod check;
mod erase;
mod import_statement;
mod key;
mod migrate;
mod openapi;
mod personal_data;
mod providers;
mod reconcile;
mod seal;
mod seed;
mod serve;
mod token;
mod welcome;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::app::Error;
use crate::config::Config;

/// Why a command failed: its text is the sentence that the terminal shows.
type Failed = Box<dyn std::error::Error + Send + Sync>;
type CommandOutcome = Result<ExitCode, Failed>;

/// Wallet and top-up service over PostgreSQL. Without a command, `topup` runs `serve`.
#[derive(Debug, Parser)]
#[command(name = "topup", version, about)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    config: Config,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API until SIGTERM or Ctrl-C (default)
    Serve,
    /// Bring the database to the schema of this version, and make the role of the service
    Migrate,
    /// Recompute every balance, hold, grant, order, payment and seal, and fail if anything disagrees
    Check(check::CheckArguments),
    /// Export the heads of the chains of seals
    Seal(seal::SealArguments),
    /// Erase a customer's personal data and the texts of the entries; needs the URL of the database's owner
    Erase(erase::EraseArguments),
    /// Print what is stored about a customer: everything that an erasure would erase
    PersonalData(erase::EraseArguments),
    /// Take a bank's statement: match its lines, and credit the orders that they name
    ImportStatement(import_statement::ImportStatementArguments),
    /// Compare a day of a payment company with the records, and fail if they differ
    Reconcile(reconcile::ReconcileArguments),
    /// Add the missing parts of the demo catalogue
    Seed,
    /// Print the OpenAPI document, or the page of error codes
    Openapi(openapi::OpenapiArguments),
    /// Print what to enter at each payment company: notification URL, events and API version
    Providers,
    /// Print a token signed with the configured key
    Token(token::TokenArguments),
    /// Make or revoke API keys, for operators and services that have no identity provider
    Key(key::KeyArguments),
}

/// Runs the command of the command line.
#[must_use]
pub fn run() -> ExitCode {
    match dotenvy::dotenv() {
        Err(error) if !error.not_found() => return fail(&format!("the file .env cannot be read: {error}")),
        _ => {}
    }
    let command = CommandLine::command().mut_args(|argument| argument.global(true));
    let matches = Config::without_empty_variables(command).get_matches();
    let parsed = match CommandLine::from_arg_matches(&matches) {
        Ok(parsed) => parsed,
        Err(error) => error.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the runtime cannot start: {error}")),
    };
    match runtime.block_on(dispatch(parsed)) {
        Ok(code) => code,
        Err(error) => fail(&error.to_string()),
    }
}

async fn dispatch(CommandLine { command, config }: CommandLine) -> CommandOutcome {
    match command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(config).await,
        Command::Migrate => migrate::run(config).await,
        Command::Check(arguments) => check::run(config, &arguments).await,
        Command::Seal(arguments) => seal::run(config, &arguments).await,
        Command::Erase(arguments) => erase::run(config, &arguments).await,
        Command::PersonalData(arguments) => personal_data::run(config, &arguments).await,
        Command::ImportStatement(arguments) => import_statement::run(config, &arguments).await,
        Command::Reconcile(arguments) => reconcile::run(config, &arguments).await,
        Command::Seed => seed::run(config).await,
        Command::Openapi(arguments) => openapi::run(&arguments),
        Command::Providers => providers::run(&config),
        Command::Token(arguments) => token::run(&config, &arguments),
        Command::Key(arguments) => key::run(config, &arguments).await,
    }
}

/// The error of a use case, with its broken rules in terms of the command line.
fn in_words(error: Error) -> Failed {
    match error {
        Error::Invalid(errors) => {
            let said = errors
                .iter()
                .map(|error| format!("--{} {}", error.pointer.trim_start_matches('?').replace('_', "-"), error.detail));
            said.collect::<Vec<_>>().join("; ").into()
        }
        other => other.into(),
    }
}

fn fail(sentence: &str) -> ExitCode {
    eprintln!("topup: {sentence}");
    ExitCode::FAILURE
}
