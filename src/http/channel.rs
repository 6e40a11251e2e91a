//! Channels on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::payment::Channel;

/// How an order is paid.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Channel)]
pub enum ChannelName {
    Card,
    Paypal,
    Vnpay,
    BankTransfer,
    /// A product paid from the main wallet: a transfer, completed at once.
    Balance,
}

impl From<Channel> for ChannelName {
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
