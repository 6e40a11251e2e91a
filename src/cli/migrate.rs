//! `topup migrate`: brings the database to the schema of this version, stamps it, and makes the role of the service.

use std::process::ExitCode;

use super::CommandOutcome;
use crate::config::Config;
use crate::server::{self, Database, Migrated};

pub async fn run(config: Config) -> CommandOutcome {
    server::log(&config)?;
    let database = Database::open(&config).await?;
    let migrated = database.migrate(&config).await;
    let closed = database.close().await;
    let Migrated { ran, stamp, deployment, role } = migrated?;
    closed?;
    println!("{ran} migrations ran; the database is up to date and stamped {stamp}. Its role is {}.", role.role);
    println!("Its deployment id, which marks its payments at the payment companies, is {deployment}.");
    if !role.left.is_empty() {
        println!(
            "\nThis user may not run the following statements. Let an administrator of PostgreSQL run them, then run \
             this command again:"
        );
        for statement in &role.left {
            println!("{statement}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
