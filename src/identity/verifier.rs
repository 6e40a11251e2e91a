//! Verifies a token once, and remembers the result.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest as hash};
use chrono::Utc;
use jsonwebtoken::{Algorithm, Validation};
use moka::sync::Cache;

use super::error::IdentitySettingsError;
use super::jwks::Jwks;
use super::keys::Key;
use super::principal::Principal;
use super::settings::{ClaimNames, IdentitySettings};
use super::token::{Claims, Header, MAX_TOKEN_BYTES, TokenError, from_library};

const CACHED_TOKENS: u64 = 100_000;
/// A remembered token is verified again after this time. That is cheap, and notices when the JWKS no longer has its
/// key.
pub(super) const REVERIFY_SECONDS: i64 = 300;

/// Decides whether a bearer token is valid. A process has one verifier, which all requests share.
pub struct TokenVerifier {
    local: Vec<Key>,
    jwks: Option<Arc<Jwks>>,
    issuer: Option<String>,
    audience: Option<String>,
    claims: ClaimNames,
    leeway: i64,
    known: Cache<[u8; 32], VerifiedToken>,
}

/// A remembered result.
#[derive(Clone)]
struct VerifiedToken {
    principal: Arc<Principal>,
    /// The Unix second from which on the token must be verified again. It is never later than the end of the token.
    good_until: i64,
    /// The generation of the JWKS whose key verified the token; `None` for a key from the settings.
    generation: Option<u64>,
}

impl TokenVerifier {
    /// Builds the keys of the settings. The JWKS is not fetched yet.
    ///
    /// # Errors
    /// When there is no key, or a key is too weak or of the wrong kind. Such a service must not start.
    pub fn new(settings: IdentitySettings) -> Result<Self, IdentitySettingsError> {
        settings.check()?;
        let local = settings.local_keys()?;
        settings.warn();
        Ok(Self {
            local,
            jwks: settings.jwks_url.map(Jwks::new).transpose()?.map(Arc::new),
            issuer: settings.issuer,
            audience: settings.audience,
            claims: settings.claims,
            leeway: i64::try_from(settings.leeway.as_secs()).map_err(|_| IdentitySettingsError::LongLeeway)?,
            known: Cache::new(CACHED_TOKENS),
        })
    }

    /// The principal of a remembered token that is still valid. This call neither waits nor allocates.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a token is checked without the database, at every request")]
    pub fn cached(&self, token: &str) -> Option<Arc<Principal>> {
        self.cached_at(&digest(token)?, Utc::now().timestamp())
    }

    /// The principal of a token, from memory if possible.
    ///
    /// # Errors
    /// The reason why the token is not accepted, or [`TokenError::KeysUnavailable`] if that cannot be decided now.
    #[expect(clippy::disallowed_methods, reason = "a token is checked without the database, at every request")]
    pub async fn verify(&self, token: &str) -> Result<Arc<Principal>, TokenError> {
        self.verify_at(token, Utc::now().timestamp()).await
    }

    pub(super) fn cached_at(&self, digest: &[u8; 32], now: i64) -> Option<Arc<Principal>> {
        let known = self.known.get(digest)?;
        let same_keys = known.generation.is_none_or(|under| self.generation() == Some(under));
        if now < known.good_until && same_keys {
            return Some(known.principal);
        }
        self.known.invalidate(digest);
        None
    }

    /// `now` is a Unix time in seconds.
    pub(super) async fn verify_at(&self, token: &str, now: i64) -> Result<Arc<Principal>, TokenError> {
        let digest = digest(token).ok_or(TokenError::Malformed)?;
        if let Some(principal) = self.cached_at(&digest, now) {
            return Ok(principal);
        }
        let (claims, generation) = self.verify_signature(token, now).await?;
        let (principal, refused_from) = claims.accept(now, self.leeway, &self.claims)?;
        let principal = Arc::new(principal);
        let good_until = refused_from.min(now.saturating_add(REVERIFY_SECONDS));
        self.known.insert(digest, VerifiedToken { principal: Arc::clone(&principal), good_until, generation });
        Ok(principal)
    }

    async fn verify_signature(&self, token: &str, now: i64) -> Result<(Claims, Option<u64>), TokenError> {
        let header = Header::read(token)?;
        let algorithm = match header.alg.as_str() {
            "HS256" => Algorithm::HS256,
            "RS256" => Algorithm::RS256,
            "PS256" => Algorithm::PS256,
            "ES256" => Algorithm::ES256,
            "ES384" => Algorithm::ES384,
            "EdDSA" => Algorithm::EdDSA,
            _ => return Err(TokenError::UnsupportedAlgorithm),
        };
        let mut refusal = TokenError::UnsupportedAlgorithm;
        for key in self.local.iter().filter(|key| key.is_for(algorithm)) {
            match self.decode(token, key, algorithm) {
                // Another key of the same algorithm may match.
                Err(TokenError::BadSignature) => refusal = TokenError::BadSignature,
                other => return other.map(|claims| (claims, None)),
            }
        }
        match &self.jwks {
            Some(jwks) if algorithm != Algorithm::HS256 => {
                let (key, generation) = jwks.key_for(header.kid.as_deref(), algorithm, now).await?;
                Ok((self.decode(token, &key, algorithm)?, Some(generation)))
            }
            _ => Err(refusal),
        }
    }

    /// Checks signature, issuer and audience. [`Claims::accept`] checks the time.
    fn decode(&self, token: &str, key: &Key, algorithm: Algorithm) -> Result<Claims, TokenError> {
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        if let Some(audience) = &self.audience {
            validation.validate_aud = true;
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        let decoded = jsonwebtoken::decode(token, &key.decoding, &validation).map_err(|error| from_library(&error))?;
        Ok(decoded.claims)
    }

    fn generation(&self) -> Option<u64> {
        self.jwks.as_ref().map(|jwks| jwks.generation())
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// The digest that a token is remembered by; `None` for a token that is too long.
pub(super) fn digest(token: &str) -> Option<[u8; 32]> {
    (token.len() <= MAX_TOKEN_BYTES).then(|| hash(&SHA256, token.as_bytes()))?.as_ref().try_into().ok()
}
