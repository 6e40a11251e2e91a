//! Use cases. Each is one function that reads from top to bottom: load, let the domain decide, save. Only this layer
//! opens transactions.
//!
//! This layer does not know HTTP, with one exception. Only the use case knows which rule a field broke, so an
//! [`Error::Invalid`] names the field as the API does: by a JSON pointer into the request's body (`/amount`), or by
//! `?name` for a query parameter.

pub mod account_flows;
pub mod account_statements;
pub mod adjustments;
pub mod api_keys;
pub mod audit;
pub mod balances;
pub mod bank_statements;
pub mod bank_transactions;
pub mod billing_profiles;
pub mod caller;
pub mod catalogue;
pub mod check;
pub mod closings;
pub mod customers;
pub mod dispute_cases;
pub mod disputes;
pub mod error;
pub mod events;
pub mod explain;
pub mod freezes;
pub mod grant_changes;
pub mod grants;
pub mod health;
pub mod holds;
pub mod idempotency;
pub mod integrity;
pub mod low_balance_alerts;
pub mod notifications;
pub mod orders;
pub(in crate::app) mod own_word;
mod ownership;
pub mod papers;
pub mod payouts;
pub mod precondition;
pub mod quotes;
pub mod reconciliations;
pub mod refund_requests;
pub mod refunds;
pub mod reports;
pub mod retention;
pub mod return_origins;
pub mod seals;
pub mod search;
pub mod seed;
pub mod settlement;
pub mod spend_guards;
pub mod stream_tickets;
pub mod sweep;
pub mod take_back_search;
pub mod top_up_options;
pub mod transfer_slips;
pub mod transfers;
pub mod unapplied_payments;
pub mod usage;
pub mod usage_lists;
pub mod usage_sums;
pub mod webhook_endpoints;
pub mod write_offs;

use std::sync::Arc;

pub use caller::{Caller, Reader};
pub use catalogue::products::KnownProducts;
pub use error::{Error, Problems};
pub use idempotency::{IdempotencyKey, Made};
pub use orders::OrderView;
pub use precondition::{Expected, Saved};
pub use retention::Retention;
pub use return_origins::ReturnOrigins;
pub use seals::Sealing;
pub use webhook_endpoints::Webhooks;

use crate::domain::business_days::VerificationPromise;
use crate::domain::own_word::OwnWordRules;
use crate::domain::paper::PaperRules;
use crate::domain::percent::Percent;
use crate::domain::quote::InstallationSecret;
use crate::domain::report::journal::AccountNames;
use crate::domain::usage_sum::UsageKeys;
use crate::engine::{BalanceReader, Poster, Streams, Supervisor};
use crate::providers::Registry;
use crate::storage::pool::Pool;

/// Called with the finished and the total amount of long work.
pub type OnProgress<'p> = &'p (dyn Fn(usize, usize) + Send + Sync);

/// What every use case needs. Clones share it.
#[derive(Debug, Clone)]
pub struct App {
    pub pool: Pool,
    pub providers: Registry,
    pub poster: Poster,
    pub balances: BalanceReader,
    pub streams: Streams,
    /// Watches the engine's parts and the workers.
    pub supervisor: Supervisor,
    pub last_check: health::LastCheck,
    pub products: KnownProducts,
    pub webhooks: Webhooks,
    pub api_keys: api_keys::KeyRing,
    pub settings: Arc<Settings>,
}

/// Whom customers ask for help. `None`: that way is not offered.
#[derive(Debug, Clone, Default)]
pub struct Support {
    pub email: Option<String>,
    pub url: Option<String>,
    pub phone: Option<String>,
}

/// The rules that the operator of this installation sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address under which browsers and providers reach this service, without a trailing slash.
    pub public_url: String,
    /// Whether this installation moves real money. The stamp of the database decides it.
    pub live: bool,
    /// What signs quotes beside the secret of the database.
    pub secret: InstallationSecret,
    /// How many days an API key lives at most.
    pub key_max_days: u16,
    /// When an operator needs a second operator, and what services may grant.
    pub own_word: OwnWordRules,
    /// A bank transfer whose amount differs from the order's by more than this share must be confirmed.
    pub confirm_difference_above: Percent,
    /// How many orders of one customer may wait for their money at the same time.
    pub open_orders_per_customer: i64,
    /// How long operators promise to take for a bank transfer.
    pub verification: VerificationPromise,
    /// After how many hours a worker checks the books again; 0: never.
    pub check_every_hours: u16,
    /// How long temporary data is kept.
    pub retention: Retention,
    /// The sites that payers may be sent back to.
    pub return_origins: ReturnOrigins,
    /// Whether a dispute takes the money when it is opened. If not, it does so when it is lost.
    pub disputes_take_at_once: bool,
    /// How many days after its last contestable payment the rest of a closed account is paid out.
    pub closing_payout_days: u16,
    /// Whom customers ask for help.
    pub support: Support,
    /// How entries are sealed; `None`: they are not.
    pub sealing: Option<Sealing>,
    /// How accounts are named in the journal.
    pub journal_accounts: AccountNames,
    /// By which keys of their metadata usage is summed.
    pub usage_keys: UsageKeys,
    /// The seller on our papers, and how papers are numbered.
    pub papers: PaperRules,
}
