//! Disputes: a payer asks the bank or the payment company for the money back.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::customer::CustomerId;
use super::money::Money;
use super::payment::{DisputeStatus, ProviderName};

/// A recorded dispute. While it is open or lost, the customer's wallets have given the disputed money or owe it. A
/// setting makes them give it only once the dispute is lost. All amounts are in the payment's currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispute {
    pub id: Uuid,
    pub payment_id: Uuid,
    /// The order that the payment completed; `None` for a payment that served no order.
    pub order_id: Option<Uuid>,
    /// The customer of the order, or of the wallet that the payment was applied to.
    pub customer: Option<CustomerId>,
    pub provider: ProviderName,
    /// The provider's id of the dispute.
    pub dispute_id: String,
    /// Whether the provider took the money back before it reported a dispute. If so, `dispute_id` is `reversal:<refund
    /// id>` until a dispute of the same payment brings its own id.
    pub awaits_id: bool,
    pub amount: Money,
    /// The part of it that the unapplied rest of the payment gives.
    pub from_unapplied: Money,
    /// The part that it takes from what the payment brought to a wallet without an order. The order gives the other
    /// part.
    pub from_wallet: Money,
    pub status: DisputeStatus,
    pub reason: Option<String>,
    /// What the dispute takes from the customer's wallets for the order's money. Money that is still claimed counts;
    /// money that was given back does not.
    pub taken_back: Money,
    /// What was taken back of a credit without an order.
    pub wallet_taken: Money,
    /// What was taken back of the order's bonus: revoked or, if it was spent, taken or claimed as money.
    pub bonus_taken: Money,
    pub restored: bool,
    /// Whether the wallets give for it: from its opening, or only when it is lost, by the setting at that time.
    pub charged: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Dispute {
    /// What the customer's wallets owe for money, without what they owe for bonus.
    #[must_use]
    pub fn money_taken(&self) -> Money {
        self.taken_back + self.wallet_taken
    }
}

/// The conditions that a list of disputes has to meet. An empty list of statuses allows all of them.
#[derive(Debug, Default, Clone)]
pub struct DisputeFilter {
    pub statuses: Vec<DisputeStatus>,
    pub order_id: Option<Uuid>,
    pub customer: Option<CustomerId>,
}

/// The worklist of evidence: open disputes for which the company waits for evidence until some time, and nobody has
/// sent any. It is sorted by that time.
#[derive(Debug, Default, Clone, Copy)]
pub struct EvidenceDue {
    /// Only what is due before this.
    pub before: Option<DateTime<Utc>>,
}
