//! Every setting, in one place: the doc comment of a field is its `--help` text and its line in `.env.example`.
//!
//! A flag is stronger than its environment variable, and that than the file `.env`. An empty variable counts as
//! unset. Give secrets by the environment: flags are visible to every user of the machine.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Command, FromArgMatches};
use secrecy::SecretString;
use url::Url;

use crate::domain::environment::Environment;
use crate::domain::money::{Money, parse_plain_decimal};
use crate::telemetry::LogFormat;

/// Everything that an installation decides.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// PostgreSQL, as `postgres://user:password@host/database`. Unset: an embedded cluster of this machine's own
    /// PostgreSQL binaries, below the data folder.
    #[arg(long, env, hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub database_url: Option<SecretString>,
    /// Most connections to the database that this process opens.
    #[arg(long, env = "TOPUP_DATABASE_POOL_SIZE", value_name = "N", default_value = "16")]
    pub database_pool_size: NonZeroUsize,
    /// What the database is for, `test` or `live`; it is stamped so at its first migration. Unset: `test` with
    /// the embedded cluster; with DATABASE_URL `live` when Stripe's live key is configured, `test` otherwise.
    #[arg(long, env = "TOPUP_ENVIRONMENT", value_name = "STAMP")]
    pub environment: Option<Environment>,
    /// Folder of the embedded cluster and of generated development keys.
    #[arg(long, env = "TOPUP_DATA_DIR", value_name = "DIR", default_value = ".topup")]
    pub data_dir: PathBuf,

    /// Address to listen on.
    #[arg(long, env = "TOPUP_BIND", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub bind: SocketAddr,
    /// How browsers and payment companies reach this service. Unset: `http://` and the address it listens on.
    #[arg(long, env = "TOPUP_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<Url>,
    /// Threads that serve requests. Unset: one per processor.
    #[arg(long, env = "TOPUP_HTTP_WORKERS", value_name = "N")]
    pub http_workers: Option<NonZeroUsize>,
    /// Largest request body in bytes; operations that take more by nature (batches) have limits of their own.
    #[arg(long, env = "TOPUP_BODY_LIMIT", value_name = "BYTES", default_value = "65536")]
    pub body_limit: usize,
    /// Origins whose pages may call the API from a browser, by commas, as `https://app.example.com`; `*` for all.
    /// Unset: none but our own.
    #[arg(long, env = "TOPUP_CORS_ORIGINS", value_name = "ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<String>,
    /// Requests per minute of one customer; 0 for no limit.
    #[arg(long, env = "TOPUP_CUSTOMER_RATE_LIMIT", value_name = "N", default_value = "600")]
    pub customer_rate_limit: u32,
    /// Requests per minute of one service or operator; 0 for no limit.
    #[arg(long, env = "TOPUP_SERVICE_RATE_LIMIT", value_name = "N", default_value = "0")]
    pub service_rate_limit: u32,
    /// Whether a proxy in front of us is trusted to say who calls (the last address of `X-Forwarded-For`).
    #[arg(
        long, env = "TOPUP_TRUST_PROXY", value_name = "BOOL", default_value = "false",
        num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set
    )]
    pub trust_proxy: bool,
    /// Seconds that requests under way have to end after SIGTERM or Ctrl-C.
    #[arg(long, env = "TOPUP_SHUTDOWN_SECONDS", value_name = "SECONDS", default_value = "30")]
    pub shutdown_seconds: u64,
    /// Balance streams that may be open at a time in this process.
    #[arg(long, env = "TOPUP_STREAMS", value_name = "N", default_value = "1000")]
    pub streams: u16,
    /// Balance streams of one customer that may be open at a time in this process.
    #[arg(long, env = "TOPUP_STREAMS_PER_CUSTOMER", value_name = "N", default_value = "10")]
    pub streams_per_customer: u16,
    /// What is logged, as in `info,topup=debug`.
    #[arg(long, env = "TOPUP_LOG", value_name = "FILTER", default_value = "info,actix_server=warn")]
    pub log: String,
    /// How log lines look.
    #[arg(long, env = "TOPUP_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// Approvals, refunds and adjustments above these amounts need a second operator, as `CNY:50000,USD:7000`.
    /// A currency that is not named has no such limit.
    #[arg(long, env = "TOPUP_SECOND_APPROVAL_ABOVE", value_name = "AMOUNTS", value_delimiter = ',', value_parser = money)]
    pub second_approval_above: Vec<Money>,
    /// How many orders of one customer may wait for money at a time.
    #[arg(long, env = "TOPUP_OPEN_ORDERS_PER_CUSTOMER", value_name = "N", default_value = "50")]
    pub open_orders_per_customer: u32,

    /// Who plays the payment companies. `auto`: the sandbox, for companies without any credentials, and only with the
    /// embedded cluster. `on`: the sandbox, for every company whose base URL is not set. `off`: nobody.
    #[arg(long, env = "TOPUP_SANDBOX", value_name = "MODE", value_enum, default_value_t)]
    pub sandbox: SandboxMode,
    /// Loopback address of the sandbox; port 0 takes any free one.
    #[arg(long, env = "TOPUP_SANDBOX_BIND", value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    pub sandbox_bind: SocketAddr,

    #[command(flatten, next_help_heading = "Usage and holds")]
    pub poster: PosterConfig,
    #[command(flatten, next_help_heading = "Who may call")]
    pub jwt: JwtConfig,
    #[command(flatten, next_help_heading = "Card: Stripe")]
    pub stripe: StripeConfig,
    #[command(flatten, next_help_heading = "PayPal")]
    pub paypal: PaypalConfig,
    #[command(flatten, next_help_heading = "VNPay")]
    pub vnpay: VnpayConfig,
}

