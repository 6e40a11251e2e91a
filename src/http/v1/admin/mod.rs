//! The endpoints under `/v1/admin`, for operators.

pub mod adjustments;
pub mod agreements;
pub mod api_keys;
pub mod audit_log;
pub mod bank_accounts;
pub mod bank_transactions;
pub mod bonus_tiers;
pub mod channel_rules;
pub mod currencies;
pub mod customers;
pub mod disputes;
pub mod freezes;
pub mod grants;
pub mod integrity;
pub mod papers;
pub mod products;
pub mod reconciliation;
pub mod refund_requests;
pub mod refunds;
pub mod reports;
pub mod search;
pub mod tax_rules;
pub mod top_up_options;
pub mod top_up_orders;
pub mod unapplied_payments;
