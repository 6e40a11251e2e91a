//! The ledger and its check, on real PostgreSQL: random histories must leave nothing that disagrees, and
//! whatever is tampered with must be named.

#![allow(clippy::disallowed_methods, reason = "tests play others, who have clocks of their own")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]

mod account_statements;
mod clean;
mod connections;
mod constraints;
mod explain;
mod fast;
mod fixture;
mod flows;
mod history;
mod regressions;
mod reports;
mod reversals;
mod same_rows;
mod seals;
mod statements;
mod support;
mod sweeper;
mod taking_back;
mod tampering;
mod what_paid;
