//! Builds the service from a [`Config`] and runs it until it is stopped.
//!
//! Start order: database, stamp, keys, sandbox, providers, poster, HTTP, workers. Shutdown order: producers of work
//! stop before its consumers, so streams end first, then HTTP drains, then the workers, the poster, the sandbox and the
//! connection pool stop, and PostgreSQL stops last.

#[cfg(not(all(feature = "sandbox", feature = "embedded")))]
mod absent;
mod database;
mod error;
mod files;
mod keys;
mod provider_settings;
#[cfg(feature = "sandbox")]
mod simulation;
mod web;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

pub use self::database::{Database, Migrated, Prepared};
pub use self::error::StartError;
pub use self::keys::{SigningKey, TokenKeys};
pub use self::provider_settings::endpoint_guides;

#[cfg(not(feature = "sandbox"))]
use self::absent::{Sandbox, simulation};

use crate::app::api_keys::KeyRing;
use crate::app::health::LastCheck;
use crate::app::{App, KnownProducts, Retention, ReturnOrigins, Sealing, Settings, Support, Webhooks};
use crate::config::{Config, DisputesTake, PosterConfig, PosterMode};
use crate::domain::business_days::{BusinessCalendar, VerificationPromise};
use crate::domain::environment::Environment;
use crate::domain::own_word::OwnWordRules;
use crate::domain::paper::PaperRules;
use crate::domain::quote::InstallationSecret;
use crate::domain::report::journal::AccountNames;
use crate::domain::webhook::address::AddressRule;
use crate::engine::{BalanceReader, Poster, PosterSettings, StreamSettings, Streams, Supervisor};
use crate::http::v1::events;
use crate::identity::TokenVerifier;
use crate::outbound::Sender;
use crate::providers::Registry;
use crate::providers::settings::ProviderSettings;
#[cfg(feature = "sandbox")]
use crate::sandbox::Sandbox;
use crate::storage::pool::Pool;
use crate::telemetry;
use crate::workers::Workers;

/// The pause of a worker after a turn that found nothing to do.
const WORKERS_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Starts the service: see [`Server::start`].
#[derive(Debug, Clone, Copy)]
pub struct Server;

/// A running server. Dropping this value leaves the server running; [`RunningServer::stop`] stops it in order.
#[derive(Debug)]
pub struct RunningServer {
    /// The URL of the server on this machine, without a slash at the end.
    pub base_url: String,
    /// The URL by which browsers and payment companies reach the server.
    pub public_url: String,
    /// The URL of the metrics, if they have an address of their own.
    pub metrics_url: Option<String>,
    /// Whether Swagger UI is served.
    pub has_docs: bool,
    pub app: App,
    pub environment: Environment,
    /// The generated key; `None` when keys are configured.
    pub development_key: Option<SigningKey>,
    database: Database,
    sandbox: Option<Sandbox>,
    web: web::RunningWeb,
    workers: Workers,
}

impl Server {
    /// Starts all parts, and returns once requests are served.
    ///
    /// # Errors
    /// [`StartError`]: one sentence that says what to do. The parts that had started are stopped again.
    pub async fn start(config: Config) -> Result<RunningServer, StartError> {
        let database = Database::open(&config).await?;
        match Self::start_on(&config, &database).await {
            Ok(started) => Ok(started.with(database)),
            Err(error) => {
                if let Err(error) = database.close().await {
                    tracing::warn!(%error, "PostgreSQL did not stop after the start of the service failed");
                }
                Err(error)
            }
        }
    }

