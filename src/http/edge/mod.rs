//! What every endpoint stands on: reading a request, saying who calls, rendering an answer or a problem.

pub mod amount;
pub mod auth;
pub mod body_budget;
pub mod etag;
pub mod extract;
pub mod filters;
pub mod page;
pub mod problem;
pub mod request_id;
pub mod respond;
