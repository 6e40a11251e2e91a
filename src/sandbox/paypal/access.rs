//! The endpoints for tokens, for the certificate, and for the verification of notifications.

use std::collections::BTreeMap;

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::check;
use super::gate::{Done, Effect};
use super::problem::{Detail, Problem};
use super::{CERTIFICATE, Paypal};
use crate::sandbox::reply::{Body, Reply};
use crate::sandbox::tools::{now, random_capitals, random_id, same_secret};

/// PayPal's tokens are valid for nine hours.
const TOKEN_SECONDS: i64 = 32_400;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/paypal/v1/oauth2/token", web::post().to(token))
        .route("/paypal/v1/notifications/certs/{id}", web::get().to(certificate))
        .route("/paypal/v1/notifications/verify-webhook-signature", web::post().to(verify));
}

async fn token(paypal: web::Data<Paypal>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let prepare = || paypal.check_client(&request, &body);
    let issue = |(), _| {
        let token = random_id("A21AA", 92);
        let seconds = paypal.with_books(|books| {
            let seconds = books.token_lifetime.unwrap_or(TOKEN_SECONDS);
            books.tokens.insert(token.clone(), now() + Duration::seconds(seconds));
            seconds
        });
        Reply::json(
            200,
            json!({
                "scope": "https://uri.paypal.com/services/payments/payment/authcapture \
                          https://uri.paypal.com/services/payments/refund \
                          https://uri.paypal.com/services/checkout/one-click-with-merchant-issued-token",
                "access_token": token,
                "token_type": "Bearer",
                "app_id": "APP-80W284485P519543T",
                "expires_in": seconds,
                "nonce": format!("{}{}", super::render::time(now()), random_capitals(43))
            }),
        )
    };
    paypal.shared.answer("token", &request, &body, prepare, issue).await
}

impl Paypal {
    /// An error in the form of the token endpoint (RFC 6749, 5.2).
    fn check_client(&self, request: &HttpRequest, body: &[u8]) -> Result<(), Reply> {
        let refuse = |status, error: &str, text: &str| {
            Err(Reply::json(status, json!({ "error": error, "error_description": text })))
        };
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = header
            .and_then(|header| header.strip_prefix("Basic "))
            .and_then(|encoded| STANDARD.decode(encoded.trim()).ok())
            .and_then(|decoded| String::from_utf8(decoded).ok());
        let own = format!("{}:{}", self.credentials.client_id, self.credentials.client_secret.expose_secret());
        if !given.is_some_and(|given| same_secret(&given, &own)) {
            return refuse(401, "invalid_client", "Client Authentication failed");
        }
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
            return refuse(415, "invalid_request", "The body must be form-encoded");
        }
        let form: BTreeMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
        match form.get("grant_type").map(String::as_str) {
            Some("client_credentials") if form.len() == 1 => Ok(()),
            Some("client_credentials") => refuse(400, "invalid_request", "Only grant_type is known here"),
            Some(_) => refuse(400, "unsupported_grant_type", "Grant Type is not supported"),
            None => refuse(400, "unsupported_grant_type", "Grant Type is NULL"),
        }
    }
}

async fn certificate(paypal: web::Data<Paypal>, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    let prepare = || match *id == CERTIFICATE {
        true => Ok(()),
        false => Err(Problem::not_found().into_reply()),
    };
    let give = |(), _| Reply {
        status: 200,
        headers: Vec::new(),
        body: Body::Text { content_type: "application/x-pem-file", text: paypal.seal.leaf_pem.clone() },
    };
    paypal.shared.answer("certificate", &request, &[], prepare, give).await
}

#[derive(Debug, Deserialize)]
struct Question<'a> {
    auth_algo: String,
    cert_url: String,
    transmission_id: String,
    transmission_sig: String,
    transmission_time: String,
    webhook_id: String,
    /// The unchanged bytes, because the signature covers them.
    #[serde(borrow)]
    webhook_event: &'a RawValue,
}

async fn verify(paypal: web::Data<Paypal>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    // The event may be any JSON, but the six other fields are checked.
    let beside = serde_json::from_slice::<serde_json::Value>(&body).map(|mut question| {
        if let Some(fields) = question.as_object_mut() {
            fields.remove("webhook_event");
        }
        question.to_string()
    });
    let beside = beside.unwrap_or_else(|_| "(malformed)".to_owned());
    let work = |paypal: &Paypal, _: &mut super::model::Books, _: &super::gate::Call| {
        let Ok(question) = serde_json::from_slice::<Question<'_>>(&body) else {
            let field = "/webhook_event";
            let detail = Detail::body("MISSING_REQUIRED_PARAMETER", field, None);
            return Err(Problem::malformed(vec![detail]));
        };
        let expected = paypal.seal.sign(
            &question.transmission_id,
            &question.transmission_time,
            &paypal.credentials.webhook_id,
            question.webhook_event.get().as_bytes(),
        );
        let right = question.webhook_id == paypal.credentials.webhook_id
            && question.auth_algo == "SHA256withRSA"
            && question.cert_url == paypal.certificate_url()
            && same_secret(&expected, &question.transmission_sig);
        let status = if right { "SUCCESS" } else { "FAILURE" };
        Ok(Done { id: String::new(), body: json!({ "verification_status": status }) })
    };
    let operation = "verify_webhook_signature";
    paypal.call(operation, &request, beside.as_bytes(), Effect::Reads, check::VERIFY, work).await
}
