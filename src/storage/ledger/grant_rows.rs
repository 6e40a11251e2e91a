//! Reads grants.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::grant::Grant;
use crate::domain::money::{Currency, Money};
use crate::storage::schema::grants;

/// A row of the table `grants`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = grants)]
pub(crate) struct GrantRow {
    pub(super) wallet_id: Uuid,
    id: Uuid,
    amount: Decimal,
    remaining: Decimal,
    held: Decimal,
    owed: Decimal,
    priority: i16,
    expires_at: Option<DateTime<Utc>>,
    reason: String,
    order_id: Option<Uuid>,
    created_by: String,
    created_at: DateTime<Utc>,
}

impl GrantRow {
    /// The amounts are in the wallet's currency.
    pub(crate) fn into_grant(self, currency: Currency) -> Grant {
        let money = |amount| Money::from_ledger(amount, currency);
        Grant {
            id: self.id,
            amount: money(self.amount),
            remaining: money(self.remaining),
            held: money(self.held),
            owed: money(self.owed),
            priority: self.priority,
            expires_at: self.expires_at,
            reason: self.reason,
            order_id: self.order_id,
            created_by: self.created_by,
            created_at: self.created_at,
        }
    }
}
