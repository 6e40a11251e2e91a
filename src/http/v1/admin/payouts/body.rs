//! How payouts look on the wire.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::payout;
use crate::http::edge::wire::{Actor, Amount, BankAccountId, CurrencyCode, CustomerIdText, PayoutId};
use crate::http::v1::admin::refunds::body::RefundStatusName;

/// To whom a payout goes.
#[derive(Serialize, ToSchema)]
pub struct PayoutBeneficiary {
    #[schema(max_length = 200, example = "Demo Customer")]
    name: String,
    #[schema(max_length = 200, example = "Bank of China")]
    bank_name: Option<String>,
    #[schema(max_length = 64, example = "6216600100001234567")]
    account: String,
}

// Personal data must not appear in logs.
impl std::fmt::Debug for PayoutBeneficiary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PayoutBeneficiary").finish_non_exhaustive()
    }
}

/// The rest of an account in one currency, which goes to the customer by bank transfer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Payout {
    id: PayoutId,
    customer_id: CustomerIdText,
    status: RefundStatusName,
    currency: CurrencyCode,
    /// What the bank sends, in whole smallest units of the currency.
    amount: Amount,
    /// What the main wallet gives for it: all that it has, to the last decimal.
    debited_amount: Amount,
    /// Our account that sends it.
    bank_account_id: BankAccountId,
    /// Null once it was erased.
    beneficiary: Option<PayoutBeneficiary>,
    /// The bank's id of the transfer, in its normal form; null until it was made.
    #[schema(max_length = 200, example = "20261122000045")]
    bank_transaction_id: Option<String>,
    /// Why it was rejected, or did not arrive.
    #[schema(max_length = 2000, example = "the account is closed")]
    failure: Option<String>,
    proposed_by: Actor,
    created_at: DateTime<Utc>,
    /// The second operator; null until one has approved.
    approved_by: Option<Actor>,
    approved_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
}

impl From<&payout::Payout> for Payout {
    fn from(payout: &payout::Payout) -> Self {
        Self {
            id: PayoutId::of(payout.id),
            customer_id: CustomerIdText::of(&payout.customer),
            status: payout.state.into(),
            currency: CurrencyCode::of(payout.amount.currency()),
            amount: payout.amount.into(),
            debited_amount: payout.debited.into(),
            bank_account_id: BankAccountId::of(payout.bank_account_id),
            beneficiary: payout.beneficiary.clone().map(|to| PayoutBeneficiary {
                name: to.name,
                bank_name: to.bank_name,
                account: to.account,
            }),
            bank_transaction_id: payout.bank_transaction_id.clone(),
            failure: payout.failure.clone(),
            proposed_by: Actor::new(&payout.proposed_by),
            created_at: payout.proposed_at,
            approved_by: payout.approved_by.as_deref().map(Actor::new),
            approved_at: payout.approved_at,
            updated_at: payout.updated_at,
        }
    }
}
