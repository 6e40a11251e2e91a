//! The endpoints under `/v1`, one file for each noun: its bodies, its document, its handlers.

pub mod account_flows;
pub mod admin;
pub mod agreements;
pub mod balances;
pub mod billing_profiles;
pub mod disputes;
pub mod events;
pub mod explain;
pub mod grants;
pub mod holds;
pub mod ledger_keys;
pub mod low_balance_alerts;
pub mod products;
pub mod providers;
pub mod quotes;
pub mod refund_requests;
pub mod refunds;
pub mod reversals;
pub mod spend_guards;
pub mod top_up_options;
pub mod top_up_orders;
pub mod transfer_slips;
pub mod transfers;
pub mod usage;
pub mod webhook_endpoints;
