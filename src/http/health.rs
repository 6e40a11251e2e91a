//! `GET /healthz`, `/readyz`, `/metrics`: for load balancers and metrics collectors, without a token.

use std::sync::Arc;

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, health};
use crate::http::edge::problem::Failure;

/// The state of a process.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    status: HealthStatus,
}

/// `ok`: the process serves requests. `ready`: money can be booked.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    Ok,
    Ready,
}

/// Get health
///
/// Shows that the process serves requests. It does not depend on the database.
#[utoipa::path(
    tag = "operations",
    operation_id = "getHealth",
    responses((status = 200, description = "The process serves requests", body = Health))
)]
#[get("/healthz")]
pub async fn get_health() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: HealthStatus::Ok })
}

/// Get readiness
///
/// Shows whether money can be booked now: all parts of the process run, and the database can be written to and has the
/// schema of this version.
#[utoipa::path(
    tag = "operations",
    operation_id = "getReadiness",
    responses(
        (status = 200, description = "The process is ready", body = Health),
        (status = 503, description = "The process is not ready now"),
    )
)]
#[get("/readyz")]
pub async fn get_readiness(app: web::Data<App>) -> Result<HttpResponse, Failure> {
    health::ready(&app).await?;
    Ok(HttpResponse::Ok().json(Health { status: HealthStatus::Ready }))
}

/// Returns what was measured so far, in Prometheus' text format.
#[derive(Clone)]
pub struct Measured(pub Arc<dyn Fn() -> String + Send + Sync>);

impl std::fmt::Debug for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Measured")
    }
}

/// Get metrics
///
/// Shows the metrics in Prometheus' text format: requests by route and status, how long they took, and the state of the
/// connection pool. An installation can give the metrics an address of their own; then they are not available here.
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
        // f64 holds every u32 exactly, and no pool is larger.
        let count = u32::try_from(count).map_or(f64::INFINITY, f64::from);
        metrics::gauge!("topup_database_connections", "state" => state).set(count);
    }
    let waiting = u32::try_from(app.poster.waiting()).map_or(f64::INFINITY, f64::from);
    metrics::gauge!("topup_poster_waiting_postings").set(waiting);
    let unanswered = u32::try_from(app.poster.unanswered()).map_or(f64::INFINITY, f64::from);
    metrics::gauge!("topup_poster_unanswered_requests").set(unanswered);
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body((measured.0)())
}
