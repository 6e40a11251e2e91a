//! The HTTP server: the routes, and the middleware around them.

use std::net::TcpListener;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_web::dev::ServerHandle;
use actix_web::http::Method;
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::{Data, PayloadConfig};
use actix_web::{App as ActixApp, HttpServer};
use tokio::task::JoinHandle;
use tracing_actix_web::TracingLogger;
use utoipa_actix_web::AppExt;

use super::StartError;
use crate::app::App;
use crate::config::Config;
use crate::http::edge::auth::{Gate, authenticate};
use crate::http::edge::body_budget::BodyBudget;
use crate::http::edge::extract::{BodyLimit, TrustProxy};
use crate::http::edge::metrics::measure;
use crate::http::edge::problem::fill_in;
use crate::http::edge::request_id::{self, RequestSpan};
use crate::http::health::Measured;
use crate::http::v1::usage::MAX_BATCH_BYTES;
use crate::http::{docs, routes};
use crate::identity::{Limiter, TokenVerifier};
use crate::telemetry;

/// Longer than the idle timeout of load balancers (60 s). A balancer must not send a request into a connection that we
/// have just closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// The time that a client has to send the head of a request, so that slow clients do not hold connections.
const REQUEST_HEAD: Duration = Duration::from_secs(10);

/// The total size in bytes of all batch bodies in memory. Their parsed form takes several times as much.
const LARGE_BODIES: usize = 16 << 20;
const _: () = assert!(LARGE_BODIES >= MAX_BATCH_BYTES);
/// How long a batch waits for memory: less than most clients wait for a response.
const LARGE_BODY_WAITS: Duration = Duration::from_secs(10);

/// The running HTTP server.
#[derive(Debug)]
pub struct RunningWeb {
    handle: ServerHandle,
    task: JoinHandle<()>,
}

impl RunningWeb {
    pub async fn stop(self) {
        self.handle.stop(true).await;
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "The task of the HTTP server failed during the shutdown");
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

/// Reads `TOPUP_CORS_ORIGINS`.
///
/// # Errors
/// [`StartError::Origin`] for a text that is not an origin. A typing error must not silently allow no origin.
pub fn check_origins(configured: &[String]) -> Result<Origins, StartError> {
    let named: Vec<&str> = configured.iter().map(|origin| origin.trim()).filter(|origin| !origin.is_empty()).collect();
    if named == ["*"] {
        return Ok(Origins::All);
    }
    for origin in &named {
        let parsed = url::Url::parse(origin).map_err(|_| StartError::Origin((*origin).to_owned()))?;
        if parsed.origin().ascii_serialization() != *origin {
            return Err(StartError::Origin((*origin).to_owned()));
        }
    }
    Ok(Origins::These(named.into_iter().map(str::to_owned).collect()))
}

fn cors(origins: &Origins) -> Cors {
    let cors = Cors::default()
        .allowed_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allowed_headers([
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "last-event-id",
            "x-request-id",
        ])
        .expose_headers([
            "etag",
            "idempotent-replayed",
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

/// Starts the HTTP server, which runs until it is stopped.
///
/// # Errors
/// When the metrics or the server cannot be set up.
pub fn start(
    listener: TcpListener,
    config: &Config,
    origins: Origins,
    app: App,
    verifier: Arc<TokenVerifier>,
) -> Result<RunningWeb, StartError> {
    let metrics = telemetry::install_metrics()?;
    let app = Data::new(app);
    let gate = Data::new(Gate {
        verifier,
        customers: Arc::new(Limiter::new(NonZeroU32::new(config.customer_rate_limit))),
        services: Arc::new(Limiter::new(NonZeroU32::new(config.service_rate_limit))),
    });
    let measured = Data::new(Measured(Arc::new(move || metrics.render())));
    let trust = Data::new(TrustProxy(config.trust_proxy));
    let body_limit = Data::new(BodyLimit(config.body_limit));
    let body_budget = Data::new(BodyBudget::new(LARGE_BODIES, LARGE_BODY_WAITS));
    let factory = move || {
        ActixApp::new()
            .into_utoipa_app()
            .app_data(app.clone())
            .app_data(gate.clone())
            .app_data(measured.clone())
            .app_data(trust.clone())
            .app_data(body_budget.clone())
            .app_data(body_limit.clone())
            .app_data(PayloadConfig::new(body_limit.0))
            .configure(routes::configure)
            .configure(docs::configure)
            .into_app()
            // The last middleware is the outermost.
            .wrap(from_fn(authenticate))
            .wrap(cors(&origins))
            .wrap(Compress::default())
            .wrap(from_fn(fill_in))
            .wrap(from_fn(measure))
            .wrap(TracingLogger::<RequestSpan>::new())
            .wrap(from_fn(request_id::assign))
    };
    let mut server = HttpServer::new(factory)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(REQUEST_HEAD)
        .shutdown_timeout(config.shutdown_seconds)
        .disable_signals();
    if let Some(workers) = config.http_workers {
        server = server.workers(workers.get());
    }
    let server = server.listen(listener).map_err(StartError::Web)?.run();
    let handle = server.handle();
    let task = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "The HTTP server ended with an error");
        }
    });
    Ok(RunningWeb { handle, task })
}
