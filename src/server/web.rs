//! The HTTP server: the routes, and the middleware around them.

use std::net::TcpListener;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_http::{HttpService, Protocol};
use actix_service::{IntoServiceFactory, Service, ServiceFactoryExt, apply_fn_factory, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server, ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::Data;
use actix_web::{App as ActixApp, HttpServer};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tracing_actix_web::TracingLogger;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{StartError, files};
use crate::app::{App, ReturnOrigins};
use crate::config::Config;
use crate::domain::environment::Environment;
use crate::domain::transfer_slip::MAX_SLIP_BYTES;
use crate::http::edge::auth::{Gate, authenticate};
use crate::http::edge::body_budget::BodyBudget;
use crate::http::edge::connections::{self, Connections, Patience, Watched};
use crate::http::edge::extract::{BodyRules, TrustProxy};
use crate::http::edge::head::head_as_get;
use crate::http::edge::language;
use crate::http::edge::metrics::measure;
use crate::http::edge::problem::{ProblemPages, fill_in};
use crate::http::edge::request_id::{self, RequestSpan};
use crate::http::edge::security::secure;
use crate::http::edge::shape::Document;
use crate::http::edge::tasks::{Deadline, carry_out};
use crate::http::health::Measured;
use crate::http::v1::providers::MAX_NOTIFICATION_BYTES;
use crate::http::v1::usage::MAX_BATCH_BYTES;
use crate::http::{docs, openapi, pages, routes};
use crate::identity::{Limiter, TokenVerifier};
use crate::telemetry;

/// Longer than the idle timeout of load balancers (60 s). A balancer must not send a request into a connection that we
/// have just closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a connection may do nothing. actix closes an idle one properly, so our own limit for idle ones is longer.
const PATIENCE: Patience = Patience {
    head: Duration::from_secs(10),
    idle: Duration::from_secs(KEEP_ALIVE.as_secs() + 5),
    unread: Duration::from_secs(60),
};
/// How long a client may take to close its side of a connection that we close.
const LINGER: Duration = Duration::from_secs(1);
/// How many connections above the limit may be open for a moment, until others are ended for them.
const IN_PASSING: usize = 32;
/// How many connections may read the metrics at a time, if the metrics have a listener of their own.
const MOST_READERS: usize = 32;
/// How many closed connections may keep their places until their requests have ended.
const LEAVING: usize = 32;

/// The total size in bytes of all batch bodies in memory, and of all large notifications. The parsed form of a batch
/// takes several times as much.
const LARGE_BODIES: usize = 16 << 20;
const _: () = assert!(LARGE_BODIES >= MAX_BATCH_BYTES && LARGE_BODIES >= MAX_NOTIFICATION_BYTES);
const _: () = assert!(LARGE_BODIES >= MAX_SLIP_BYTES);
/// A batch waits for memory longer than a body may take to arrive, so that one slow upload cannot make all others give
/// up.
const LARGE_BODY_WAITS_LONGER: Duration = Duration::from_secs(2);

/// The running HTTP server, and the one for metrics, if they have an address of their own.
#[derive(Debug)]
pub struct RunningWeb {
    handle: ServerHandle,
    task: JoinHandle<()>,
    metrics: Option<(ServerHandle, JoinHandle<()>)>,
}

impl RunningWeb {
    pub async fn stop(self) {
        self.handle.stop(true).await;
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "The task of the HTTP server failed during the shutdown");
        }
        if let Some((handle, task)) = self.metrics {
            handle.stop(false).await;
            if let Err(error) = task.await {
                tracing::warn!(%error, "The task of the metrics' server failed during the shutdown");
            }
        }
    }

    pub async fn ended(&mut self) {
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "The task of the HTTP server failed");
        }
    }
}

/// The origins whose pages may call the API.
#[derive(Debug, Clone)]
pub enum Origins {
    All,
    These(Vec<String>),
}

