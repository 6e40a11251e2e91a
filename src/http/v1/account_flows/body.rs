//! How account flows look on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::account_flows::FlowCauses;
use crate::domain::account_flow;
use crate::domain::flow_type::FlowType;
use crate::http::edge::wire::{
    ClientReference, CurrencyCode, Description, FlowIdText, Metadata, PaymentChannel, ProductCode, ReferenceCode,
    ReferenceType, SignedAmount,
};

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
    /// The wallet's id, and the flow's number in the wallet.
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
    reference_type: Option<ReferenceType>,
    /// The channel of the order that the reference names; null for other objects, and outside lists.
    channel: Option<PaymentChannel>,
    /// The reference code of the order that the reference names, for people; null for other objects.
    order_reference: Option<ReferenceCode>,
    /// The other wallet of a transfer; null for other objects, and outside lists.
    other_wallet: Option<OtherWallet>,
    description: Option<Description>,
    /// The caller's own reference of the order, transfer or grant that the reference names. Only lists contain it.
    client_reference: Option<ClientReference>,
    /// What the caller attached to the usage, or (in lists) to the order, transfer or grant that the reference names.
    #[schema(value_type = Option<Metadata>)]
    metadata: Option<Value>,
    /// When the usage happened, as the platform stated; null if it stated nothing.
    occurred_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

/// The wallet on the other side of a transfer, in the same currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct OtherWallet {
    product: Option<ProductCode>,
}

impl AccountFlow {
    /// A flow with what is known about its cause.
    pub fn of(flow: &account_flow::AccountFlow, causes: &FlowCauses) -> Self {
        let (order, client) = (causes.order(flow), causes.client(flow));
        Self {
            channel: order.map(|order| order.channel.into()),
            order_reference: order.map(|order| ReferenceCode::new(&order.reference)),
            other_wallet: causes
                .other_wallet(flow)
                .map(|product| OtherWallet { product: ProductCode::of_product(&product) }),
            client_reference: client.and_then(|client| client.reference.as_deref()).map(ClientReference::new),
            metadata: flow.metadata.clone().or_else(|| client?.metadata.clone()),
            ..Self::from(flow)
        }
    }
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
            reference_type: flow.reference_type().map(ReferenceType::new),
            channel: None,
            order_reference: None,
            other_wallet: None,
            description: flow.description.as_deref().map(Description::new),
            client_reference: None,
            metadata: flow.metadata.clone(),
            occurred_at: flow.occurred_at,
            created_at: flow.created_at,
        }
    }
}
