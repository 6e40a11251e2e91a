//! What paid for a flow, and what a flow or an order has paid for.

use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::account_flows::{self, AccountFlow};
use super::amount::Amount;
use super::auth::{Allowed, AsCustomer};
use super::extract::QueryParams;
use super::page;
use super::problem::Failure;
use super::top_up_orders::OrderPath;
use crate::app::currency_from_column;
use crate::app::explain::{self, FlowId, MoneyPart, PaidFor, WalletName};
use crate::app::flows::Flow;
use crate::app::{App, Error};
use crate::domain::entry::Entry;
use crate::domain::id::IdKind;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct FlowPath {
    /// The flow's id.
    #[param(
        max_length = 64,
        pattern = "^flw_[0-9a-f]{32}_[0-9]{1,19}$",
        example = "flw_019336f2b0a87c0e8f6f5a2f4c1d9e3b_7"
    )]
    flow_id: String,
}

impl FlowPath {
    fn parse(&self) -> Option<FlowId> {
        let (wallet, seq) = self.flow_id.rsplit_once('_')?;
        let digits = seq.bytes().all(|b| b.is_ascii_digit()) && !seq.starts_with('0');
        let seq = seq.parse().ok().filter(|_| digits)?;
        Some(FlowId { wallet: IdKind::Flow.parse(wallet)?, seq })
    }
}

fn show(wallet: uuid::Uuid, seq: i64) -> String {
    format!("{}_{seq}", IdKind::Flow.show(wallet))
}

fn flow(entry: &Entry, wallet: &WalletName) -> Result<AccountFlow, Error> {
    account_flows::render(&Flow {
        wallet_id: entry.wallet_id,
        seq: entry.seq,
        kind: entry.label.kind.code(),
        amount: entry.amount,
        currency: wallet.currency.clone(),
        product: wallet.product.clone(),
        balance_after: entry.balance_after,
        key: entry.label.key.clone(),
        reference: entry.label.reference.clone(),
        description: entry.label.description.clone(),
        created_at: entry.created_at,
    })
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PaidByQuery {
    /// For services and operators: which customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: Option<String>,
}

/// What paid for a flow.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlowPaidBy {
    flow: AccountFlow,
    /// The part that promotional credit paid.
    granted: Amount,
    /// The part that paid money paid.
    paid: Amount,
    /// The part that became debt: nothing had paid for it yet.
    debt: Amount,
    #[schema(max_items = 1000)]
    grants: Vec<PaidByGrant>,
    /// The oldest first: money is spent in the order in which it came.
    #[schema(max_items = 100)]
    payments: Vec<PaidByPayment>,
    /// False where more than 100 payments paid for it: `payments` are the oldest then.
    complete: bool,
}

/// A grant's part in a flow.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidByGrant {
    #[schema(max_length = 64, pattern = "^grt_[0-9a-f]{32}$", example = "grt_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    grant_id: String,
    amount: Amount,
    #[schema(max_length = 200, example = "welcome")]
    reason: String,
}

/// A payment's part in a flow.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidByPayment {
    /// What of it was used here.
    amount: Amount,
    /// With which the money came to the customer: a recharge, or something given back.
    flow: AccountFlow,
    /// The order that it came with.
    #[schema(max_length = 64, pattern = "^tuo_[0-9a-f]{32}$", example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    top_up_order_id: Option<String>,
    /// The transfers that brought it to the wallet that spent it, the last one first.
    #[schema(max_items = 8, example = json!(["trf_019336f2b0a87c0e8f6f5a2f4c1d9e3b"]))]
    transfers: Vec<String>,
}

fn payment(part: &MoneyPart) -> Result<PaidByPayment, Error> {
    let currency = currency_from_column(&part.wallet.currency)?;
    Ok(PaidByPayment {
        amount: Amount::of(part.amount, currency),
        flow: flow(&part.entry, &part.wallet)?,
        top_up_order_id: part.order().map(str::to_owned),
        transfers: part.transfers.clone(),
    })
}

