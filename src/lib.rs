//! `topup`: a self-hosted wallet and top-up service over PostgreSQL.

pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod embedded;

pub mod http;
pub mod identity;
pub mod providers;
pub mod sandbox;
pub mod server;
pub mod storage;
pub mod telemetry;
