//! How long temporary data is kept.

use clap::Args;

/// How long temporary data is kept, in days.
#[derive(Debug, Clone, Args)]
pub struct KeepConfig {
    /// For how many days idempotency keys are kept once what they made no longer changes; at least 2. A transfer, a
    /// grant or a refund keeps its key for ever, so a late repetition never pays twice.
    #[arg(
        id = "keep-idempotency-keys-days",
        long,
        env = "TOPUP_KEEP_IDEMPOTENCY_KEYS_DAYS",
        value_name = "DAYS",
        default_value = "35",
        value_parser = clap::value_parser!(u16).range(2..)
    )]
    pub idempotency_keys: u16,
    /// For how many days events are kept. A feed reader that falls further behind gets 410 and starts again; an
    /// older `Last-Event-ID` of the balance stream gets the full state.
    #[arg(
        id = "keep-events-days",
        long,
        env = "TOPUP_KEEP_EVENTS_DAYS",
        value_name = "DAYS",
        default_value = "30",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub events: u16,
    /// For how many days deliveries of webhooks are kept, with the answers to them. A delivery that waits longer is not
    /// sent any more.
    #[arg(
        id = "keep-webhook-deliveries-days",
        long,
        env = "TOPUP_KEEP_WEBHOOK_DELIVERIES_DAYS",
        value_name = "DAYS",
        default_value = "30",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub webhook_deliveries: u16,
    /// For how many days notifications of payment companies are kept.
    #[arg(
        id = "keep-notifications-days",
        long,
        env = "TOPUP_KEEP_NOTIFICATIONS_DAYS",
        value_name = "DAYS",
        default_value = "550",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub notifications: u16,
    /// For how many days notifications about things that are not ours are kept.
    #[arg(
        id = "keep-foreign-notifications-days",
        long,
        env = "TOPUP_KEEP_FOREIGN_NOTIFICATIONS_DAYS",
        value_name = "DAYS",
        default_value = "7",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub foreign_notifications: u16,
    /// For how many days closed holds are kept; at least 2. After that, the id of a hold that charged nothing can be
    /// used again. What a hold charged can then no longer be given back, unless a part of it was given back before.
    #[arg(
        id = "keep-holds-days",
        long,
        env = "TOPUP_KEEP_HOLDS_DAYS",
        value_name = "DAYS",
        default_value = "30",
        value_parser = clap::value_parser!(u16).range(2..)
    )]
    pub holds: u16,
}
