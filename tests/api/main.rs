//! The service as a caller finds it: real HTTP, real PostgreSQL, the payment companies played by the sandbox.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]

#[path = "../support/mod.rs"]
mod support;

mod catalogue;
mod disputes;
mod document;
mod edge;
mod every_operation;
mod lifecycle;
mod races;
mod refunds;
mod stage;
