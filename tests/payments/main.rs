//! The service against the sandbox: from an order to a credited balance, and everything that can come between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]

#[path = "../support/mod.rs"]
mod support;

mod companies;
mod faults;
mod settlement;
mod signing;
mod stage;
mod trust;
mod workers;
