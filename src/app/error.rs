//! The errors of use cases. Each has a stable code that callers branch on and a text that a person reads.

use crate::domain::catalogue::Price;
use crate::domain::code::Code;
use crate::domain::money::{Money, MoneyError};
use crate::domain::posting::{CapReached, Refusal, Shortfall};
use crate::engine::EngineError;
use crate::providers::ProviderError;
use crate::storage::StorageError;
use crate::storage::transaction::TransactionError;

/// A rule that one field of a request broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// A JSON pointer into the body (`/amount`), or `?name` for a query parameter.
    pub pointer: String,
    pub code: Code,
    /// The rule in words. It continues a sentence that begins with the field's name: "must be …".
    pub detail: String,
}

/// Why a use case failed. It changed nothing, unless the variant says otherwise. Each variant names the HTTP status
/// that the edge gives it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 422: the request breaks rules. The error names every broken rule.
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),
    /// 404: the thing does not exist, or belongs to another customer.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// 409: the current state of the thing does not allow this operation.
    #[error("{detail}")]
    Conflict { code: Code, detail: String },
    /// 409: the order has another price than the request expects.
    #[error("{detail}")]
    PriceChanged { detail: String, price: Box<Price> },
    /// 422: the request is well formed, but something else must happen first.
    #[error("{detail}")]
    Unprocessable { code: Code, detail: String },
    /// 400: a header is missing or malformed.
    #[error("{detail}")]
    BadRequest { code: Code, detail: String },
    /// 403: the caller may not do this.
    #[error("{detail}")]
    Forbidden { code: Code, detail: String },
    /// 410: the named thing existed, and no longer does.
    #[error("{detail}")]
    Gone { code: Code, detail: String },
    /// 412: the resource changed since the caller read it.
    #[error("the resource has changed since it was read")]
    PreconditionFailed,
    /// 428: a change must name the version that it replaces.
    #[error("send If-Match with the ETag of the version that you replace")]
    PreconditionRequired,
    /// 402: the wallet has too little money.
    #[error("the balance of {} is too low", .0.wallet.product.in_words())]
    InsufficientFunds(Box<Shortfall>),
    /// 402: the wallet has too little money that can be moved. `available` is the part that can.
    #[error("only paid money that no hold reserves can be moved: {} of {}", .0.available, .0.wallet.product.in_words())]
    NotTransferable(Box<Shortfall>),
    /// 402: the customer owes taken-back money.
    #[error("{0} of taken-back money must be paid first; a top-up of that sum ends it")]
    TakenBackDebt(Money),
    /// 402: the operation would exceed a spending cap.
    #[error("the spending cap of this {} is reached", .0.period)]
    SpendCap(Box<CapReached>),
    /// 502 or 503: the payment company failed. Everything that was committed before the call stays.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// 503: the service cannot do this now. The caller may try again after the given time.
    #[error("{detail}")]
    Unavailable { code: Code, detail: String, retry_after_seconds: u64 },
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// 500: an impossible state was found. The text says what was expected; only the log shows it.
    #[error("expected {0}")]
    Internal(&'static str),
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        let detail = error.to_string();
        let unavailable = |code, retry_after_seconds| Self::Unavailable { code, detail, retry_after_seconds };
        match error {
            EngineError::Overloaded | EngineError::NotRead | EngineError::Unanswered => {
                unavailable(Code::Overloaded, 1)
            }
            EngineError::StreamsFull(_) => unavailable(Code::StreamsFull, 5),
            EngineError::ShuttingDown => unavailable(Code::ShuttingDown, 1),
            EngineError::Storage(error) => Self::Storage(error),
        }
    }
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
    pub fn conflict(code: Code, detail: impl Into<String>) -> Self {
        Self::Conflict { code, detail: detail.into() }
    }

    #[must_use]
    pub fn field(pointer: impl Into<String>, code: Code, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { pointer: pointer.into(), code, detail: detail.into() }])
    }

    /// Translates a refusal of the ledger for the caller.
    #[must_use]
    pub fn refused(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Insufficient(shortfall) => Self::InsufficientFunds(Box::new(shortfall)),
            Refusal::CapReached(cap) => Self::SpendCap(cap),
            Refusal::KeyReused => Self::Unprocessable {
                code: Code::IdempotencyKeyReused,
                detail: "this id was used before with different content".to_owned(),
            },
            Refusal::TakenBackDebt(sum) => Self::TakenBackDebt(sum),
            Refusal::CustomerFrozen => {
                Self::conflict(Code::CustomerFrozen, "an operator has frozen the customer's wallets")
            }
            Refusal::AccountClosed => Self::conflict(Code::AccountClosed, "the account is being closed, or is closed"),
            Refusal::NotClosing => Self::Internal("an account that is being closed"),
            Refusal::Frozen => Self::conflict(Code::WalletFrozen, "an operator has frozen the wallet"),
            Refusal::TooLarge => Self::field("/amount", Code::TooLarge, "is more than the wallet can hold"),
            Refusal::HoldNotFound => Self::NotFound("hold"),
            Refusal::HoldExpired => Self::conflict(Code::HoldExpired, "the hold has expired"),
            Refusal::HoldClosed { status } => Self::conflict(
                Code::HoldClosed,
                format!("the hold is already {status}, and this request asks for something else"),
            ),
            Refusal::MoreThanTaken => {
                Self::field("/amount", Code::MoreThanTaken, "must not be more than is left to give back")
            }
        }
    }
}

/// Collects the broken rules of a request, so that one error names all of them.
#[derive(Debug, Default)]
pub struct Problems(Vec<FieldError>);

impl Problems {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&mut self, pointer: impl Into<String>, code: Code, detail: impl Into<String>) {
        self.0.push(FieldError { pointer: pointer.into(), code, detail: detail.into() });
    }

    /// Adds the problems of a part of the request. `at` is the pointer to that part.
    pub fn append_below(&mut self, at: impl Fn() -> String, part: Self) {
        self.0.extend(part.0.into_iter().map(|error| FieldError { pointer: at() + &error.pointer, ..error }));
    }

    /// Adds a money error under its own code.
    pub fn checked_money<T>(&mut self, pointer: &str, result: Result<T, MoneyError>) -> Option<T> {
        result.map_err(|error| self.add(pointer, error.code(), error.to_string())).ok()
    }

    /// Trims a text and checks that it has `min` to `max` characters and no control characters.
    pub fn text(&mut self, pointer: &str, text: &str, min: usize, max: usize) -> Option<String> {
        let trimmed = text.trim();
        let length = trimmed.chars().count();
        if trimmed.chars().any(char::is_control) {
            self.add(pointer, Code::ControlCharacters, "must not contain control characters");
        } else if length < min && min == 1 {
            self.add(pointer, Code::Required, "is required");
        } else if length < min || length > max {
            self.add(pointer, Code::Length, format!("must be {min} to {max} characters long"));
        } else {
            return Some(trimmed.to_owned());
        }
        None
    }

    /// As [`Problems::text`], for an optional text. An empty text counts as absent.
    pub fn optional_text(&mut self, pointer: &str, text: Option<&str>, max: usize) -> Option<String> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        self.text(pointer, text, 1, max)
    }

    /// Ends the collection when a required value could not be read. Its problem was added before.
    #[must_use]
    pub fn into_error(self) -> Error {
        Error::Invalid(self.0)
    }

    /// Returns `value` when no problem was added. A value is missing only if its problem was added before.
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
