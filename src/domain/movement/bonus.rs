//! Bonus: promotional credit that an order brings in addition to its money.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::OfOrder;
use crate::domain::actor::SYSTEM;
use crate::domain::client_data::ClientData;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Change, GrantTerms, Posting};

/// The priority of a bonus among the customer's grants, the same as that of an ordinary grant.
const PRIORITY: i16 = 100;

/// The bonus that an order brings.
#[derive(Debug, Clone, Copy)]
pub struct Bonus {
    pub grant_id: Uuid,
    pub amount: Money,
    /// When what is left of it expires.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Bonus {
    /// The posting that follows the one of the order's money. The label is made of the same payment.
    pub(super) fn posting(self, order: OfOrder<'_>, label: Label) -> Posting {
        let terms = GrantTerms {
            id: self.grant_id,
            amount: self.amount,
            priority: PRIORITY,
            expires_at: self.expires_at,
            reason: "top-up bonus".to_owned(),
            order_id: Some(order.id),
            created_by: SYSTEM.to_owned(),
            client: ClientData::none(),
        };
        Posting::of_wallet(order.wallet(self.amount.currency()), Change::Grant { terms }, label)
    }
}
