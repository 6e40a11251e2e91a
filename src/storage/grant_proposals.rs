//! Grants that wait for a second operator.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::StorageError;
use super::columns::{currency_from_column, customer_from_column};
use super::page::in_page;
use super::proposals::EndColumns;
use super::schema::grant_proposals as proposals;
use crate::domain::client_data::ClientData;
use crate::domain::grant::GrantProposal;
use crate::domain::money::Money;
use crate::domain::movement::grant::NewGrant;
use crate::domain::page::{Page, Rows};
use crate::domain::product::Product;

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = proposals)]
struct ProposalRow {
    id: Uuid,
    customer_id: String,
    currency: String,
    product: String,
    amount: Decimal,
    priority: i16,
    expires_at: Option<DateTime<Utc>>,
    reason: String,
    client_reference: Option<String>,
    metadata: Option<serde_json::Value>,
    proposed_by: String,
    proposed_at: DateTime<Utc>,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
    withdrawn_by: Option<String>,
    withdrawn_at: Option<DateTime<Utc>>,
}

impl From<&GrantProposal> for ProposalRow {
    fn from(proposal: &GrantProposal) -> Self {
        let grant = &proposal.grant;
        let end = EndColumns::from(proposal.end.as_ref());
        Self {
            id: proposal.id,
            customer_id: grant.customer.as_str().to_owned(),
            currency: grant.amount.currency().code().to_owned(),
            product: grant.product.as_column().to_owned(),
            amount: grant.amount.amount(),
            priority: grant.priority,
            expires_at: grant.expires_at,
            reason: grant.reason.clone(),
            client_reference: grant.client.reference.clone(),
            metadata: grant.client.metadata.clone(),
            proposed_by: grant.created_by.clone(),
            proposed_at: proposal.proposed_at,
            approved_by: end.approved_by,
            approved_at: end.approved_at,
            withdrawn_by: end.withdrawn_by,
            withdrawn_at: end.withdrawn_at,
        }
    }
}

impl TryFrom<ProposalRow> for GrantProposal {
    type Error = StorageError;

    fn try_from(row: ProposalRow) -> Result<Self, StorageError> {
        let end = EndColumns {
            approved_by: row.approved_by,
            approved_at: row.approved_at,
            withdrawn_by: row.withdrawn_by,
            withdrawn_at: row.withdrawn_at,
        };
        Ok(Self {
            id: row.id,
            grant: NewGrant {
                customer: customer_from_column(&row.customer_id)?,
                amount: Money::from_ledger(row.amount, currency_from_column(&row.currency)?),
                product: Product::from_column(&row.product),
                expires_at: row.expires_at,
                priority: row.priority,
                reason: row.reason,
                created_by: row.proposed_by,
                client: ClientData { reference: row.client_reference, metadata: row.metadata },
            },
            proposed_at: row.proposed_at,
            end: end.read(),
        })
    }
}

/// # Errors
/// Database errors.
pub async fn insert(conn: &mut AsyncPgConnection, proposal: &GrantProposal) -> Result<(), StorageError> {
    diesel::insert_into(proposals::table).values(ProposalRow::from(proposal)).execute(conn).await?;
    Ok(())
}

/// Writes how a locked proposal ended. A CHECK refuses the proposer's approval.
///
/// # Errors
/// Database errors.
pub async fn end(conn: &mut AsyncPgConnection, proposal: &GrantProposal) -> Result<(), StorageError> {
    let end = EndColumns::from(proposal.end.as_ref());
    diesel::update(proposals::table.find(proposal.id))
        .set((
            proposals::approved_by.eq(end.approved_by),
            proposals::approved_at.eq(end.approved_at),
            proposals::withdrawn_by.eq(end.withdrawn_by),
            proposals::withdrawn_at.eq(end.withdrawn_at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// # Errors
/// Database errors.
pub async fn find(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<GrantProposal>, StorageError> {
    let row: Option<ProposalRow> =
        proposals::table.find(id).select(ProposalRow::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// # Errors
/// Database errors.
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<GrantProposal>, StorageError> {
    let row: Option<ProposalRow> =
        proposals::table.find(id).select(ProposalRow::as_select()).for_update().first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// The proposals that wait, newest first. `after` is the position of the last one of the page before.
///
/// # Errors
/// Database errors.
pub async fn waiting(conn: &mut AsyncPgConnection, page: &Page) -> Result<Rows<GrantProposal>, StorageError> {
    let query = proposals::table
        .filter(proposals::approved_at.is_null().and(proposals::withdrawn_at.is_null()))
        .limit(page.to_read())
        .select(ProposalRow::as_select())
        .into_boxed();
    let query = in_page!(query, page, proposals::proposed_at, proposals::id);
    let rows: Vec<ProposalRow> = query.load(conn).await?;
    page.cut(rows).try_map(TryInto::try_into)
}
