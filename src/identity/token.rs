//! The parts of a token, and the reasons to refuse one.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::errors::ErrorKind;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::principal::{Credential, Principal, Scope, Scopes};
use super::settings::ClaimNames;
use crate::domain::customer::CustomerId;
use crate::domain::permission::Permissions;

/// The largest accepted token in bytes. It limits the work that an unknown caller can cause.
pub(super) const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Why a token is not accepted. Callers see these texts, which never repeat the content of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("The token is not a well-formed JSON Web Token.")]
    Malformed,
    #[error("The token is signed with an algorithm that this service does not accept.")]
    UnsupportedAlgorithm,
    #[error("The token is signed with a key that this service does not know.")]
    UnknownKey,
    #[error("The token's signature is not valid.")]
    BadSignature,
    #[error("The token has expired.")]
    Expired,
    #[error("The token is not valid yet.")]
    NotYetValid,
    #[error("The token lacks the claim `{0}`.")]
    MissingClaim(&'static str),
    #[error("The claim `{0}` of the token has a form that this service does not accept.")]
    InvalidClaim(&'static str),
    #[error("The token lacks the claim that names the customer.")]
    NoCustomer,
    #[error("The claim that names the customer has a form that this service does not accept.")]
    BadCustomer,
    #[error("The token comes from an issuer that this service does not accept.")]
    WrongIssuer,
    #[error("The token is for another audience.")]
    WrongAudience,
    /// The token can be neither accepted nor refused. The response is 503, not 401, so that clients keep the token.
    #[error("The token cannot be verified at the moment, because the signing keys cannot be fetched.")]
    KeysUnavailable,
}

impl TokenError {
    /// Whether the same token may be accepted later (503 instead of 401).
    #[must_use]
    pub const fn is_unavailable(self) -> bool {
        matches!(self, Self::KeysUnavailable)
    }
}

/// The part of the JOSE header that selects one of our keys, before anything is verified.
#[derive(Deserialize)]
pub(super) struct Header {
    pub alg: String,
    pub kid: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
}

impl Header {
    pub fn read(token: &str) -> Result<Self, TokenError> {
        let mut parts = token.split('.');
        let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(TokenError::Malformed);
        };
        let bytes = URL_SAFE_NO_PAD.decode(header).map_err(|_| TokenError::Malformed)?;
        let header: Self = serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)?;
        // RFC 7515 §4.1.11: an extension marked critical and not understood makes the token invalid.
        if header.crit.is_some() { Err(TokenError::Malformed) } else { Ok(header) }
    }
}

/// The claims that matter here.
#[derive(Deserialize)]
pub(super) struct Claims {
    sub: Option<String>,
    iss: Option<String>,
    #[serde(default, deserialize_with = "numeric_date")]
    exp: Option<i64>,
    #[serde(default, deserialize_with = "numeric_date")]
    nbf: Option<i64>,
    /// Scopes, permissions and the customer are among them, under the names that the settings give.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

impl Claims {
    /// The principal, and the Unix second from which on the token is refused.
    ///
    /// `now` is a Unix time in seconds. A token is valid while `now < exp`, and from `nbf - leeway` on. RFC 7519 §4.1.4
    /// refuses it "on or after" `exp`, while `jsonwebtoken` itself would still accept it during that second. `iat` says
    /// nothing about that (§4.1.6), so an issuer's clock may be ahead.
    pub fn accept(self, now: i64, leeway: i64, names: &ClaimNames) -> Result<(Principal, i64), TokenError> {
        let exp = self.exp.ok_or(TokenError::MissingClaim("exp"))?;
        let expires_at: DateTime<Utc> = DateTime::from_timestamp(exp, 0).ok_or(TokenError::InvalidClaim("exp"))?;
        if now >= exp {
            return Err(TokenError::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf > now.saturating_add(leeway)) {
            return Err(TokenError::NotYetValid);
        }
        let permissions = match &names.permissions {
            None => Permissions::ALL,
            Some(claim) => self.others.get(claim).and_then(words).map_or(Permissions::NONE, Permissions::parse),
        };
        let scope = match &names.scope {
            Some(claim) => self.others.get(claim),
            None => self.others.get("scope").or_else(|| self.others.get("scp")),
        };
        let scopes = scope.and_then(words).map(Scopes::of_words).unwrap_or_default();
        let subject = self.subject(scopes, names)?;
        let customer = self.customer(names);
        let credential = Credential::of(self.iss.as_deref(), &subject);
        Ok((Principal { subject, customer, scopes, permissions, credential, expires_at, api_key: None }, exp))
    }

    /// The customer that the caller is, in any role: the value of the configured claim, or of `sub` if no claim is
    /// configured.
    fn customer(&self, names: &ClaimNames) -> Option<CustomerId> {
        let id = match names.customer.as_deref() {
            None | Some("sub") => self.sub.as_deref(),
            Some(claim) => self.others.get(claim).and_then(Value::as_str),
        };
        id.and_then(CustomerId::new)
    }

    /// The caller's name: for a customer, the value of the configured claim; for anybody else, `sub`.
    fn subject(&self, scopes: Scopes, names: &ClaimNames) -> Result<String, TokenError> {
        let is_customer =
            scopes.contains(Scope::Customer) && !scopes.contains(Scope::Service) && !scopes.contains(Scope::Operator);
        let own_claim = names.customer.as_ref().filter(|_| is_customer);
        let subject = match own_claim {
            Some(claim) => match self.others.get(claim) {
                Some(Value::String(id)) => Some(id),
                Some(_) => return Err(TokenError::BadCustomer),
                None if claim == "sub" => self.sub.as_ref(),
                None => return Err(TokenError::NoCustomer),
            },
            None => self.sub.as_ref(),
        };
        let subject = subject.ok_or(TokenError::MissingClaim("sub"))?;
        match CustomerId::new(subject) {
            Some(_) => Ok(subject.clone()),
            None if own_claim.is_some() => Err(TokenError::BadCustomer),
            None => Err(TokenError::InvalidClaim("sub")),
        }
    }
}

/// The words of a claim: separated by spaces, or a list. `None` for anything else.
fn words(claim: &Value) -> Option<Vec<&str>> {
    match claim {
        Value::String(words) => Some(words.split(' ').filter(|word| !word.is_empty()).collect()),
        Value::Array(words) => words.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Reads a NumericDate (RFC 7519 §2): seconds since 1970. A fraction is cut off.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    use serde::de::Error;
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else { return Ok(None) };
    let whole = number.as_i64().or_else(|| {
        let seconds = Duration::try_from_secs_f64(number.as_f64()?).ok()?;
        i64::try_from(seconds.as_secs()).ok()
    });
    whole.map(Some).ok_or_else(|| D::Error::custom("not a date"))
}

pub(super) fn from_library(error: &jsonwebtoken::errors::Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidToken | ErrorKind::Base64(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) => {
            TokenError::Malformed
        }
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            TokenError::UnsupportedAlgorithm
        }
        ErrorKind::InvalidIssuer => TokenError::WrongIssuer,
        ErrorKind::InvalidAudience => TokenError::WrongAudience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => TokenError::MissingClaim("iss"),
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => TokenError::MissingClaim("aud"),
        // With any other error, the signature has not been shown to be valid.
        _ => TokenError::BadSignature,
    }
}
