//! `topup migrate`.

use std::process::ExitCode;

use super::Outcome;
use crate::config::Config;
use crate::server::{self, Database};

pub async fn run(config: Config) -> Outcome {
    server::log(&config)?;
    let database = Database::open(&config).await?;
    let migrated = database.migrate(&config).await;
    let closed = database.close().await;
    let (ran, stamp) = migrated?;
    closed?;
    println!("{ran} migrations ran; the database is up to date and stamped {stamp}.");
    Ok(ExitCode::SUCCESS)
}
