//! How account flows look on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::account_flow::{self, FlowType};
use crate::http::edge::wire::{CurrencyCode, Description, FlowIdText, ProductCode, SignedAmount};

/// What a flow did.
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
    /// The wallet's id and the flow's place in the wallet.
    id: FlowIdText,
    #[serde(rename = "type")]
    kind: AccountFlowType,
    /// The amount; negative for money that went out.
    amount: SignedAmount,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    /// The balance of the wallet after the flow: paid + granted − debt.
    balance_after: SignedAmount,
    /// The order, transfer, hold or usage that the flow belongs to.
    #[schema(max_length = 200, example = "tuo_019336f2b0a87c0e8f6f5a2f4c1d9e3b")]
    reference: Option<String>,
    description: Option<Description>,
    created_at: DateTime<Utc>,
}

impl From<&account_flow::AccountFlow> for AccountFlow {
    fn from(flow: &account_flow::AccountFlow) -> Self {
        Self {
            id: FlowIdText::of(flow.id),
            kind: flow.flow_type().into(),
            amount: flow.amount.into(),
            currency: CurrencyCode::of(flow.amount.currency()),
            product: ProductCode::of_product(&flow.product),
            balance_after: flow.balance_after.into(),
            reference: flow.reference.clone(),
            description: flow.description.as_deref().map(Description::new),
            created_at: flow.created_at,
        }
    }
}
