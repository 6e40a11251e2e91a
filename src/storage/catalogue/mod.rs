//! The catalogue, which operators edit: products, top-up options, channel rules, bank accounts and agreements.
//!
//! Each file has the same functions. `lock` reads a row and locks it for a change. `insert` writes a new row and
//! returns `None` when the row exists already. `update` replaces a row and increments its version.

pub mod agreement_texts;
pub mod agreements;
pub mod bank_account_changes;
pub mod bank_accounts;
pub mod bonus_tiers;
pub mod channel_rules;
pub mod products;
pub mod tax_rules;
pub mod top_up_options;
