//! What paid for a flow, and what a flow or an order has paid for.

use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::explain::{self, PageRequest, PaidByCredit};
use crate::app::{App, Error};
use crate::domain::account_flow::{self, FlowId};
use crate::domain::entry::Entry;
use crate::domain::explain::MoneyRange;
use crate::domain::id::IdKind;
use crate::domain::money::parse_plain_decimal;
use crate::domain::posting::WalletKey;
use crate::http::edge::amount::Amount;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page;
use crate::http::edge::problem::Failure;
use crate::http::v1::account_flows::AccountFlow;
use crate::http::v1::top_up_orders::OrderPath;

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
        FlowId::parse(&self.flow_id)
    }
}

fn flow(entry: &Entry, wallet: &WalletKey) -> AccountFlow {
    AccountFlow::from(&account_flow::AccountFlow::of(entry, wallet.currency, &wallet.product))
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
    /// The part that became debt: nothing had paid for it when it was booked.
    debt: Amount,
    /// What of the debt was repaid since: the first debt is repaid first.
    debt_repaid: Amount,
    /// What of the debt was given back before anything had repaid it. What is left of the debt is still owed.
    debt_given_back: Amount,
    #[schema(max_items = 1000)]
    grants: Vec<PaidByGrant>,
    /// The oldest first: money is spent in the order in which it came.
    #[schema(max_items = 100)]
    payments: Vec<PaidByPayment>,
    /// What repaid the debt, the first first.
    #[schema(max_items = 100)]
    repaid_by: Vec<PaidByPayment>,
    /// False where more than 100 payments paid for it or repaid it (the oldest are told then), where it lies too far
    /// behind in a debt of more than 20,000 movements, or where a payment is told with a transfer in or a reversal
    /// because the money behind that was not followed: it had moved on more than 16 times, or what it was given back
    /// from more than 1,000 times.
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
    /// With which the money came to the customer: a recharge, an adjustment. It is followed back by 16 moves at most,
    /// and by 500 for all payments together.
    flow: AccountFlow,
    /// The order that it came with.
    #[schema(max_length = 64, pattern = "^tuo_[0-9a-f]{32}$", example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    top_up_order_id: Option<String>,
    /// The transfers that brought it to the wallet that spent it, the last one first.
    #[schema(max_items = 16, example = json!(["trf_019336f2b0a87c0e8f6f5a2f4c1d9e3b"]))]
    transfers: Vec<String>,
    /// The flows that brought it on from there, the last one first: transfers in, and usage given back.
    #[schema(max_items = 16, example = json!(["flw_019336f2b0a87c0e8f6f5a2f4c1d9e3b_7"]))]
    through: Vec<String>,
}

impl From<&PaidByCredit> for PaidByPayment {
    fn from(credit: &PaidByCredit) -> Self {
        Self {
            amount: Amount::of(credit.amount, credit.wallet.currency),
            flow: flow(&credit.entry, &credit.wallet),
            top_up_order_id: credit.order().map(str::to_owned),
            transfers: credit.transfers.clone(),
            through: credit.through.iter().map(FlowId::to_string).collect(),
        }
    }
}

/// Explain what paid for a flow
///
/// For a flow that took something: which grants, and paid money of which top-up orders, first in first out; through
/// transfers and usage that was given back, to where the money came in. For the part that became debt: what has repaid
/// it since, the first debt first. Of usage that was given back in part, debt comes back first, as what had repaid it,
/// then paid money, the part that was taken last. 422 `not_a_deduction` for a flow that brought something.
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
    let currency = found.wallet.currency;
    let grants = found.grants.iter().map(|part| PaidByGrant {
        grant_id: IdKind::Grant.show(part.id),
        amount: Amount::of(part.amount, currency),
        reason: part.reason.clone(),
    });
    Ok(HttpResponse::Ok().json(FlowPaidBy {
        flow: flow(&found.entry, &found.wallet),
        granted: Amount::of(-found.entry.granted, currency),
        paid: Amount::of(-found.entry.paid(), currency),
        debt: Amount::of(found.entry.debt, currency),
        debt_repaid: Amount::of(found.debt_repaid, currency),
        debt_given_back: Amount::of(found.debt_cancelled, currency),
        grants: grants.collect(),
        payments: found.credits.iter().map(Into::into).collect(),
        repaid_by: found.repaid_by.iter().map(Into::into).collect(),
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

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FlowPaidForQuery {
    /// For services and operators: which customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    customer_id: Option<String>,
    /// With `part_amount`: only what a part of the flow paid for, as `went_on` names it.
    #[param(max_length = 32, pattern = r"^[0-9]{1,16}(\.[0-9]{1,8})?$", example = "0.00")]
    part_from: Option<String>,
    /// How long the part is.
    #[param(max_length = 32, pattern = r"^[0-9]{1,16}(\.[0-9]{1,8})?$", example = "4.00")]
    part_amount: Option<String>,
    /// As `next_cursor` said; with the same filters.
    #[param(max_length = 512)]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, example = 20)]
    limit: Option<i64>,
}

impl FlowPaidForQuery {
    fn part(&self) -> Result<Option<MoneyRange>, Error> {
        let (from, amount) = match (&self.part_from, &self.part_amount) {
            (None, None) => return Ok(None),
            (Some(from), Some(amount)) => (from, amount),
            (None, _) => return Err(Error::field("?part_from", "required", "is needed beside part_amount")),
            (_, None) => return Err(Error::field("?part_amount", "required", "is needed beside part_from")),
        };
        let bad = |pointer| Error::field(pointer, "invalid_amount", "must be a plain decimal amount");
        let from = parse_plain_decimal(from).map_err(|_| bad("?part_from"))?;
        let amount = parse_plain_decimal(amount).map_err(|_| bad("?part_amount"))?;
        let part = MoneyRange::new(from, from + amount);
        part.map(Some).ok_or_else(|| Error::field("?part_amount", "out_of_range", "must be more than zero"))
    }
}

/// A page of what was paid for, the newest first. It may be shorter than asked for, and more may follow all the same.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidForPage {
    #[schema(max_items = 100)]
    data: Vec<PaidForItem>,
    #[schema(max_length = 512, example = "WyI5ZjM1IiwiLi4uIl0")]
    next_cursor: Option<String>,
    has_more: bool,
    /// False where too much debt or too many reversals lie here to tell all of it, and for a flow that gave something
    /// back to a grant (a reversal, a restored bonus): that part is not followed, the flow that brought the grant tells
    /// what the grant paid for.
    complete: bool,
}

/// Something that was paid for.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidForItem {
    /// What of the payment was used for it.
    amount: Amount,
    /// Whether that repaid debt: the flow is older than the payment then.
    debt: bool,
    flow: AccountFlow,
    /// Where the money went on, for a transfer: the flow that brought it into the other wallet.
    #[schema(
        max_length = 64,
        pattern = "^flw_[0-9a-f]{32}_[0-9]{1,19}$",
        example = "flw_019336f2b0a87c0e8f6f5a2f4c1d9e3b_7"
    )]
    transferred_to: Option<String>,
    /// Where the money went on: by a transfer, or because usage was given back. Asked with `part_from` and
    /// `part_amount`, that flow tells what this very money paid for next.
    #[schema(max_items = 100)]
    went_on: Vec<WentOn>,
}