    async fn start_on(config: &Config, database: &Database) -> Result<Started, StartError> {
        let prepared = database.prepare(config).await?;
        let environment = prepared.stamp;
        database.refuse_owner(config, environment).await?;
        database.require_safe_commits(config, environment).await?;
        let sealing = keys::sealing(config, environment)?;
        if database.is_embedded() && !environment.is_live() {
            database.seed(&prepared).await?;
        }
        let keys = TokenKeys::load(config, database.is_embedded())?;
        if keys.generated && environment.is_live() {
            return Err(StartError::GeneratedKeyOnLive);
        }
        let development_key = keys.signing.clone().filter(|_| keys.generated);
        let verifier = TokenVerifier::new(keys.identity(config))?;
        let origins = web::read_origins("TOPUP_CORS_ORIGINS", &config.cors_origins)?;
        let return_origins = web::read_origins("TOPUP_RETURN_ORIGINS", &config.return_origins)?;
        let (listener, base_url) = listen("TOPUP_BIND", config.bind)?;
        let metrics = config.metrics_bind.map(|bind| listen("TOPUP_METRICS_BIND", bind)).transpose()?;
        let (metrics, metrics_url) = metrics.unzip();
        let public_url = config
            .public_url
            .as_ref()
            .map_or_else(|| base_url.clone(), |url| url.as_str().trim_end_matches('/').to_owned());
        let mut settings = provider_settings::read(config, &public_url, prepared.deployment)?;
        let sandbox = simulation::start(config, database.is_embedded(), environment, &base_url, &mut settings).await?;
        let return_origins = web::return_origins(return_origins, &origins, &public_url, sandbox.is_some());
        let is_played = sandbox.is_some() && !environment.is_live();
        let addresses = AddressRule { allow_loopback: config.webhooks.allow_loopback.unwrap_or(is_played) };
        let secret = keys.installation_secret(config);
        let rules = app_settings(config, environment, public_url.clone(), return_origins, sealing, secret);
        let parts = (rules, addresses);
        let built = Self::build(config, database, &prepared, parts, &settings, |app| {
            web::start(listener, metrics, config, origins, app, Arc::new(verifier))
        });
        match built {
            Ok((app, web, workers)) => Ok(Started {
                base_url,
                public_url,
                metrics_url,
                has_docs: config.docs,
                app,
                environment,
                development_key,
                sandbox,
                web,
                workers,
            }),
            Err(error) => {
                if let Some(sandbox) = sandbox {
                    sandbox.stop().await;
                }
                Err(error)
            }
        }
    }

    fn build(
        config: &Config,
        database: &Database,
        prepared: &Prepared,
        (rules, addresses): (Settings, AddressRule),
        settings: &ProviderSettings,
        serve: impl FnOnce(App) -> Result<web::RunningWeb, StartError>,
    ) -> Result<(App, web::RunningWeb, Workers), StartError> {
        let providers = Registry::new(settings)?;
        provider_settings::check_stamp(&providers, prepared.stamp)?;
        let pool = Pool::with_role(database.url(), config.database_pool_size.get(), &prepared.role)?;
        let webhooks = Webhooks::new(Sender::new(addresses).map_err(StartError::Webhooks)?, events::body::text);
        let app = app(config, pool, rules, providers, webhooks)?;
        let web = serve(app.clone())?;
        let workers = Workers::start(&app, WORKERS_PAUSE);
        Ok((app, web, workers))
    }
}

/// The started parts, without the database: that one is closed by the caller when a later part fails.
struct Started {
    base_url: String,
    public_url: String,
    metrics_url: Option<String>,
    has_docs: bool,
    app: App,
    environment: Environment,
    development_key: Option<SigningKey>,
    sandbox: Option<Sandbox>,
    web: web::RunningWeb,
    workers: Workers,
}

impl Started {
    fn with(self, database: Database) -> RunningServer {
        RunningServer {
            base_url: self.base_url,
            public_url: self.public_url,
            metrics_url: self.metrics_url,
            has_docs: self.has_docs,
            app: self.app,
            environment: self.environment,
            development_key: self.development_key,
            database,
            sandbox: self.sandbox,
            web: self.web,
            workers: self.workers,
        }
    }
}

impl RunningServer {
    /// The URL of the sandbox; `None` when no payment company is simulated.
    #[must_use]
    pub fn sandbox_url(&self) -> Option<&str> {
        self.sandbox.as_ref().map(Sandbox::public_url)
    }

    /// Whether PostgreSQL is the embedded cluster.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.database.is_embedded()
    }

    /// Resolves when the HTTP server has ended by itself, which happens only after an internal failure.
    pub async fn ended(&mut self) {
        self.web.ended().await;
    }

    /// Accepts no more connections, lets open requests finish, and stops all parts in the order of the module doc.
    ///
    /// # Errors
    /// When PostgreSQL does not stop.
    pub async fn stop(self) -> Result<(), StartError> {
        // A balance stream never ends by itself, so HTTP would wait for it until the deadline.
        self.app.streams.close();
        self.web.stop().await;
        self.workers.stop().await;
        self.app.poster.drain().await;
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
        self.app.pool.close();
        self.database.close().await
    }
}

