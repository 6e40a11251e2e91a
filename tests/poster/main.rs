//! The poster as callers find it: each item answered on its own, none lost, none doubled, whatever crashes meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::as_conversions)]

#[path = "../support/mod.rs"]
mod support;

mod batch;
mod crowd;
mod flush;
mod locked;
mod metering;
mod queue;
mod repeats;
mod restart;
mod together;
