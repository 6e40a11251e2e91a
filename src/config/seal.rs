//! Whether entries are sealed, and with which key.

use clap::Args;
use secrecy::SecretString;

/// How entries are sealed.
#[derive(Debug, Clone, Args)]
pub struct SealConfig {
    /// Whether entries are sealed into signed chains: `on` or `off`.
    #[arg(id = "seal", long, env = "TOPUP_SEAL", value_name = "MODE", value_enum, default_value_t)]
    pub mode: SealMode,
    /// The Ed25519 key that signs seals: its PEM text (PKCS#8), or 32 bytes in base64. Unset: on a database stamped
    /// test, a key is generated and kept in the data folder.
    #[arg(
        id = "seal-key", long, env = "TOPUP_SEAL_KEY",
        hide_env_values = true, value_name = "KEY", value_parser = super::secret
    )]
    pub key: Option<SecretString>,
    /// After how many seconds an entry is sealed, unless a thousand of its wallet are sealed before.
    #[arg(
        id = "seal-after-seconds",
        long,
        env = "TOPUP_SEAL_AFTER_SECONDS",
        value_name = "SECONDS",
        default_value = "3600"
    )]
    pub after_seconds: u32,
}

/// Whether entries are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SealMode {
    #[default]
    On,
    Off,
}
