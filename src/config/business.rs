//! On which days operators work, and how long they promise to take.

use chrono::{FixedOffset, NaiveDate};
use clap::Args;

/// On which days operators work, and how long they promise to take.
#[derive(Debug, Clone, Args)]
pub struct BusinessConfig {
    /// How many business days operators promise to take for a bank transfer. A transfer that has waited longer is
    /// overdue.
    #[arg(
        id = "verification-days",
        long,
        env = "TOPUP_VERIFICATION_DAYS",
        value_name = "DAYS",
        default_value = "3",
        value_parser = clap::value_parser!(u32).range(0..=365)
    )]
    pub verification_days: u32,
    /// The days that are not business days, in addition to Saturdays and Sundays: `2026-10-01,2026-10-02`.
    #[arg(id = "holidays", long, env = "TOPUP_HOLIDAYS", value_name = "DAYS", value_delimiter = ',')]
    pub holidays: Vec<NaiveDate>,
    /// The offset from UTC of the place where operators work, for example `+08:00`. It decides when their days begin.
    #[arg(
        id = "business-offset",
        long,
        env = "TOPUP_BUSINESS_OFFSET",
        value_name = "OFFSET",
        default_value = "+00:00",
        allow_hyphen_values = true
    )]
    pub offset: FixedOffset,
}
