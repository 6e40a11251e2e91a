//! `/v1/account-flows`: every movement.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, account_flows};
use crate::domain::account_flow::{self, FlowFilter, FlowType};
use crate::domain::id::IdKind;
use crate::http::edge::amount::SignedAmount;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::QueryParams;
use crate::http::edge::filters;
use crate::http::edge::page;
use crate::http::edge::problem::Failure;

/// The type of a flow.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountFlowType {
    Recharge,
    Consume,
    Refund,
    TransferIn,
    TransferOut,
    Grant,
    Expire,
    Adjust,
}

impl From<FlowType> for AccountFlowType {
    fn from(flow: FlowType) -> Self {
        match flow {
            FlowType::Recharge => Self::Recharge,
            FlowType::Consume => Self::Consume,
            FlowType::Refund => Self::Refund,
            FlowType::TransferIn => Self::TransferIn,
            FlowType::TransferOut => Self::TransferOut,
            FlowType::Grant => Self::Grant,
            FlowType::Expire => Self::Expire,
            FlowType::Adjust => Self::Adjust,
        }
    }
}

impl From<AccountFlowType> for FlowType {
    fn from(flow: AccountFlowType) -> Self {
        match flow {
            AccountFlowType::Recharge => Self::Recharge,
            AccountFlowType::Consume => Self::Consume,
            AccountFlowType::Refund => Self::Refund,
            AccountFlowType::TransferIn => Self::TransferIn,
            AccountFlowType::TransferOut => Self::TransferOut,
            AccountFlowType::Grant => Self::Grant,
            AccountFlowType::Expire => Self::Expire,
            AccountFlowType::Adjust => Self::Adjust,
        }
    }
}

/// One movement of one wallet.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountFlow {
    /// The wallet's id and the flow's place in it.
    #[schema(
        max_length = 64,
        pattern = "^flw_[0-9a-f]{32}_[0-9]{1,19}$",
        example = "flw_019336f2b0a87c0e8f6f5a2f4c1d9e3b_7"
    )]
    pub id: String,
    #[serde(rename = "type")]
    pub kind: AccountFlowType,
    /// Negative where money went out.
    pub amount: SignedAmount,
    #[schema(max_length = 3, pattern = "^[A-Z]{3}$", example = "CNY")]
    pub currency: String,
    /// Null for the main wallet.
    #[schema(max_length = 32, example = "whatsapp")]
    pub product: Option<String>,
    /// paid + granted − debt of that wallet, after it.
    pub balance_after: SignedAmount,
    /// The order, transfer, hold or usage that it belongs to.
    #[schema(max_length = 200, example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    pub reference: Option<String>,
    #[schema(max_length = 500, example = "128 messages")]
    pub description: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// A page of flows.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountFlowPage {
    #[schema(max_items = 100)]
    data: Vec<AccountFlow>,
    #[schema(max_length = 512, example = "WyI5ZjM1IiwiLi4uIl0")]
    next_cursor: Option<String>,
    has_more: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FlowsQuery {
    /// For services and operators: which customer.
    #[param(max_length = 64, pattern = "^[A-Za-z0-9_.:@-]{1,64}$", example = "demo")]
    pub customer_id: Option<String>,
    /// Only these types; repeat it for several.
    #[serde(default, rename = "type")]
    #[param(max_items = 8)]
    pub kind: Vec<AccountFlowType>,
    /// Only this product's wallet; empty: only the main wallet.
    #[param(max_length = 32, pattern = "^[a-z0-9_-]{0,32}$")]
    pub product: Option<String>,
    #[param(pattern = "^[A-Z]{3}$", max_length = 3)]
    pub currency: Option<String>,
    /// Only what belongs to this order.
    #[param(max_length = 64, pattern = "^tuo_[0-9a-f]{32}$")]
    pub order: Option<String>,
    /// From this moment on.
    #[serde(default, deserialize_with = "filters::moment")]
    pub created_from: Option<DateTime<Utc>>,
    /// Before this moment.
    #[serde(default, deserialize_with = "filters::moment")]
    pub created_to: Option<DateTime<Utc>>,
    /// As `next_cursor` said; with the same filters.
    #[param(max_length = 512)]
    pub cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, example = 20)]
    pub limit: Option<i64>,
}

/// List account flows
///
/// Every movement of the customer's wallets, newest first: recharges, consumption, transfers, refunds, grants, expiries, adjustments.
#[utoipa::path(
    tag = "account-flows",
    operation_id = "listAccountFlows",
    params(FlowsQuery),
    responses((status = 200, description = "A page of flows", body = AccountFlowPage)),
    security(("bearer" = []))
)]
#[get("/v1/account-flows")]
pub async fn list_account_flows(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<FlowsQuery>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = caller.customer(query.customer_id.as_deref())?;
    let limit = page::limit(query.limit)?;
    let filter = FlowFilter {
        customer,
        kinds: query.kind.iter().flat_map(|kind| FlowType::from(*kind).kinds()).collect(),
        currency: filters::currency(query.currency.as_deref())?,
        product: filters::product(query.product.as_deref())?,
        reference: filters::order(query.order.as_deref())?.map(|order| IdKind::TopUpOrder.show(order)),
        created_from: query.created_from,
        created_to: query.created_to,
    };
    let tag = format!("{} {filter:?}", request.path());
    let after = page::decode_cursor(query.cursor.as_deref(), &tag)?;
    let mut found = account_flows::list(&app, &filter, after, limit + 1).await?;
    let (rows, next_cursor) = page::cut(&mut found, limit, &tag, account_flow::AccountFlow::position);
    let data = rows.iter().map(AccountFlow::from).collect();
    Ok(HttpResponse::Ok().json(AccountFlowPage { data, has_more: next_cursor.is_some(), next_cursor }))
}

impl From<&account_flow::AccountFlow> for AccountFlow {
    fn from(flow: &account_flow::AccountFlow) -> Self {
        Self {
            id: flow.id.to_string(),
            kind: flow.flow_type().into(),
            amount: flow.amount.into(),
            currency: flow.amount.currency().code().to_owned(),
            product: flow.product.code().map(str::to_owned),
            balance_after: flow.balance_after.into(),
            reference: flow.reference.clone(),
            description: flow.description.clone(),
            created_at: flow.created_at,
        }
    }
}
