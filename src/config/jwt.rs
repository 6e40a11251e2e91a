//! Who may call: the keys that verify tokens, and the claims that tokens must have.

use clap::Args;
use secrecy::SecretString;
use url::Url;

use super::secret;

/// The keys that verify tokens. More than one kind may be set.
#[derive(Debug, Clone, Args)]
pub struct JwtConfig {
    /// The HS256 secret, at least 32 bytes. `topup token` signs with it. If no key of any kind is set, and the
    /// PostgreSQL is our own, a secret is generated and kept in the data folder.
    #[arg(
        id = "jwt-secret", long, env = "TOPUP_JWT_SECRET",
        hide_env_values = true, value_name = "SECRET", value_parser = secret
    )]
    pub secret: Option<SecretString>,
    /// The URL of a JWKS with RS256, PS256, ES256, ES384 and EdDSA keys. The `kid` of a token selects the key.
    #[arg(id = "jwt-jwks-url", long, env = "TOPUP_JWT_JWKS_URL", value_name = "URL")]
    pub jwks_url: Option<Url>,
    /// One public key: its PEM text, or the path of a PEM file. RSA (RS256, PS256), P-256 (ES256), P-384 (ES384) or
    /// Ed25519 (EdDSA).
    #[arg(id = "jwt-public-key", long, env = "TOPUP_JWT_PUBLIC_KEY", value_name = "PEM")]
    pub public_key: Option<String>,
    /// The `iss` that tokens must have. Unset: any.
    #[arg(id = "jwt-issuer", long, env = "TOPUP_JWT_ISSUER", value_name = "NAME")]
    pub issuer: Option<String>,
    /// The `aud` that tokens must have. Unset: any. Set it if other applications use the same keys.
    #[arg(id = "jwt-audience", long, env = "TOPUP_JWT_AUDIENCE", value_name = "NAME")]
    pub audience: Option<String>,
    /// The claim that names a customer. Unset: `sub`. Services and operators are always named by `sub`; an
    /// operator whose token has the claim, too, decides nothing about that customer. It must be a claim that users
    /// cannot write themselves.
    #[arg(id = "jwt-customer-claim", long, env = "TOPUP_JWT_CUSTOMER_CLAIM", value_name = "NAME")]
    pub customer_claim: Option<String>,
    /// The claim with the scopes, as a list or separated by spaces. Unset: `scope`, or else `scp`.
    #[arg(id = "jwt-scope-claim", long, env = "TOPUP_JWT_SCOPE_CLAIM", value_name = "NAME")]
    pub scope_claim: Option<String>,
    /// The claim with an operator's permissions: `read`, `support`, `finance`, `admin`, as a list or separated by
    /// spaces. Once it is set, an operator without it, or with an unknown word in it, may do nothing. Unset: every
    /// operator may do everything.
    #[arg(id = "jwt-permissions-claim", long, env = "TOPUP_JWT_PERMISSIONS_CLAIM", value_name = "NAME")]
    pub permissions_claim: Option<String>,
    /// How many seconds the issuer's clock may be ahead (`nbf`), at most 300. `exp` tolerates none.
    #[arg(
        id = "jwt-leeway-seconds",
        long,
        env = "TOPUP_JWT_LEEWAY_SECONDS",
        value_name = "SECONDS",
        default_value = "5"
    )]
    pub leeway_seconds: u64,
}
