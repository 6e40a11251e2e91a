//! Every setting, in one place. The doc comment of a field is its `--help` text; `.env.example` says the same.
//!
//! A flag takes precedence over the environment variable, and the variable over the file `.env`. An empty variable
//! counts as unset. Pass secrets by the environment, because all users of the machine can see the flags of a process.

mod business;
mod closing;
mod jwt;
mod keep;
mod keys;
mod log_format;
mod papers;
mod reports;
mod roles;
mod seal;
mod support;
mod webhooks;

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, Command, FromArgMatches};
use secrecy::SecretString;
use url::Url;

use crate::domain::environment::Environment;
use crate::domain::money::parse_plain_decimal;
use crate::domain::own_word::CurrencyLimit;
use crate::domain::percent::Percent;

pub use self::business::BusinessConfig;
pub use self::closing::ClosingConfig;
pub use self::jwt::JwtConfig;
pub use self::keep::KeepConfig;
pub use self::keys::KeyConfig;
pub use self::log_format::LogFormat;
pub use self::papers::PaperConfig;
pub use self::reports::ReportConfig;
pub use self::roles::RoleConfig;
pub use self::seal::{SealConfig, SealMode};
pub use self::support::SupportConfig;
pub use self::webhooks::WebhookConfig;

/// The settings of one installation.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// The database, as `postgres://user:password@host/database`. Unset: a PostgreSQL of our own, started from the
    /// binaries of this machine, with its data in the data folder. A production build has none, and needs the URL.
    #[arg(long, env, hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub database_url: Option<SecretString>,
    /// Whether a database stamped live may run with `synchronous_commit`, `fsync` or `full_page_writes` off. A crash of
    /// PostgreSQL then loses bookings that were confirmed to callers.
    #[arg(
        long, env = "TOPUP_ALLOW_UNSAFE_COMMITS", value_name = "BOOL", default_value = "false",
        num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set
    )]
    pub allow_unsafe_commits: bool,
    /// The largest number of database connections of this process.
    #[arg(long, env = "TOPUP_DATABASE_POOL_SIZE", value_name = "N", default_value = "16")]
    pub database_pool_size: NonZeroUsize,
    /// The purpose of the database, `test` or `live`. The first migration stamps the database with it. Unset: `live` if
    /// DATABASE_URL and a live key of Stripe are set, `test` otherwise.
    #[arg(long, env = "TOPUP_ENVIRONMENT", value_name = "STAMP")]
    pub environment: Option<Environment>,
    #[command(flatten)]
    pub roles: RoleConfig,
    /// The folder of the embedded PostgreSQL and of the generated development keys.
    #[arg(long, env = "TOPUP_DATA_DIR", value_name = "DIR", default_value = ".topup")]
    pub data_dir: PathBuf,

    /// The address that the service listens on.
    #[arg(long, env = "TOPUP_BIND", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub bind: SocketAddr,
    /// The URL by which browsers and payment companies reach the service. Unset: `http://` and the address it listens
    /// on.
    #[arg(long, env = "TOPUP_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<Url>,
    /// The number of threads that serve requests. Unset: one per processor.
    #[arg(long, env = "TOPUP_HTTP_WORKERS", value_name = "N")]
    pub http_workers: Option<NonZeroUsize>,
    /// The largest number of connections of callers. It is smaller if the system does not allow that many open files.
    #[arg(long, env = "TOPUP_CONNECTIONS", value_name = "N", default_value = "10000")]
    pub connections: NonZeroUsize,
    /// The largest request body in bytes. Batches (4 MiB) and notifications of payment companies (1 MiB) have larger
    /// limits of their own.
    #[arg(long, env = "TOPUP_BODY_LIMIT", value_name = "BYTES", default_value = "65536")]
    pub body_limit: usize,
    /// The number of seconds that the body of a request has to arrive. After that, the connection is closed.
    #[arg(long, env = "TOPUP_BODY_SECONDS", value_name = "SECONDS", default_value = "8")]
    pub body_seconds: NonZeroU64,
    /// The number of seconds after which a request is answered with 503 and `Retry-After`, while its work goes on. A
    /// call to a payment company may take 15 of them.
    #[arg(long, env = "TOPUP_REQUEST_SECONDS", value_name = "SECONDS", default_value = "20")]
    pub request_seconds: NonZeroU64,
    /// The origins whose pages may call the API from a browser, separated by commas, for example
    /// `https://app.example.com`; `*` allows all. Unset: only our own pages.
    #[arg(long, env = "TOPUP_CORS_ORIGINS", value_name = "ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<String>,
    /// The origins of the pages to which a payer may be sent back (`return_url` of an order), separated by commas; `*`
    /// allows all. Unset: our own pages, and the origins that TOPUP_CORS_ORIGINS names. The sandbox allows loopback
    /// addresses, too.
    #[arg(long, env = "TOPUP_RETURN_ORIGINS", value_name = "ORIGINS", value_delimiter = ',')]
    pub return_origins: Vec<String>,
    /// The address of the metrics, for example `127.0.0.1:9090`. Unset: `/metrics` on the address of the service.
    #[arg(long, env = "TOPUP_METRICS_BIND", value_name = "ADDRESS")]
    pub metrics_bind: Option<SocketAddr>,
    /// Whether `/docs` and `/openapi.json` are served.
    #[arg(
        long, env = "TOPUP_DOCS", value_name = "BOOL", default_value = "true",
        num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set
    )]
    pub docs: bool,
    /// The number of requests that one customer may send to one process per minute; 0: no limit. Each process counts
    /// for itself, because a limit in the database would cost every request a write.
    #[arg(long, env = "TOPUP_CUSTOMER_RATE_LIMIT", value_name = "N", default_value = "600")]
    pub customer_rate_limit: u32,
    /// The number of requests that one service or operator may send to one process per minute; 0: no limit.
    #[arg(long, env = "TOPUP_SERVICE_RATE_LIMIT", value_name = "N", default_value = "0")]
    pub service_rate_limit: u32,
    /// Whether the last address of `X-Forwarded-For` is the caller's address. Set it only behind a proxy that writes
    /// this header.
    #[arg(
        long, env = "TOPUP_TRUST_PROXY", value_name = "BOOL", default_value = "false",
        num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set
    )]
    pub trust_proxy: bool,
    /// The number of seconds that open requests have to finish after SIGTERM or Ctrl-C.
    #[arg(long, env = "TOPUP_SHUTDOWN_SECONDS", value_name = "SECONDS", default_value = "30")]
    pub shutdown_seconds: u64,
    /// The largest number of open balance streams in this process.
    #[arg(long, env = "TOPUP_STREAMS", value_name = "N", default_value = "1000")]
    pub streams: u16,
    /// The largest number of open balance streams of one customer in this process. A new one ends the oldest.
    #[arg(
        long, env = "TOPUP_STREAMS_PER_CUSTOMER", value_name = "N", default_value = "3",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub streams_per_customer: u16,
    /// The log filter, for example `info,topup=debug`.
    #[arg(long, env = "TOPUP_LOG", value_name = "FILTER", default_value = "info,actix_server=warn")]
    pub log: String,
    /// The format of log lines.
    #[arg(long, env = "TOPUP_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// The amounts above which an operator needs a second operator, for example `CNY:50000,USD:7000,VND:none`. They
    /// limit the sum that one operator approved, refunded, granted or reversed alone for one customer in 24 hours.
    /// Unset: one operator is always enough. Once it is set, a currency without an amount always needs two operators;
    /// `none` switches that off.
    #[arg(long, env = "TOPUP_SECOND_APPROVAL_ABOVE", value_name = "AMOUNTS", value_delimiter = ',')]
    pub second_approval_above: Vec<CurrencyLimit>,
    /// The same for the sum of one operator for all customers together. Unset: no such threshold.
    #[arg(long, env = "TOPUP_SECOND_APPROVAL_ABOVE_IN_ALL", value_name = "AMOUNTS", value_delimiter = ',')]
    pub second_approval_above_in_all: Vec<CurrencyLimit>,
    /// The most that services may grant to one customer in 24 hours. A currency without an amount has the amount of
    /// TOPUP_SECOND_APPROVAL_ABOVE.
    #[arg(long, env = "TOPUP_SERVICE_GRANTS_ABOVE", value_name = "AMOUNTS", value_delimiter = ',')]
    pub service_grants_above: Vec<CurrencyLimit>,
    /// The most that services may grant to all customers together in 24 hours. What is in flight may pass it. Unset:
    /// no such limit.
    #[arg(long, env = "TOPUP_SERVICE_GRANTS_ABOVE_IN_ALL", value_name = "AMOUNTS", value_delimiter = ',')]
    pub service_grants_above_in_all: Vec<CurrencyLimit>,
    /// The most goodwill, for example `CNY:200,USD:30`: what an operator with the permission `support`, and without
    /// `finance`, may grant to one customer in 24 hours. In a currency without an amount such an operator may grant
    /// nothing.
    #[arg(long, env = "TOPUP_GOODWILL_LIMIT", value_name = "AMOUNTS", value_delimiter = ',')]
    pub goodwill_limit: Vec<CurrencyLimit>,
    /// The share in percent by which the amount of a bank transfer may differ from its order before an operator must
    /// confirm the difference.
    #[arg(
        long, env = "TOPUP_CONFIRM_DIFFERENCE_ABOVE", value_name = "PERCENT", default_value = "5",
        value_parser = percent
    )]
    pub confirm_difference_above: Percent,
    /// The largest number of orders of one customer that may wait for money at the same time.
    #[arg(long, env = "TOPUP_OPEN_ORDERS_PER_CUSTOMER", value_name = "N", default_value = "50")]
    pub open_orders_per_customer: u32,
    /// When a dispute takes the money from the customer's wallets. `opened`: at once, because the company has taken it
    /// from us. `lost`: only when it is lost; until then the customer can spend it.
    #[arg(long, env = "TOPUP_DISPUTES_TAKE", value_name = "WHEN", value_enum, default_value_t)]
    pub disputes_take: DisputesTake,

    /// After how many hours the service checks the books again, as `topup check` does; 0: never. The result is shown at
    /// `/v1/admin/integrity`.
    #[arg(long, env = "TOPUP_CHECK_HOURS", value_name = "HOURS", default_value = "24")]
    pub check_hours: u16,

    #[command(flatten)]
    pub business: BusinessConfig,
    #[command(flatten)]
    pub closing: ClosingConfig,

    #[command(flatten)]
    pub papers: PaperConfig,
    #[command(flatten)]
    pub reports: ReportConfig,
    #[command(flatten)]
    pub keep: KeepConfig,
    #[command(flatten)]
    pub keys: KeyConfig,
    #[command(flatten)]
    pub seal: SealConfig,
    #[command(flatten)]
    pub support: SupportConfig,
    #[command(flatten)]
    pub webhooks: WebhookConfig,

    /// Whether payment companies are simulated. `auto`: simulate those without credentials, but only with the embedded
    /// database. `on`: simulate those without a base URL. `off`: simulate none. A production build cannot simulate any.
    #[arg(long, env = "TOPUP_SANDBOX", value_name = "MODE", value_enum, default_value_t)]
    pub sandbox: SandboxMode,
    /// The address of the sandbox. It must be a loopback address; port 0 takes any free port.
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

