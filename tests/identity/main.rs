//! Bearer tokens as a caller sees them: every key source, every reason to be refused, real HTTP for the JWKS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod confusion;
mod jwks;
mod keys;
mod secret;
mod settings;
