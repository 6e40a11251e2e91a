//! The reasons why the settings of tokens are refused.

/// An HS256 key is at least as long as the hash: 256 bits (RFC 7518 §3.2).
pub(super) const MIN_SECRET_BYTES: usize = 32;

/// Why the settings are refused. No text contains a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentitySettingsError {
    #[error("there is no key to verify tokens with: set a JWT secret, a JWT public key or a JWKS URL")]
    NoKeySource,
    #[error("the JWT secret has {bytes} bytes; it needs at least {MIN_SECRET_BYTES} (RFC 7518, section 3.2)")]
    ShortSecret { bytes: usize },
    #[error("the JWT secret is a PEM file; a public key belongs in the setting for the public key")]
    SecretIsPem,
    #[error("the JWT public key is a private key; set the public key instead")]
    PrivateKey,
    #[error("the JWT public key is not an RSA, P-256, P-384 or Ed25519 public key in PEM (`BEGIN PUBLIC KEY`)")]
    UnreadablePublicKey,
    #[error("the JWT public key is too weak; RSA keys need 2048 bits or more")]
    WeakPublicKey,
    #[error("the JWKS URL must be an http or https URL with a host")]
    JwksUrl,
    #[error("the JWT {0} is set but empty")]
    Empty(&'static str),
    #[error("the claim of permissions must not be one with another meaning, such as `scope`")]
    PermissionsClaim,
    #[error("the {0} must not be `user_metadata`, which the users themselves can write")]
    UserClaim(&'static str),
    #[error("the JWT leeway is longer than 300 seconds")]
    LongLeeway,
    #[error("the HTTP client for the JWKS cannot be built: {0}")]
    HttpClient(String),
}
