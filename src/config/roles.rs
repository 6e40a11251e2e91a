//! Who may do what in the database.

use clap::Args;

/// The roles of the database.
#[derive(Debug, Clone, Args)]
pub struct RoleConfig {
    /// The role that every session of the service takes. `topup migrate` creates it and records its name. Unset:
    /// `topup_` and the name of the database.
    #[arg(long, env = "TOPUP_DATABASE_ROLE", value_name = "NAME")]
    pub database_role: Option<String>,
    /// The user of `topup serve`, to whom `topup migrate` grants the role. Unset: only the user who migrates gets it.
    #[arg(long, env = "TOPUP_SERVICE_LOGIN", value_name = "NAME")]
    pub service_login: Option<String>,
    /// Whether `topup serve` may connect to a live database as the owner of its tables or as a superuser, who could
    /// change entries.
    #[arg(
        long, env = "TOPUP_ALLOW_OWNER", value_name = "BOOL", default_value = "false",
        value_parser = clap::builder::BoolishValueParser::new(),
        num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set
    )]
    pub allow_owner: bool,
}
