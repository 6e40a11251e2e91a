//! The calls of payment companies: notifications, and the pages that payers return to.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use crate::app::settlement::{self, EvidenceSource};
use crate::app::{App, Error, notifications, orders};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::payment::ProviderName;
use crate::http::edge::extract::RawBody;
use crate::http::edge::problem::{Failure, OwnBody};
use crate::http::edge::wire::TopUpOrderId;
use crate::providers::{RawNotification, Returned};

/// The most bytes of a notification. A company sends the whole object, and a dispute carries all of its evidence.
pub const MAX_NOTIFICATION_BYTES: usize = 1 << 20;

/// Hands a notification to its provider and answers as the provider expects.
async fn receive(
    app: &App,
    provider: ProviderName,
    request: &HttpRequest,
    body: &[u8],
) -> Result<HttpResponse, Failure> {
    let headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let raw = RawNotification { headers, query: request.query_string().to_owned(), body: body.to_vec() };
    let reply = notifications::receive(app, provider, &raw).await?;
    // A company only checks the status; any other caller reads a problem.
    if reply.status == 400 {
        // A sentence for the operator of the account, to whom the company shows the answer.
        let said = reply.content_type.starts_with("text/plain").then_some(reply.body.trim());
        let detail = said.unwrap_or("the notification is not signed for this service, or cannot be read");
        return Err(Failure::new(StatusCode::BAD_REQUEST, Code::BadRequest, detail));
    }
    if reply.status == 503 {
        let detail = "the notification cannot be processed now; send it again";
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, Code::TryAgain, detail).retry_after(60));
    }
    let status =
        StatusCode::from_u16(reply.status).map_err(|_| Error::Internal("an HTTP status in a provider's reply"))?;
    let mut response = HttpResponse::build(status).insert_header((CONTENT_TYPE, reply.content_type)).body(reply.body);
    response.extensions_mut().insert(OwnBody);
    Ok(response)
}

/// Receive a notification from Stripe
///
/// Stripe signs its notifications. The service verifies the signature over the raw body.
#[utoipa::path(
    tag = "provider-webhooks",
    operation_id = "receiveStripeNotification",
    request_body(content = String, content_type = "application/json", description = "An event, as Stripe sends it"),
    responses(
        (status = 200, description = "The notification was received", body = String, content_type = "application/json"),
        (status = 400, description = "The signature is not valid"),
        (status = 408, description = "`body_too_slow`: the body did not arrive in time"),
        (status = 413, description = "The notification has more than 1 MiB"),
        (status = 415, description = "The body is compressed"),
        (status = 503, description = "Stripe is not configured, or Stripe should send the notification again"),
    )
)]
#[post("/v1/providers/stripe/notifications")]
pub async fn stripe_notification(
    request: HttpRequest,
    body: RawBody<MAX_NOTIFICATION_BYTES>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    receive(&app, ProviderName::Stripe, &request, &body.bytes).await
}

/// Receive a notification from PayPal
///
/// PayPal signs its notifications. The service verifies the signature with PayPal's certificate, or by asking PayPal.
#[utoipa::path(
    tag = "provider-webhooks",
    operation_id = "receivePaypalNotification",
    request_body(content = String, content_type = "application/json", description = "An event, as PayPal sends it"),
    responses(
        (status = 200, description = "The notification was received", body = String, content_type = "application/json"),
        (status = 400, description = "The signature is not valid"),
        (status = 408, description = "`body_too_slow`: the body did not arrive in time"),
        (status = 413, description = "The notification has more than 1 MiB"),
        (status = 415, description = "The body is compressed"),
        (status = 503, description = "PayPal is not configured, or PayPal should send the notification again"),
    )
)]
#[post("/v1/providers/paypal/notifications")]
pub async fn paypal_notification(
    request: HttpRequest,
    body: RawBody<MAX_NOTIFICATION_BYTES>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    receive(&app, ProviderName::PayPal, &request, &body.bytes).await
}

/// What VNPay expects as the answer to its notification.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "RspCode": "00", "Message": "Confirm Success" }))]
pub struct VnpayAnswer {
    /// `00` if the notification was accepted. The other codes are defined by VNPay.
    #[schema(rename = "RspCode", max_length = 2)]
    pub code: String,
    #[schema(rename = "Message", max_length = 100)]
    pub message: String,
}

