//! The HTTP client for all companies: time-outs, a limit on the size of responses, and the rule for retries.
//!
//! URLs and bodies may contain secrets or personal data. They are not logged, and errors do not contain them.

use std::time::{Duration, Instant};

use rand::Rng;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

use super::ProviderError;
use super::settings::{ProviderSettingsError, Timeouts};
use crate::domain::payment::ProviderName;

/// Larger than any response that we can read.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;
const MAX_RETRIES: u32 = 2;

/// Whether the client may repeat a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// The call has an idempotency key, or only reads.
    Safe,
    /// The company would carry the call out twice, or does not allow repetitions.
    Never,
}

/// A response of a company, of any status.
pub(super) struct CompanyResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl CompanyResponse {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether it is the stored response to an earlier request with the same key (Stripe).
    pub fn is_stored(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// The seconds of `Retry-After`, if the company states a number.
    pub fn retry_after(&self) -> Option<u64> {
        self.header("retry-after").and_then(|value| value.trim().parse().ok())
    }
}

#[derive(Debug, Clone)]
pub(super) struct Client {
    provider: ProviderName,
    http: reqwest::Client,
    timeouts: Timeouts,
}

impl Client {
    pub fn new(provider: ProviderName, timeouts: Timeouts) -> Result<Self, ProviderSettingsError> {
        let http = reqwest::Client::builder()
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.request)
            // A company's API does not redirect, and our credentials must not go to another address.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("topup/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ProviderSettingsError::Client(error.to_string()))?;
        Ok(Self { provider, http, timeouts })
    }

    pub fn get(&self, url: &str) -> reqwest::RequestBuilder {
        self.http.get(url)
    }

    pub fn post(&self, url: &str) -> reqwest::RequestBuilder {
        self.http.post(url)
    }

    /// Sends a request. If `retry` allows it, the same bytes with the same key are sent again, at most twice and within
    /// [`Timeouts::call`]: after connection errors, time-outs, 409 and 5xx, as the official Stripe libraries do. A
    /// header `Stripe-Should-Retry` overrides this.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] when there is no response. A response of any status is `Ok`.
    pub async fn send(&self, request: reqwest::RequestBuilder, retry: Retry) -> Result<CompanyResponse, ProviderError> {
        let started = Instant::now();
        let mut tries = 0;
        loop {
            let this_try = request.try_clone().ok_or_else(|| self.unavailable("the request cannot be repeated"))?;
            let result = self.send_once(this_try).await;
            let again = match &result {
                Ok(response) => should_retry(response),
                Err(_) => true,
            };
            if retry == Retry::Never || !again || tries >= MAX_RETRIES {
                return result;
            }
            let wait = self.backoff(tries, result.as_ref().ok().and_then(CompanyResponse::retry_after));
            if started.elapsed() + wait + self.timeouts.request > self.timeouts.call {
                return result;
            }
            tries += 1;
            tracing::info!(provider = %self.provider, tries, "A call to a payment company failed; it is repeated");
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_once(&self, request: reqwest::RequestBuilder) -> Result<CompanyResponse, ProviderError> {
        let mut incoming = request.send().await.map_err(|error| self.no_response(&error))?;
        let status = incoming.status().as_u16();
        let headers = incoming.headers().clone();
        let mut body = Vec::new();
        while let Some(chunk) = incoming.chunk().await.map_err(|error| self.no_response(&error))? {
            if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
                return Err(self.unavailable("the response is too large"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(CompanyResponse { status, headers, body })
    }

    fn backoff(&self, tries: u32, retry_after: Option<u64>) -> Duration {
        let jitter = rand::rng().random_range(0.5..=1.0);
        let wait = self.timeouts.backoff.saturating_mul(2_u32.saturating_pow(tries)).mul_f64(jitter);
        wait.max(Duration::from_secs(retry_after.unwrap_or(0)))
    }

    /// Reads a JSON response.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] for HTML, truncated JSON or another shape, because then nothing is known.
    pub fn json<T: DeserializeOwned>(&self, response: &CompanyResponse) -> Result<T, ProviderError> {
        serde_json::from_slice(&response.body).map_err(|error| {
            // Only the category and the place, because serde's own text quotes the response.
            self.unavailable(&format!(
                "status {}, unreadable JSON ({:?} error at line {} column {})",
                response.status,
                error.classify(),
                error.line(),
                error.column()
            ))
        })
    }

    pub fn unavailable(&self, detail: &str) -> ProviderError {
        ProviderError::Unavailable { provider: self.provider, detail: detail.to_owned() }
    }

    fn no_response(&self, error: &reqwest::Error) -> ProviderError {
        self.unavailable(if error.is_timeout() {
            "time-out"
        } else if error.is_connect() {
            "no connection"
        } else {
            "the connection broke"
        })
    }
}

fn should_retry(response: &CompanyResponse) -> bool {
    // A stored response stays the same.
    if response.is_stored() {
        return false;
    }
    match response.header("stripe-should-retry") {
        Some("true") => true,
        Some("false") => false,
        _ => response.status == 409 || response.status >= 500,
    }
}
