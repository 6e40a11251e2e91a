//! `topup seed`.

use std::process::ExitCode;

use super::Outcome;
use crate::config::Config;
use crate::server::{self, Database, StartError};

pub async fn run(config: Config) -> Outcome {
    server::log(&config)?;
    let database = Database::open(&config).await?;
    let seeded = seed(&config, &database).await;
    let closed = database.close().await;
    seeded?;
    closed?;
    println!("The demo catalogue is there: products, options, channels, bank accounts, agreement.");
    Ok(ExitCode::SUCCESS)
}

async fn seed(config: &Config, database: &Database) -> Result<(), StartError> {
    database.prepare(config).await?;
    database.seed().await
}
