//! Every way in which a use case can end badly, with the stable code that callers branch on.

use crate::domain::money::MoneyError;
use crate::domain::posting::{CapReached, Refusal, Shortfall};
use crate::providers::ProviderError;
use crate::storage::StorageError;
use crate::storage::transaction::TransactionError;

/// One thing wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// A JSON pointer into the body (`/amount`), or `?name` for a query parameter.
    pub pointer: String,
    pub code: &'static str,
    /// The rule, in words.
    pub detail: String,
}

/// A failed use case. Nothing was changed, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 422: the request breaks rules; every broken one is named.
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),
    /// 404: not there, or not the caller's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// 409: the state of the thing does not allow it.
    #[error("{detail}")]
    Conflict { code: &'static str, detail: String },
    /// 422: well formed, but something else must happen first.
    #[error("{detail}")]
    Unprocessable { code: &'static str, detail: String },
    /// 400: a header is missing or malformed.
    #[error("{detail}")]
    BadRequest { code: &'static str, detail: String },
    /// 403: the caller may not do this.
    #[error("{detail}")]
    Forbidden { code: &'static str, detail: String },
    /// 412: somebody else changed it meanwhile.
    #[error("the resource has changed since it was read")]
    PreconditionFailed,
    /// 428: a change must name the version that it replaces.
    #[error("send If-Match with the ETag of the version that is to be replaced")]
    PreconditionRequired,
    /// 402: the wallet is short.
    #[error("the balance of the {} is too low", .0.wallet.product)]
    InsufficientFunds(Box<Shortfall>),
    /// 402: a spending cap is reached.
    #[error("the spending cap of this {} is reached", .0.period)]
    SpendCap(Box<CapReached>),
    /// 502 or 503: the payment company. What was committed before the call stays.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// 503: not now.
    #[error("{detail}")]
    Unavailable { code: &'static str, detail: String, retry_after_seconds: u64 },
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// 500: what cannot happen has happened. Says what was expected, for the log alone.
    #[error("expected {0}")]
    Internal(&'static str),
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Self::Storage(StorageError::Database(error))
    }
}

impl TransactionError for Error {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_transient())
    }
}

impl Error {
    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict { code, detail: detail.into() }
    }

    #[must_use]
    pub fn field(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { pointer: pointer.into(), code, detail: detail.into() }])
    }

    /// What a refusal of the ledger means to a caller.
    #[must_use]
    pub fn refused(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Insufficient(shortfall) => Self::InsufficientFunds(Box::new(shortfall)),
            Refusal::CapReached(cap) => Self::SpendCap(cap),
            Refusal::KeyReused => Self::Unprocessable {
                code: "idempotency_key_reused",
                detail: "this id was used before with another content".to_owned(),
            },
            Refusal::Frozen => Self::conflict("wallet_frozen", "the wallet is frozen by an operator"),
            Refusal::TooLarge => Self::field("/amount", "too_large", "the wallet cannot hold this much"),
            Refusal::HoldNotFound => Self::NotFound("hold"),
            Refusal::HoldExpired => Self::conflict("hold_expired", "the hold has expired"),
            Refusal::HoldClosed { status } => {
                Self::conflict("hold_closed", format!("the hold is already {status}, with another outcome"))
            }
            Refusal::MoreThanTaken => {
                Self::field("/amount", "more_than_taken", "more than was taken cannot be given back")
            }
        }
    }
}

/// Collects what is wrong with a request, so that one answer names all of it.
#[derive(Debug, Default)]
pub struct Problems(Vec<FieldError>);

impl Problems {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&mut self, pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.0.push(FieldError { pointer: pointer.into(), code, detail: detail.into() });
    }

    /// Takes over what is wrong with a part of the request, which stands at this pointer.
    pub fn append_below(&mut self, at: impl Fn() -> String, part: Self) {
        self.0.extend(part.0.into_iter().map(|error| FieldError { pointer: at() + &error.pointer, ..error }));
    }

    /// Notes a money error under its own code.
    pub fn money<T>(&mut self, pointer: &str, result: Result<T, MoneyError>) -> Option<T> {
        result.map_err(|error| self.add(pointer, error.code(), error.to_string())).ok()
    }

    /// A text of `min..=max` characters without control characters, trimmed.
    pub fn text(&mut self, pointer: &str, text: &str, min: usize, max: usize) -> Option<String> {
        let trimmed = text.trim();
        let length = trimmed.chars().count();
        if trimmed.chars().any(char::is_control) {
            self.add(pointer, "control_characters", "must not contain control characters");
        } else if length < min && min == 1 {
            self.add(pointer, "required", "is required");
        } else if length < min || length > max {
            self.add(pointer, "length", format!("must be {min} to {max} characters long"));
        } else {
            return Some(trimmed.to_owned());
        }
        None
    }

    /// An optional text; an empty one counts as absent.
    pub fn optional_text(&mut self, pointer: &str, text: Option<&str>, max: usize) -> Option<String> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        self.text(pointer, text, 1, max)
    }

    /// Ends the collection where something needed could not be read, which was noted.
    #[must_use]
    pub fn into_error(self) -> Error {
        Error::Invalid(self.0)
    }

    /// Returns `value` when no problem was added. A value is missing only where its problem was added before.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a problem was added; [`Error::Internal`] when the value is missing without one.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Error> {
        self.finish()?;
        value.ok_or(Error::Internal("a value for every field of a request without problems"))
    }

    /// Ends the collection.
    ///
    /// # Errors
    /// [`Error::Invalid`] when anything was added.
    pub fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}
