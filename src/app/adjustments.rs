//! Adjustments: an operator corrects a wallet, up or down. Above the threshold a second operator confirms it.

use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use super::{App, Caller, Error, IdempotencyKey, Made, own_word};
use crate::domain::adjustment::{Adjustment, AdjustmentFilter, ReversalReach};
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::movement::adjustment::NewAdjustment;
use crate::domain::own_word::MoveKind;
use crate::domain::page::{Page, Rows};
use crate::domain::posting::PostingOutcome;
use crate::domain::posting::{Refusal, Shortfall};
use crate::domain::product::Product;
use crate::domain::wallet_key::WalletKey;
use crate::storage::transaction::transact;
use crate::storage::{Connection, adjustments as store, audit, catalogue, clock, ledger};

/// A correction as an operator asks for it.
#[derive(Debug, Clone)]
pub struct Correction {
    pub customer: CustomerId,
    pub product: Product,
    /// Not zero; negative when money is taken from the wallet.
    pub amount: Money,
    pub reason: String,
    /// Whether to take more than the wallet has. The rest becomes its debt.
    pub allow_debt: bool,
}

/// Corrects a wallet, or proposes the correction.
///
/// # Errors
/// 402 when it takes more than the wallet's unheld paid money and debt is not allowed; 403 `own_account`; 422 for an
/// unknown product.
#[tracing::instrument(name = "adjustments.create", skip_all, fields(customer = %new.customer))]
pub async fn create(
    app: &App,
    caller: &Caller,
    new: &Correction,
    key: &IdempotencyKey,
) -> Result<Made<Adjustment>, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            let known = store::find(conn, id).await?;
            return Ok(Made::again(known.ok_or(Error::Internal("the adjustment of a recorded idempotency key"))?));
        }
        caller.require_not_own(&new.customer)?;
        if !new.product.is_main() && catalogue::products::find(conn, &new.product).await?.is_none() {
            return Err(Error::field("/product", Code::UnknownProduct, "is not a product of this platform"));
        }
        let id = Uuid::now_v7();
        let alone = own_word::is_enough(conn, app, caller, MoveKind::Adjustment, id, &new.customer, new.amount).await?;
        let mut adjustment = Adjustment {
            id,
            customer: new.customer.clone(),
            product: new.product.clone(),
            amount: new.amount,
            reason: new.reason.clone(),
            second_needed: !alone,
            proposed_by: actor.clone(),
            approved_by: None,
            created_at: clock::now(conn).await?,
            booked_at: None,
            order_id: None,
            application: None,
            reach: ReversalReach::default(),
            allow_debt: new.allow_debt,
            withdrawn: None,
        };
        if alone {
            book(conn, &mut adjustment).await?;
        }
        store::save(conn, &adjustment).await?;
        record(conn, if alone { "booked" } else { "proposed" }, &actor, &adjustment).await?;
        key.record_resource(conn, id, &new.customer).await?;
        Ok(Made::new(adjustment))
    })
    .await
}

/// Approves a proposed correction, and books it. The proposer cannot approve it.
///
/// # Errors
/// 404; 409 `nothing_proposed` or `second_operator_needed`; 402 as [`create`]; 403 `own_account`.
#[tracing::instrument(name = "adjustments.approve", skip_all, fields(adjustment = %id))]
pub async fn approve(app: &App, caller: &Caller, id: Uuid, key: &IdempotencyKey) -> Result<Made<Adjustment>, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let missing = || Error::NotFound("adjustment");
        if key.claim(conn).await?.is_some() {
            let missing = Error::Internal("the adjustment of a recorded idempotency key");
            return Ok(Made::again(store::find(conn, id).await?.ok_or(missing)?));
        }
        let mut adjustment = store::lock(conn, id).await?.ok_or_else(missing)?;
        caller.require_not_own(&adjustment.customer)?;
        require_waiting(&adjustment)?;
        if adjustment.proposed_by == actor {
            return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must approve this adjustment"));
        }
        adjustment.approved_by = Some(actor.clone());
        book(conn, &mut adjustment).await?;
        store::save(conn, &adjustment).await?;
        record(conn, "approved", &actor, &adjustment).await?;
        key.record_resource(conn, id, &adjustment.customer).await?;
        Ok(Made::new(adjustment))
    })
    .await
}

