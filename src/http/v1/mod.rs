//! The endpoints under `/v1`, one file for each noun: its bodies, its document, its handlers.

pub mod account_flows;
pub mod account_statements;
pub mod admin;
pub mod balances;
pub mod billing_profiles;
pub mod events;
pub mod explain;
pub mod grants;
pub mod holds;
pub mod ledger_keys;
pub mod ledger_proof;
pub mod low_balance_alerts;
pub mod papers;
pub mod products;
pub mod providers;
pub mod quotes;
pub mod reversals;
pub mod spend_guards;
pub mod top_up_options;
pub mod top_up_orders;
pub mod transfers;
pub mod usage;
pub mod webhook_endpoints;