/// How usage and holds are written.
#[derive(Debug, Clone, Args)]
pub struct PosterConfig {
    /// Whether usage and holds of concurrent requests are written together. `off`: one transaction per request, which
    /// is slower; for comparison.
    #[arg(id = "poster", long = "poster", env = "TOPUP_POSTER", value_name = "MODE", value_enum, default_value_t)]
    pub mode: PosterMode,
    /// Database connections that write them, beside the pool's.
    #[arg(
        id = "poster-lanes",
        long = "poster-lanes",
        env = "TOPUP_POSTER_LANES",
        value_name = "N",
        default_value = "1"
    )]
    pub lanes: NonZeroUsize,
    /// Transactions that may be on their way at a time, on each of these connections.
    #[arg(
        id = "poster-pipeline",
        long = "poster-pipeline",
        env = "TOPUP_POSTER_PIPELINE",
        value_name = "N",
        default_value = "2"
    )]
    pub pipeline: NonZeroUsize,
    /// Usages and holds that may wait to be written; beyond it, or beyond 32 MiB of them, callers are told to come back
    /// (503). Bounds memory.
    #[arg(
        id = "poster-queue",
        long = "poster-queue",
        env = "TOPUP_POSTER_QUEUE",
        value_name = "N",
        default_value = "20000"
    )]
    pub queue: NonZeroUsize,
}

/// Keys for tokens; several may be configured beside each other.
#[derive(Debug, Clone, Args)]
pub struct JwtConfig {
    /// HS256 secret, at least 32 bytes; `topup token` signs with it. With the embedded cluster and no key at all, one is
    /// generated and kept in the data folder.
    #[arg(id = "jwt-secret", long = "jwt-secret", env = "TOPUP_JWT_SECRET", hide_env_values = true, value_name = "SECRET", value_parser = secret)]
    pub secret: Option<SecretString>,
    /// Where to fetch RS256 and EdDSA keys, by `kid`.
    #[arg(id = "jwt-jwks-url", long = "jwt-jwks-url", env = "TOPUP_JWT_JWKS_URL", value_name = "URL")]
    pub jwks_url: Option<Url>,
    /// One RSA (RS256) or Ed25519 (EdDSA) public key: the PEM text, or the path of its file.
    #[arg(id = "jwt-public-key", long = "jwt-public-key", env = "TOPUP_JWT_PUBLIC_KEY", value_name = "PEM")]
    pub public_key: Option<String>,
    /// The `iss` that tokens must have. Unset: it is not looked at.
    #[arg(id = "jwt-issuer", long = "jwt-issuer", env = "TOPUP_JWT_ISSUER", value_name = "NAME")]
    pub issuer: Option<String>,
    /// The `aud` that tokens must have. Unset: it is not looked at; set it wherever keys are shared.
    #[arg(id = "jwt-audience", long = "jwt-audience", env = "TOPUP_JWT_AUDIENCE", value_name = "NAME")]
    pub audience: Option<String>,
    /// Seconds that clocks may disagree about `exp` and `nbf`, at most 300.
    #[arg(
        id = "jwt-leeway-seconds",
        long = "jwt-leeway-seconds",
        env = "TOPUP_JWT_LEEWAY_SECONDS",
        value_name = "SECONDS",
        default_value = "0"
    )]
    pub leeway_seconds: u64,
}

