//! The transport of Stripe's API: a form goes in, JSON comes out (docs.stripe.com/api).

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use super::NAME;
use super::wire::StripeErrorBody;
use crate::providers::ProviderError;
use crate::providers::http::{Client, CompanyResponse, Retry};
use crate::providers::settings::{self, ProviderSettingsError, StripeSettings, Timeouts};

pub(super) struct StripeClient {
    http: Client,
    base_url: String,
    secret_key: SecretString,
    api_version: String,
}

impl fmt::Debug for StripeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeClient").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl StripeClient {
    pub fn new(settings: &StripeSettings, timeouts: Timeouts) -> Result<Self, ProviderSettingsError> {
        Ok(Self {
            http: Client::new(NAME, timeouts)?,
            base_url: settings::base_url(&settings.base_url, "Stripe base URL")?,
            secret_key: settings.secret_key.clone(),
            api_version: settings.api_version.clone(),
        })
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ProviderError> {
        self.send(self.http.get(&format!("{}{path}", self.base_url))).await
    }

    /// Sends a POST. Its key makes a repetition the same request.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &[(String, String)],
        idempotency_key: &str,
    ) -> Result<T, ProviderError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .http
            .post(&format!("{}{path}", self.base_url))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("idempotency-key", idempotency_key)
            .body(body);
        self.send(request).await
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, ProviderError> {
        let request = request.bearer_auth(self.secret_key.expose_secret()).header("stripe-version", &self.api_version);
        let response = self.http.send(request, Retry::Safe).await?;
        if response.is_success() { self.http.json(&response) } else { Err(self.refusal(&response)) }
    }

    pub fn unavailable(&self, detail: &str) -> ProviderError {
        self.http.unavailable(detail)
    }

    /// The meaning of an error response (docs.stripe.com/api/errors).
    fn refusal(&self, response: &CompanyResponse) -> ProviderError {
        let request_id = response.header("request-id").unwrap_or("unknown");
        if response.is_stored() && response.status >= 500 {
            let detail = format!("status {}, request {request_id}", response.status);
            return ProviderError::StoredError { provider: NAME, detail };
        }
        match response.status {
            401 | 403 => return ProviderError::Credentials { provider: NAME },
            409 | 429 => return busy(response, request_id),
            400 | 402 | 404 => {}
            status => return self.unavailable(&format!("status {status}, request {request_id}")),
        }
        let error = match self.http.json::<StripeErrorBody>(response) {
            Ok(body) => body.error,
            Err(unreadable) => return unreadable,
        };
        let code = error.code.unwrap_or(error.kind);
        if matches!(code.as_str(), "lock_timeout" | "rate_limit" | "idempotency_key_in_use" | "api_error") {
            return busy(response, request_id);
        }
        let decline = error.decline_code.map(|code| format!("{code}, ")).unwrap_or_default();
        let param = error.param.map(|param| format!("parameter {param}, ")).unwrap_or_default();
        ProviderError::Refused { provider: NAME, code, detail: format!("{decline}{param}request {request_id}") }
    }
}

fn busy(response: &CompanyResponse, request_id: &str) -> ProviderError {
    ProviderError::Busy {
        provider: NAME,
        detail: format!("status {}, request {request_id}", response.status),
        retry_after_seconds: response.retry_after(),
    }
}

/// Checks an id for use in a path. The ids come from Stripe, but nothing else may ever choose the path.
pub(super) fn path_segment(id: &str) -> Result<&str, ProviderError> {
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if plain { Ok(id) } else { Err(super::mismatch("a reference that is not Stripe's")) }
}
