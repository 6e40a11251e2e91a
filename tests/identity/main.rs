//! Tests bearer tokens from the outside: all sources of keys, all reasons to refuse a token, and a JWKS over real HTTP.

#![allow(clippy::disallowed_methods, reason = "tests play others, who have clocks of their own")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod confusion;
mod jwks;
mod keys;
mod providers;
mod secret;
mod settings;
