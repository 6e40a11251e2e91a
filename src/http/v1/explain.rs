//! What paid for an account flow, and what a flow or an order has paid for.

use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::account_flows::body::AccountFlow;
use crate::app::explain::{self, PageRequest, PaidByCredit, RequestedPart};
use crate::app::{App, Error};
use crate::domain::account_flow;
use crate::domain::code::Code;
use crate::domain::entry::Entry;
use crate::domain::money::parse_plain_decimal;
use crate::domain::page::Sort;
use crate::domain::wallet_key::WalletKey;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::page::{self, Filters};
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::{CustomerQuery, OrderPath, customer_of};
use crate::http::edge::wire::{
    Amount, CursorText, CustomerIdText, FlowIdText, GrantId, GrantReason, Limit, TopUpOrderId, TransferId,
};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct FlowPath {
    /// The flow's id.
    flow_id: FlowIdText,
}

fn flow(entry: &Entry, wallet: &WalletKey) -> AccountFlow {
    AccountFlow::from(&account_flow::AccountFlow::of(entry, &wallet.product))
}

/// What paid for a flow.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlowPaidBy {
    flow: AccountFlow,
    /// The part of the flow that promotional credit paid.
    granted: Amount,
    /// The part of the flow that paid money paid.
    paid: Amount,
    /// The part of the flow that became debt, because the balance was too low when it was booked.
    debt: Amount,
    /// The part of the debt that has been repaid since then. The oldest debt is repaid first.
    debt_repaid: Amount,
    /// The part of the debt that was given back before anything had repaid it. The rest of the debt is still owed.
    debt_given_back: Amount,
    #[schema(max_items = 1000)]
    grants: Vec<PaidByGrant>,
    /// The payments behind the paid part, oldest first: money is spent in the order in which it came.
    #[schema(max_items = 100)]
    payments: Vec<PaidByPayment>,
    /// The payments that repaid the debt, oldest first.
    #[schema(max_items = 100)]
    repaid_by: Vec<PaidByPayment>,
    /// False if the answer leaves something out. It shows at most 100 payments, the oldest ones. It stops looking for
    /// repayments after 20,000 movements within one episode of debt. It follows money back through at most 16 moves,
    /// and usage that was given back through at most 1,000; beyond that it shows a transfer or a reversal instead of
    /// the payment behind it.
    complete: bool,
}

/// The part of a flow that a grant paid.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidByGrant {
    grant_id: GrantId,
    amount: Amount,
    reason: GrantReason,
}

/// What one payment paid of a flow.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidByPayment {
    /// The part of the payment that was used here.
    amount: Amount,
    /// The flow that brought the money to the customer: a recharge or an adjustment. The money is followed back through
    /// at most 16 moves, and through at most 500 for all payments together.
    flow: AccountFlow,
    /// The order that the money came with.
    top_up_order_id: Option<TopUpOrderId>,
    /// The transfers that brought the money to the wallet that spent it, latest first.
    #[schema(max_items = 16)]
    transfers: Vec<TransferId>,
    /// The flows that brought the money on from there, latest first: transfers, and usage that was given back.
    #[schema(max_items = 16)]
    through: Vec<FlowIdText>,
}

impl From<&PaidByCredit> for PaidByPayment {
    fn from(credit: &PaidByCredit) -> Self {
        Self {
            amount: Amount::from(credit.amount),
            flow: flow(&credit.entry, &credit.wallet),
            top_up_order_id: credit.order().map(TopUpOrderId::new),
            transfers: credit.transfers.iter().map(TransferId::new).collect(),
            through: credit.through.iter().map(FlowIdText::of).collect(),
        }
    }
}

