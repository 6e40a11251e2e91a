//! `topup`: a self-hosted wallet and top-up service over PostgreSQL.
//!
//! This page is the map of the source. [`docs::architecture`] walks a usage, a card payment and an event through it.
//!
//! # The layers
//! Imports only point down; `tests/house` checks it. Each folder is bound to one technology.
//!
//! ```text
//! main → cli → server → { http, workers, sandbox } → app → engine → { storage, providers, outbound } → domain
//!
//! identity, config and embedded import nothing above domain; telemetry reads config; sandbox imports nothing at all
//! ```
//! - [`cli`]: one file per command.
//! - [`server`]: builds the service from its [`config`], and runs it until it is stopped.
//! - [`http`]: the API. [`http::v1`] has one file per noun with its body, document and handler; operators' endpoints
//!   are in `v1/admin/`. [`http::edge`] has what the endpoints share: tokens, bodies, problems, pages, wire types. No
//!   handler imports a handler. The OpenAPI document is made from the registered routes.
//! - [`workers`]: loops that need no request.
//! - [`app`]: use cases, which load, ask the domain and save. Only this layer opens transactions. All money that
//!   arrives takes one path, [`app::settlement`].
//! - [`engine`]: parts that run by themselves, outside requests. [`engine::poster`] writes usage,
//!   [`engine::balance_reader`] reads balances for many at once, [`engine::stream`] sends them.
//! - [`storage`]: PostgreSQL by diesel, with statements in `.sql` files. Functions take a connection and return domain
//!   types; rows are private.
//! - [`providers`]: the payment companies' protocols behind one trait.
//! - [`outbound`]: requests to addresses that partners choose: webhooks, guarded and signed.
//! - [`domain`]: money, wallets, orders and their rules, without I/O and without a clock. [`domain::movement`] has one
//!   file for each thing that can happen to money.
//! - [`identity`], [`telemetry`]: tokens and rate limits; logs and metrics.
//! - `sandbox`, `embedded`: simulated payment companies, and a PostgreSQL of our own. Both are Cargo features, on by
//!   default, and no part of the production build.
//!
//! A noun has the same name in every layer: `http/v1/transfers/`, `app/transfers.rs`, `storage/transfers.rs`,
//! `domain/transfer.rs`.
//!
//! # The rules about money
//! 1. A balance changes in one place, [`storage::ledger::post`]. It takes postings, and only a constructor in
//!    [`domain::movement`] builds one.
//! 2. Every entry names both sides, the wallet and the counterpart, and is never changed afterwards.
//! 3. An amount is [`domain::money::Money`] and keeps its currency; amounts of two currencies are never added.
//! 4. Every rule about money is in [`domain`], where it is tested without a database.
//! 5. State is columns and enums. No decision reads a sentence, a timeline or the text of an error; a text is compared
//!    with the one before it only to avoid writing it twice.
//! 6. An impossible state is an internal error, logged with what was expected; it is never replaced by a plausible
//!    default.
//! 7. No provider is called inside a transaction.
//! 8. All SQL asks one clock, `ledger_now()`.
//!
//! # The guides
//! - [`docs::architecture`]: the layers, and three walks through them
//! - [`docs::adding_an_endpoint`], [`docs::adding_a_provider`], [`docs::adding_an_entry_kind`],
//!   [`docs::adding_a_setting`], [`docs::adding_a_migration`]: what to write, and which test finds what is missing
//! - [`docs::debugging`]: an order that is stuck, a slow flush, the SQL, a case to reproduce
//! - [`docs::error_codes`]: every `code` of the API
//! - [`docs::seals`]: what a seal covers, byte by byte
//! - [`docs::identity_providers`]: the settings that each identity provider needs
//! - [`docs::hard_cases`]: the known ways in which top-up systems lose money, and their tests

pub mod app;
pub mod cli;
pub mod config;
pub mod docs;
pub mod domain;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod engine;
pub mod http;
pub mod identity;
pub mod outbound;
pub mod providers;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod server;
pub mod storage;
pub mod telemetry;
pub mod workers;
