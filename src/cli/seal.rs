//! `topup seal export`: writes the heads of all chains of seals to a file, to be kept where the owner of the database
//! cannot reach it.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{CommandOutcome, Failed};
use crate::app::{Error, seals};
use crate::config::Config;
use crate::domain::seal::heads::Head;
use crate::server::{self, Database};

#[derive(Debug, clap::Args)]
pub struct SealArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Write the head of each wallet's chain to a file: one line with customer, wallet, last sealed entry and hash
    Export {
        /// The file, which must not exist
        file: PathBuf,
    },
}

pub async fn run(config: Config, arguments: &SealArguments) -> CommandOutcome {
    let Action::Export { file } = &arguments.action;
    server::log(&config)?;
    let database = Database::open(&config).await?;
    let exported = export(&config, &database, file).await;
    let closed = database.close().await;
    let heads = exported?;
    closed?;
    println!("{heads} heads are in {}.", file.display());
    Ok(ExitCode::SUCCESS)
}

/// Why the heads were not written.
enum Stopped {
    Database(Error),
    File(std::io::Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

async fn export(config: &Config, database: &Database, file: &Path) -> Result<usize, Failed> {
    let prepared = database.prepare(config).await?;
    let unwritten = |error: std::io::Error| format!("{} cannot be written: {error}", file.display());
    let mut to = BufWriter::new(File::create_new(file).map_err(unwritten)?);
    let mut written = 0;
    let done = seals::export_heads(&database.pool(&prepared)?, |heads: &[Head]| {
        written += heads.len();
        heads.iter().try_for_each(|head| writeln!(to, "{}", head.line())).map_err(Stopped::File)
    })
    .await;
    match done {
        Ok(()) => {}
        Err(Stopped::Database(error)) => return Err(error.into()),
        Err(Stopped::File(error)) => return Err(unwritten(error).into()),
    }
    to.flush().map_err(unwritten)?;
    Ok(written)
}

/// Reads a file of heads.
///
/// # Errors
/// When the file cannot be read, or a line is not a head.
pub fn read(file: &Path) -> Result<Vec<Head>, Failed> {
    let text = fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let heads = (1..).zip(text.lines()).map(|(n, line)| {
        Head::read(line).ok_or_else(|| format!("{} line {n} is not a head of a chain of seals", file.display()).into())
    });
    heads.collect()
}