/// Explain what paid for a flow
///
/// For a flow that took money: which grants paid for it, and which top-up orders, first in, first out. The money is
/// followed through transfers, and through usage that was given back, to where it came in. For the part that became
/// debt the answer shows what has repaid it since then; the oldest debt is repaid first. When usage was given back in
/// part, its debt comes back first, then the paid money, starting with the part that was taken last. A flow that
/// brought money is refused with 422 `not_a_deduction`.
#[utoipa::path(
    tag = "account-flows",
    operation_id = "getAccountFlowPaidBy",
    params(FlowPath, CustomerQuery),
    responses((status = 200, description = "What paid for the flow", body = FlowPaidBy)),
    security(("bearer" = []))
)]
#[get("/v1/account-flows/{flow_id}/paid-by")]
pub async fn get_account_flow_paid_by(
    Allowed(caller): AsCustomer,
    path: web::Path<FlowPath>,
    QueryParams(query): QueryParams<CustomerQuery>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let found = explain::paid_by(&app, &query.customer(&caller)?, path.flow_id.named()).await?;
    let grants = found.grants.iter().map(|part| PaidByGrant {
        grant_id: GrantId::of(part.id),
        amount: Amount::from(part.amount),
        reason: GrantReason::new(&part.reason),
    });
    Ok(HttpResponse::Ok().json(FlowPaidBy {
        flow: flow(&found.entry, &found.wallet),
        granted: Amount::from(-found.entry.granted),
        paid: Amount::from(-found.entry.paid()),
        debt: Amount::from(found.entry.debt),
        debt_repaid: Amount::from(found.debt_repaid),
        debt_given_back: Amount::from(found.debt_cancelled),
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
    customer_id: Option<CustomerIdText>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FlowPaidForQuery {
    customer_id: Option<CustomerIdText>,
    /// Where the part begins, counted within the flow, as `went_on` names it. If this and `part_amount` are given, the
    /// list shows only what that part paid for.
    #[param(example = "0.00")]
    part_from: Option<Amount>,
    /// The amount of the part.
    #[param(example = "4.00")]
    part_amount: Option<Amount>,
    cursor: Option<CursorText>,
    limit: Option<Limit>,
}

impl FlowPaidForQuery {
    fn part(&self) -> Result<Option<RequestedPart>, Error> {
        let (from, amount) = match (&self.part_from, &self.part_amount) {
            (None, None) => return Ok(None),
            (Some(from), Some(amount)) => (from, amount),
            (None, _) => return Err(Error::field("?part_from", Code::Required, "is needed beside part_amount")),
            (_, None) => return Err(Error::field("?part_amount", Code::Required, "is needed beside part_from")),
        };
        let bad = |pointer| Error::field(pointer, Code::InvalidAmount, "must be a plain decimal amount");
        let from = parse_plain_decimal(&from.0).map_err(|_| bad("?part_from"))?;
        let amount = parse_plain_decimal(&amount.0).map_err(|_| bad("?part_amount"))?;
        if amount.is_zero() {
            return Err(Error::field("?part_amount", Code::OutOfRange, "must be more than zero"));
        }
        Ok(Some(RequestedPart { from, amount }))
    }
}

/// A page of what was paid for, newest first. A page may be shorter than `limit` although more follows.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidForPage {
    #[schema(max_items = 100)]
    data: Vec<PaidForItem>,
    /// Where the page before ends: send it as `cursor`. Null on the first page.
    previous_cursor: Option<CursorText>,
    next_cursor: Option<CursorText>,
    has_more: bool,
    /// False if the answer leaves something out. Either there is too much debt or too many reversals to follow, or the
    /// flow gave credit back to a grant (a reversal, a restored bonus), or several payments serve the order. What a
    /// grant paid for is shown by the flow that brought the grant. For an order with several payments this is what the
    /// first one paid for; ask the flows of the others.
    complete: bool,
}

/// Something that was paid for.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidForItem {
    /// The part of the payment that was used for it.
    amount: Amount,
    /// Whether the money repaid debt. In that case the flow is older than the payment.
    debt: bool,
    flow: AccountFlow,
    /// The flow that brought the money into another wallet, if this is a transfer.
    transferred_to: Option<FlowIdText>,
    /// Where the money went on, by a transfer or because usage was given back. Ask again with the named flow,
    /// `part_from` and `part_amount` to see what this part of the money paid for next.
    #[schema(max_items = 100)]
    went_on: Vec<WentOn>,
}

/// Money that went on by another flow.
#[derive(Debug, Serialize, ToSchema)]
pub struct WentOn {
    /// The flow that brought the money on.
    flow_id: FlowIdText,
    /// Where this money begins within what that flow brought.
    part_from: Amount,
    /// The amount of this money.
    part_amount: Amount,
}

fn page_of(found: &explain::PaidForPage, filters: &Filters) -> Result<PaidForPage, Error> {
    let item = |item: &explain::PaidForItem| {
        let went_on = |next: &explain::NextFlow| WentOn {
            flow_id: FlowIdText::of(next.to),
            part_from: Amount::from(next.part.from),
            part_amount: Amount::from(next.part.length()),
        };
        PaidForItem {
            amount: Amount::from(item.amount),
            flow: flow(&item.entry, &item.wallet),
            debt: item.debt,
            transferred_to: item.transferred_to.map(FlowIdText::of),
            went_on: item.went_on.iter().map(went_on).collect(),
        }
    };
    let cursors = page::cursors_at(found.previous, found.next, filters)?;
    Ok(PaidForPage {
        data: found.items.iter().map(item).collect(),
        previous_cursor: cursors.previous,
        has_more: cursors.next.is_some(),
        next_cursor: cursors.next,
        complete: found.complete,
    })
}

/// Explain what a flow paid for
///
/// For a flow that brought money (a recharge, a transfer into the wallet, a grant): the debits that took this money,
/// first in, first out, and then the debts that it repaid. A flow that took money is refused with 422 `not_a_payment`.
#[utoipa::path(
    tag = "account-flows",
    operation_id = "listAccountFlowPaidFor",
    params(FlowPath, FlowPaidForQuery),
    responses((status = 200, description = "A page of what the flow paid for", body = PaidForPage)),
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
    let customer = customer_of(&caller, query.customer_id.as_ref())?;
    let part = query.part()?;
    let filters = Filters::of(request.path())
        .with("customer_id", &customer)
        .with_optional("part_from", part.map(|part| part.from.normalize()))
        .with_optional("part_amount", part.map(|part| part.amount.normalize()));
    let page = page::read(query.cursor.as_ref(), Sort::Newest, Limit::read(query.limit)?, &filters)?;
    let wanted = PageRequest { part, page };
    let found = explain::paid_for(&app, &customer, path.flow_id.named(), wanted).await?;
    Ok(HttpResponse::Ok().json(page_of(&found, &filters)?))
}

/// Explain what an order paid for
///
/// The debits that took the money of the order, first in, first out, and the debts that it repaid. The order's
/// bonus is a grant with a flow of its own.
#[utoipa::path(
    tag = "top-up-orders",
    operation_id = "listTopUpOrderPaidFor",
    params(OrderPath, PaidForQuery),
    responses((status = 200, description = "A page of what the order paid for", body = PaidForPage)),
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
    let filters = Filters::of(request.path());
    let page = page::read(query.cursor.as_ref(), Sort::Newest, Limit::read(query.limit)?, &filters)?;
    let wanted = PageRequest { part: None, page };
    let customer = CustomerIdText::filter(query.customer_id.as_ref(), "?customer_id")?;
    let found = explain::order_paid_for(&app, &caller, customer.as_ref(), path.order_id.named(), wanted).await?;
    Ok(HttpResponse::Ok().json(page_of(&found, &filters)?))
}
