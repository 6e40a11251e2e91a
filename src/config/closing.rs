//! How accounts are closed.

use clap::Args;

/// How accounts are closed.
#[derive(Debug, Clone, Args)]
pub struct ClosingConfig {
    /// How many days must pass after a customer's last payment through a payment company before the rest of the closed
    /// account is paid out: until then the payer may contest the payment.
    #[arg(
        id = "closing-payout-days",
        long,
        env = "TOPUP_CLOSING_PAYOUT_DAYS",
        value_name = "DAYS",
        default_value = "14",
        value_parser = clap::value_parser!(u16).range(0..=365)
    )]
    pub payout_days: u16,
}