fn app_settings(
    config: &Config,
    environment: Environment,
    public_url: String,
    return_origins: ReturnOrigins,
    sealing: Option<Sealing>,
    secret: InstallationSecret,
) -> Settings {
    Settings {
        public_url,
        live: environment.is_live(),
        secret,
        key_max_days: config.keys.max_days,
        own_word: OwnWordRules {
            above: config.second_approval_above.clone(),
            above_in_all: config.second_approval_above_in_all.clone(),
            service_grants: config.service_grants_above.clone(),
            service_grants_in_all: config.service_grants_above_in_all.clone(),
            goodwill: config.goodwill_limit.clone(),
        },
        confirm_difference_above: config.confirm_difference_above,
        open_orders_per_customer: i64::from(config.open_orders_per_customer),
        verification: VerificationPromise {
            calendar: BusinessCalendar::new(config.business.offset, config.business.holidays.iter().copied()),
            days: config.business.verification_days,
        },
        closing_payout_days: config.closing.payout_days,
        support: Support {
            email: config.support.email.clone(),
            url: config.support.url.clone(),
            phone: config.support.phone.clone(),
        },
        check_every_hours: config.check_hours,
        retention: Retention {
            idempotency_keys: config.keep.idempotency_keys,
            events: config.keep.events,
            webhook_deliveries: config.keep.webhook_deliveries,
            notifications: config.keep.notifications,
            foreign_notifications: config.keep.foreign_notifications,
            holds: config.keep.holds,
        },
        return_origins,
        disputes_take_at_once: config.disputes_take == DisputesTake::Opened,
        sealing,
        papers: PaperRules {
            seller: config.papers.seller(),
            seller_country: config.papers.seller_country,
            receipts: config.papers.receipt_series.clone(),
            credit_notes: config.papers.credit_note_series.clone(),
        },
        journal_accounts: AccountNames::new(config.reports.journal_accounts.iter().cloned()),
        usage_keys: config.reports.usage_keys.clone(),
    }
}

fn app(
    config: &Config,
    pool: Pool,
    settings: Settings,
    providers: Registry,
    webhooks: Webhooks,
) -> Result<App, StartError> {
    let supervisor = Supervisor::default();
    let poster = Poster::start(&pool, poster_settings(&config.poster), &supervisor).map_err(StartError::Thread)?;
    let streams =
        StreamSettings { total: usize::from(config.streams), per_customer: usize::from(config.streams_per_customer) };
    let streams = Streams::start(&pool, streams, &supervisor);
    let balances = BalanceReader::start(&pool, &supervisor);
    let products = KnownProducts::default();
    let api_keys = KeyRing::new(pool.clone());
    Ok(App {
        pool,
        providers,
        poster,
        balances,
        streams,
        supervisor,
        last_check: LastCheck::default(),
        products,
        webhooks,
        api_keys,
        settings: Arc::new(settings),
    })
}

/// The service's use cases for a command that runs one of them: nothing is served, and no worker runs.
///
/// # Errors
/// As [`Server::start`].
pub fn use_cases(config: &Config, database: &Database, prepared: &Prepared) -> Result<App, StartError> {
    let environment = prepared.stamp;
    let public_url = config.public_url.as_ref().map_or("http://localhost", url::Url::as_str).to_owned();
    let providers = Registry::new(&provider_settings::read(config, &public_url, prepared.deployment)?)?;
    provider_settings::check_stamp(&providers, environment)?;
    let origins = web::read_origins("TOPUP_RETURN_ORIGINS", &config.return_origins)?;
    let return_origins = web::return_origins(origins.clone(), &origins, &public_url, false);
    let secret = InstallationSecret::default();
    let rules = app_settings(config, environment, public_url, return_origins, None, secret);
    let addresses = AddressRule { allow_loopback: false };
    let webhooks = Webhooks::new(Sender::new(addresses).map_err(StartError::Webhooks)?, events::body::text);
    app(config, database.pool(prepared)?, rules, providers, webhooks)
}

fn poster_settings(config: &PosterConfig) -> PosterSettings {
    PosterSettings {
        batching: config.mode == PosterMode::On,
        lanes: config.lanes.get(),
        pipeline: config.pipeline.get(),
        queue: config.queue.get(),
        ..PosterSettings::default()
    }
}

/// Sets up the log as configured. Commands that only print a result do not call it.
///
/// # Errors
/// When the log filter cannot be read.
pub fn log(config: &Config) -> Result<(), StartError> {
    Ok(telemetry::init(config.log_format, &config.log)?)
}

/// Listens on an address of a setting. Returns the URL as well.
fn listen(setting: &'static str, address: SocketAddr) -> Result<(TcpListener, String), StartError> {
    let failed = |source| StartError::Listen { setting, address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let url = base_url(listener.local_addr().map_err(failed)?);
    Ok((listener, url))
}

/// The URL of a listener. A listener on all addresses is reached by the loopback address.
fn base_url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    format!("http://{address}")
}
