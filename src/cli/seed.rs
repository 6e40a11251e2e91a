//! `topup seed`: adds the demo catalogue and the demo customer.

use std::process::ExitCode;

use super::CommandOutcome;
use crate::config::Config;
use crate::server::{self, Database, StartError};

pub async fn run(config: Config) -> CommandOutcome {
    server::log(&config)?;
    let database = Database::open(&config).await?;
    let seeded = seed(&config, &database).await;
    let closed = database.close().await;
    seeded?;
    closed?;
    println!("The database has the demo catalogue: products, options, channels, bank accounts and the agreement.");
    Ok(ExitCode::SUCCESS)
}

async fn seed(config: &Config, database: &Database) -> Result<(), StartError> {
    let prepared = database.prepare(config).await?;
    database.seed(&prepared).await
}
