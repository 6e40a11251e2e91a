//! One thin HTTP client for all companies: time-outs, a cap on answers, and the rule of when to ask again.
//!
//! Neither URLs nor bodies are logged, and errors carry neither: both may hold secrets or personal data.

use std::time::{Duration, Instant};

use rand::Rng;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

use super::ProviderError;
use super::settings::{ProviderSettingsError, Timeouts};

/// No answer that we understand comes near this.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
const MAX_RETRIES: u32 = 2;

/// Whether a call may be repeated inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// It carries an idempotency key, or only reads.
    Safe,
    /// The company would do it twice, or forbids repetitions.
    Never,
}

/// An answer, whatever its status.
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

    /// Seconds of `Retry-After`, where the company states them as a number.
    pub fn retry_after(&self) -> Option<u64> {
        self.header("retry-after").and_then(|value| value.trim().parse().ok())
    }
}

#[derive(Debug, Clone)]
pub(super) struct Client {
    provider: &'static str,
    http: reqwest::Client,
    timeouts: Timeouts,
}

impl Client {
    pub fn new(provider: &'static str, timeouts: Timeouts) -> Result<Self, ProviderSettingsError> {
        let http = reqwest::Client::builder()
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.request)
            // A company's API does not redirect; whoever does must not be followed with our credentials.
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

    /// Sends, and repeats the very same bytes and key where that is safe: at most twice, within
    /// [`Timeouts::call`]. `Stripe-Should-Retry` decides where it is sent; else connection errors,
    /// time-outs, 409 and 5xx are repeated (as the official Stripe libraries do).
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] when there is no answer. An answer of any status is `Ok`.
    pub async fn send(&self, request: reqwest::RequestBuilder, retry: Retry) -> Result<CompanyResponse, ProviderError> {
        let started = Instant::now();
        let mut tries = 0;
        loop {
            let this_try = request.try_clone().ok_or_else(|| self.unavailable("the request cannot be repeated"))?;
            let result = self.send_once(this_try).await;
            let again = match &result {
                Ok(answer) => should_retry(answer),
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
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_once(&self, request: reqwest::RequestBuilder) -> Result<CompanyResponse, ProviderError> {
        let mut response = request.send().await.map_err(|error| self.no_answer(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.no_answer(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(self.unavailable("the answer is too large"));
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

    /// Reads a JSON answer.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] for HTML, half a JSON, or another shape: nothing is known then.
    pub fn json<T: DeserializeOwned>(&self, answer: &CompanyResponse) -> Result<T, ProviderError> {
        serde_json::from_slice(&answer.body).map_err(|error| {
            // The category and place only: serde's own text quotes the answer.
            self.unavailable(&format!(
                "status {}, unreadable JSON ({:?} error at line {} column {})",
                answer.status,
                error.classify(),
                error.line(),
                error.column()
            ))
        })
    }

    pub fn unavailable(&self, detail: &str) -> ProviderError {
        ProviderError::Unavailable { provider: self.provider, detail: detail.to_owned() }
    }

    fn no_answer(&self, error: &reqwest::Error) -> ProviderError {
        self.unavailable(if error.is_timeout() {
            "time-out"
        } else if error.is_connect() {
            "no connection"
        } else {
            "the connection broke"
        })
    }
}

fn should_retry(answer: &CompanyResponse) -> bool {
    match answer.header("stripe-should-retry") {
        Some("true") => true,
        Some("false") => false,
        _ => answer.status == 409 || answer.status >= 500,
    }
}
