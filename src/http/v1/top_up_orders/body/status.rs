//! The states of orders, as the API names them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::order::OrderStatus;

/// The state of an order.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TopUpOrderStatus {
    Pending,
    Processing,
    Completed,
    Cancelled,
    Failed,
    Expired,
}

impl From<OrderStatus> for TopUpOrderStatus {
    fn from(status: OrderStatus) -> Self {
        match status {
            OrderStatus::Pending => Self::Pending,
            OrderStatus::Processing => Self::Processing,
            OrderStatus::Completed => Self::Completed,
            OrderStatus::Cancelled => Self::Cancelled,
            OrderStatus::Failed => Self::Failed,
            OrderStatus::Expired => Self::Expired,
        }
    }
}

impl From<TopUpOrderStatus> for OrderStatus {
    fn from(status: TopUpOrderStatus) -> Self {
        match status {
            TopUpOrderStatus::Pending => Self::Pending,
            TopUpOrderStatus::Processing => Self::Processing,
            TopUpOrderStatus::Completed => Self::Completed,
            TopUpOrderStatus::Cancelled => Self::Cancelled,
            TopUpOrderStatus::Failed => Self::Failed,
            TopUpOrderStatus::Expired => Self::Expired,
        }
    }
}
