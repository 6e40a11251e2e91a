//! The payments of an order, and how long its verification has waited, as operators see them.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::business_days::VerificationAge;
use crate::domain::payment;
use crate::http::edge::wire::{
    Amount, BankAccountId, BankTransactionId, CurrencyCode, PaymentIdText, ProviderCode, RemitterName,
};

/// A payment that names an order or serves it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderPayment {
    id: PaymentIdText,
    provider: ProviderCode,
    /// The payment's id at the company: Stripe's PaymentIntent, PayPal's capture, VNPay's `TxnRef:TransactionNo`, or
    /// the bank's id in its normal form.
    #[schema(max_length = 250, example = "pi_3MtwBwLkdIwHu7ix28a3tqPa")]
    provider_payment_id: String,
    /// Our account at the company; for a bank transfer `bank_account_id`.
    #[schema(max_length = 200, example = "default")]
    merchant_account: String,
    currency: CurrencyCode,
    /// The amount that arrived.
    amount: Amount,
    /// The part that serves this order.
    applied_amount: Amount,
    /// The part that serves nothing and was not given back.
    unapplied_amount: Amount,
    /// The part that went back to the payer, or is on its way back.
    refunded_amount: Amount,
    received_at: DateTime<Utc>,
    /// The bank account on which the money arrived. This field and the next three are null if the payment has no bank
    /// line.
    bank_account_id: Option<BankAccountId>,
    /// The bank's id of the line, as an operator wrote it.
    bank_transaction_id: Option<BankTransactionId>,
    received_on: Option<NaiveDate>,
    /// Who sent it, according to the bank; null if that was not stated.
    remitter_name: Option<RemitterName>,
}

impl From<&payment::OrderPayment> for OrderPayment {
    fn from(shown: &payment::OrderPayment) -> Self {
        let (payment, line) = (&shown.payment, shown.line.as_ref());
        let currency = payment.amount.currency();
        Self {
            id: PaymentIdText::of(payment.id),
            provider: ProviderCode::new(payment.provider.as_str()),
            provider_payment_id: payment.payment_id.clone(),
            merchant_account: payment.merchant_account.clone(),
            currency: CurrencyCode::of(currency),
            amount: payment.amount.into(),
            applied_amount: shown.applied_here.into(),
            unapplied_amount: payment.rest().into(),
            refunded_amount: payment.refunded.into(),
            received_at: payment.received_at,
            bank_account_id: line.map(|line| BankAccountId::of(line.account)),
            bank_transaction_id: line.map(|line| BankTransactionId::new(&line.stated_id)),
            received_on: line.map(|line| line.received_on),
            remitter_name: line.and_then(|line| line.remitter.as_deref()).map(RemitterName::new),
        }
    }
}

/// How long a bank transfer has waited for an operator.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderVerification {
    /// The business days since the order was created.
    #[schema(minimum = 0, maximum = 100000, example = 2)]
    age_business_days: u32,
    /// The business days that customers are promised.
    #[schema(minimum = 0, maximum = 365, example = 3)]
    promised_business_days: u32,
    overdue: bool,
}

impl From<VerificationAge> for OrderVerification {
    fn from(age: VerificationAge) -> Self {
        Self {
            age_business_days: age.business_days.min(100_000),
            promised_business_days: age.promised,
            overdue: age.is_overdue(),
        }
    }
}
