//! The edge: parse, one use case, render. Actix only; no rules.

pub mod account_flows;
pub mod admin;
pub mod amount;
pub mod auth;
pub mod balances;
pub mod billing_profiles;
pub mod docs;
pub mod etag;
pub mod extract;
pub mod health;
pub mod openapi;
pub mod order_view;
pub mod page;
pub mod problem;
pub mod products;
pub mod providers;
pub mod quotes;
pub mod request_id;
pub mod respond;
pub mod routes;
pub mod top_up_options;
pub mod top_up_orders;
pub mod transfers;
pub mod usage;