/// Channel `card`. Offered when both secrets are set.
#[derive(Debug, Clone, Args)]
pub struct StripeConfig {
    /// `sk_test_…`, `sk_live_…`, or a restricted key.
    #[arg(id = "stripe-secret-key", long = "stripe-secret-key", env = "TOPUP_STRIPE_SECRET_KEY", hide_env_values = true, value_name = "KEY", value_parser = secret)]
    pub secret_key: Option<SecretString>,
    /// `pk_…`: goes to browsers, for the card pop-up (`elements`) only.
    #[arg(
        id = "stripe-publishable-key",
        long = "stripe-publishable-key",
        env = "TOPUP_STRIPE_PUBLISHABLE_KEY",
        value_name = "KEY"
    )]
    pub publishable_key: Option<String>,
    /// `whsec_…` of the webhook endpoint that leads to `/v1/providers/stripe/notifications`.
    #[arg(id = "stripe-webhook-secret", long = "stripe-webhook-secret", env = "TOPUP_STRIPE_WEBHOOK_SECRET", hide_env_values = true, value_name = "SECRET", value_parser = secret)]
    pub webhook_secret: Option<SecretString>,
    /// Unset: Stripe's own, `https://api.stripe.com`.
    #[arg(id = "stripe-base-url", long = "stripe-base-url", env = "TOPUP_STRIPE_BASE_URL", value_name = "URL")]
    pub base_url: Option<Url>,
    /// The API version that the webhook endpoint has at Stripe. Unset: the one this was written for.
    #[arg(
        id = "stripe-api-version",
        long = "stripe-api-version",
        env = "TOPUP_STRIPE_API_VERSION",
        value_name = "VERSION"
    )]
    pub api_version: Option<String>,
}

/// Channel `paypal`. Offered when client id, client secret and webhook id are set.
#[derive(Debug, Clone, Args)]
pub struct PaypalConfig {
    /// Client id of the REST app.
    #[arg(id = "paypal-client-id", long = "paypal-client-id", env = "TOPUP_PAYPAL_CLIENT_ID", value_name = "ID")]
    pub client_id: Option<String>,
    /// Client secret of the REST app.
    #[arg(id = "paypal-client-secret", long = "paypal-client-secret", env = "TOPUP_PAYPAL_CLIENT_SECRET", hide_env_values = true, value_name = "SECRET", value_parser = secret)]
    pub client_secret: Option<SecretString>,
    /// Id of the webhook that leads to `/v1/providers/paypal/notifications`.
    #[arg(id = "paypal-webhook-id", long = "paypal-webhook-id", env = "TOPUP_PAYPAL_WEBHOOK_ID", value_name = "ID")]
    pub webhook_id: Option<String>,
    /// Unset: PayPal's own, `https://api-m.paypal.com`; for trying out `https://api-m.sandbox.paypal.com`.
    #[arg(id = "paypal-base-url", long = "paypal-base-url", env = "TOPUP_PAYPAL_BASE_URL", value_name = "URL")]
    pub base_url: Option<Url>,
    /// Tests only: a PEM file of root certificates that replace the public ones.
    #[arg(id = "paypal-cert-roots", long = "paypal-cert-roots", env = "TOPUP_PAYPAL_CERT_ROOTS", value_name = "FILE")]
    pub cert_roots: Option<PathBuf>,
    /// How notifications are checked: `offline` by certificate, or `postback` by asking PayPal.
    #[arg(
        id = "paypal-verify",
        long = "paypal-verify",
        env = "TOPUP_PAYPAL_VERIFY",
        value_name = "MODE",
        value_enum,
        default_value_t
    )]
    pub verify: PaypalVerifyMode,
}

/// Channel `vnpay`. Offered when terminal code and hash secret are set.
#[derive(Debug, Clone, Args)]
pub struct VnpayConfig {
    /// Terminal code (`vnp_TmnCode`).
    #[arg(id = "vnpay-tmn-code", long = "vnpay-tmn-code", env = "TOPUP_VNPAY_TMN_CODE", value_name = "CODE")]
    pub tmn_code: Option<String>,
    /// Hash secret (`vnp_HashSecret`).
    #[arg(id = "vnpay-hash-secret", long = "vnpay-hash-secret", env = "TOPUP_VNPAY_HASH_SECRET", hide_env_values = true, value_name = "SECRET", value_parser = secret)]
    pub hash_secret: Option<SecretString>,
    /// The payment page. Unset: VNPay's own.
    #[arg(id = "vnpay-pay-url", long = "vnpay-pay-url", env = "TOPUP_VNPAY_PAY_URL", value_name = "URL")]
    pub pay_url: Option<Url>,
    /// The API for queries and refunds. Unset: VNPay's own.
    #[arg(id = "vnpay-api-url", long = "vnpay-api-url", env = "TOPUP_VNPAY_API_URL", value_name = "URL")]
    pub api_url: Option<Url>,
    /// Our own address, which VNPay's API wants to be told.
    #[arg(id = "vnpay-server-ip", long = "vnpay-server-ip", env = "TOPUP_VNPAY_SERVER_IP", value_name = "IP")]
    pub server_ip: Option<IpAddr>,
}

