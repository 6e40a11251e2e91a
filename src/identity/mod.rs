//! Who is calling: bearer tokens are verified here and become a [`Principal`].
//!
//! Beside `storage` and `providers` in the layering: it knows `domain` only, and neither actix nor diesel.
//!
//! - [`TokenVerifier`] holds our keys (a shared secret, a public key, a JWKS endpoint), verifies a token once and
//!   remembers the outcome for as long as the token is good.
//! - The algorithm is a property of **our** key. What the token's header says may select among our keys; it never
//!   decides how a key is used (RFC 8725 §3.1).
//! - [`Limiter`] counts requests per [`Credential`].

mod jwks;
mod keys;
mod limiter;
mod mint;
mod principal;
mod settings;
mod token;
mod verifier;

pub use limiter::{Decision, Limiter};
pub use mint::{MintError, mint};
pub use principal::{Credential, Principal, Scope, Scopes};
pub use settings::{IdentitySettings, IdentitySettingsError};
pub use token::TokenError;
pub use verifier::TokenVerifier;

#[cfg(test)]
mod tests;