/// Reads a setting that lists origins.
///
/// # Errors
/// [`StartError::Origin`] for a text that is not an origin. A typing error must not silently allow no origin.
pub fn read_origins(setting: &'static str, configured: &[String]) -> Result<Origins, StartError> {
    let named: Vec<&str> = configured.iter().map(|origin| origin.trim()).filter(|origin| !origin.is_empty()).collect();
    if named == ["*"] {
        return Ok(Origins::All);
    }
    for origin in &named {
        let parsed = url::Url::parse(origin).ok().map(|parsed| parsed.origin().ascii_serialization());
        if parsed.as_deref() != Some(origin) {
            return Err(StartError::Origin { setting, text: (*origin).to_owned() });
        }
    }
    Ok(Origins::These(named.into_iter().map(str::to_owned).collect()))
}

/// The sites that payers may be sent back to: those of the setting, or else our own and those whose pages may call the
/// API.
pub fn return_origins(setting: Origins, callers: &Origins, public_url: &str, simulated: bool) -> ReturnOrigins {
    let own = url::Url::parse(public_url).ok().map(|url| url.origin().ascii_serialization());
    let (all, named) = match (setting, callers) {
        (Origins::All, _) => (true, Vec::new()),
        (Origins::These(named), Origins::These(callers)) if named.is_empty() => (false, callers.clone()),
        (Origins::These(named), _) => (false, named),
    };
    ReturnOrigins { all, named: named.into_iter().chain(own).collect(), loopback: simulated }
}

fn cors(origins: &Origins) -> Cors {
    let cors = Cors::default()
        .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allowed_headers([
            "authorization",
            "baggage",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "last-event-id",
            "traceparent",
            "tracestate",
            "x-request-id",
        ])
        .expose_headers([
            "etag",
            "idempotent-replayed",
            "location",
            "ratelimit-limit",
            "ratelimit-remaining",
            "ratelimit-reset",
            "retry-after",
            "x-request-id",
        ])
        .max_age(600);
    match origins {
        Origins::All => cors.allow_any_origin().send_wildcard(),
        Origins::These(origins) => origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin)),
    }
}

/// Registers no route.
fn nothing(_: &mut ServiceConfig) {}

/// Who may call, and how often.
fn gate(config: &Config, app: &App, verifier: Arc<TokenVerifier>) -> Gate {
    Gate {
        verifier,
        keys: app.api_keys.clone(),
        environment: if app.settings.live { Environment::Live } else { Environment::Test },
        customers: Arc::new(Limiter::new(NonZeroU32::new(config.customer_rate_limit))),
        services: Arc::new(Limiter::new(NonZeroU32::new(config.service_rate_limit))),
    }
}

/// How large a body may be, and how long it may take.
fn body_rules(config: &Config) -> BodyRules {
    let deadline = Duration::from_secs(config.body_seconds.get());
    let budget = || BodyBudget::new(LARGE_BODIES, deadline + LARGE_BODY_WAITS_LONGER);
    BodyRules { limit: config.body_limit, deadline, callers: budget(), strangers: budget() }
}

/// From what every worker thread builds its application.
#[derive(Clone)]
struct Blueprint {
    app: Data<App>,
    gate: Data<Gate>,
    measured: Data<Measured>,
    trust: Data<TrustProxy>,
    rules: Data<BodyRules>,
    pages: Data<ProblemPages>,
    deadline: Data<Deadline>,
    document: Data<Document>,
    origins: Origins,
    has_metrics: bool,
    has_docs: bool,
}

impl Blueprint {
    fn new(
        config: &Config,
        origins: Origins,
        app: App,
        verifier: Arc<TokenVerifier>,
        measured: Measured,
        has_metrics: bool,
    ) -> Self {
        Self {
            gate: Data::new(gate(config, &app, verifier)),
            measured: Data::new(measured),
            trust: Data::new(TrustProxy(config.trust_proxy)),
            rules: Data::new(body_rules(config)),
            pages: Data::new(ProblemPages::below(&app.settings.public_url)),
            deadline: Data::new(Deadline(Duration::from_secs(config.request_seconds.get()))),
            document: Data::new(Document(openapi::document)),
            app: Data::new(app),
            origins,
            has_metrics,
            has_docs: config.docs,
        }
    }

