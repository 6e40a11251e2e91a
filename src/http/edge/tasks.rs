//! Runs every request in a task of its own, and answers in time.
//!
//! A client that disconnects does not end what it has begun: a use case is never dropped in the middle of a
//! transaction. Nor does the deadline of a request end it; the caller gets 503, and repeats the request to learn its
//! result. A task always ends, because a body, a connection of the pool, a statement and a payment company each have
//! deadlines. The connection counts its tasks, so that a shutdown waits for them.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, rt, web};
use tokio::time::timeout;
use tracing::Instrument;

use super::connections::Connection;
use super::problem::Failure;
use crate::app::{App, Error, api_keys};
use crate::domain::code::Code;
use crate::identity::{Principal, Scope};

/// How long a request may take until its answer begins. A stream may go on for longer; no operation is excepted.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Duration);

/// Whose share of the database connections the calls without a token use: those of payment companies, and of anybody
/// who pretends to be one.
const WITHOUT_TOKEN: &str = "without a token";
/// The share of the calls about the service's own health. Calls of strangers must not make them wait.
const HEALTH: &str = "health";

/// Middleware, the innermost: runs the handler in a task of its own.
///
/// # Errors
/// The inner service's error; 503 `overloaded` when the deadline passes.
pub async fn carry_out<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let missing = || Failure::from(Error::Internal("the application and the deadline of requests"));
    let app = request.app_data::<web::Data<App>>().ok_or_else(missing)?;
    let deadline = request.app_data::<web::Data<Deadline>>().ok_or_else(missing)?.0;
    let place = match request.conn_data::<Arc<Connection>>() {
        Some(connection) => Some(connection.task().ok_or_else(too_many)?),
        None => None,
    };
    let principal = request.extensions().get::<Arc<Principal>>().cloned();
    let share = match principal.as_deref().map(|principal| (principal, is_staff(principal))) {
        Some((principal, false)) => app.pool.share_of_customer(&principal.subject),
        Some((principal, true)) => match customer_in_query(request.query_string()) {
            Some(customer) => app.pool.share_of_customer(&customer),
            None => app.pool.share_of_others(&principal.subject),
        },
        None if request.path().starts_with("/v1/") => app.pool.share_of_others(WITHOUT_TOKEN),
        None => app.pool.share_of_others(HEALTH),
    };
    let key = principal.as_deref().and_then(|principal| principal.api_key);
    let work = api_keys::acting_with(key, share.hold(next.call(request))).in_current_span();
    let task = rt::spawn(async move {
        let answered = work.await;
        drop(place);
        answered
    });
    match timeout(deadline, task).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(error)) => {
            tracing::error!(%error, "A request's handler panicked; the request fails with 500");
            Err(Failure::from(Error::Internal("a handler that does not panic")).into())
        }
        Err(_) => {
            tracing::warn!("A request exceeded its time limit; it fails with 503, and its work goes on");
            let detail = "the answer takes too long; the request may still take effect: repeat it to learn its result";
            Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, Code::Overloaded, detail).retry_after(1).into())
        }
    }
}

fn too_many() -> Failure {
    let detail = "too many requests of this connection are still being carried out; repeat the request in a moment";
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, Code::Overloaded, detail).retry_after(1)
}

fn is_staff(principal: &Principal) -> bool {
    principal.scopes.contains(Scope::Service) || principal.scopes.contains(Scope::Operator)
}

/// The customer that a service or an operator acts for, if the query names one.
fn customer_in_query(query: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "customer_id").map(|(_, customer)| customer.into_owned())
}
