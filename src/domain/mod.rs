//! The rules of money, wallets, orders and payments. This layer has no async code, no I/O and no clock.
//!
//! Every rule can be tested without a database. Time is an argument. The result is a new state, or a refusal that gives
//! the reason.

pub mod account_flow;
pub mod adjustment;
pub mod api_key;
pub mod approval;
pub mod attempt;
pub mod audit;
pub mod balances;
pub mod bank_transaction;
pub mod billing_profile;
pub mod book;
pub mod business_days;
pub mod catalogue;
pub mod check;
pub mod code;
pub mod counterpart;
pub mod country;
pub mod customer;
pub mod dispute;
pub mod entry;
mod entry_kind;
pub mod environment;
pub mod event;
pub mod explain;
mod fingerprint;
pub mod freeze;
pub mod grant;
pub mod guard;
pub mod hold;
pub mod id;
pub mod label;
pub mod language;
pub mod money;
pub mod movement;
pub mod offer;
pub mod order;
pub mod own_word;
pub mod page;
pub mod payment;
pub mod permission;
pub mod posting;
pub mod product;
pub mod reference;
pub mod refund;
mod refusal;
mod reversal;
pub mod seal;
pub mod search;
pub mod take_back;
pub mod transfer;
pub mod unapplied;
pub mod wallet;
pub mod wallet_key;
pub mod webhook;
