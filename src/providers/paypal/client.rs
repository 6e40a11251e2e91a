//! The transport of PayPal's API: a cached access token, and JSON in both directions (developer.paypal.com/api/rest).

use std::fmt;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::NAME;
use super::wire::PaypalErrorBody;
use crate::providers::ProviderError;
use crate::providers::http::{Client, CompanyResponse, Retry};
use crate::providers::settings::{self, PaypalSettings, ProviderSettingsError, Timeouts};

/// A token is not used in its last minute, so that it does not expire during a call.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);

pub(super) struct PaypalClient {
    pub http: Client,
    pub base_url: String,
    client_id: String,
    client_secret: SecretString,
    token: Mutex<Option<Token>>,
}

struct Token {
    value: SecretString,
    expires: Instant,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    expires_in: u64,
}

impl fmt::Debug for PaypalClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaypalClient").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl PaypalClient {
    pub fn new(settings: &PaypalSettings, timeouts: Timeouts) -> Result<Self, ProviderSettingsError> {
        Ok(Self {
            http: Client::new(NAME, timeouts)?,
            base_url: settings::base_url(&settings.base_url, "PayPal base URL")?,
            client_id: settings.client_id.trim().to_owned(),
            client_secret: settings.client_secret.clone(),
            token: Mutex::new(None),
        })
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ProviderError> {
        self.call(self.http.get(&format!("{}{path}", self.base_url))).await
    }

    /// Sends a POST with a JSON body. A `request_id` (at most 108 characters) makes a repetition the same request.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: String,
        request_id: Option<&str>,
    ) -> Result<T, ProviderError> {
        let mut request = self
            .http
            .post(&format!("{}{path}", self.base_url))
            .header("content-type", "application/json")
            // The default response contains neither amounts nor captures.
            .header("prefer", "return=representation")
            .body(body);
        if let Some(id) = request_id {
            request = request.header("paypal-request-id", id);
        }
        self.call(request).await
    }

    async fn call<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, ProviderError> {
        let again = request.try_clone();
        let token = self.token(None).await?;
        let mut response = self.send(request, &token).await?;
        // A token can expire early. A new one is requested once.
        if let (401, Some(again)) = (response.status, again) {
            let token = self.token(Some(&token)).await?;
            response = self.send(again, &token).await?;
        }
        if response.is_success() { self.http.json(&response) } else { Err(self.refusal(&response)) }
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        token: &SecretString,
    ) -> Result<CompanyResponse, ProviderError> {
        self.http.send(request.bearer_auth(token.expose_secret()), Retry::Safe).await
    }

    /// The cached token, or a new one if there is none or the cached one is `refused`. The lock is held during the
    /// call, so that many waiting callers make one call.
    async fn token(&self, refused: Option<&SecretString>) -> Result<SecretString, ProviderError> {
        let mut cached = self.token.lock().await;
        if let Some(token) = cached.as_ref() {
            let was_refused = refused.is_some_and(|refused| refused.expose_secret() == token.value.expose_secret());
            if !was_refused && token.expires > Instant::now() {
                return Ok(token.value.clone());
            }
        }
        *cached = None;
        let request = self
            .http
            .post(&format!("{}/v1/oauth2/token", self.base_url))
            .basic_auth(&self.client_id, Some(self.client_secret.expose_secret()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let response = self.http.send(request, Retry::Safe).await?;
        if matches!(response.status, 400 | 401 | 403) {
            return Err(ProviderError::Credentials { provider: NAME });
        }
        if !response.is_success() {
            return Err(self.refusal(&response));
        }
        let granted: TokenResponse = self.http.json(&response)?;
        let life = Duration::from_secs(granted.expires_in).saturating_sub(TOKEN_MARGIN);
        let value = SecretString::from(granted.access_token);
        *cached = Some(Token { value: value.clone(), expires: Instant::now() + life });
        Ok(value)
    }

    pub fn unavailable(&self, detail: &str) -> ProviderError {
        self.http.unavailable(detail)
    }

    /// The meaning of an error response. Issues are recognised by their code, never by their description.
    fn refusal(&self, response: &CompanyResponse) -> ProviderError {
        match response.status {
            401 | 403 => return ProviderError::Credentials { provider: NAME },
            400 | 404 | 409 | 422 | 429 => {}
            status => return self.unavailable(&format!("status {status}{}", debug_id(response))),
        }
        if matches!(response.status, 409 | 429) {
            return ProviderError::Busy {
                provider: NAME,
                detail: format!("status {}{}", response.status, debug_id(response)),
                retry_after_seconds: response.retry_after(),
            };
        }
        let error: PaypalErrorBody = match self.http.json(response) {
            Ok(error) => error,
            Err(unreadable) => return unreadable,
        };
        let detail = error.details.into_iter().next();
        let field = detail.as_ref().and_then(|detail| detail.field.as_deref()).unwrap_or("-").to_owned();
        let debug_id = error.debug_id.as_deref().unwrap_or("unknown");
        ProviderError::Refused {
            provider: NAME,
            code: detail.and_then(|detail| detail.issue).unwrap_or(error.name),
            detail: format!("field {field}, debug id {debug_id}"),
        }
    }
}

fn debug_id(response: &CompanyResponse) -> String {
    response.header("paypal-debug-id").map(|id| format!(", debug id {id}")).unwrap_or_default()
}

/// Checks an id for use in a path. The ids come from PayPal, but nothing else may ever choose the path.
pub(super) fn path_segment(id: &str) -> Result<&str, ProviderError> {
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain { Ok(id) } else { Err(super::mismatch("a reference that is not PayPal's")) }
}
