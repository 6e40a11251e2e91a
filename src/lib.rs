//! `topup`: a self-hosted wallet and top-up service over PostgreSQL.
//!
//! # The house
//! Imports only point down (`tests/house` holds it):
//!
//! ```text
//! main ─ cli ─ server ─┬─ http ───────┬─ app ─┬─ storage ───┬─ domain
//!                      ├─ workers ────┘       └─ providers ─┘
//!                      └─ sandbox, identity, embedded, telemetry
//! ```
//! - [`domain`]: money, wallets, entries, orders. Every rule about money, pure and without a database.
//! - [`storage`]: PostgreSQL. A balance changes in one place, [`storage::ledger::post`].
//! - [`providers`]: the payment companies' protocols behind one trait; how to add another is told there.
//! - [`app`]: use cases; each is one function that loads, asks the domain, saves. [`app::poster`] is the write path of
//!   usage, [`app::settlement`] the one path of money that arrives.
//! - [`http`]: the edge: parse, one use case, render. The OpenAPI document is made from the registered routes.
//! - [`workers`]: what happens without a request.
//! - [`sandbox`]: the payment companies, played by an independent party on this machine.
//! - [`server`], [`cli`]: putting it together.

pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod http;
pub mod identity;
pub mod providers;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod server;
pub mod storage;
pub mod telemetry;
pub mod workers;
