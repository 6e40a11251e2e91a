//! What can go wrong between us and a provider. No error carries a secret or a raw answer.

use std::fmt;

/// A call whose outcome is unknown or that was refused for a reason which is not about the money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// No usable answer: connection, time-out, 5xx, HTML, half a JSON. Ask again with the same key.
    #[error("{provider} did not answer properly: {detail}")]
    Unavailable { provider: &'static str, detail: String },
    /// The company asks us to slow down, or is still busy with the same request. Ask again with the same key.
    #[error("{provider} asks to try later: {detail}")]
    Busy { provider: &'static str, detail: String, retry_after_seconds: Option<u64> },
    /// Our credentials are not accepted: an operator's matter.
    #[error("{provider} refuses our credentials")]
    Credentials { provider: &'static str },
    /// The company refuses this request and always will; `code` is its own word.
    #[error("{provider} refused the request: {code}")]
    Refused { provider: &'static str, code: String, detail: String },
    /// The answer is well formed but about something else (another order's id, another amount).
    #[error("{provider} answered about something else: {detail}")]
    Mismatch { provider: &'static str, detail: String },
    /// This provider cannot do that (VND at PayPal, cancelling a bank transfer).
    #[error("{provider} does not support this: {detail}")]
    Unsupported { provider: &'static str, detail: String },
}

/// Why a notification is not a fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// Signature wrong, missing, too old, or for another merchant: 4xx, nothing is written.
    #[error("the signature is not valid: {0}")]
    BadSignature(&'static str),
    /// Properly signed, but not understandable: kept, and answered as an error so that it is sent again.
    #[error("the notification cannot be read: {0}")]
    Malformed(UnreadableNotification),
    /// There was nothing to check, or we could not check it now (the certificate is out of reach): nothing is
    /// written; 5xx, the company sends it again.
    #[error("the notification could not be verified now: {0}")]
    CouldNotVerify(String),
}

/// What is known of a signed notification that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableNotification {
    /// The provider's event id and type, as far as they can be read: its repetition is then known as the same event.
    pub event: Option<(String, String)>,
    pub reason: String,
}

impl UnreadableNotification {
    /// Of an event whose id and type can be read.
    #[must_use]
    pub fn of(event_id: &str, event_type: &str, reason: impl Into<String>) -> Self {
        Self { event: Some((event_id.to_owned(), event_type.to_owned())), reason: reason.into() }
    }
}

impl From<String> for UnreadableNotification {
    fn from(reason: String) -> Self {
        Self { event: None, reason }
    }
}

impl fmt::Display for UnreadableNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.event {
            Some((id, kind)) => write!(f, "{kind} {id}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}
