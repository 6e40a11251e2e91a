//! How events are delivered to partners.

use clap::Args;

/// How events are delivered to partners.
#[derive(Debug, Clone, Args)]
pub struct WebhookConfig {
    /// Whether webhooks may go to loopback addresses, also by `http`. Unset: only if payment companies are simulated
    /// and no real money moves.
    #[arg(
        id = "webhook-allow-loopback", long, env = "TOPUP_WEBHOOK_ALLOW_LOOPBACK", value_name = "BOOL",
        num_args = 0..=1, default_missing_value = "true"
    )]
    pub allow_loopback: Option<bool>,
}
