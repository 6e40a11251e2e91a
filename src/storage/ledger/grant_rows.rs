//! Reads grants.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::client_data::ClientData;
use crate::domain::grant::Grant;
use crate::domain::money::{Currency, Money};
use crate::storage::schema::{grants, wallets};

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

/// What a caller attached to a grant. Postings do not need it, so wallets are loaded without it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = grants)]
pub(crate) struct AttachedRow {
    client_reference: Option<String>,
    metadata: Option<serde_json::Value>,
}

impl From<AttachedRow> for ClientData {
    fn from(row: AttachedRow) -> Self {
        Self { reference: row.client_reference, metadata: row.metadata }
    }
}

/// The columns of a wallet's row about its active grant. Where there is one, it is newer than the grant's own row.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = wallets)]
pub(crate) struct ActiveGrant {
    active_grant: Option<Uuid>,
    active_remaining: Option<Decimal>,
    active_held: Option<Decimal>,
}

impl ActiveGrant {
    pub(super) fn new(id: Option<Uuid>, remaining: Option<Decimal>, held: Option<Decimal>) -> Self {
        Self { active_grant: id, active_remaining: remaining, active_held: held }
    }
}

impl GrantRow {
    /// The grant as it is now. Of the active grant, the wallet's row has the newer figures. The amounts are in the
    /// wallet's currency.
    pub(crate) fn into_current(self, active: ActiveGrant, currency: Currency) -> Grant {
        match active {
            ActiveGrant { active_grant: Some(id), active_remaining: Some(remaining), active_held: Some(held) }
                if id == self.id =>
            {
                Self { remaining, held, ..self }.into_grant(currency)
            }
            _ => self.into_grant(currency),
        }
    }

    /// The grant as its own row has it. The amounts are in the wallet's currency.
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
