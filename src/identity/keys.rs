//! The keys that verify tokens. Each key is bound to the algorithms of its kind.

use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::error::{IdentitySettingsError, MIN_SECRET_BYTES};

/// An RSA key has 2048 bits or more (RFC 7518 §3.3).
const MIN_RSA_BYTES: usize = 256;
const ED25519_BYTES: usize = 32;
/// The algorithms of an RSA key that names none.
const RSA: &[Algorithm] = &[Algorithm::RS256, Algorithm::PS256];

/// The lengths of an uncompressed point (SEC 1 §2.3.3): a byte, and two coordinates.
const P256_BYTES: usize = 65;
const P384_BYTES: usize = 97;

/// A key, and the algorithms that it is for.
#[derive(Clone)]
pub(super) struct Key {
    algorithms: &'static [Algorithm],
    pub decoding: DecodingKey,
}

impl Key {
    pub fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    pub fn from_secret(secret: &SecretString) -> Result<Self, IdentitySettingsError> {
        check_secret(secret)?;
        let decoding = DecodingKey::from_secret(secret.expose_secret().as_bytes());
        Ok(Self { algorithms: &[Algorithm::HS256], decoding })
    }

    /// Reads a PEM text: an RSA key (`PUBLIC KEY` or `RSA PUBLIC KEY`) for RS256 and PS256, an elliptic one for ES256
    /// (P-256) or ES384 (P-384), an Ed25519 key for EdDSA.
    pub fn from_pem(pem: &str) -> Result<Self, IdentitySettingsError> {
        if pem.contains("PRIVATE KEY-----") {
            return Err(IdentitySettingsError::PrivateKey);
        }
        if !pem.contains("PUBLIC KEY-----") {
            return Err(IdentitySettingsError::UnreadablePublicKey);
        }
        // Environment files cannot hold line breaks, so a PEM text in them often has `\n` instead.
        let pem = pem.trim().replace("\\n", "\n");
        let pem = pem.as_bytes();
        let rsa = || Some(Self { algorithms: RSA, decoding: DecodingKey::from_rsa_pem(pem).ok()? });
        let edwards = || Some(Self { algorithms: &[Algorithm::EdDSA], decoding: DecodingKey::from_ed_pem(pem).ok()? });
        let elliptic = || Self::elliptic(DecodingKey::from_ec_pem(pem).ok()?);
        let key = rsa().or_else(edwards).or_else(elliptic).ok_or(IdentitySettingsError::UnreadablePublicKey)?;
        if key.is_strong() { Ok(key) } else { Err(IdentitySettingsError::WeakPublicKey) }
    }

    /// An elliptic key is for the algorithm of its curve, which its length determines.
    fn elliptic(decoding: DecodingKey) -> Option<Self> {
        let algorithms: &'static [Algorithm] = match decoding.kind() {
            DecodingKeyKind::SecretOrDer(point) if point.len() == P256_BYTES => &[Algorithm::ES256],
            DecodingKeyKind::SecretOrDer(point) if point.len() == P384_BYTES => &[Algorithm::ES384],
            _ => return None,
        };
        Some(Self { algorithms, decoding })
    }

    fn is_strong(&self) -> bool {
        match self.decoding.kind() {
            DecodingKeyKind::SecretOrDer(bytes) if self.is_for(Algorithm::EdDSA) => bytes.len() == ED25519_BYTES,
            // Its length has determined its curve.
            DecodingKeyKind::SecretOrDer(_) if !self.is_for(Algorithm::RS256) && !self.is_for(Algorithm::PS256) => true,
            DecodingKeyKind::SecretOrDer(bytes) => bytes.len() >= MIN_RSA_BYTES,
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
    y: Option<String>,
}

impl Jwk {
    /// The key, if it is for signatures that we accept: RSA with RS256 or PS256, P-256, P-384, or Ed25519.
    pub fn key(&self) -> Option<Key> {
        let signs = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let meant_for = |names: &[&str]| self.alg.as_deref().is_none_or(|alg| names.contains(&alg));
        let key = match self.kty.as_str() {
            "RSA" => Key {
                algorithms: match self.alg.as_deref() {
                    None => RSA,
                    Some("RS256") => &[Algorithm::RS256],
                    Some("PS256") => &[Algorithm::PS256],
                    Some(_) => return None,
                },
                decoding: DecodingKey::from_rsa_components(self.n.as_deref()?, self.e.as_deref()?).ok()?,
            },
            // RFC 9864 names EdDSA with this curve `Ed25519`.
            "OKP" if self.crv.as_deref() == Some("Ed25519") && meant_for(&["EdDSA", "Ed25519"]) => {
                let decoding = DecodingKey::from_ed_components(self.x.as_deref()?).ok()?;
                Key { algorithms: &[Algorithm::EdDSA], decoding }
            }
            "EC" => {
                let is_meant = match self.crv.as_deref() {
                    Some("P-256") => meant_for(&["ES256"]),
                    Some("P-384") => meant_for(&["ES384"]),
                    _ => false,
                };
                let point = (self.x.as_deref()?, self.y.as_deref()?);
                Key::elliptic(DecodingKey::from_ec_components(point.0, point.1).ok()?).filter(|_| is_meant)?
            }
            _ => return None,
        };
        (signs && key.is_strong()).then_some(key)
    }
}