/// Withdraws a proposed correction. Withdrawing it again changes nothing.
///
/// # Errors
/// 404; 409 `nothing_proposed` when it was booked.
#[tracing::instrument(name = "adjustments.withdraw", skip_all, fields(adjustment = %id))]
pub async fn withdraw(app: &App, caller: &Caller, id: Uuid) -> Result<Adjustment, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let mut adjustment = store::lock(conn, id).await?.ok_or(Error::NotFound("adjustment"))?;
        if adjustment.withdrawn.is_some() {
            return Ok(adjustment);
        }
        require_waiting(&adjustment)?;
        adjustment.withdrawn = Some((actor.clone(), clock::now(conn).await?));
        store::save(conn, &adjustment).await?;
        record(conn, "withdrawn", &actor, &adjustment).await?;
        Ok(adjustment)
    })
    .await
}

/// A page of corrections.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &AdjustmentFilter, page: &Page) -> Result<Rows<Adjustment>, Error> {
    Ok(store::list(&mut *app.pool.get().await?, filter, page).await?)
}

/// Reads an adjustment.
///
/// # Errors
/// 404.
pub async fn get(app: &App, id: Option<Uuid>) -> Result<Adjustment, Error> {
    let missing = || Error::NotFound("adjustment");
    store::find(&mut *app.pool.get().await?, id.ok_or_else(missing)?).await?.ok_or_else(missing)
}

fn require_waiting(adjustment: &Adjustment) -> Result<(), Error> {
    if adjustment.waits() {
        return Ok(());
    }
    let detail = match &adjustment.withdrawn {
        Some((by, _)) => format!("the adjustment was withdrawn by {by}"),
        None => "the adjustment has been booked".to_owned(),
    };
    Err(Error::conflict(Code::NothingProposed, detail))
}

/// Books the entry of an adjustment.
async fn book(conn: &mut Connection, adjustment: &mut Adjustment) -> Result<(), Error> {
    if !adjustment.allow_debt && adjustment.amount.amount() < Decimal::ZERO {
        require_money(conn, adjustment).await?;
    }
    let new = NewAdjustment {
        key: IdKind::Adjustment.show(adjustment.id),
        customer: adjustment.customer.clone(),
        product: adjustment.product.clone(),
        amount: adjustment.amount,
        reason: adjustment.reason.clone(),
    };
    for outcome in ledger::post(conn, &[new.posting()]).await? {
        if let PostingOutcome::Refused(refusal) = outcome {
            return Err(Error::refused(refusal));
        }
    }
    adjustment.booked_at = Some(clock::now(conn).await?);
    Ok(())
}

/// Requires that the wallet has enough paid money. The wallet stays locked until the transaction ends.
async fn require_money(conn: &mut Connection, adjustment: &Adjustment) -> Result<(), Error> {
    let currency = adjustment.amount.currency();
    let wallet = WalletKey { customer: adjustment.customer.clone(), currency, product: adjustment.product.clone() };
    let known = ledger::lock_wallet(conn, &wallet).await?.map(|(wallet, _)| wallet);
    let nothing = Money::zero(currency);
    let available = known.as_ref().map_or(nothing, |wallet| wallet.movable());
    let required = -adjustment.amount;
    if required <= available {
        return Ok(());
    }
    let held = known.as_ref().map_or(nothing, |wallet| wallet.held());
    Err(Error::refused(Refusal::Insufficient(Shortfall { wallet, required, available, held })))
}

async fn record(conn: &mut Connection, action: &str, actor: &str, adjustment: &Adjustment) -> Result<(), Error> {
    let target = format!("adjustment:{}", IdKind::Adjustment.show(adjustment.id));
    let asked = json!({
        "amount": adjustment.amount.to_string(),
        "product": adjustment.product.as_column(),
        "allow_debt": adjustment.allow_debt,
        "proposed_by": adjustment.proposed_by,
    });
    let record = AuditRecord::new(actor, &format!("adjustment.{action}"), target).of(&adjustment.customer);
    Ok(audit::write(conn, &record.because(&adjustment.reason).to(asked)).await?)
}
