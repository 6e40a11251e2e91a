//! `topup`: a self-hosted wallet and top-up service over PostgreSQL.
//!
//! # The house
//! Imports only point down (`tests/house` holds it):
//!
//! ```text
//! main ─ cli ─ server ─┬─ http ───────┬─ app ─ engine ─┬─ storage ───┬─ domain
//!                      ├─ workers ────┘                └─ providers ─┘
//!                      └─ sandbox, identity, embedded, telemetry
//! ```
//! - [`domain`]: money, wallets, entries, orders. Every rule about money, pure and without a database.
//!   [`domain::movement`] lists everything that can happen to money, one file each.
//! - [`storage`]: PostgreSQL. A balance changes in one place, [`storage::ledger::post`].
//! - [`providers`]: the payment companies' protocols behind one trait; how to add another is told there.
//! - [`app`]: use cases; each is one function that loads, asks the domain, saves. [`app::settlement`] is the
//!   one path of money that arrives.
//! - [`engine`]: what runs by itself beside the requests: [`engine::poster`] is the write path of usage,
//!   [`engine::stream`] sends balances.
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
pub mod engine;
pub mod http;
pub mod identity;
pub mod providers;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod server;
pub mod storage;
pub mod telemetry;
pub mod workers;
