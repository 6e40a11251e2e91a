//! `topup migrate`: brings the database to the schema of this version, and stamps it.

use std::process::ExitCode;

use super::CommandOutcome;
use crate::config::Config;
use crate::server::{self, Database};

pub async fn run(config: Config) -> CommandOutcome {
    server::log(&config)?;
    let database = Database::open(&config).await?;
    let migrated = database.migrate(&config).await;
    let closed = database.close().await;
    let (ran, stamp) = migrated?;
    closed?;
    println!("{ran} migrations ran; the database is up to date and stamped {stamp}.");
    Ok(ExitCode::SUCCESS)
}
