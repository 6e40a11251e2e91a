//! The money that arrived for an order and does not complete it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::http::edge::wire::{Amount, CurrencyCode};

/// The money that arrived for an order and does not complete it. An operator applies it or gives it back; a further
/// payment of the full amount completes the order, too.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShortPayment {
    /// The money that arrived, a sum for each currency.
    #[schema(max_items = 20)]
    arrived: Vec<ArrivedMoney>,
    /// The missing part of the payable amount; zero if more arrived.
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
