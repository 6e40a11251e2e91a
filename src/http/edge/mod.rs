//! What the endpoints share: it authenticates callers, reads requests strictly, and renders answers and problems.

pub mod answers;
pub mod auth;
pub mod body_budget;
pub mod connections;
pub mod csv;
pub mod etag;
pub mod extract;
pub mod head;
pub mod idempotency;
pub mod language;
pub mod metrics;
pub mod page;
pub mod problem;
pub mod queries;
pub mod request_id;
pub mod security;
pub mod shape;
mod shortfalls;
pub mod tasks;
pub mod times;
pub mod wire;
pub(crate) mod words;
