//! Counts the requests and measures how long they take.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use metrics::{Counter, Histogram, counter, histogram};

/// Middleware: counts requests and their duration by route. The label is the route's template and not the path, so that
/// there are few labels.
///
/// # Errors
/// The inner service's error.
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
    count_request(method, route, status.as_u16(), started.elapsed());
    answered
}

/// The meters by method, route and status.
type Meters = HashMap<(&'static str, String, u16), (Counter, Histogram)>;

thread_local! {
    /// The meters that this thread has used. Asking the recorder would build the labels again for every request.
    static METERS: RefCell<Meters> = RefCell::default();
}

fn count_request(method: &'static str, route: String, status: u16, took: Duration) {
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

/// The label of a method. Callers can invent methods, so all unknown ones share a label.
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
