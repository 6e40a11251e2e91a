//! The rules: money, wallets, orders and payments, without async, I/O or a clock.
//!
//! Everything here can be tested without a database. Time comes in as an argument; what
//! comes out is either a new state or a refusal that says why not.

pub mod account_flow;
pub mod billing_profile;
pub mod catalogue;
pub mod check;
pub mod country;
pub mod customer;
pub mod entry;
pub mod environment;
pub mod event;
pub mod explain;
pub mod grant;
pub mod guard;
pub mod hold;
pub mod id;
pub mod money;
pub mod offer;
pub mod order;
pub mod payment;
pub mod posting;
pub mod product;
pub mod reference;
pub mod refund;
pub mod reversal;
pub mod transfer;
pub mod wallet;
