//! The settings that decide which tokens are accepted.

use std::time::Duration;

use secrecy::SecretString;
use url::{Host, Url};

use super::error::IdentitySettingsError;
use super::keys::Key;

/// The largest clock difference that may be tolerated.
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// Standard claims, which cannot name a customer.
const OUR_CLAIMS: [&str; 8] = ["sub", "iss", "aud", "exp", "nbf", "iat", "jti", "scope"];

/// The sources of keys, and the claims that a token must have. At least one source is needed. Several may be set, for
/// example a secret for our own tools and a JWKS for the platform's users.
#[derive(Debug, Clone, Default)]
pub struct IdentitySettings {
    /// A secret for HS256, at least 32 bytes.
    pub hs256_secret: Option<SecretString>,
    /// One public key in PEM: RSA of 2048 bits or more (RS256, PS256), P-256 (ES256), P-384 (ES384), or Ed25519
    /// (EdDSA).
    pub public_key_pem: Option<String>,
    /// An `http` or `https` URL with keys of these kinds. The `kid` of a token selects the key.
    pub jwks_url: Option<Url>,
    /// If set, `iss` is required and must have this value.
    pub issuer: Option<String>,
    /// If set, `aud` is required and must be or contain this value. If unset, a token for any audience is accepted,
    /// also one that the issuer signed for another application, so set it if other applications use the same JWKS.
    pub audience: Option<String>,
    pub claims: ClaimNames,
    /// How far ahead of our clock the issuer's may be: `nbf` tolerates whole seconds, at most 300, 0 by default. `exp`
    /// tolerates none.
    pub leeway: Duration,
}

/// The claims whose names differ between identity providers.
#[derive(Debug, Clone, Default)]
pub struct ClaimNames {
    /// The claim with the id of a customer. If unset, `sub`. Services and operators are always named by `sub`.
    pub customer: Option<String>,
    /// The claim with the scopes. If unset, `scope`, or `scp` if a token has no `scope`.
    pub scope: Option<String>,
    /// The claim with an operator's permissions. If unset, the scope `operator` has all of them.
    pub permissions: Option<String>,
}

impl IdentitySettings {
    /// The keys that need no network access.
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
        let ClaimNames { customer, scope, permissions } = &self.claims;
        for (what, claim) in [("customer claim", customer), ("scope claim", scope), ("permissions claim", permissions)]
        {
            if claim.as_deref() == Some("") {
                return Err(IdentitySettingsError::Empty(what));
            }
            // Supabase lets its users write this claim. An installation that trusted it would let every user act as any
            // customer.
            if claim.as_deref() == Some("user_metadata") {
                return Err(IdentitySettingsError::UserClaim(what));
            }
        }
        if permissions.as_deref().is_some_and(|claim| OUR_CLAIMS.contains(&claim)) {
            return Err(IdentitySettingsError::PermissionsClaim);
        }
        if self.leeway > MAX_LEEWAY {
            return Err(IdentitySettingsError::LongLeeway);
        }
        self.jwks_url.as_ref().map_or(Ok(()), check_jwks_url)
    }

    /// Logs settings that work but are rarely intended.
    pub(super) fn warn(&self) {
        let Some(url) = &self.jwks_url else { return };
        if self.audience.is_none() {
            tracing::warn!("A JWKS is configured without a JWT audience, so tokens for every audience are accepted");
        }
        if url.scheme() == "http" && !is_loopback(url) {
            tracing::warn!("The JWKS is fetched without TLS, so anyone who can alter the response can sign tokens");
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
