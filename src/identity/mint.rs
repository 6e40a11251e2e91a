//! Signs our own tokens, for `topup token` and the welcome text.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::error::IdentitySettingsError;
use super::keys::check_secret;
use super::principal::Scope;
use crate::domain::customer::CustomerId;
use crate::domain::permission::{Permission, Permissions};

/// Why no token was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    #[error(transparent)]
    Secret(#[from] IdentitySettingsError),
    #[error("the subject must be 1 to 64 characters of A-Z a-z 0-9 _ . : @ -")]
    Subject,
    #[error("the life of the token must be at least one second, and end within the calendar")]
    Ttl,
    #[error("the token cannot be signed")]
    Signing,
}

#[derive(Serialize)]
struct SignedClaims<'a> {
    sub: &'a str,
    scope: &'static str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(flatten)]
    permissions: Option<BTreeMap<&'a str, String>>,
}

/// What our token says about its holder.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub subject: &'a str,
    pub scope: Scope,
    /// The name and the value of the claim of permissions.
    pub permissions: Option<(&'a str, Permissions)>,
}

impl<'a> Holder<'a> {
    /// A holder without a claim of permissions.
    #[must_use]
    pub fn new(subject: &'a str, scope: Scope) -> Self {
        Self { subject, scope, permissions: None }
    }
}

/// Signs a token with HS256 that is valid from now on for `ttl` (whole seconds, at least one).
///
/// # Errors
/// When [`super::TokenVerifier`] would refuse the secret, or the subject or the life is out of range.
pub fn mint(
    secret: &SecretString,
    holder: Holder<'_>,
    ttl: Duration,
    issuer: Option<&str>,
    audience: Option<&str>,
) -> Result<String, MintError> {
    check_secret(secret)?;
    if CustomerId::new(holder.subject).is_none() {
        return Err(MintError::Subject);
    }
    #[expect(clippy::disallowed_methods, reason = "a token is made without the database")]
    let iat = Utc::now().timestamp();
    let exp = i64::try_from(ttl.as_secs())
        .ok()
        .filter(|seconds| *seconds > 0)
        .and_then(|seconds| iat.checked_add(seconds))
        .filter(|exp| chrono::DateTime::from_timestamp(*exp, 0).is_some())
        .ok_or(MintError::Ttl)?;
    let claims = SignedClaims {
        sub: holder.subject,
        scope: holder.scope.as_str(),
        iat,
        exp,
        iss: issuer,
        aud: audience,
        permissions: holder.permissions.map(|(claim, permissions)| {
            let words: Vec<&str> = permissions.iter().map(Permission::as_str).collect();
            BTreeMap::from([(claim, words.join(" "))])
        }),
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(|_| MintError::Signing)
}
