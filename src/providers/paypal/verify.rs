//! Verifies that a notification comes from PayPal: by PayPal's certificate, or by a call to PayPal.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use moka::sync::Cache;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::certificate::{self, Distrust};
use super::client::PaypalClient;
use super::transmission::{Transmission, certificate_url};
use crate::providers::http::Retry;
use crate::providers::settings::{PaypalSettings, PaypalVerify, ProviderSettingsError};
use crate::providers::{NotificationError, ProviderError, RawNotification};

const CERTIFICATE_LIFE: Duration = Duration::from_secs(24 * 3600);
const CERTIFICATES_KEPT: u64 = 32;
/// Anybody can send a notification that looks like PayPal's. At most this many of them at a time may cause a call to
/// PayPal.
const CALLS: usize = 32;
/// How long a notification waits for its call to PayPal. After that PayPal has to send it again.
const CALL_WAITS: Duration = Duration::from_secs(5);
/// The webhook id of PayPal's simulator, which signs for anyone.
const SIMULATOR_WEBHOOK_ID: &str = "WEBHOOK_ID";

type Chain = Arc<Vec<CertificateDer<'static>>>;

/// Verifies notifications, and caches the certificates of PayPal.
pub(super) struct NotificationVerifier {
    webhook_id: String,
    way: PaypalVerify,
    roots: Vec<TrustAnchor<'static>>,
    /// Set if the roots are those of a test: certificates may then be fetched from this base URL, and PayPal is not
    /// called.
    test_base: Option<String>,
    chains: Cache<String, Chain>,
    calls: Semaphore,
}

impl fmt::Debug for NotificationVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotificationVerifier")
            .field("way", &self.way)
            .field("test_base", &self.test_base)
            .finish_non_exhaustive()
    }
}

/// The body of `POST /v1/notifications/verify-webhook-signature`.
#[derive(Serialize)]
struct PostbackRequest<'a> {
    auth_algo: &'a str,
    cert_url: &'a str,
    transmission_id: &'a str,
    transmission_sig: &'a str,
    transmission_time: &'a str,
    webhook_id: &'a str,
    /// PayPal's unchanged bytes, because the signature covers them.
    webhook_event: &'a RawValue,
}

#[derive(Deserialize)]
struct PostbackAnswer {
    verification_status: String,
}

impl NotificationVerifier {
    pub fn new(settings: &PaypalSettings, base_url: &str) -> Result<Self, ProviderSettingsError> {
        let webhook_id = settings.webhook_id.as_deref().unwrap_or_default().trim().to_owned();
        if webhook_id.eq_ignore_ascii_case(SIMULATOR_WEBHOOK_ID) {
            return Err(ProviderSettingsError::SimulatorWebhookId);
        }
        let roots = match &settings.cert_roots_pem {
            Some(pem) => certificate::roots_from_pem(pem).ok_or(ProviderSettingsError::BadRoots)?,
            None => certificate::public_roots(),
        };
        Ok(Self {
            webhook_id,
            way: settings.verify,
            roots,
            test_base: settings.cert_roots_pem.as_ref().map(|_| base_url.to_owned()),
            chains: Cache::builder().max_capacity(CERTIFICATES_KEPT).time_to_live(CERTIFICATE_LIFE).build(),
            calls: Semaphore::new(CALLS),
        })
    }

    /// # Errors
    /// [`NotificationError::BadSignature`] when the notification does not come from PayPal.
    /// [`NotificationError::CouldNotVerify`] when that cannot be decided now. PayPal then sends it again.
    pub async fn verify(
        &self,
        client: &PaypalClient,
        raw: &RawNotification,
        now: DateTime<Utc>,
    ) -> Result<(), NotificationError> {
        let transmission = Transmission::of(raw)?;
        if self.way == PaypalVerify::Postback {
            return self.ask(client, &transmission, raw).await;
        }
        let signature = STANDARD
            .decode(transmission.signature)
            .map_err(|_| NotificationError::BadSignature("the signature is not base64"))?;
        let url = certificate_url(transmission.certificate_url, self.test_base.as_deref())
            .ok_or(NotificationError::BadSignature("the URL of the certificate is not PayPal's"))?;
        let chain = self.chain(client, url.as_str()).await?;
        let message = transmission.message(&self.webhook_id, &raw.body);
        match certificate::verify(&chain, &self.roots, message.as_bytes(), &signature, now) {
            Ok(()) => {
                // The certificate is cached only now, because during an outage the URL may return another text.
                self.chains.insert(url.to_string(), chain);
                Ok(())
            }
            // PayPal has served certificates without their intermediates before. In that case PayPal itself is asked.
            Err(Distrust::UnknownIssuer) if self.test_base.is_none() => self.ask(client, &transmission, raw).await,
            Err(Distrust::UnknownIssuer) => Err(NotificationError::BadSignature("the certificate's issuer is unknown")),
            Err(Distrust::Certainly(why)) => Err(NotificationError::BadSignature(why)),
        }
    }

