//! The edge: parse, one use case, render. Actix only; no rules.

pub mod amount;
pub mod auth;
pub mod balances;
pub mod extract;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod request_id;
pub mod respond;
pub mod routes;
