//! Which tokens are accepted.

use std::time::Duration;

use secrecy::SecretString;
use url::{Host, Url};

use super::keys::{Key, MIN_SECRET_BYTES};

/// Longest tolerance for clocks that disagree.
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// Where the keys come from, and what a token must say. At least one key source is needed; several may be
/// configured beside each other (a secret for our own tools, a JWKS for the platform's users).
#[derive(Debug, Clone, Default)]
pub struct IdentitySettings {
    /// HS256, at least 32 bytes.
    pub hs256_secret: Option<SecretString>,
    /// One public key in PEM: RSA (then RS256) of 2048 bits or more, or Ed25519 (then EdDSA).
    pub public_key_pem: Option<String>,
    /// `http` or `https`; RS256 and EdDSA keys are taken from it, by `kid`.
    pub jwks_url: Option<Url>,
    /// When set, `iss` is required and must be this.
    pub issuer: Option<String>,
    /// When set, `aud` is required and must be or contain this. Unset, `aud` is not looked at: then every token
    /// that the issuer signs for any of its applications is taken, so set it wherever a JWKS is shared.
    pub audience: Option<String>,
    /// Tolerance for `exp` and `nbf`, whole seconds, at most 300; 0 by default.
    pub leeway: Duration,
}

/// Why the settings are refused. No message carries a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentitySettingsError {
    #[error("no key to verify tokens with: set a JWT secret, a JWT public key or a JWKS URL")]
    NoKeySource,
    #[error("the JWT secret has {bytes} bytes; at least {MIN_SECRET_BYTES} are needed (RFC 7518, section 3.2)")]
    ShortSecret { bytes: usize },
    #[error("the JWT secret is a PEM file; a public key belongs into the setting for the public key")]
    SecretIsPem,
    #[error("the JWT public key is a private key; only the public half belongs here")]
    PrivateKey,
    #[error("the JWT public key is not an RSA or Ed25519 public key in PEM (`BEGIN PUBLIC KEY`)")]
    UnreadablePublicKey,
    #[error("the JWT public key is too weak; RSA keys need 2048 bits or more")]
    WeakPublicKey,
    #[error("the JWKS URL must be an http or https URL with a host")]
    JwksUrl,
    #[error("the JWT {0} is set but empty")]
    Empty(&'static str),
    #[error("the JWT leeway is longer than 300 seconds")]
    LongLeeway,
    #[error("the HTTP client for the JWKS cannot be built: {0}")]
    HttpClient(String),
}

impl IdentitySettings {
    /// The keys that need no network.
    pub(super) fn local_keys(&self) -> Result<Vec<Key>, IdentitySettingsError> {
        let secret = self.hs256_secret.as_ref().map(Key::from_secret).transpose()?;
        let public = self.public_key_pem.as_deref().map(Key::from_pem).transpose()?;
        Ok(secret.into_iter().chain(public).collect())
    }

    pub(super) fn check(&self) -> Result<(), IdentitySettingsError> {
        if self.hs256_secret.is_none() && self.public_key_pem.is_none() && self.jwks_url.is_none() {
            return Err(IdentitySettingsError::NoKeySource);
        }
        if self.issuer.as_deref() == Some("") {
            return Err(IdentitySettingsError::Empty("issuer"));
        }
        if self.audience.as_deref() == Some("") {
            return Err(IdentitySettingsError::Empty("audience"));
        }
        if self.leeway > MAX_LEEWAY {
            return Err(IdentitySettingsError::LongLeeway);
        }
        self.jwks_url.as_ref().map_or(Ok(()), check_jwks_url)
    }

    /// Settings that work but are seldom meant.
    pub(super) fn warn(&self) {
        let Some(url) = &self.jwks_url else { return };
        if self.audience.is_none() {
            tracing::warn!("tokens of every audience are accepted: a JWKS is configured without a JWT audience");
        }
        if url.scheme() == "http" && !is_loopback(url) {
            tracing::warn!("the JWKS is fetched without TLS: whoever can alter it on its way can sign tokens");
        }
    }
}

fn check_jwks_url(url: &Url) -> Result<(), IdentitySettingsError> {
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(())
    } else {
        Err(IdentitySettingsError::JwksUrl)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
