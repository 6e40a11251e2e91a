//! The service as a caller finds it: real HTTP, real PostgreSQL, the payment companies played by the sandbox.
#![allow(clippy::disallowed_methods, reason = "tests play others, who have clocks of their own")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]

#[path = "../support/mod.rs"]
mod support;

mod account_statements;
mod adjustments;
mod answers;
mod any_bytes;
mod api_keys;
mod audit;
mod bad_input;
mod balances_together;
mod bank_accounts;
mod bank_lines;
mod bank_transfers;
mod billing_profiles;
mod bonus;
mod catalogue;
mod crash;
mod customer_ids;
mod disputes;
mod document;
mod doors;
mod edge;
mod every_operation;
mod explain;
mod faults;
mod feed;
mod filters;
mod finding;
mod freezes;
mod grants;
mod guards;
mod hang_up;
mod holds;
mod lifecycle;
mod others;
mod papers;
mod permissions;
mod plans;
mod process;
mod proof;
mod races;
mod read_only;
mod refunds;
mod reports;
mod retention;
mod roles;
mod same_request;
mod seals;
mod stage;
mod stream;
mod taken_back;
mod tools;
mod two_pairs;
mod unapplied;
mod unreadable;
mod webhook_endpoints;
mod webhooks;
mod what_was_shown;
