//! `topup`: a self-hosted wallet and top-up service over PostgreSQL.

pub mod domain;
pub mod identity;
pub mod providers;
pub mod telemetry;
