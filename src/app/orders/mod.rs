//! Top-up orders: create, read, cancel, verify and expire them; approve bank transfers, and reverse such an approval.

pub mod approve;
pub mod ask;
pub mod cancel;
pub mod create;
pub mod expire;
pub mod pay;
pub mod read;
pub mod reverse;

pub use read::OrderView;