/// Explain what paid for a flow
///
/// For a flow that took something: which grants, and paid money of which top-up orders, first in first out; through
/// transfers, back to where the money came in. 422 `not_a_deduction` for a flow that brought something.
#[utoipa::path(
    tag = "account-flows",
    operation_id = "getAccountFlowPaidBy",
    params(FlowPath, PaidByQuery),
    responses((status = 200, description = "What paid for it", body = FlowPaidBy)),
    security(("bearer" = []))
)]
#[get("/v1/account-flows/{flow_id}/paid-by")]
pub async fn get_account_flow_paid_by(
    Allowed(caller): AsCustomer,
    path: web::Path<FlowPath>,
    QueryParams(query): QueryParams<PaidByQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let found = explain::paid_by(&app, &customer, path.parse()).await?;
    let currency = currency_from_column(&found.wallet.currency).map_err(Error::from)?;
    let grants = found.grants.iter().map(|part| PaidByGrant {
        grant_id: IdKind::Grant.show(part.id),
        amount: Amount::of(part.amount, currency),
        reason: part.reason.clone(),
    });
    Ok(HttpResponse::Ok().json(FlowPaidBy {
        flow: flow(&found.entry, &found.wallet)?,
        granted: Amount::of(-found.entry.granted, currency),
        paid: Amount::of(-found.entry.paid(), currency),
        debt: Amount::of(found.entry.debt, currency),
        grants: grants.collect(),
        payments: found.money.iter().map(payment).collect::<Result<_, _>>()?,
        complete: found.complete,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PaidForQuery {
    /// For services and operators: which customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: Option<String>,
    /// As `next_cursor` said; with the same filters.
    #[param(max_length = 512)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, example = 20)]
    limit: Option<i64>,
}

/// A page of what was paid for, the newest first. It may be shorter than asked for, and more may follow all the same.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidForPage {
    #[schema(max_items = 100)]
    data: Vec<PaidForItem>,
    #[schema(max_length = 512, example = "WyI5ZjM1IiwiLi4uIl0")]
    next_cursor: Option<String>,
    has_more: bool,
}

/// Something that was paid for.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidForItem {
    /// What of the payment was used for it.
    amount: Amount,
    flow: AccountFlow,
    /// Where the money went on, for a transfer: the flow that brought it into the other wallet.
    #[schema(
        max_length = 64,
        pattern = "^flw_[0-9a-f]{32}_[0-9]{1,19}$",
        example = "flw_019336f2b0a87c0e8f6f5a2f4c1d9e3b_7"
    )]
    transferred_to: Option<String>,
}

fn answer(found: &PaidFor, tag: &str) -> Result<HttpResponse, Failure> {
    let item = |part: &explain::PaidForPart| {
        let currency = currency_from_column(&part.wallet.currency)?;
        Ok::<_, Error>(PaidForItem {
            amount: Amount::of(part.amount, currency),
            flow: flow(&part.entry, &part.wallet)?,
            transferred_to: part.transferred_to.map(|flow| show(flow.wallet, flow.seq)),
        })
    };
    Ok(HttpResponse::Ok().json(PaidForPage {
        data: found.parts.iter().map(item).collect::<Result<_, _>>()?,
        next_cursor: found.next.map(|next| page::encode_cursor(&next, tag)),
        has_more: found.next.is_some(),
    }))
}

/// Explain what a flow paid for
///
/// For a flow that brought something (a recharge, a transfer in, a grant): what was taken of it, first in first out.
/// 422 `not_a_payment` for a flow that took something.
#[utoipa::path(
    tag = "account-flows",
    operation_id = "listAccountFlowPaidFor",
    params(FlowPath, PaidForQuery),
    responses((status = 200, description = "A page of what it paid for", body = PaidForPage)),
    security(("bearer" = []))
)]
#[get("/v1/account-flows/{flow_id}/paid-for")]
pub async fn list_account_flow_paid_for(
    Allowed(caller): AsCustomer,
    path: web::Path<FlowPath>,
    QueryParams(query): QueryParams<PaidForQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let limit = page::limit(query.limit)?;
    let tag = format!("{} {customer}", request.path());
    let below = page::decode_cursor(query.cursor.as_deref(), &tag)?;
    answer(&explain::paid_for(&app, &customer, path.parse(), below, limit).await?, &tag)
}

/// Explain what an order paid for
///
/// What was taken of the money that the order brought, first in first out. Its bonus is a grant with a flow of its own.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "listTopUpOrderPaidFor",
    params(OrderPath, PaidForQuery),
    responses((status = 200, description = "A page of what it paid for", body = PaidForPage)),
    security(("bearer" = []))
)]
#[get("/v1/top-up-orders/{order_id}/paid-for")]
pub async fn list_top_up_order_paid_for(
    Allowed(caller): AsCustomer,
    path: web::Path<OrderPath>,
    QueryParams(query): QueryParams<PaidForQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let limit = page::limit(query.limit)?;
    let tag = request.path().to_owned();
    let below = page::decode_cursor(query.cursor.as_deref(), &tag)?;
    let (customer, order) = (query.customer_id.as_deref(), IdKind::TopUpOrder.parse(&path.order_id));
    answer(&explain::order_paid_for(&app, &caller, customer, order, below, limit).await?, &tag)
}
