//! Why an order is where it is, for programs: the code beside the text, and the money that does not complete it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::money::Money;
use crate::domain::order::{Awaited, FailedBy, Order, OrderState};
use crate::http::edge::wire::{Amount, CurrencyCode};

/// Why an order is processing or failed. The list may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderReasonCode {
    /// The payment company works on the payment, or reviews it.
    AwaitingProvider,
    /// The payment was declined; the payer can try again.
    PaymentDeclined,
    /// A second operator must approve the bank transfer.
    AwaitingSecondOperator,
    /// Money arrived that does not complete the order.
    ShortPayment,
    /// The payment company refused the payment for good.
    PaymentFailed,
    /// The customer gave the order up after a declined payment.
    GivenUp,
    /// An operator rejected the bank transfer.
    Rejected,
    /// The time ran out after a declined payment.
    OutOfTime,
    /// The money that did not complete the order went back.
    PaymentReturned,
}

impl OrderReasonCode {
    pub fn of(state: OrderState) -> Option<Self> {
        match state {
            OrderState::Processing(Awaited::Provider) => Some(Self::AwaitingProvider),
            OrderState::Processing(Awaited::Payer) => Some(Self::PaymentDeclined),
            OrderState::Processing(Awaited::SecondOperator) => Some(Self::AwaitingSecondOperator),
            OrderState::Processing(Awaited::Rest) => Some(Self::ShortPayment),
            OrderState::Failed(FailedBy::Provider) => Some(Self::PaymentFailed),
            OrderState::Failed(FailedBy::Customer) => Some(Self::GivenUp),
            OrderState::Failed(FailedBy::Operator) => Some(Self::Rejected),
            OrderState::Failed(FailedBy::Clock) => Some(Self::OutOfTime),
            OrderState::Failed(FailedBy::Return) => Some(Self::PaymentReturned),
            OrderState::Pending | OrderState::Completed(_) | OrderState::Cancelled | OrderState::Expired => None,
        }
    }
}

/// The money that arrived for an order and does not complete it. An operator applies it or gives it back; a further
/// payment of the full amount completes the order, too.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShortPayment {
    /// What arrived, a sum for each currency.
    #[schema(max_items = 20)]
    arrived: Vec<ArrivedMoney>,
    /// What is missing of what is payable; zero where more arrived.
    missing_amount: Amount,
}

/// An amount with its currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArrivedMoney {
    currency: CurrencyCode,
    amount: Amount,
}

impl ShortPayment {
    pub fn of(order: &Order, arrived: &[Money]) -> Self {
        let nothing = Money::zero(order.currency());
        let own = arrived.iter().copied().find(|sum| sum.currency() == order.currency()).unwrap_or(nothing);
        Self {
            arrived: arrived
                .iter()
                .map(|sum| ArrivedMoney { currency: CurrencyCode::of(sum.currency()), amount: (*sum).into() })
                .collect(),
            missing_amount: (order.payable - own).max(nothing).into(),
        }
    }
}