/// How usage and holds are written to the database.
#[derive(Debug, Clone, Args)]
pub struct PosterConfig {
    /// `on`: usage and holds of concurrent requests share transactions. `off`: each request has a transaction of its
    /// own, which is slower.
    #[arg(id = "poster", long, env = "TOPUP_POSTER", value_name = "MODE", value_enum, default_value_t)]
    pub mode: PosterMode,
    /// The number of database connections that write usage and holds, in addition to the pool.
    #[arg(id = "poster-lanes", long, env = "TOPUP_POSTER_LANES", value_name = "N", default_value = "1")]
    pub lanes: NonZeroUsize,
    /// The number of transactions that each of these connections may have in flight.
    #[arg(id = "poster-pipeline", long, env = "TOPUP_POSTER_PIPELINE", value_name = "N", default_value = "2")]
    pub pipeline: NonZeroUsize,
    /// The largest number of usages and holds that may wait to be written. Above it, or above 32 MiB of them, requests
    /// fail with 503 and `Retry-After`.
    #[arg(id = "poster-queue", long, env = "TOPUP_POSTER_QUEUE", value_name = "N", default_value = "20000")]
    pub queue: NonZeroUsize,
}

/// The settings of Stripe. The channel `card` is offered when both secrets are set.
#[derive(Debug, Clone, Args)]
pub struct StripeConfig {
    /// The secret key: `sk_test_…`, `sk_live_…`, or a restricted key.
    #[arg(
        id = "stripe-secret-key", long, env = "TOPUP_STRIPE_SECRET_KEY",
        hide_env_values = true, value_name = "KEY", value_parser = secret
    )]
    pub secret_key: Option<SecretString>,
    /// The publishable key, `pk_…`. Only the card pop-up (`elements`) needs it; it is sent to browsers.
    #[arg(id = "stripe-publishable-key", long, env = "TOPUP_STRIPE_PUBLISHABLE_KEY", value_name = "KEY")]
    pub publishable_key: Option<String>,
    /// The secret, `whsec_…`, of the webhook endpoint for `/v1/providers/stripe/notifications`. While it is being
    /// replaced at Stripe: the old and the new one, with a comma between them.
    #[arg(
        id = "stripe-webhook-secret", long, env = "TOPUP_STRIPE_WEBHOOK_SECRET",
        hide_env_values = true, value_name = "SECRET", value_parser = secret
    )]
    pub webhook_secret: Option<SecretString>,
    /// The base URL of Stripe's API. Unset: `https://api.stripe.com`.
    #[arg(id = "stripe-base-url", long, env = "TOPUP_STRIPE_BASE_URL", value_name = "URL")]
    pub base_url: Option<Url>,
    /// The API version of the webhook endpoint at Stripe. Unset: the version that this release was written for, which
    /// `topup providers` prints.
    #[arg(id = "stripe-api-version", long, env = "TOPUP_STRIPE_API_VERSION", value_name = "VERSION")]
    pub api_version: Option<String>,
}

