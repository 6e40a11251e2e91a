//! `topup personal-data`: prints what is stored about a customer, one JSON object a line: everything that `topup erase`
//! erases.

use std::process::ExitCode;

use serde_json::json;

use super::erase::EraseArguments;
use super::{CommandOutcome, Failed};
use crate::app::seals;
use crate::config::Config;
use crate::domain::customer::CustomerId;
use crate::server::{self, Database};

pub async fn run(config: Config, arguments: &EraseArguments) -> CommandOutcome {
    server::log(&config)?;
    let database = Database::open(&config).await?;
    let shown = show(&config, &database, &arguments.customer).await;
    let closed = database.close().await;
    shown?;
    closed?;
    Ok(ExitCode::SUCCESS)
}

async fn show(config: &Config, database: &Database, customer: &CustomerId) -> Result<(), Failed> {
    database.prepare(config).await?;
    let mut conn = database.own_connection().await?;
    let mut print = |table: &str, data| println!("{}", json!({ "table": table, "data": data }));
    Ok(seals::personal_data(&mut conn, customer, &mut print).await?)
}
