//! The keys that verify tokens. Each key is bound to one algorithm.

use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::error::{IdentitySettingsError, MIN_SECRET_BYTES};

/// An RSA key has 2048 bits or more (RFC 7518 §3.3).
const MIN_RSA_BYTES: usize = 256;
const ED25519_BYTES: usize = 32;

/// A key and its algorithm.
#[derive(Clone)]
pub(super) struct Key {
    pub algorithm: Algorithm,
    pub decoding: DecodingKey,
}

impl Key {
    pub fn from_secret(secret: &SecretString) -> Result<Self, IdentitySettingsError> {
        check_secret(secret)?;
        let decoding = DecodingKey::from_secret(secret.expose_secret().as_bytes());
        Ok(Self { algorithm: Algorithm::HS256, decoding })
    }

    /// Reads a PEM text. An RSA key (`PUBLIC KEY` or `RSA PUBLIC KEY`) is used with RS256, an Ed25519 key with EdDSA.
    pub fn from_pem(pem: &str) -> Result<Self, IdentitySettingsError> {
        if pem.contains("PRIVATE KEY-----") {
            return Err(IdentitySettingsError::PrivateKey);
        }
        if !pem.contains("PUBLIC KEY-----") {
            return Err(IdentitySettingsError::UnreadablePublicKey);
        }
        // Environment files cannot hold line breaks, so a PEM text in them often has `\n` instead.
        let pem = pem.trim().replace("\\n", "\n");
        let key = DecodingKey::from_rsa_pem(pem.as_bytes())
            .map(|decoding| Self { algorithm: Algorithm::RS256, decoding })
            .or_else(|_| {
                DecodingKey::from_ed_pem(pem.as_bytes()).map(|decoding| Self { algorithm: Algorithm::EdDSA, decoding })
            })
            .map_err(|_| IdentitySettingsError::UnreadablePublicKey)?;
        if key.is_strong() { Ok(key) } else { Err(IdentitySettingsError::WeakPublicKey) }
    }

    fn is_strong(&self) -> bool {
        let rsa = self.algorithm == Algorithm::RS256;
        match self.decoding.kind() {
            DecodingKeyKind::SecretOrDer(bytes) if rsa => bytes.len() >= MIN_RSA_BYTES,
            DecodingKeyKind::SecretOrDer(bytes) => bytes.len() == ED25519_BYTES,
            DecodingKeyKind::RsaModulusExponent { n, .. } => {
                n.iter().skip_while(|byte| **byte == 0).count() >= MIN_RSA_BYTES
            }
        }
    }
}

pub(super) fn check_secret(secret: &SecretString) -> Result<(), IdentitySettingsError> {
    let secret = secret.expose_secret();
    if secret.len() < MIN_SECRET_BYTES {
        return Err(IdentitySettingsError::ShortSecret { bytes: secret.len() });
    }
    // A public key is no secret: if it served as one, anyone could sign tokens.
    if secret.trim_start().starts_with("-----BEGIN") {
        return Err(IdentitySettingsError::SecretIsPem);
    }
    Ok(())
}

/// The fields of a JWKS entry that matter here (RFC 7517 §4; OKP: RFC 8037 §2).
#[derive(Deserialize)]
pub(super) struct Jwk {
    kty: String,
    pub kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
}

impl Jwk {
    /// The key, if it is for signatures that we accept: RSA with RS256, or Ed25519.
    pub fn key(&self) -> Option<Key> {
        let signs = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let meant_for = |names: &[&str]| self.alg.as_deref().is_none_or(|alg| names.contains(&alg));
        let key = match self.kty.as_str() {
            "RSA" if meant_for(&["RS256"]) => Key {
                algorithm: Algorithm::RS256,
                decoding: DecodingKey::from_rsa_components(self.n.as_deref()?, self.e.as_deref()?).ok()?,
            },
            // RFC 9864 names EdDSA with this curve `Ed25519`.
            "OKP" if self.crv.as_deref() == Some("Ed25519") && meant_for(&["EdDSA", "Ed25519"]) => {
                Key { algorithm: Algorithm::EdDSA, decoding: DecodingKey::from_ed_components(self.x.as_deref()?).ok()? }
            }
            _ => return None,
        };
        (signs && key.is_strong()).then_some(key)
    }
}