    /// The routes, and the middleware around them.
    fn build(
        self,
    ) -> ActixApp<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<impl MessageBody>,
            Error = actix_web::Error,
            InitError = (),
        >,
    > {
        ActixApp::new()
            .into_utoipa_app()
            .app_data(self.app)
            .app_data(self.gate)
            .app_data(self.measured)
            .app_data(self.trust)
            .app_data(self.rules)
            .app_data(self.pages)
            .app_data(self.deadline)
            .app_data(self.document)
            .configure(routes::configure)
            .configure(if self.has_metrics { routes::metrics } else { nothing })
            .configure(if self.has_docs { docs::configure } else { docs::plain })
            .configure(pages::configure)
            .configure(docs::no_other)
            .into_app()
            // The last middleware is the outermost.
            .wrap(from_fn(carry_out))
            .wrap(from_fn(language::vary))
            .wrap(from_fn(head_as_get))
            .wrap(from_fn(authenticate))
            .wrap(cors(&self.origins))
            .wrap(Compress::default())
            .wrap(from_fn(fill_in))
            .wrap(from_fn(measure))
            .wrap(TracingLogger::<RequestSpan>::new())
            .wrap(from_fn(request_id::assign))
            .wrap(from_fn(secure))
            .wrap(from_fn(connections::serve))
    }
}

/// Starts a server for the metrics alone.
fn serve_metrics(listener: TcpListener, blueprint: &Blueprint) -> Result<(ServerHandle, JoinHandle<()>), StartError> {
    let Blueprint { app, measured, pages, .. } = blueprint.clone();
    let service = move || {
        let service = ActixApp::new().into_utoipa_app();
        let service = service.app_data(app.clone()).app_data(measured.clone()).app_data(pages.clone());
        service
            .configure(routes::metrics)
            .configure(docs::no_other)
            .into_app()
            .wrap(from_fn(fill_in))
            .wrap(from_fn(secure))
    };
    let server = HttpServer::new(service)
        .workers(1)
        .max_connections(MOST_READERS)
        .disable_signals()
        .listen(listener)
        .map_err(StartError::Web)?
        .run();
    let handle = server.handle();
    let task = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "The server of the metrics ended with an error");
        }
    });
    Ok((handle, task))
}

/// Starts the HTTP server, which runs until it is stopped. With a second listener, the metrics are served only there.
///
/// # Errors
/// When the metrics or the server cannot be set up.
pub fn start(
    listener: TcpListener,
    metrics_listener: Option<TcpListener>,
    config: &Config,
    origins: Origins,
    app: App,
    verifier: Arc<TokenVerifier>,
) -> Result<RunningWeb, StartError> {
    let metrics = telemetry::install_metrics()?;
    let measured = Measured(Arc::new(move || metrics.render()));
    let blueprint = Blueprint::new(config, origins, app, verifier, measured, metrics_listener.is_none());
    let metrics = metrics_listener.map(|listener| serve_metrics(listener, &blueprint)).transpose()?;
    let most = files::connections(config);
    let connections = Connections::new(most, LEAVING, PATIENCE);
    let watch = tokio::spawn(Arc::clone(&connections).watch());
    let workers =
        config.http_workers.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections((most + IN_PASSING + LEAVING).div_ceil(workers))
        .shutdown_timeout(config.shutdown_seconds)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    // Does the work of `HttpServer`, which cannot use our own stream type, and stops before the tasks of its requests
    // have ended.
    let serve = move || {
        let (stopping, connections) = (stopping.clone(), Arc::clone(&connections));
        let service =
            blueprint.clone().build().into_factory().map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(PATIENCE.head)
            .client_disconnect_timeout(LINGER)
            .on_connect_ext(|stream: &Watched<TcpStream>, data| {
                data.insert(stream.connection());
            })
            .finish(map_config(service, |()| AppConfig::default()));
        apply_fn_factory(http, move |stream: TcpStream, http: &_| {
            let peer = stream.peer_addr().ok();
            let connections = Arc::clone(&connections);
            let stream = connections.accept(stream);
            let connection = stream.connection();
            let served = Service::call(http, (stream, Protocol::Http1, peer));
            async move {
                let ended = served.await;
                connections.see_off(&connection).await;
                ended
            }
        })
    };
    let server = builder.listen("http", listener, serve).map_err(StartError::Web)?.run();
    let handle = server.handle();
    let task = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "The HTTP server ended with an error");
        }
        watch.abort();
    });
    Ok(RunningWeb { handle, task, metrics })
}
