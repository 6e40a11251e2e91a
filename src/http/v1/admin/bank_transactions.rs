//! `/v1/admin/bank-transactions`: what truly arrived by a line of the bank's statement.

use actix_web::{HttpResponse, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::bank_transactions::{self, KnownTransaction};
use crate::app::{App, Error, Problems};
use crate::http::edge::auth::{Allowed, AsOperator};
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{
    Actor, Amount, BankAccountId, BankTransactionId, CurrencyCode, PaymentIdText, Reason, RemitterName,
};

/// A line of the bank's statement.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankTransaction {
    payment_id: PaymentIdText,
    bank_account_id: BankAccountId,
    /// The bank's id as an operator wrote it.
    bank_transaction_id: BankTransactionId,
    currency: CurrencyCode,
    /// All that arrived; 0 for a transfer that never came.
    amount: Amount,
    /// The part that serves orders.
    applied_amount: Amount,
    /// The part that serves no order.
    unapplied_amount: Amount,
    received_on: NaiveDate,
    remitter_name: Option<RemitterName>,
    /// Who stated this last.
    stated_by: Actor,
    stated_at: DateTime<Utc>,
}

impl From<&KnownTransaction> for BankTransaction {
    fn from(KnownTransaction { line, payment }: &KnownTransaction) -> Self {
        let currency = payment.currency;
        Self {
            payment_id: PaymentIdText::of(payment.id),
            bank_account_id: BankAccountId::of(line.account),
            bank_transaction_id: BankTransactionId::new(&line.stated_id),
            currency: CurrencyCode::of(currency),
            amount: line.amount.into(),
            applied_amount: Amount::of(payment.applied, currency),
            unapplied_amount: Amount::of(payment.rest(), currency),
            received_on: line.received_on,
            remitter_name: line.remitter.as_deref().map(RemitterName::new),
            stated_by: Actor::new(&line.stated_by),
            stated_at: line.stated_at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct BankTransactionPath {
    /// The id of the payment that stands for the transfer.
    payment_id: PaymentIdText,
}

/// What truly arrived.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "90.00", "reason": "900 was a typing mistake"}))]
pub struct RestateBankTransaction {
    /// All that arrived by the transfer: at least what is used of it. 0 if it never came.
    amount: Amount,
    reason: Reason,
}

/// State a bank transfer anew
///
/// Corrects the amount that arrived by a bank transfer, for example after an approval with a mistyped amount was
/// reversed. The amount 0 voids the transfer: it leaves the list of unapplied payments. What already serves an order or
/// went back to the payer stays.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "restateBankTransaction",
    params(BankTransactionPath),
    request_body = RestateBankTransaction,
    responses((status = 200, description = "The transfer as it is now", body = BankTransaction)),
    security(("bearer" = []))
)]
#[post("/v1/admin/bank-transactions/{payment_id}/restate")]
pub async fn restate_bank_transaction(
    Allowed(caller): AsOperator,
    path: web::Path<BankTransactionPath>,
    body: JsonBody<RestateBankTransaction>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let id = path.payment_id.named().ok_or(Error::NotFound("bank transaction"))?;
    let mut problems = Problems::new();
    let amount = body.value.amount.decimal(&mut problems, "/amount");
    let reason = body.value.reason.read(&mut problems, "/reason");
    let (amount, reason) = problems.into_result(amount.zip(reason))?;
    let restated = bank_transactions::restate(&app, &caller, id, amount, &reason).await?;
    Ok(HttpResponse::Ok().json(BankTransaction::from(&restated)))
}
