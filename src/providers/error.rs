//! The errors of a provider. No error contains a secret or the raw text of a response.

use std::fmt;

use crate::domain::payment::{AttemptLocator, ProviderName};

/// Why a call to a provider failed. None of these says anything about the money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// There is no usable response (no connection, time-out, 5xx, HTML, truncated JSON). Repeat the call with the same
    /// key.
    #[error("{provider} gave no usable response: {detail}")]
    Unavailable { provider: ProviderName, detail: String },
    /// The company limits our calls, or still processes the same request. Repeat the call later with the same key.
    #[error("{provider} is busy: {detail}")]
    Busy { provider: ProviderName, detail: String, retry_after_seconds: Option<u64> },
    /// The company returns the error that it stored under the key of this request, and does so whenever the request is
    /// repeated. Nobody received what the first call may have made, so it can never be paid: a new attempt with a new
    /// key can be sent.
    #[error("{provider} returns a stored error for this request: {detail}")]
    StoredError { provider: ProviderName, detail: String },
    /// The company does not accept our credentials. An operator must correct them.
    #[error("{provider} refuses our credentials")]
    Credentials { provider: ProviderName },
    /// The company refuses this request, and will refuse it again. `code` is the company's own code.
    #[error("{provider} refused the request: {code}")]
    Refused { provider: ProviderName, code: String, detail: String },
    /// The response is well formed, but concerns another object: another order's id or another amount.
    #[error("the response of {provider} concerns something else: {detail}")]
    Mismatch { provider: ProviderName, detail: String },
    /// The provider cannot do this, for example take VND at PayPal or cancel a bank transfer.
    #[error("{provider} does not support this: {detail}")]
    Unsupported { provider: ProviderName, detail: String },
}

/// Why a notification states no fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// The signature is wrong, missing, too old, or for another merchant. The reply is 4xx, and nothing is stored.
    #[error("the signature is not valid: {0}")]
    BadSignature(&'static str),
    /// The notification is signed, but cannot be read. It is stored, and the reply is an error, so that it is sent
    /// again.
    #[error("the notification cannot be read: {0}")]
    Malformed(UnreadableNotification),
    /// The notification is signed, but comes in a form that contains no facts. Only the settings of the endpoint at the
    /// company can change that. The sentence tells the operator so.
    #[error("{0}")]
    WrongForm(&'static str),
    /// There is nothing to verify, or it cannot be verified now, for example because the certificate cannot be fetched.
    /// Nothing is stored. The reply is 5xx, so that the company sends it again.
    #[error("the notification could not be verified now: {0}")]
    CouldNotVerify(String),
}

/// A signed notification that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableNotification {
    /// The provider's event id and type, if they can be read. A repetition is recognised by them as the same event.
    pub event: Option<(String, String)>,
    pub reason: String,
    /// What it is about, if that can be read. A notification about something that is not ours need not be read.
    pub about: Option<Box<NotificationSubject>>,
}

/// What a notification is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotificationSubject {
    Attempt(AttemptLocator),
    /// As [`crate::domain::payment::PaymentFact::payment_id`].
    Payment(String),
}

impl UnreadableNotification {
    /// A notification whose event id and type can be read.
    #[must_use]
    pub fn of(event_id: &str, event_type: &str, reason: impl Into<String>) -> Self {
        Self { event: Some((event_id.to_owned(), event_type.to_owned())), reason: reason.into(), about: None }
    }

    #[must_use]
    pub fn about(self, about: Option<NotificationSubject>) -> Self {
        Self { about: about.map(Box::new), ..self }
    }
}

impl From<String> for UnreadableNotification {
    fn from(reason: String) -> Self {
        Self { event: None, reason, about: None }
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