/// When the sandbox runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SandboxMode {
    #[default]
    Auto,
    On,
    Off,
}

/// Whether concurrent usage and holds are written together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum PosterMode {
    #[default]
    On,
    Off,
}

/// How PayPal's notifications are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum PaypalVerifyMode {
    #[default]
    Offline,
    Postback,
}

impl Config {
    /// Reads settings from arguments alone, whatever the environment says: for tests, which must not depend on the
    /// shell that they run in.
    ///
    /// # Errors
    /// Of clap, for an unknown argument or a malformed value.
    pub fn from_arguments(arguments: &[&str]) -> Result<Self, clap::Error> {
        let command = Self::augment_args(Command::new("topup").no_binary_name(true));
        let command = command.mut_args(|argument| argument.env(clap::builder::Resettable::Reset));
        Self::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    /// Makes an empty environment variable count as unset: deployment tools write them for what is not configured.
    #[must_use]
    pub fn without_empty_variables(command: Command) -> Command {
        command.mut_args(|argument| {
            let empty = argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
            if empty { argument.env(clap::builder::Resettable::Reset) } else { argument }
        })
    }
}

fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

/// Reads `CNY:50000`.
fn money(text: &str) -> Result<Money, String> {
    let (code, amount) = text.split_once(':').ok_or("must be CURRENCY:AMOUNT, as in CNY:50000")?;
    let currency = code.trim().parse().map_err(|_| format!("{code} is not an ISO 4217 code"))?;
    let amount = parse_plain_decimal(amount.trim()).map_err(|error| error.to_string())?;
    Money::new(amount, currency).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    /// Read where the binaries are looked for, by `embedded` itself: tests need it without a Config.
    const READ_ELSEWHERE: &str = "TOPUP_PG_BIN";

    #[test]
    fn the_example_file_names_every_variable_and_no_other() {
        let example: BTreeSet<String> = include_str!("../.env.example")
            .lines()
            .filter_map(|line| line.strip_prefix('#').unwrap_or(line).split_once('='))
            .map(|(name, _)| name.to_owned())
            .filter(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
            .collect();
        let mut known: BTreeSet<String> = Config::augment_args(Command::new("topup"))
            .get_arguments()
            .map(|argument| argument.get_env().unwrap().to_str().unwrap().to_owned())
            .collect();
        known.insert(READ_ELSEWHERE.to_owned());
        assert_eq!(example, known);
    }

    #[test]
    fn the_command_line_is_sound() {
        Config::augment_args(Command::new("topup")).debug_assert();
    }

    #[test]
    fn every_setting_says_what_it_is() {
        for argument in Config::augment_args(Command::new("topup")).get_arguments() {
            assert!(argument.get_help().is_some(), "{} has no help", argument.get_id());
        }
    }

    #[test]
    fn secrets_stay_out_of_debug_and_help() {
        let config =
            Config::from_arguments(&["--jwt-secret", "hush-hush", "--stripe-webhook-secret=hush-hush"]).unwrap();
        assert!(!format!("{config:?}").contains("hush"));
        for argument in Config::augment_args(Command::new("topup")).get_arguments() {
            let name = argument.get_env().unwrap().to_str().unwrap();
            let is_secret = name.ends_with("SECRET") || name.ends_with("SECRET_KEY") || name == "DATABASE_URL";
            assert_eq!(argument.is_hide_env_values_set(), is_secret, "{name}");
        }
    }

    #[test]
    fn thresholds_are_money() {
        let config = Config::from_arguments(&["--second-approval-above", "CNY:50000,USD:7000.50"]).unwrap();
        let shown: Vec<String> =
            config.second_approval_above.iter().map(|m| format!("{} {}", m.currency().code(), m.amount())).collect();
        assert_eq!(shown, ["CNY 50000", "USD 7000.5"]);
        for bad in ["CNY", "CNY:", "XXY:1", "CNY:1e3", "CNY:-1"] {
            assert!(Config::from_arguments(&["--second-approval-above", bad]).is_err(), "{bad}");
        }
    }
}
