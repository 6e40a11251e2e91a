//! `topup erase`: erases a customer's personal data, as the owner of the database. Entries and seals stay.

use std::process::ExitCode;

use super::{CommandOutcome, Failed};
use crate::app::{Error, seals};
use crate::config::Config;
use crate::domain::customer::CustomerId;
use crate::server::{self, Database};

#[derive(Debug, clap::Args)]
pub struct EraseArguments {
    /// The customer's id
    #[arg(long, value_name = "ID", value_parser = customer)]
    pub(super) customer: CustomerId,
}

pub async fn run(config: Config, arguments: &EraseArguments) -> CommandOutcome {
    server::log(&config)?;
    let database = Database::open(&config).await?;
    let erased = erase(&config, &database, &arguments.customer).await;
    let closed = database.close().await;
    let erased = erased?;
    closed?;
    println!("The texts of {erased} entries of {} are erased. The seals stay valid.", arguments.customer);
    Ok(ExitCode::SUCCESS)
}

async fn erase(config: &Config, database: &Database, customer: &CustomerId) -> Result<usize, Failed> {
    database.prepare(config).await?;
    let mut conn = database.own_connection().await?;
    let erased = seals::erase_texts(&mut conn, customer).await;
    Ok(erased.map_err(|error| match error {
        Error::Conflict { detail, .. } => format!("nothing was erased: {detail}"),
        error => format!("nothing was erased: {error}; DATABASE_URL must name the database's owner"),
    })?)
}

fn customer(text: &str) -> Result<CustomerId, String> {
    CustomerId::new(text).ok_or_else(|| "is not the id of a customer".to_owned())
}
