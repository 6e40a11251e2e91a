//! The reasons why the service does not start. Each is one sentence that says what to do next.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::domain::environment::Environment;
use crate::domain::payment::ProviderName;
use crate::domain::seal::key::NoKey as NoSealKeyText;
#[cfg(feature = "embedded")]
use crate::embedded::EmbeddedError;
use crate::identity::IdentitySettingsError;
use crate::outbound::SenderError;
use crate::providers::settings::ProviderSettingsError;
#[cfg(feature = "sandbox")]
use crate::sandbox::SandboxError;
use crate::storage::StorageError;
use crate::telemetry::TelemetryError;

/// The reason why the service did not start, or a command failed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    #[cfg(not(feature = "embedded"))]
    #[error("this build has no embedded PostgreSQL: set DATABASE_URL to a database")]
    NoDatabase,
    #[error("the database cannot be used: {0}; check DATABASE_URL, and that PostgreSQL runs there")]
    Storage(#[from] StorageError),
    #[error(
        "DATABASE_URL leads to a pooler that gives each transaction to any server session, so time limits and the \
         order of locks would not be kept: connect to PostgreSQL itself, or set the pooler to session mode"
    )]
    TransactionPooler,
    #[error(
        "the database is stamped live, and its server may lose what it has confirmed, because {0} is off: switch it \
         on, or set TOPUP_ALLOW_UNSAFE_COMMITS=true to accept lost money after a crash"
    )]
    UnsafeCommits(String),
    #[error("webhooks cannot be sent from this machine: {0}; install its root certificates")]
    Webhooks(#[source] SenderError),
    #[error("the database lacks {0} migrations of this version: run `topup migrate`, then start again")]
    Pending(usize),
    #[error("the database was never stamped test or live: run `topup migrate`, then start again")]
    Unstamped,
    #[error(
        "the database is stamped {stamp}, but the configuration says {wanted}: use a separate database for each, \
         or correct TOPUP_ENVIRONMENT (a stamp can be changed by `topup migrate` only while nothing was ever booked)"
    )]
    OtherStamp { stamp: Environment, wanted: Environment },
    #[error("TOPUP_TIME_ZONE: the database does not know the time zone {0}; the known names are in pg_timezone_names")]
    UnknownTimeZone(String),
    #[error(
        "the days of the database begin in {stamped}, but TOPUP_TIME_ZONE says {wanted}: correct it (a time zone can \
         be changed by `topup migrate` only while nothing was ever booked)"
    )]
    OtherTimeZone { stamped: String, wanted: String },
    #[error(
        "{provider} is configured with {credentials} credentials, but the database is stamped {stamp}: \
         use the credentials or the database of the right environment (TOPUP_ENVIRONMENT, then `topup migrate`)"
    )]
    WrongCredentials { provider: ProviderName, credentials: Environment, stamp: Environment },
    #[cfg(feature = "sandbox")]
    #[error("the sandbox makes money from nothing and refuses a database stamped live: set TOPUP_SANDBOX=off")]
    SandboxOnLive,
    #[cfg(not(feature = "sandbox"))]
    #[error("this build has no sandbox: set TOPUP_SANDBOX=off, or build with the Cargo feature `sandbox`")]
    NoSandbox,
    #[error("a database stamped live refuses generated development keys: set TOPUP_JWT_SECRET or another JWT key")]
    GeneratedKeyOnLive,
    #[error(
        "there is no key to verify tokens with: set TOPUP_JWT_SECRET (at least 32 bytes, for example from \
         `openssl rand -hex 32`), \
         TOPUP_JWT_PUBLIC_KEY or TOPUP_JWT_JWKS_URL"
    )]
    NoKey,
    #[error(
        "there is no key to sign seals with, which a database stamped live needs: set TOPUP_SEAL_KEY (for example from \
         `openssl genpkey -algorithm ed25519`), or TOPUP_SEAL=off to leave entries unsealed"
    )]
    NoSealKey,
    #[error("TOPUP_SEAL_KEY {0}")]
    SealKey(#[from] NoSealKeyText),
    #[error(
        "the session cannot take the role {0}, without which the service does not work: run `topup migrate` with the \
         URL of the database's owner, and set TOPUP_SERVICE_LOGIN to the user of this URL, or grant that user the role"
    )]
    NoRole(String),
    #[error(
        "DATABASE_URL names the owner of the tables or a superuser, who could change entries: give `topup serve` a \
         user of its own (TOPUP_SERVICE_LOGIN, then `topup migrate`), or set TOPUP_ALLOW_OWNER=1"
    )]
    OwnerOnLive,
    #[error("the file {path} cannot be used: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Identity(#[from] IdentitySettingsError),
    #[error(transparent)]
    Provider(#[from] ProviderSettingsError),
    #[cfg(feature = "sandbox")]
    #[error("{0}: see TOPUP_SANDBOX and TOPUP_SANDBOX_BIND")]
    Sandbox(String),
    #[error("{setting}: {text} is not an origin such as https://app.example.com")]
    Origin { setting: &'static str, text: String },
    #[error("cannot listen on {address}: {source}; choose another address with {setting}")]
    Listen { setting: &'static str, address: SocketAddr, source: std::io::Error },
    #[error("the demo catalogue cannot be added: {0}")]
    Seed(#[from] crate::app::Error),
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
    #[error("the HTTP server cannot start: {0}")]
    Web(std::io::Error),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
}

#[cfg(feature = "sandbox")]
impl From<SandboxError> for StartError {
    fn from(error: SandboxError) -> Self {
        let source = std::error::Error::source(&error).map(|source| format!(" ({source})")).unwrap_or_default();
        Self::Sandbox(format!("{error}{source}"))
    }
}
