//! Keys that are generated for the test run, and tokens signed with them.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use topup::identity::{IdentitySettings, TokenVerifier};

pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The RSA keys of all tests, because it takes some time to generate one.
pub static RSA: LazyLock<Signer> = LazyLock::new(Signer::rsa);
pub static OTHER_RSA: LazyLock<Signer> = LazyLock::new(Signer::rsa);

pub struct Signer {
    pub algorithm: Algorithm,
    pub pair: KeyPair,
}

impl Signer {
    pub fn rsa() -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        Self { algorithm: Algorithm::RS256, pair }
    }

    pub fn ed25519() -> Self {
        Self { algorithm: Algorithm::EdDSA, pair: KeyPair::generate_for(&PKCS_ED25519).unwrap() }
    }

    pub fn p256() -> Self {
        Self { algorithm: Algorithm::ES256, pair: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap() }
    }

    pub fn p384() -> Self {
        Self { algorithm: Algorithm::ES384, pair: KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap() }
    }

    fn key(&self) -> EncodingKey {
        let pem = self.pair.serialize_pem();
        match self.algorithm {
            Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
        }
        .unwrap()
    }

    pub fn public_pem(&self) -> String {
        self.pair.public_key_pem()
    }

    pub fn jwk(&self, kid: &str) -> Value {
        let mut jwk = match self.algorithm {
            Algorithm::EdDSA => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(self.pair.public_key_raw())})
            }
            _ => serde_json::to_value(Jwk::from_encoding_key(&self.key(), self.algorithm).unwrap()).unwrap(),
        };
        jwk["kid"] = kid.into();
        jwk
    }

    pub fn sign(&self, kid: Option<&str>, claims: &Value) -> String {
        self.sign_as(self.algorithm, kid, claims)
    }

    pub fn sign_as(&self, algorithm: Algorithm, kid: Option<&str>, claims: &Value) -> String {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, claims, &self.key()).unwrap()
    }
}

pub fn hmac(algorithm: Algorithm, secret: &[u8], claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap()
}

/// A token from its parts, with any signature.
pub fn raw(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode(signature))
}

pub fn in_seconds(seconds: i64) -> i64 {
    Utc::now().timestamp() + seconds
}

/// Claims that are valid for an hour.
pub fn alice() -> Value {
    json!({"sub": "alice", "scope": "customer", "exp": in_seconds(3600)})
}

/// Alice's claims with changes. `null` removes a claim.
pub fn alice_with(changes: &Value) -> Value {
    let mut claims = alice();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

pub fn with_secret() -> TokenVerifier {
    TokenVerifier::new(IdentitySettings { hs256_secret: Some(SECRET.into()), ..Default::default() }).unwrap()
}

pub fn with_public_key(pem: String) -> TokenVerifier {
    TokenVerifier::new(IdentitySettings { public_key_pem: Some(pem), ..Default::default() }).unwrap()
}
