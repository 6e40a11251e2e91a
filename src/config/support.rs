//! Whom customers ask for help.

use clap::Args;

/// Whom customers ask for help. The top-up options name it.
#[derive(Debug, Clone, Args)]
pub struct SupportConfig {
    /// The e-mail address of the support.
    #[arg(id = "support-email", long, env = "TOPUP_SUPPORT_EMAIL", value_name = "ADDRESS")]
    pub email: Option<String>,
    /// The page of the support.
    #[arg(id = "support-url", long, env = "TOPUP_SUPPORT_URL", value_name = "URL")]
    pub url: Option<String>,
    /// The telephone number of the support.
    #[arg(id = "support-phone", long, env = "TOPUP_SUPPORT_PHONE", value_name = "NUMBER")]
    pub phone: Option<String>,
}