/// The settings of PayPal. The channel `paypal` is offered when client id, client secret and webhook id are set.
#[derive(Debug, Clone, Args)]
pub struct PaypalConfig {
    /// The client id of the REST app.
    #[arg(id = "paypal-client-id", long, env = "TOPUP_PAYPAL_CLIENT_ID", value_name = "ID")]
    pub client_id: Option<String>,
    /// The client secret of the REST app.
    #[arg(
        id = "paypal-client-secret", long, env = "TOPUP_PAYPAL_CLIENT_SECRET",
        hide_env_values = true, value_name = "SECRET", value_parser = secret
    )]
    pub client_secret: Option<SecretString>,
    /// The id of the webhook for `/v1/providers/paypal/notifications`.
    #[arg(id = "paypal-webhook-id", long, env = "TOPUP_PAYPAL_WEBHOOK_ID", value_name = "ID")]
    pub webhook_id: Option<String>,
    /// The base URL of PayPal's API; its own sandbox is `https://api-m.sandbox.paypal.com`. Unset:
    /// `https://api-m.paypal.com`.
    #[arg(id = "paypal-base-url", long, env = "TOPUP_PAYPAL_BASE_URL", value_name = "URL")]
    pub base_url: Option<Url>,
    /// For tests only: a PEM file with root certificates that replace the public ones.
    #[arg(id = "paypal-cert-roots", long, env = "TOPUP_PAYPAL_CERT_ROOTS", value_name = "FILE")]
    pub cert_roots: Option<PathBuf>,
    /// How notifications are verified. `offline`: by PayPal's certificate. `postback`: by a call to PayPal.
    #[arg(id = "paypal-verify", long, env = "TOPUP_PAYPAL_VERIFY", value_name = "MODE", value_enum, default_value_t)]
    pub verify: PaypalVerifyMode,
}

