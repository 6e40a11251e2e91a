//! Tests the embedded clusters with the real PostgreSQL of this machine.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod hosts;
mod kept;
mod pooler;
mod privacy;
mod support;
mod throwaway;
