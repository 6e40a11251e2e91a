//! Transfer slips: a payer uploads the proof of a bank transfer, and operators open it.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::orders::read::owned;
use super::{App, Caller, Error, Made};
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::order::OrderStatus;
use crate::domain::payment::Channel;
use crate::domain::transfer_slip::{MAX_SLIPS, SlipKind, TransferSlip};
use crate::storage::transaction::transact;
use crate::storage::{audit, clock, orders, transfer_slips as store};

/// Stores a slip of an order by bank transfer that is not completed. If the same content comes again, it is the same
/// slip.
///
/// # Errors
/// 404; 409 `not_a_bank_transfer`, `order_already_completed` or `too_many_transfer_slips`.
#[tracing::instrument(name = "transfer_slips.upload", skip_all, fields(kind = %kind))]
pub async fn upload(
    app: &App,
    caller: &Caller,
    customer: Option<&CustomerId>,
    order: Option<Uuid>,
    kind: SlipKind,
    content: &[u8],
) -> Result<Made<TransferSlip>, Error> {
    let actor = caller.actor();
    let sha256 = Sha256::digest(content).to_vec();
    transact(&app.pool, async |conn| {
        let known = owned(conn, caller, customer, order).await?;
        // The lock makes the count of slips exact: uploads of an order go one after the other.
        let order = orders::lock(conn, known.id).await?.ok_or(Error::Internal("the order that was found before"))?;
        if order.channel != Channel::BankTransfer {
            return Err(Error::conflict(Code::NotABankTransfer, "only a bank transfer has transfer slips"));
        }
        let slips = store::of_order(conn, order.id).await?;
        if let Some(same) = slips.iter().find(|slip| slip.sha256 == sha256) {
            return Ok(Made::again(same.clone()));
        }
        if order.status() == OrderStatus::Completed {
            return Err(Error::conflict(Code::OrderAlreadyCompleted, "the money of this order has arrived"));
        }
        let n = slips.last().map_or(1, |last| last.n + 1);
        if n > MAX_SLIPS {
            let detail = format!("an order has {MAX_SLIPS} transfer slips at most");
            return Err(Error::conflict(Code::TooManyTransferSlips, detail));
        }
        let slip = TransferSlip {
            id: Uuid::now_v7(),
            order_id: order.id,
            customer: order.customer.clone(),
            n,
            kind,
            bytes: i32::try_from(content.len()).map_err(|_| Error::Internal("a slip within its limit"))?,
            sha256: sha256.clone(),
            uploaded_by: actor.clone(),
            uploaded_at: clock::now(conn).await?,
        };
        store::insert(conn, &slip, content).await?;
        let shown = IdKind::TransferSlip.show(slip.id);
        orders::add_to_timeline(conn, &order, "transfer_slip_uploaded", &actor, Some(&shown)).await?;
        if caller.is_operator {
            let record = AuditRecord::new(&actor, "transfer_slip.uploaded", format!("transfer_slip:{shown}"));
            audit::write(conn, &record.of(&order.customer)).await?;
        }
        Ok::<_, Error>(Made::new(slip))
    })
    .await
}

/// The slips of an order, the oldest first.
///
/// # Errors
/// 404.
pub async fn list(
    app: &App,
    caller: &Caller,
    customer: Option<&CustomerId>,
    order: Option<Uuid>,
) -> Result<Vec<TransferSlip>, Error> {
    let mut conn = app.pool.get().await?;
    let order = owned(&mut conn, caller, customer, order).await?;
    Ok(store::of_order(&mut conn, order.id).await?)
}

/// A slip with its content.
///
/// # Errors
/// 404.
pub async fn open(
    app: &App,
    caller: &Caller,
    customer: Option<&CustomerId>,
    order: Option<Uuid>,
    id: Option<Uuid>,
) -> Result<(TransferSlip, Vec<u8>), Error> {
    let missing = || Error::NotFound("transfer slip");
    let mut conn = app.pool.get().await?;
    let order = owned(&mut conn, caller, customer, order).await?;
    let id = id.ok_or_else(missing)?;
    let slips = store::of_order(&mut conn, order.id).await?;
    let slip = slips.into_iter().find(|slip| slip.id == id).ok_or_else(missing)?;
    let content = store::content(&mut conn, order.id, id).await?.ok_or_else(missing)?;
    Ok((slip, content))
}