/// Receive a notification from VNPay
///
/// VNPay sends and signs its notification (IPN) in the query, and expects `RspCode` and `Message` in the answer.
#[utoipa::path(
    tag = "provider-webhooks",
    operation_id = "receiveVnpayIpn",
    responses(
        (status = 200, description = "`RspCode` and `Message`", body = VnpayAnswer),
        (status = 503, description = "VNPay is not configured"),
    )
)]
#[get("/v1/providers/vnpay/ipn")]
pub async fn vnpay_ipn(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    receive(&app, ProviderName::Vnpay, &request, &[]).await
}

/// Return from PayPal
///
/// The page that the payer returns to. The call is no evidence of a payment: it makes the service ask PayPal (and
/// capture the payment), and then sends the browser on. If the payment was declined and can be tried again, it sends
/// the browser back to PayPal.
#[utoipa::path(
    tag = "provider-webhooks",
    operation_id = "returnFromPaypal",
    params(
        ("order" = Option<String>, Query, description = "The order's id", max_length = 64),
        ("token" = Option<String>, Query, description = "PayPal's id of the order, which PayPal adds", max_length = 64)
    ),
    responses(
        (status = 303, description = "The browser goes on to the order's `return_url`"),
        (status = 200, description = "A plain page", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such order"),
    )
)]
#[get("/v1/providers/paypal/return")]
pub async fn paypal_return(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    handle_return(&app, &request, ProviderName::PayPal).await
}

/// Return from VNPay
///
/// The page that the payer returns to. The call is no evidence of a payment: the service checks VNPay's signature and
/// sends the browser on, or says that it could not verify the call.
#[utoipa::path(
    tag = "provider-webhooks",
    operation_id = "returnFromVnpay",
    params(
        ("order" = Option<String>, Query, description = "The order's id", max_length = 64),
        ("vnp_TxnRef" = Option<String>, Query,
            description = "VNPay's id of the payment, which VNPay adds and signs together with other parameters")
    ),
    responses(
        (status = 303, description = "The browser goes on to the order's `return_url`"),
        (status = 200, description = "A plain page", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such order"),
    )
)]
#[get("/v1/providers/vnpay/return")]
pub async fn vnpay_return(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    handle_return(&app, &request, ProviderName::Vnpay).await
}

/// Anybody can call the return pages. At most this many calls at a time make the service ask the company.
static ASKING: Semaphore = Semaphore::const_new(32);

async fn handle_return(app: &App, request: &HttpRequest, provider: ProviderName) -> Result<HttpResponse, Failure> {
    let query = request.query_string();
    let parameter = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let company = app.providers.by_name(provider);
    let reference = match company.map_or(Returned::Nothing, |company| company.returned(query)) {
        Returned::Nothing => None,
        Returned::Reference(reference) => Some(reference),
        Returned::Forged => {
            tracing::warn!(%provider, "A payer returned with a signature that is not valid; nothing was done");
            let text = "The address of this page could not be verified, so nothing was done. Look at your order to see \
                        whether it is paid.";
            return Ok(page("Not verified", text));
        }
    };
    let named = parameter("order").and_then(|id| TopUpOrderId::new(id).named());
    let Some(found) = orders::read::returned_to(app, provider, named, reference.as_deref()).await? else {
        return Err(Error::NotFound("order").into());
    };
    // The provider is asked, because the browser's call is no evidence. If it is not asked, nothing is lost: the
    // notification and the worker settle the order later.
    if company.is_some_and(|company| company.settles_on_return())
        && let Ok(_asking) = ASKING.try_acquire()
        && let Err(error) = settlement::settle(app, found.id, EvidenceSource::Answer, "payer's return").await
    {
        tracing::info!(
            order = %found.id, error = %error,
            "The provider could not be asked when the payer returned; the order is settled later"
        );
    }
    // A payer whose payment was declined goes back to choose another way to pay, unless the payer cancelled it.
    if parameter("cancelled").is_none()
        && let Some(page) = orders::read::page_to_try_again(app, found.id).await?
    {
        return Ok(HttpResponse::SeeOther().insert_header((LOCATION, page)).finish());
    }
    match &found.return_url {
        Some(url) => {
            let mut target = url::Url::parse(url).map_err(|_| Error::Internal("a URL in the order's return_url"))?;
            target.query_pairs_mut().append_pair("order", &IdKind::TopUpOrder.show(found.id));
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, target.to_string())).finish())
        }
        None => Ok(page(
            "Thank you",
            "Thank you. You can close this page; your balance is updated as soon as the payment is confirmed.",
        )),
    }
}

/// A plain page of the service's own.
fn page(title: &str, text: &str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .body(format!("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><p>{text}"))
}
