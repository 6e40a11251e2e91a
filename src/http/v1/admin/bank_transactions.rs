//! `/v1/admin/bank-transactions`: how much a line of the bank's statement truly brought.

use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::app::bank_transactions::{self, KnownTransaction};
use crate::app::{App, Error, Problems};
use crate::domain::money::Money;
use crate::http::edge::auth::{Allowed, AsOperator, FINANCE};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{
    Actor, Amount, BankAccountId, BankTransactionId, CurrencyCode, PaymentIdText, Reason, RemitterName, TopUpOrderId,
};

/// A line of the bank's statement.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankTransaction {
    payment_id: PaymentIdText,
    bank_account_id: BankAccountId,
    /// The bank's id as an operator wrote it.
    bank_transaction_id: BankTransactionId,
    currency: CurrencyCode,
    /// The whole amount that arrived; 0 for a transfer that never came.
    amount: Amount,
    /// The part that serves orders or wallets.
    applied_amount: Amount,
    /// The part that serves nothing.
    unapplied_amount: Amount,
    /// The part that served nothing and went back. The three parts add up to the amount.
    returned_amount: Amount,
    received_on: NaiveDate,
    remitter_name: Option<RemitterName>,
    /// The orders that it serves.
    #[schema(max_items = 1000)]
    orders: Vec<ServedOrder>,
    /// Who stated this last.
    stated_by: Actor,
    stated_at: DateTime<Utc>,
}

/// An order that a bank transfer serves, with its part.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServedOrder {
    order_id: TopUpOrderId,
    amount: Amount,
}

/// The lines with one id: usually one.
#[derive(Debug, Serialize, ToSchema)]
pub struct BankTransactionList {
    #[schema(max_items = 100)]
    data: Vec<BankTransaction>,
}

impl From<&KnownTransaction> for BankTransaction {
    fn from(KnownTransaction { line, used, orders }: &KnownTransaction) -> Self {
        let served = |(order, amount): &(Uuid, Money)| ServedOrder {
            order_id: TopUpOrderId::of(*order),
            amount: Amount::from(*amount),
        };
        Self {
            payment_id: PaymentIdText::of(line.payment_id),
            bank_account_id: BankAccountId::of(line.account),
            bank_transaction_id: BankTransactionId::new(&line.stated_id),
            currency: CurrencyCode::of(line.amount.currency()),
            amount: line.amount.into(),
            applied_amount: used.applied.into(),
            unapplied_amount: Amount::from(line.amount - used.applied - used.unapplied_taken),
            returned_amount: used.unapplied_taken.into(),
            received_on: line.received_on,
            remitter_name: line.remitter.as_deref().map(RemitterName::new),
            orders: orders.iter().map(served).collect(),
            stated_by: Actor::new(&line.stated_by),
            stated_at: line.stated_at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BankTransactionsQuery {
    /// The bank's id of the transfer. Case, spaces and punctuation do not matter.
    bank_transaction_id: BankTransactionId,
}

/// Find a bank transfer
///
/// Shows which orders a line of the bank's statement serves, and how much of it is left. The answer has the recorded
/// lines with this id, of all our accounts.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminFindBankTransactions",
    params(BankTransactionsQuery),
    responses((status = 200, description = "The lines with this id", body = BankTransactionList)),
    security(("bearer" = []))
)]
#[get("/v1/admin/bank-transactions")]
pub async fn find_bank_transactions(
    _: AsOperator,
    QueryParams(query): QueryParams<BankTransactionsQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut problems = Problems::new();
    let id = query.bank_transaction_id.read(&mut problems, "?bank_transaction_id");
    let found = bank_transactions::find(&app, &problems.into_result(id)?).await?;
    Ok(HttpResponse::Ok().json(BankTransactionList { data: found.iter().map(BankTransaction::from).collect() }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct BankTransactionPath {
    /// The id of the transfer's payment.
    payment_id: PaymentIdText,
}

/// What truly arrived.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": "90.00", "reason": "900 was a typing mistake"}))]
pub struct RestateBankTransaction {
    /// The whole amount of the transfer: at least what is used of it. 0 if it never came.
    amount: Amount,
    reason: Reason,
}

/// Correct the amount of a bank transfer
///
/// Corrects the amount that arrived by a bank transfer, for example after an approval with a mistyped amount was
/// reversed. The amount 0 voids the transfer: it leaves the list of unapplied payments. What already serves an order or
/// went back to the payer stays.
#[utoipa::path(
    tag = "admin-payments",
    operation_id = "adminRestateBankTransaction",
    params(BankTransactionPath),
    request_body = RestateBankTransaction,
    responses((status = 200, description = "The transfer as it is now", body = BankTransaction)),
    security(("bearer" = ["operator:finance"]))
)]
#[post("/v1/admin/bank-transactions/{payment_id}/restate")]
pub async fn restate_bank_transaction(
    Allowed(caller): AsOperator<FINANCE>,
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
