//! API keys of the service's own.

use clap::Args;

/// API keys of the service's own.
#[derive(Debug, Clone, Args)]
pub struct KeyConfig {
    /// How many days an API key lives at most.
    #[arg(
        id = "key-max-days",
        long,
        env = "TOPUP_KEY_MAX_DAYS",
        value_name = "DAYS",
        default_value = "90",
        value_parser = clap::value_parser!(u16).range(1..=3650)
    )]
    pub max_days: u16,
}
