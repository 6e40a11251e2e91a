//! The channels by which an order is paid, as the API names them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::payment::Channel;

/// How an order is paid.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentChannel {
    Card,
    Paypal,
    Vnpay,
    BankTransfer,
    Balance,
}

impl From<PaymentChannel> for Channel {
    fn from(channel: PaymentChannel) -> Self {
        match channel {
            PaymentChannel::Card => Self::Card,
            PaymentChannel::Paypal => Self::Paypal,
            PaymentChannel::Vnpay => Self::Vnpay,
            PaymentChannel::BankTransfer => Self::BankTransfer,
            PaymentChannel::Balance => Self::Balance,
        }
    }
}

impl From<Channel> for PaymentChannel {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Card => Self::Card,
            Channel::Paypal => Self::Paypal,
            Channel::Vnpay => Self::Vnpay,
            Channel::BankTransfer => Self::BankTransfer,
            Channel::Balance => Self::Balance,
        }
    }
}