/// The settings of VNPay. The channel `vnpay` is offered when terminal code and hash secret are set.
#[derive(Debug, Clone, Args)]
pub struct VnpayConfig {
    /// The terminal code (`vnp_TmnCode`).
    #[arg(id = "vnpay-tmn-code", long, env = "TOPUP_VNPAY_TMN_CODE", value_name = "CODE")]
    pub tmn_code: Option<String>,
    /// The hash secret (`vnp_HashSecret`).
    #[arg(
        id = "vnpay-hash-secret", long, env = "TOPUP_VNPAY_HASH_SECRET",
        hide_env_values = true, value_name = "SECRET", value_parser = secret
    )]
    pub hash_secret: Option<SecretString>,
    /// The URL of the payment page. Unset: VNPay's own.
    #[arg(id = "vnpay-pay-url", long, env = "TOPUP_VNPAY_PAY_URL", value_name = "URL")]
    pub pay_url: Option<Url>,
    /// The URL of the API for queries and refunds. Unset: VNPay's own.
    #[arg(id = "vnpay-api-url", long, env = "TOPUP_VNPAY_API_URL", value_name = "URL")]
    pub api_url: Option<Url>,
    /// The IP address of this server, which VNPay's API requires in each call.
    #[arg(id = "vnpay-server-ip", long, env = "TOPUP_VNPAY_SERVER_IP", value_name = "IP")]
    pub server_ip: Option<IpAddr>,
}

/// Whether payment companies are simulated: see [`Config::sandbox`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SandboxMode {
    #[default]
    Auto,
    On,
    Off,
}

/// When a dispute takes the money from the customer's wallets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum DisputesTake {
    #[default]
    Opened,
    Lost,
}

/// Whether concurrent usage and holds share transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum PosterMode {
    #[default]
    On,
    Off,
}

/// How PayPal's notifications are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum PaypalVerifyMode {
    #[default]
    Offline,
    Postback,
}

impl Config {
    /// Reads settings from arguments only, and ignores the environment. Tests use it, because they must not depend on
    /// the shell that they run in.
    ///
    /// # Errors
    /// When an argument is unknown or its value is malformed.
    pub fn from_arguments(arguments: &[&str]) -> Result<Self, clap::Error> {
        let command = Self::augment_args(Command::new("topup").no_binary_name(true));
        let command = command.mut_args(|argument| argument.env(clap::builder::Resettable::Reset));
        Self::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    /// Makes an empty environment variable count as unset, because deployment tools write empty variables for settings
    /// that are not configured.
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

fn percent(text: &str) -> Result<Percent, String> {
    let share = parse_plain_decimal(text).map_err(|error| error.to_string())?;
    Percent::new(share).ok_or_else(|| "must be 0 to 100, with at most four decimals".to_owned())
}

#[cfg(test)]
mod tests;
