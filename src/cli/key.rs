//! `topup key`: makes API keys for anybody, and revokes them.

use std::process::ExitCode;

use super::{CommandOutcome, Failed};
use crate::app::api_keys::{self, NewKey};
use crate::config::Config;
use crate::domain::api_key::KeyOwner;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::permission::Permission;
use crate::server::{self, Database};

#[derive(Debug, clap::Args)]
pub struct KeyArguments {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum KeyCommand {
    /// Make a key, and print it: it is shown only once
    Create(CreateArguments),
    /// Revoke one key, or all of an owner
    Revoke(RevokeArguments),
}

#[derive(Debug, clap::Args)]
struct CreateArguments {
    /// The owner as whom the key acts: operator:alice or service:meter
    #[arg(long, value_name = "OWNER", value_parser = owner)]
    owner: KeyOwner,
    /// The customer that the owner also is, if its id differs from the owner's name: the key decides nothing about this
    /// customer
    #[arg(long, value_name = "CUSTOMER", value_parser = customer)]
    own_customer: Option<CustomerId>,
    /// What an operator's key permits; repeat it for several. `finance` contains `support`, and all contain `read`
    #[arg(long, value_name = "PERMISSION")]
    permission: Vec<Permission>,
    /// For how many days the key is valid; at most TOPUP_KEY_MAX_DAYS
    #[arg(long, value_name = "DAYS", default_value = "90")]
    days: u16,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "made on the command line", value_parser = description)]
    description: String,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct RevokeArguments {
    /// End all keys of this owner
    #[arg(long, value_name = "OWNER", value_parser = owner)]
    owner: Option<KeyOwner>,
    /// End this key: key_…
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

pub async fn run(config: Config, arguments: &KeyArguments) -> CommandOutcome {
    server::log(&config)?;
    let database = Database::open(&config).await?;
    let done = work(&config, &database, arguments).await;
    let closed = database.close().await;
    let done = done?;
    closed?;
    println!("{done}");
    Ok(ExitCode::SUCCESS)
}

async fn work(config: &Config, database: &Database, arguments: &KeyArguments) -> Result<String, Failed> {
    let prepared = database.prepare(config).await?;
    let pool = database.pool(&prepared)?;
    match &arguments.command {
        KeyCommand::Create(create) => {
            let new = NewKey {
                description: create.description.clone(),
                permissions: create.permission.iter().copied().collect(),
                days: create.days,
            };
            let max = config.keys.max_days;
            let own = create.own_customer.as_ref();
            let made =
                api_keys::create_for(&pool, &create.owner, own, prepared.stamp, max, &new).await.map_err(said)?;
            eprintln!("{} for {} until {}", IdKind::ApiKey.show(made.key.id), made.key.owner, made.key.expires_at);
            Ok(made.text.expose().to_owned())
        }
        KeyCommand::Revoke(RevokeArguments { owner: Some(owner), .. }) => {
            let ended = api_keys::revoke_all(&pool, owner).await.map_err(said)?;
            Ok(format!(
                "{} keys of {owner} are revoked; running services refuse them in five seconds. \
                 Webhook endpoints that they made or changed last are paused.",
                ended.len()
            ))
        }
        KeyCommand::Revoke(RevokeArguments { id, .. }) => {
            let id =
                id.as_deref().and_then(|id| IdKind::ApiKey.parse(id)).ok_or("--id must be the id of a key: key_…")?;
            let key = api_keys::revoke_one(&pool, id).await.map_err(said)?;
            Ok(format!(
                "The key of {} is revoked; running services refuse it in five seconds. \
                 Webhook endpoints that it made or changed last are paused.",
                key.owner
            ))
        }
    }
}

/// The broken rules of a request, in terms of the command line.
fn said(error: crate::app::Error) -> Failed {
    match error {
        crate::app::Error::Invalid(errors) => {
            let said = errors.iter().map(|error| {
                let option = if error.pointer == "/expires_in_days" { "days" } else { "permission" };
                format!("--{option} {}", error.detail)
            });
            said.collect::<Vec<_>>().join("; ").into()
        }
        other => other.to_string().into(),
    }
}

fn owner(text: &str) -> Result<KeyOwner, String> {
    KeyOwner::parse(text).ok_or_else(|| "must be operator:NAME or service:NAME".to_owned())
}

fn customer(text: &str) -> Result<CustomerId, String> {
    CustomerId::new(text).ok_or_else(|| "must be a customer's id".to_owned())
}

fn description(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_line = (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if is_line { Ok(text.to_owned()) } else { Err("must be one line of 1 to 200 characters".to_owned()) }
}
