//! The channels by which an order is paid, as the API names them, and how long their money takes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Problems;
use crate::domain::catalogue;
use crate::domain::code::Code;
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

/// How many days the money of a channel takes to arrive.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"min_days": 1, "max_days": 2, "business_days": true}))]
pub struct ProcessingDays {
    #[schema(minimum = 0, maximum = 365, example = 1)]
    min_days: i32,
    /// At least `min_days`.
    #[schema(minimum = 0, maximum = 365, example = 2)]
    max_days: i32,
    /// Only business days count.
    business_days: bool,
}

impl ProcessingDays {
    /// Reads the days, or adds the problem.
    pub fn read(self, problems: &mut Problems, pointer: &str) -> Option<catalogue::ProcessingDays> {
        let days = catalogue::ProcessingDays::new(self.min_days, self.max_days, self.business_days);
        if days.is_none() {
            let detail = "min_days must be 0 to max_days, and max_days at most 365";
            problems.add(format!("{pointer}/max_days"), Code::OutOfRange, detail);
        }
        days
    }
}

impl From<catalogue::ProcessingDays> for ProcessingDays {
    fn from(days: catalogue::ProcessingDays) -> Self {
        Self { min_days: days.min.cast_signed(), max_days: days.max.cast_signed(), business_days: days.business }
    }
}
