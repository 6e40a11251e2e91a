//! The identity of a caller: a bearer token is verified here and becomes a [`Principal`].
//!
//! This part only imports `domain`, and knows neither actix nor diesel.
//!
//! - [`TokenVerifier`] holds the keys (a shared secret, a public key, a JWKS endpoint). It verifies a token once, and
//!   remembers the result while the token is valid.
//! - The algorithm is a property of **our** key. The header of a token may select one of our keys, but it never decides
//!   how that key is used (RFC 8725 §3.1).
//! - [`Limiter`] counts requests per [`Credential`].

mod error;
mod jwks;
mod keys;
mod limiter;
mod mint;
mod principal;
mod settings;
mod token;
mod verifier;

pub use error::IdentitySettingsError;
pub use limiter::{Limiter, RateDecision};
pub use mint::{Holder, MintError, mint};
pub use principal::{Credential, Principal, Scope, Scopes};
pub use settings::{ClaimNames, IdentitySettings};
pub use token::TokenError;
pub use verifier::TokenVerifier;

#[cfg(test)]
mod tests;
