//! `GET /healthz`, `/readyz`, `/metrics`: for balancers and collectors. No token.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{HttpResponse, get, web};
use metrics::{Counter, Histogram, counter, histogram};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, health};
use crate::http::edge::problem::Failure;

/// How a process is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`, or `ready`.
    #[schema(max_length = 16, example = "ok")]
    status: &'static str,
}

/// Is the process alive
///
/// Answers as long as the process serves requests, whatever its database does.
#[utoipa::path(
    tag = "operations",
    operation_id = "getHealth",
    responses((status = 200, description = "It is", body = Health))
)]
#[get("/healthz")]
pub async fn get_health() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// Can the process do its work
///
/// The database answers and has the schema of this version.
#[utoipa::path(
    tag = "operations",
    operation_id = "getReadiness",
    responses((status = 200, description = "It can", body = Health), (status = 503, description = "Not now"))
)]
#[get("/readyz")]
pub async fn get_readiness(app: web::Data<App>) -> Result<HttpResponse, Failure> {
    health::ready(&app).await?;
    Ok(HttpResponse::Ok().json(Health { status: "ready" }))
}

/// Reads what was measured so far, in Prometheus' text format.
#[derive(Clone)]
pub struct Measured(pub Arc<dyn Fn() -> String + Send + Sync>);

impl std::fmt::Debug for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Measured")
    }
}

/// Metrics
///
/// In Prometheus' text format: requests by route and status, how long they took, the state of the connection pool.
#[utoipa::path(
    tag = "operations",
    operation_id = "getMetrics",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain",
        example = json!("topup_http_requests_total{method=\"GET\",route=\"/v1/balances\",status=\"200\"} 7")))
)]
#[get("/metrics")]
pub async fn get_metrics(app: web::Data<App>, measured: web::Data<Measured>) -> HttpResponse {
    let pool = app.pool.status();
    for (state, count) in [("limit", pool.limit), ("open", pool.open), ("idle", pool.idle), ("waiting", pool.waiting)] {
        // Exact far beyond any pool: u32 to f64 loses nothing.
        let count = u32::try_from(count).map_or(f64::INFINITY, f64::from);
        metrics::gauge!("topup_database_connections", "state" => state).set(count);
    }
    let waiting = u32::try_from(app.poster.waiting()).map_or(f64::INFINITY, f64::from);
    metrics::gauge!("topup_poster_waiting_postings").set(waiting);
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body((measured.0)())
}

/// Middleware: counts requests and their time by route, which is the template, never the path: labels stay few.
///
/// # Errors
/// Of the inner service.
pub async fn measure<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let started = Instant::now();
    let method = known_method(request.method());
    let route = request.match_pattern().unwrap_or_else(|| "none".to_owned());
    let answered = next.call(request).await;
    let status = match &answered {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    record(method, route, status.as_u16(), started.elapsed());
    answered
}

/// By method, route and status.
type Meters = HashMap<(&'static str, String, u16), (Counter, Histogram)>;

thread_local! {
    /// What was looked up in the recorder before, which would build the labels anew for every request.
    static METERS: RefCell<Meters> = RefCell::default();
}

fn record(method: &'static str, route: String, status: u16, took: Duration) {
    METERS.with_borrow_mut(|meters| {
        let (requests, seconds) =
            meters.entry((method, route, status)).or_insert_with_key(|(method, route, status)| {
                let (route, status) = (route.clone(), status.to_string());
                let seconds = histogram!("topup_http_request_seconds", "method" => *method, "route" => route.clone());
                let requests =
                    counter!("topup_http_requests_total", "method" => *method, "route" => route, "status" => status);
                (requests, seconds)
            });
        requests.increment(1);
        seconds.record(took);
    });
}

/// Anybody can invent methods.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
