//! Top-up orders: create, read, cancel, verify; operators' approval of bank transfers, and its
//! reversal.

pub mod approve;
pub mod cancel;
pub mod create;
pub mod pay;
pub mod read;
pub mod reverse;

pub use crate::storage::orders::OrderFilter;
pub use read::OrderView;
