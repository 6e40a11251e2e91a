//! Types of account flows.

use std::str::FromStr;

/// The type of an account flow. Several kinds of entry share one type: a customer does not need to know whether usage
/// was booked at once or captured from a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowType {
    Recharge,
    Consume,
    Refund,
    TransferIn,
    TransferOut,
    Grant,
    Expire,
    Adjust,
}

impl FlowType {
    pub const ALL: [Self; 8] = [
        Self::Recharge,
        Self::Consume,
        Self::Refund,
        Self::TransferIn,
        Self::TransferOut,
        Self::Grant,
        Self::Expire,
        Self::Adjust,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recharge => "recharge",
            Self::Consume => "consume",
            Self::Refund => "refund",
            Self::TransferIn => "transfer_in",
            Self::TransferOut => "transfer_out",
            Self::Grant => "grant",
            Self::Expire => "expire",
            Self::Adjust => "adjust",
        }
    }
}

impl FromStr for FlowType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|flow| flow.as_str() == text).ok_or(())
    }
}
