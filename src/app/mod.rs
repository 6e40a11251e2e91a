//! Use cases: load, ask the domain, save. The only layer that opens a transaction.
//!
//! One use case is one function that reads from top to bottom. Nothing here knows HTTP.

pub mod balances;
pub mod billing_profiles;
pub mod caller;
pub mod catalogue;
pub mod error;
pub mod idempotency;
pub mod precondition;
pub mod quotes;
pub mod seed;
pub mod top_up_options;

use std::sync::Arc;

pub use caller::Caller;
pub use error::{Error, Problems};
pub use idempotency::{IdempotencyKey, Made};
pub use precondition::{Expected, Saved};

use crate::providers::Registry;
use crate::storage::pool::Pool;

/// What every use case needs; cloning shares it.
#[derive(Debug, Clone)]
pub struct App {
    pub pool: Pool,
    pub providers: Registry,
    pub settings: Arc<Settings>,
}

/// Rules of the house that the operator sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How browsers and providers reach us, without a trailing slash.
    pub public_url: String,
}
