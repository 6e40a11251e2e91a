//! Requests to addresses that partners choose: signed as Standard Webhooks 1.0 says, and never to an address of a
//! private network.
//!
//! The address is checked where the connection is made: the resolver of this client returns public addresses only, so a
//! name that resolves to a private address a moment later cannot be called. Redirects are not followed, and no proxy of
//! the environment is used.

mod resolver;
mod signature;

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use url::Url;

use self::resolver::Guarded;
use crate::domain::webhook::address::AddressRule;

pub use self::signature::{Secret, sign};

/// How long a partner's whole answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);
/// How much of an answer's body is kept.
const BODY: usize = 1024;
/// How long a connection is kept for the next delivery.
const IDLE: Duration = Duration::from_secs(30);

/// Why a message cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SenderError(#[from] reqwest::Error);

/// Sends webhooks. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Sender {
    client: reqwest::Client,
    rule: AddressRule,
}

/// One message to an endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    pub url: &'m str,
    /// The id of the event, which stays the same in every attempt.
    pub id: &'m str,
    /// The time of the attempt, in seconds since 1970.
    pub timestamp: i64,
    pub body: &'m str,
    /// Each signs.
    pub secrets: &'m [Secret],
}

/// The outcome of the attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The status of the answer; `None` without one.
    pub status: Option<u16>,
    /// Why there was no answer, or why the answer counts as a failure.
    pub error: Option<String>,
    /// The beginning of the answer's body.
    pub body: Option<String>,
    pub took: Duration,
}

impl Sender {
    /// # Errors
    /// When the client cannot be made, for example without certificates on this machine.
    pub fn new(rule: AddressRule) -> Result<Self, SenderError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .dns_resolver(Arc::new(Guarded(rule)))
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2)
            .http1_only()
            .user_agent(concat!("topup/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, rule })
    }

    /// The addresses that this sender calls.
    #[must_use]
    pub fn rule(&self) -> AddressRule {
        self.rule
    }

    /// Sends a message once.
    pub async fn send(&self, message: Message<'_>) -> Outcome {
        let started = Instant::now();
        let (status, error, body) = match self.exchange(message).await {
            Ok((status, body)) => (Some(status), complaint(status), body),
            Err(error) => (None, Some(error), None),
        };
        Outcome { status, error, body, took: started.elapsed() }
    }

    async fn exchange(&self, message: Message<'_>) -> Result<(u16, Option<String>), String> {
        let url = Url::parse(message.url).map_err(|_| "the URL cannot be read".to_owned())?;
        // A literal address is not looked up, so the resolver does not see it.
        self.rule.check(&url).map_err(|rule| format!("the URL {rule}"))?;
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", sign(message))
            .body(message.body.to_owned());
        let mut answer = request.send().await.map_err(|error| in_words(&error))?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        // If the body breaks off, the status still counts.
        while let Ok(Some(chunk)) = answer.chunk().await {
            let room = BODY.saturating_sub(body.len());
            body.extend(chunk.iter().take(room));
            if body.len() >= BODY {
                break;
            }
        }
        // PostgreSQL's text cannot hold the character NUL.
        let text = String::from_utf8_lossy(&body).replace('\0', "");
        Ok((status, (!text.is_empty()).then_some(text)))
    }
}

fn complaint(status: u16) -> Option<String> {
    match status {
        200..300 => None,
        300..400 => Some("the endpoint redirects, which is not followed".to_owned()),
        _ => Some(format!("the endpoint answered {status}")),
    }
}

/// Why a request got no answer, without the URL, which may have a token in it.
fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer came in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if error.is_connect() {
        return format!("no connection: {cause}");
    }
    format!("no answer: {cause}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::net::TcpListener;

    use super::*;

    /// The check concerns the address to which the name resolves now, whatever it was before.
    #[tokio::test]
    async fn case_52_a_name_that_leads_inside_is_not_called() {
        let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/", inside.local_addr().unwrap().port());
        let strict = Sender::new(AddressRule { allow_loopback: false }).unwrap();
        let error = strict.client.post(&url).send().await.unwrap_err();
        assert_eq!(in_words(&error), "no connection: the host has no public address");
        let development = Sender::new(AddressRule { allow_loopback: true }).unwrap();
        let call = tokio::spawn(development.client.post(&url).send());
        inside.accept().await.unwrap();
        call.abort();
    }
}
