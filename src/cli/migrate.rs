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
    println!("It is deployment {deployment}: so it marks its payments at the payment companies.");
    if !role.left.is_empty() {
        println!(
            "\nThis user may not do the following. Let an administrator of PostgreSQL do it, then run this again:"
        );
        for statement in &role.left {
            println!("{statement}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