/// Money that went on with another flow.
#[derive(Debug, Serialize, ToSchema)]
pub struct WentOn {
    /// The flow that brought it.
    #[schema(
        max_length = 64,
        pattern = "^flw_[0-9a-f]{32}_[0-9]{1,19}$",
        example = "flw_019336f2b0a87c0e8f6f5a2f4c1d9e3b_7"
    )]
    flow_id: String,
    /// Where this money begins in what that flow brought.
    part_from: Amount,
    /// How much it is.
    part_amount: Amount,
}

fn respond(found: &explain::PaidForPage, tag: &str) -> HttpResponse {
    let item = |item: &explain::PaidForItem| {
        let currency = item.wallet.currency;
        let went_on = |next: &explain::NextFlow| WentOn {
            flow_id: next.to.to_string(),
            part_from: Amount::of(next.part.from, currency),
            part_amount: Amount::of(next.part.length(), currency),
        };
        PaidForItem {
            amount: Amount::of(item.amount, currency),
            flow: flow(&item.entry, &item.wallet),
            debt: item.debt,
            transferred_to: item.transferred_to.map(|flow| flow.to_string()),
            went_on: item.went_on.iter().map(went_on).collect(),
        }
    };
    HttpResponse::Ok().json(PaidForPage {
        data: found.items.iter().map(item).collect(),
        next_cursor: found.next.map(|next| page::encode_cursor(&next, tag)),
        has_more: found.next.is_some(),
        complete: found.complete,
    })
}

/// Explain what a flow paid for
///
/// For a flow that brought something (a recharge, a transfer in, a grant): what was taken of it, first in first out,
/// and below that the debts that it repaid. 422 `not_a_payment` for a flow that took something.
#[utoipa::path(
    tag = "account-flows",
    operation_id = "listAccountFlowPaidFor",
    params(FlowPath, FlowPaidForQuery),
    responses((status = 200, description = "A page of what it paid for", body = PaidForPage)),
    security(("bearer" = []))
)]
#[get("/v1/account-flows/{flow_id}/paid-for")]
pub async fn list_account_flow_paid_for(
    Allowed(caller): AsCustomer,
    path: web::Path<FlowPath>,
    QueryParams(query): QueryParams<FlowPaidForQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let part = query.part()?;
    let tag = format!("{} {customer} {part:?}", request.path());
    let below = page::decode_cursor(query.cursor.as_deref(), &tag)?;
    let page = PageRequest { part, below, limit: page::limit(query.limit)? };
    Ok(respond(&explain::paid_for(&app, &customer, path.parse(), page).await?, &tag))
}

/// Explain what an order paid for
///
/// What was taken of the money that the order brought, first in first out, and the debts that it repaid. Its bonus is a
/// grant with a flow of its own.
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
    let tag = request.path().to_owned();
    let below = page::decode_cursor(query.cursor.as_deref(), &tag)?;
    let page = PageRequest { part: None, below, limit: page::limit(query.limit)? };
    let (customer, order) = (query.customer_id.as_deref(), IdKind::TopUpOrder.parse(&path.order_id));
    Ok(respond(&explain::order_paid_for(&app, &caller, customer, order, page).await?, &tag))
}
