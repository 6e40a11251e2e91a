//! What payment companies call: notifications, and pages that payers come back to.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::{HttpRequest, HttpResponse, get, post, web};

use crate::app::settlement::{self, EvidenceSource};
use crate::app::{App, notifications, orders};
use crate::domain::id::IdKind;
use crate::domain::payment::ProviderName;
use crate::http::edge::problem::{Failure, OwnBody};
use crate::providers::{RawNotification, Returned};

async fn receive(
    app: &App,
    provider: ProviderName,
    request: &HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Failure> {
    let headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let raw = RawNotification { headers, query: request.query_string().to_owned(), body: body.to_vec() };
    let reply = notifications::receive(app, provider, &raw).await?;
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status).insert_header((CONTENT_TYPE, reply.content_type)).body(reply.body);
    response.extensions_mut().insert(OwnBody);
    Ok(response)
}

/// Stripe's notifications
///
/// Signed by Stripe; verified over the raw body.
#[utoipa::path(
    tag = "provider-webhooks",
    operation_id = "receiveStripeNotification",
    request_body(content = String, content_type = "application/json", description = "An event, as Stripe sends it"),
    responses((status = 200, description = "Taken"), (status = 400, description = "Bad signature"), (status = 503, description = "Not configured, or try again"))
)]
#[post("/v1/providers/stripe/notifications")]
pub async fn stripe_notification(
    request: HttpRequest,
    body: web::Bytes,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    receive(&app, ProviderName::Stripe, &request, body).await
}

/// PayPal's notifications
///
/// Signed by PayPal; verified by certificate or by asking PayPal.
#[utoipa::path(
    tag = "provider-webhooks",
    operation_id = "receivePaypalNotification",
    request_body(content = String, content_type = "application/json", description = "An event, as PayPal sends it"),
    responses((status = 200, description = "Taken"), (status = 400, description = "Bad signature"), (status = 503, description = "Not configured, or try again"))
)]
#[post("/v1/providers/paypal/notifications")]
pub async fn paypal_notification(
    request: HttpRequest,
    body: web::Bytes,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    receive(&app, ProviderName::PayPal, &request, body).await
}

/// VNPay's IPN
///
/// Signed by VNPay in the query; answered with RspCode and Message as VNPay expects.
#[utoipa::path(
    tag = "provider-webhooks",
    operation_id = "receiveVnpayIpn",
    responses((status = 200, description = "RspCode and Message"), (status = 503, description = "Not configured"))
)]
#[get("/v1/providers/vnpay/ipn")]
pub async fn vnpay_ipn(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    receive(&app, ProviderName::Vnpay, &request, web::Bytes::new()).await
}

/// The page that a payer comes back to from PayPal
///
/// Never evidence: it makes us ask PayPal (and capture), then sends the browser on; back to PayPal where the payment
/// was declined and can be tried again.
#[utoipa::path(
    tag = "provider-webhooks",
    operation_id = "returnFromPaypal",
    params(
        ("order" = Option<String>, Query, description = "The order", max_length = 64),
        ("token" = Option<String>, Query, description = "PayPal's name for it, which PayPal adds", max_length = 64)
    ),
    responses((status = 303, description = "On to the order's return_url"), (status = 200, description = "A plain page"))
)]
#[get("/v1/providers/paypal/return")]
pub async fn paypal_return(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    handle_return(&app, &request, ProviderName::PayPal).await
}

/// The page that a payer comes back to from VNPay
///
/// Never evidence: it checks VNPay's signature, and sends the browser on or says that nothing could be verified.
#[utoipa::path(
    tag = "provider-webhooks",
    operation_id = "returnFromVnpay",
    params(
        ("order" = Option<String>, Query, description = "The order", max_length = 64),
        ("vnp_TxnRef" = Option<String>, Query, description = "VNPay's name for it; VNPay adds it, signed with others", max_length = 100)
    ),
    responses((status = 303, description = "On to the order's return_url"), (status = 200, description = "A plain page"))
)]
#[get("/v1/providers/vnpay/return")]
pub async fn vnpay_return(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    handle_return(&app, &request, ProviderName::Vnpay).await
}

async fn handle_return(app: &App, request: &HttpRequest, provider: ProviderName) -> Result<HttpResponse, Failure> {
    let query = request.query_string();
    let brought = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let company = app.providers.by_name(provider);
    let reference = match company.map_or(Returned::Nothing, |company| company.returned(query)) {
        Returned::Nothing => None,
        Returned::Reference(reference) => Some(reference),
        Returned::Forged => {
            tracing::warn!(%provider, "a return with a bad signature");
            let said = "What this page was called with could not be verified, so nothing was done. Look at your order \
                        to see whether it is paid.";
            return Ok(page("Not verified", said));
        }
    };
    let named = brought("order").and_then(|value| IdKind::TopUpOrder.parse(&value));
    let Some(found) = orders::read::returned_to(app, provider, named, reference.as_deref()).await? else {
        return Err(crate::app::Error::NotFound("order").into());
    };
    // What the browser brought is no evidence; the provider is asked. A failure here costs nothing: the
    // notification and the worker come by themselves.
    if company.is_some_and(|company| company.settles_on_return())
        && let Err(error) = settlement::settle(app, found.id, EvidenceSource::Answer, "payer's return").await
    {
        tracing::info!(order = %found.id, error = %error, "the provider could not be asked on return");
    }
    // Whoever agreed and was declined goes on where another way to pay can be chosen; whoever turned back does not.
    if brought("cancelled").is_none()
        && let Some(page) = orders::read::page_to_try_again(app, found.id).await?
    {
        return Ok(HttpResponse::SeeOther().insert_header((LOCATION, page)).finish());
    }
    match &found.return_url {
        Some(url) => {
            let shown = IdKind::TopUpOrder.show(found.id);
            let mut target = url::Url::parse(url).map_err(|_| crate::app::Error::NotFound("order"))?;
            target.query_pairs_mut().append_pair("order", &shown);
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, target.to_string())).finish())
        }
        None => Ok(page(
            "Thank you",
            "Thank you. You can close this page; your balance is updated as soon as the payment is confirmed.",
        )),
    }
}

/// A page of plain words of ours.
fn page(title: &str, said: &str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header(("content-security-policy", "default-src 'none'"))
        .body(format!("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><p>{said}"))
}
