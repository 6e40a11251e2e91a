//! The keys of seals: Ed25519.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// Why a text is not a key.
#[derive(Debug, thiserror::Error)]
#[error(
    "must be an Ed25519 key: PEM (PKCS#8), as `openssl genpkey -algorithm ed25519` prints it, or 32 bytes in base64"
)]
pub struct NoKey;

/// Signs seals. It is never stored in the database.
pub struct SealKey {
    id: String,
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SealKey {
    /// Reads a PEM text (PKCS#8), or a seed of 32 bytes in base64.
    ///
    /// # Errors
    /// [`NoKey`].
    pub fn read(text: &str) -> Result<Self, NoKey> {
        let text = text.trim();
        let is_pem = text.contains("-----BEGIN PRIVATE KEY-----");
        let base64: String = match is_pem {
            // A line of an environment file cannot hold line feeds, so they may be written as `\n` in it.
            true => text.replace("\\n", "\n").lines().filter(|line| !line.starts_with("-----")).collect(),
            false => text.to_owned(),
        };
        let bytes = STANDARD.decode(base64.trim()).map_err(|_| NoKey)?;
        let pair = match is_pem {
            true => Ed25519KeyPair::from_pkcs8(&bytes),
            false => Ed25519KeyPair::from_seed_unchecked(&bytes),
        };
        let pair = pair.map_err(|_| NoKey)?;
        Ok(Self { id: id_of(pair.public_key().as_ref()), pair })
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    #[must_use]
    pub fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

/// A key that verifies seals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealPublicKey {
    pub id: String,
    /// 32 bytes.
    pub public_key: Vec<u8>,
    pub first_used_at: DateTime<Utc>,
}

impl SealPublicKey {
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public_key).verify(message, signature).is_ok()
    }

    /// Whether the id is the one that the key has.
    #[must_use]
    pub fn has_its_id(&self) -> bool {
        id_of(&self.public_key) == self.id
    }
}

/// The first 16 hex digits of a key's SHA-256.
fn id_of(public_key: &[u8]) -> String {
    let mut id = hex::encode(Sha256::digest(public_key));
    id.truncate(16);
    id
}