    /// Waits for a permit to call PayPal.
    async fn call(&self) -> Result<SemaphorePermit<'_>, NotificationError> {
        let permit = timeout(CALL_WAITS, self.calls.acquire()).await.ok().and_then(Result::ok);
        permit.ok_or_else(|| NotificationError::CouldNotVerify("too many notifications wait for PayPal".to_owned()))
    }

    async fn chain(&self, client: &PaypalClient, url: &str) -> Result<Chain, NotificationError> {
        if let Some(known) = self.chains.get(url) {
            return Ok(known);
        }
        let _call = self.call().await?;
        let response = client.http.send(client.http.get(url), Retry::Safe).await.map_err(could_not)?;
        if !response.is_success() {
            return Err(NotificationError::CouldNotVerify(format!(
                "the certificate could not be fetched: status {}",
                response.status
            )));
        }
        certificate::certificates_from_pem(&response.body)
            .map(Arc::new)
            .ok_or_else(|| NotificationError::CouldNotVerify("the certificate is not PEM".to_owned()))
    }

    async fn ask(
        &self,
        client: &PaypalClient,
        transmission: &Transmission<'_>,
        raw: &RawNotification,
    ) -> Result<(), NotificationError> {
        let event: &RawValue = serde_json::from_slice(&raw.body)
            .map_err(|_| NotificationError::BadSignature("the body is not JSON, so PayPal did not sign it"))?;
        let request = PostbackRequest {
            auth_algo: transmission.algorithm,
            cert_url: transmission.certificate_url,
            transmission_id: transmission.id,
            transmission_sig: transmission.signature,
            transmission_time: transmission.time,
            webhook_id: &self.webhook_id,
            webhook_event: event,
        };
        let request = serde_json::to_string(&request)
            .map_err(|_| NotificationError::CouldNotVerify("the verification request cannot be written".to_owned()))?;
        let _call = self.call().await?;
        let response = client.post("/v1/notifications/verify-webhook-signature", request, None).await;
        match response {
            Ok(PostbackAnswer { verification_status }) if verification_status == "SUCCESS" => Ok(()),
            Ok(_) => Err(NotificationError::BadSignature("PayPal says that it has not sent this notification")),
            // PayPal refuses to check headers that it has not sent.
            Err(ProviderError::Refused { .. }) => {
                Err(NotificationError::BadSignature("PayPal does not know such a signature"))
            }
            Err(error) => Err(could_not(error)),
        }
    }
}

fn could_not(error: ProviderError) -> NotificationError {
    NotificationError::CouldNotVerify(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::providers::settings::Timeouts;

    const URL: &str = "https://api.paypal.com/v1/notifications/certs/cert";

    /// A certificate at PayPal whose issuer is not among the public roots.
    async fn verdict(status: &str) -> Result<(), NotificationError> {
        let server = MockServer::start().await;
        let token = serde_json::json!({"access_token": "A21", "expires_in": 3600});
        Mock::given(path("/v1/oauth2/token"))
            .respond_with(ResponseTemplate::new(200).set_body_json(token))
            .mount(&server)
            .await;
        let response = serde_json::json!({"verification_status": status});
        Mock::given(path("/v1/notifications/verify-webhook-signature"))
            .respond_with(ResponseTemplate::new(200).set_body_json(response))
            .expect(1)
            .mount(&server)
            .await;
        let settings = PaypalSettings {
            client_id: "client".to_owned(),
            client_secret: "secret".into(),
            webhook_id: Some("8PT597110X687430LKGECATA".to_owned()),
            base_url: server.uri(),
            cert_roots_pem: None,
            verify: PaypalVerify::Offline,
        };
        let client = PaypalClient::new(&settings, Timeouts::default()).unwrap();
        let verifier = NotificationVerifier::new(&settings, &server.uri()).unwrap();
        let pem = include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/providers/vectors/paypal/leaf-without-intermediate.pem"
        ));
        verifier.chains.insert(URL.to_owned(), Arc::new(certificate::certificates_from_pem(pem).unwrap()));
        let headers = [
            ("paypal-transmission-id", "1"),
            ("paypal-transmission-time", "2026-11-21T08:35:01Z"),
            ("paypal-transmission-sig", "AAAA"),
            ("paypal-cert-url", URL),
            ("paypal-auth-algo", "SHA256withRSA"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let raw = RawNotification { headers, query: String::new(), body: b"{}".to_vec() };
        verifier.verify(&client, &raw, "2026-11-21T08:35:02Z".parse().unwrap()).await
    }

    #[tokio::test]
    async fn a_chain_without_its_intermediates_is_paypals_to_judge() {
        assert_eq!(verdict("SUCCESS").await, Ok(()));
        assert!(matches!(verdict("FAILURE").await, Err(NotificationError::BadSignature(_))));
    }
}
