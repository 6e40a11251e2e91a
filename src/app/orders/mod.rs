//! Top-up orders: create, read, cancel, verify and expire them; approve or reject bank transfers, and reverse such an
//! approval.

pub mod approve;
pub mod ask;
mod audited;
pub mod bank_account;
pub(in crate::app) mod by_rule;
pub mod cancel;
pub mod create;
pub mod expire;
pub mod line;
pub mod pay;
pub mod read;
pub mod reject;
pub mod reverse;
mod second_attempt;

pub use read::OrderView;
