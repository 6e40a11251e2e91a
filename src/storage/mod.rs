//! PostgreSQL, through diesel only. Functions take a connection and return domain types. They contain no rules.
//!
//! A balance changes in one place: [`ledger::post`].

pub mod account_flows;
pub mod account_statements;
pub mod adjustments;
pub mod api_keys;
pub mod approvals;
pub mod attempts;
pub mod audit;
pub mod bank_transactions;
pub mod billing_profiles;
pub mod calendar;
pub mod catalogue;
pub mod check;
pub mod clock;
pub(crate) mod columns;
pub mod connection;
pub mod customers;
pub mod disputes;
pub mod durability;
pub mod environment;
mod error;
pub mod events;
pub mod feed;
pub mod foreign_payments;
pub mod freezes;
pub mod grant_proposals;
pub mod grants;
pub mod idempotency;
pub mod integrity;
mod kept;
pub mod ledger;
pub mod low_balance_alerts;
pub mod migrations;
pub mod order_lists;
pub mod order_payments;
pub mod orders;
pub mod own_word;
pub mod page;
pub mod papers;
pub mod payments;
pub mod pool;
mod proposals;
pub mod provider_events;
pub mod readiness;
pub mod refunds;
pub mod reports;
pub mod retention;
pub mod roles;
pub mod schema;
pub mod seals;
pub mod search;
mod share;
pub mod spend_guards;
pub mod statement;
pub mod transaction;
pub mod transfers;
pub mod unapplied_decisions;
pub mod unapplied_payments;
pub mod webhook_deliveries;
pub mod webhook_endpoints;
pub mod worker_marks;

pub use diesel_async::AsyncPgConnection as Connection;

pub(crate) use self::columns::currency_from_column;
pub use self::error::StorageError;
