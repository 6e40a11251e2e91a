//! PayPal's transport: a cached access token, JSON both ways (developer.paypal.com/api/rest).

use std::fmt;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::NAME;
use super::wire::ErrorBody;
use crate::providers::ProviderError;
use crate::providers::http::{Client, CompanyResponse, Retry};
use crate::providers::settings::{self, PaypalSettings, ProviderSettingsError, Timeouts};

/// A token is not used in its last minute: a call may be under way then.
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
struct TokenAnswer {
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

    /// `body` is JSON. With a `request_id` (at most 108 characters) a repetition is the same request.
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
            // The default answer has neither amounts nor captures.
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
        let mut answer = self.send(request, &token).await?;
        // A token can end early: a new one, once.
        if let (401, Some(again)) = (answer.status, again) {
            let token = self.token(Some(&token)).await?;
            answer = self.send(again, &token).await?;
        }
        if answer.is_success() { self.http.json(&answer) } else { Err(self.refusal(&answer)) }
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        token: &SecretString,
    ) -> Result<CompanyResponse, ProviderError> {
        self.http.send(request.bearer_auth(token.expose_secret()), Retry::Safe).await
    }

    /// The cached token, or a new one where there is none or it is the `refused` one. The lock is held
    /// over the call on purpose: many waiting callers ask once.
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
        let answer = self.http.send(request, Retry::Safe).await?;
        if matches!(answer.status, 400 | 401 | 403) {
            return Err(ProviderError::Credentials { provider: NAME });
        }
        if !answer.is_success() {
            return Err(self.refusal(&answer));
        }
        let granted: TokenAnswer = self.http.json(&answer)?;
        let life = Duration::from_secs(granted.expires_in).saturating_sub(TOKEN_MARGIN);
        let value = SecretString::from(granted.access_token);
        *cached = Some(Token { value: value.clone(), expires: Instant::now() + life });
        Ok(value)
    }

    pub fn unavailable(&self, detail: &str) -> ProviderError {
        self.http.unavailable(detail)
    }

    /// What an error answer means. Issues are told by their code, never by their description.
    fn refusal(&self, answer: &CompanyResponse) -> ProviderError {
        match answer.status {
            401 | 403 => return ProviderError::Credentials { provider: NAME },
            400 | 404 | 409 | 422 | 429 => {}
            status => return self.unavailable(&format!("status {status}{}", debug_id(answer))),
        }
        if matches!(answer.status, 409 | 429) {
            return ProviderError::Busy {
                provider: NAME,
                detail: format!("status {}{}", answer.status, debug_id(answer)),
                retry_after_seconds: answer.retry_after(),
            };
        }
        let error: ErrorBody = match self.http.json(answer) {
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

fn debug_id(answer: &CompanyResponse) -> String {
    answer.header("paypal-debug-id").map(|id| format!(", debug id {id}")).unwrap_or_default()
}

/// An id as a piece of a path. Ours come from PayPal, but nothing else shall ever choose the path.
pub(super) fn path_segment(id: &str) -> Result<&str, ProviderError> {
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain { Ok(id) } else { Err(super::mismatch("a reference that is not PayPal's")) }
}
