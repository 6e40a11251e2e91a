//! Adjustments: corrections of a wallet by operators. Above a threshold a second operator confirms them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::customer::CustomerId;
use super::money::Money;
use super::product::Product;
use super::take_back::Reach;

/// Which wallets give what a reversed approval takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReversalReach {
    /// Only the order's wallet. What it lacks becomes its debt, which stops nothing.
    #[default]
    OrderWallet,
    /// All wallets of the customer in that currency. What they lack is claimed, and nothing new is spent meanwhile.
    AllWallets,
}

impl ReversalReach {
    pub const ALL: [Self; 2] = [Self::OrderWallet, Self::AllWallets];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderWallet => "order_wallet",
            Self::AllWallets => "all_wallets",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reach| reach.as_str() == text)
    }
}

impl From<ReversalReach> for Reach {
    fn from(reach: ReversalReach) -> Self {
        match reach {
            ReversalReach::OrderWallet => Self::OrderWallet,
            ReversalReach::AllWallets => Self::AllWallets,
        }
    }
}

/// A correction. One that names an order reverses the approval of that order: what one application brought to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Adjustment {
    pub id: Uuid,
    pub customer: CustomerId,
    pub product: Product,
    /// Negative when money is taken from the wallet.
    pub amount: Money,
    pub reason: String,
    pub second_needed: bool,
    pub proposed_by: String,
    pub approved_by: Option<String>,
    pub created_at: DateTime<Utc>,
    /// `None` while it is a proposal.
    pub booked_at: Option<DateTime<Utc>>,
    pub order_id: Option<Uuid>,
    /// The application to that order that it reverses: the payment, and the number of the application.
    pub application: Option<(Uuid, i32)>,
    /// Which wallets give for a reversed approval.
    pub reach: ReversalReach,
    /// The wallet may go into debt if the correction takes more than the wallet has.
    pub allow_debt: bool,
    /// Who withdrew the proposal, and when.
    pub withdrawn: Option<(String, DateTime<Utc>)>,
}

impl Adjustment {
    /// Whether it waits for a second operator.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.booked_at.is_none() && self.withdrawn.is_none()
    }
}

/// Which adjustments a list shows. Reversals of approvals are shown by their orders.
#[derive(Debug, Clone, Default)]
pub struct AdjustmentFilter {
    pub customer: Option<CustomerId>,
    /// Only those that wait for a second operator.
    pub is_waiting: bool,
}
