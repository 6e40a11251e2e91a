//! When days begin, how accounts are named, and by which keys usage is summed.

use clap::Args;

use crate::domain::report::journal::AccountName;
use crate::domain::usage_sum::UsageKeys;

/// When the days of reports begin, how accounts are named, and by which keys usage is summed.
#[derive(Debug, Clone, Args)]
pub struct ReportConfig {
    /// The time zone in which the days of reports and the months of statements begin, by its IANA name, for example
    /// `Asia/Ho_Chi_Minh`. The first `topup migrate` stamps the database with it; it can be changed only while nothing
    /// was ever booked. Unset: the stamped time zone of the database, at first UTC.
    #[arg(id = "time-zone", long, env = "TOPUP_TIME_ZONE", value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// The names of accounts in the journal, for example `usage=4000 Revenue,customer_paid=2100`. An account without a
    /// name keeps its own word.
    #[arg(id = "journal-accounts", long, env = "TOPUP_JOURNAL_ACCOUNTS", value_name = "NAMES", value_delimiter = ',')]
    pub journal_accounts: Vec<AccountName>,
    /// The keys of metadata by which usage is summed, at most three, for example `model,region`. They are folded with
    /// each day, so a change counts from the next day on. A key with many values makes as many rows a day for each
    /// customer. Unset: usage is summed only by product.
    #[arg(id = "usage-keys", long, env = "TOPUP_USAGE_KEYS", value_name = "KEYS", default_value = "")]
    pub usage_keys: UsageKeys,
}
