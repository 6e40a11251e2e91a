//! `/v1/account-closing`: a customer follows the closing of the customer's account.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::closings::ClosingView;
use crate::app::{App, closings};
use crate::domain::payout;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::CustomerQuery;
use crate::http::edge::wire::{Amount, CurrencyCode, CustomerIdText, PayoutId};
use crate::http::v1::admin::closings::body::{ClosingStatusName, ClosingWait, waits};
use crate::http::v1::admin::refunds::body::RefundStatusName;

/// The rest of the account in one currency, as its customer sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerPayout {
    id: PayoutId,
    status: RefundStatusName,
    currency: CurrencyCode,
    amount: Amount,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<&payout::Payout> for CustomerPayout {
    fn from(payout: &payout::Payout) -> Self {
        Self {
            id: PayoutId::of(payout.id),
            status: payout.state.into(),
            currency: CurrencyCode::of(payout.amount.currency()),
            amount: payout.amount.into(),
            created_at: payout.proposed_at,
            updated_at: payout.updated_at,
        }
    }
}

/// The closing of an account, as its customer sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountClosing {
    customer_id: CustomerIdText,
    status: ClosingStatusName,
    /// What is still open.
    #[schema(max_items = 10)]
    waits_for: Vec<ClosingWait>,
    started_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// When it was closed; null until then, and while it is reopened.
    closed_at: Option<DateTime<Utc>>,
    /// The bank transfers by which the rest is paid out, newest first.
    #[schema(max_items = 1000)]
    payouts: Vec<CustomerPayout>,
}

impl From<&ClosingView> for AccountClosing {
    fn from(view: &ClosingView) -> Self {
        Self {
            customer_id: CustomerIdText::of(&view.closing.customer),
            status: view.closing.state.into(),
            waits_for: waits(view),
            started_at: view.closing.started_at,
            updated_at: view.closing.updated_at,
            closed_at: view.closing.closed_at,
            payouts: view.payouts.iter().map(Into::into).collect(),
        }
    }
}

/// Show the closing of the account
///
/// How far the closing of the customer's account has come. The refunds that it makes are listed with all refunds. An
/// account that is open answers 404.
#[utoipa::path(
    tag = "account-closing",
    operation_id = "getAccountClosing",
    params(CustomerQuery),
    responses(
        (status = 200, description = "The closing", body = AccountClosing),
        (status = 404, description = "The account is not being closed"),
    ),
    security(("bearer" = []))
)]
#[get("/v1/account-closing")]
pub async fn get_account_closing(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let view = closings::get(&app, &query.customer(&caller)?).await?;
    Ok(HttpResponse::Ok().json(AccountClosing::from(&view)))
}
