//! Payouts: two operators send the rest of an account that is being closed by bank transfer.
//!
//! The wallet gives the money when the second operator approves. Then an operator makes the transfer and records it, or
//! the payout is rejected and the wallet has the money again.
//!
//! Locks are taken in this order: wallets (all of the customer, by key), closing, payout.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{App, Caller, Error, IdempotencyKey, Made, closings};
use crate::domain::audit::AuditRecord;
use crate::domain::bank_transaction::normal_form;
use crate::domain::closing::{Closing, ClosingState};
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::money::{Currency, Money};
use crate::domain::movement::closing::{pay_out, return_payout};
use crate::domain::page::{Page, Rows};
use crate::domain::payout::{Beneficiary, Payout, PayoutFilter, rest_of};
use crate::domain::posting::{Posting, PostingOutcome};
use crate::domain::refund::RefundState;
use crate::domain::wallet::Wallet;
use crate::storage::catalogue::bank_accounts;
use crate::storage::transaction::transact;
use crate::storage::{
    Connection, audit, billing_profiles, clock, closings as closing_rows, ledger, payouts as store, sent_transfers,
};

/// A payout as an operator proposes it. It covers all that is left in the currency.
#[derive(Debug, Clone)]
pub struct NewPayout {
    pub customer: CustomerId,
    pub currency: Currency,
    /// Our account that sends the money.
    pub bank_account_id: Uuid,
    /// The customer's account; `None` for the one in the billing profile.
    pub account: Option<String>,
}

/// Proposes to pay out what is left of an account in one currency, to the name in the billing profile.
///
/// # Errors
/// 403 `own_account`; 404; 409 `closing_moved_on`, `payout_moved_on` or `payout_too_early`; 422 for an account that
/// does not fit, and `billing_profile_required`.
#[tracing::instrument(name = "payouts.propose", skip_all, fields(customer = %new.customer))]
pub async fn propose(app: &App, caller: &Caller, new: &NewPayout, key: &IdempotencyKey) -> Result<Made<Payout>, Error> {
    transact(&app.pool, async |conn| {
        if let Some(id) = key.claim(conn).await? {
            let known = store::find(conn, id).await?;
            return Ok(Made::again(known.ok_or(Error::Internal("the payout of a recorded idempotency key"))?));
        }
        caller.require_not_own(&new.customer)?;
        let (_, now) = ledger::lock_all_wallets(conn, &new.customer).await?;
        let closing = closing_rows::lock(conn, &new.customer).await?.ok_or(Error::NotFound("closing"))?;
        require_payout(&closing)?;
        require_undisputed(conn, &new.customer).await?;
        if let Some(from) = closings::payout_from(conn, app, &new.customer).await?.filter(|from| *from > now) {
            let from = from.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            let detail = format!("a payment of this customer can still be contested; pay out from {from} on");
            return Err(Error::conflict(Code::PayoutTooEarly, detail));
        }
        let (debited, amount) = main_rest(conn, &new.customer, new.currency)
            .await?
            .ok_or_else(|| moved_on(format!("nothing is left in {}", new.currency.code())))?;
        require_our_account(conn, new).await?;
        let payout = Payout {
            id: Uuid::now_v7(),
            closing_id: closing.id,
            customer: new.customer.clone(),
            amount,
            debited,
            bank_account_id: new.bank_account_id,
            beneficiary: Some(beneficiary(conn, new).await?),
            state: RefundState::AwaitingSecondApproval,
            bank_transaction_id: None,
            failure: None,
            proposed_by: caller.actor(),
            proposed_at: now,
            approved_by: None,
            approved_at: None,
            updated_at: now,
        };
        store::insert(conn, &payout).await.map_err(|error| match error.violates("payouts_one_open") {
            true => moved_on("another payout in this currency has not ended"),
            false => error.into(),
        })?;
        record(conn, &caller.actor(), "proposed", &payout).await?;
        key.record_resource(conn, payout.id, &new.customer).await?;
        Ok::<_, Error>(Made::new(payout))
    })
    .await
}

fn require_payout(closing: &Closing) -> Result<(), Error> {
    if closing.state == ClosingState::Payout {
        return Ok(());
    }
    let detail = format!("the closing is {}; its rest is paid out when all refunds have ended", closing.state);
    Err(Error::conflict(Code::ClosingMovedOn, detail))
}

/// A disputed payment may take its money when the dispute is lost.
async fn require_undisputed(conn: &mut Connection, customer: &CustomerId) -> Result<(), Error> {
    if closing_rows::waits(conn, customer).await?.open_disputes == 0 {
        return Ok(());
    }
    let detail = "a payment of this customer is disputed; pay out when the dispute has ended";
    Err(Error::conflict(Code::PayoutTooEarly, detail))
}

fn moved_on(detail: impl Into<String>) -> Error {
    Error::conflict(Code::PayoutMovedOn, detail)
}

/// What can be paid out of the main wallet, after all money was moved there and has paid what the account owes: what it
/// gives, and what the bank sends. The caller holds the locks of the wallets.
async fn main_rest(
    conn: &mut Connection,
    customer: &CustomerId,
    currency: Currency,
) -> Result<Option<(Money, Money)>, Error> {
    closings::tidy(conn, customer).await?;
    let (wallets, _) = ledger::lock_all_wallets(conn, customer).await?;
    let is_main = |wallet: &&Wallet| wallet.key.currency == currency && wallet.key.product.is_main();
    Ok(wallets.iter().find(is_main).and_then(rest_of))
}

async fn require_our_account(conn: &mut Connection, new: &NewPayout) -> Result<(), Error> {
    let known = bank_accounts::find(conn, new.bank_account_id)
        .await?
        .ok_or_else(|| Error::field("/bank_account_id", Code::Unknown, "is not one of our bank accounts"))?;
    if known.currency == new.currency {
        return Ok(());
    }
    Err(Error::field("/bank_account_id", Code::CurrencyMismatch, "has another currency than the payout"))
}

async fn beneficiary(conn: &mut Connection, new: &NewPayout) -> Result<Beneficiary, Error> {
    let profile = billing_profiles::find(conn, &new.customer).await?.ok_or_else(|| Error::Unprocessable {
        code: Code::BillingProfileRequired,
        detail: "the rest is paid out to the name in the billing profile, which the customer has not filled in".into(),
    })?;
    let account = new.account.clone().or(profile.details.bank_account);
    let account = account.ok_or_else(|| {
        let detail = "is missing: the billing profile names no bank account; name one here, or let the customer add \
                      `bank_account` to the profile";
        Error::field("/account", Code::Required, detail)
    })?;
    Ok(Beneficiary { name: profile.name, bank_name: profile.details.bank_name, account })
}

/// Approves a payout: the wallet gives the money. The proposer cannot approve it.
///
/// # Errors
/// 404; 409 `payout_moved_on`, also if the account has another sum now, `second_operator_needed`, or
/// `payout_too_early` while a payment is disputed; 402 or 409 of the wallet; 403 `own_account`.
#[tracing::instrument(name = "payouts.approve", skip_all, fields(payout = %id))]
pub async fn approve(app: &App, caller: &Caller, id: Uuid, key: &IdempotencyKey) -> Result<Made<Payout>, Error> {
    let actor = caller.actor();
    transact(&app.pool, async |conn| {
        let known = store::find(conn, id).await?.ok_or(Error::NotFound("payout"))?;
        if key.claim(conn).await?.is_some() {
            return Ok(Made::again(known));
        }
        caller.require_not_own(&known.customer)?;
        let (mut payout, now) = lock(conn, &known).await?;
        if payout.state != RefundState::AwaitingSecondApproval {
            return Err(moved_on(format!("the payout is {}", payout.state)));
        }
        if payout.proposed_by == actor {
            return Err(Error::conflict(Code::SecondOperatorNeeded, "another operator must approve this payout"));
        }
        require_undisputed(conn, &payout.customer).await?;
        let rest = main_rest(conn, &payout.customer, payout.amount.currency()).await?;
        if rest != Some((payout.debited, payout.amount)) {
            return Err(moved_on("the account has another sum now; reject this payout and propose it again"));
        }
        payout.state = RefundState::Pending;
        payout.approved_by = Some(actor.clone());
        payout.approved_at = Some(now);
        payout.updated_at = now;
        store::update(conn, &payout).await?;
        book(conn, pay_out(&payout)).await?;
        record(conn, &actor, "approved", &payout).await?;
        key.record_resource(conn, id, &payout.customer).await?;
        Ok::<_, Error>(Made::new(payout))
    })
    .await
}

/// Records that the bank transfer of a payout was made. Repeating it changes nothing.
///
/// # Errors
/// 404; 409 `payout_moved_on` or `bank_transaction_used`; 422 for an id without letters and digits; 403 `own_account`.
#[tracing::instrument(name = "payouts.mark_sent", skip_all, fields(payout = %id))]
pub async fn mark_sent(app: &App, caller: &Caller, id: Uuid, bank_transaction_id: &str) -> Result<Payout, Error> {
    let transfer = normal_form(bank_transaction_id);
    if transfer.is_empty() {
        let detail = "must have letters or digits";
        return Err(Error::field("/bank_transaction_id", Code::Malformed, detail));
    }
    let payout = transact(&app.pool, async |conn| {
        let known = store::find(conn, id).await?.ok_or(Error::NotFound("payout"))?;
        caller.require_not_own(&known.customer)?;
        let (mut payout, now) = lock(conn, &known).await?;
        if payout.state == RefundState::Succeeded && payout.bank_transaction_id.as_ref() == Some(&transfer) {
            return Ok(payout);
        }
        if payout.state != RefundState::Pending {
            return Err(moved_on(format!("the payout is {}", payout.state)));
        }
        sent_transfers::lock_id(conn, &transfer).await?;
        if sent_transfers::is_of_refund(conn, bank_transaction_id, None).await? {
            return Err(transfer_used());
        }
        payout.state = RefundState::Succeeded;
        payout.bank_transaction_id = Some(transfer.clone());
        payout.updated_at = now;
        store::update(conn, &payout).await.map_err(|error| match error.violates("payouts_transfer_once") {
            true => transfer_used(),
            false => error.into(),
        })?;
        record(conn, &caller.actor(), "sent", &payout).await?;
        Ok::<_, Error>(payout)
    })
    .await?;
    closings::try_to_advance(app, &payout.customer, &caller.actor()).await;
    Ok(payout)
}

fn transfer_used() -> Error {
    Error::conflict(Code::BankTransactionUsed, "this bank transaction belongs to another payout or refund")
}

/// Requires that the bank transfer by which a refund was sent is not that of another refund or payout, however its id
/// is written. This stays true until the transaction ends.
///
/// # Errors
/// 409 `bank_transaction_used`.
pub(in crate::app) async fn require_free_transfer(
    conn: &mut Connection,
    refund: Uuid,
    bank_transaction_id: &str,
) -> Result<(), Error> {
    let normal = normal_form(bank_transaction_id);
    sent_transfers::lock_id(conn, &normal).await?;
    let is_used = sent_transfers::is_of_refund(conn, bank_transaction_id, Some(refund)).await?
        || sent_transfers::is_of_payout(conn, &normal).await?;
    if is_used { Err(transfer_used()) } else { Ok(()) }
}

/// Rejects a payout that waits, or records that its transfer was not made, or came back: the wallet has the money
/// again, and a closed account is reopened. Repeating it changes nothing.
///
/// # Errors
/// 404; 409 `second_operator_needed` for the operator who sent the money; 403 `own_account`.
#[tracing::instrument(name = "payouts.reject", skip_all, fields(payout = %id))]
pub async fn reject(app: &App, caller: &Caller, id: Uuid, reason: &str) -> Result<Payout, Error> {
    let actor = caller.actor();
    let payout = transact(&app.pool, async |conn| {
        let known = store::find(conn, id).await?.ok_or(Error::NotFound("payout"))?;
        caller.require_not_own(&known.customer)?;
        let (mut payout, now) = lock(conn, &known).await?;
        if payout.state == RefundState::Failed {
            return Ok(payout);
        }
        let comes_back = payout.state.is_in_force();
        // Otherwise one operator could send the money and also return it to the wallet.
        if comes_back && payout.approved_by.as_ref() == Some(&actor) {
            let detail = "you approved this payout; another operator must say that it did not arrive";
            return Err(Error::conflict(Code::SecondOperatorNeeded, detail));
        }
        payout.state = RefundState::Failed;
        payout.failure = Some(reason.to_owned());
        payout.updated_at = now;
        store::update(conn, &payout).await?;
        if comes_back {
            book(conn, return_payout(&payout)).await?;
        }
        record(conn, &actor, "rejected", &payout).await?;
        Ok::<_, Error>(payout)
    })
    .await?;
    closings::try_to_advance(app, &payout.customer, &actor).await;
    Ok(payout)
}

/// Locks the wallets of a payout's customer, its closing, and the payout.
async fn lock(conn: &mut Connection, known: &Payout) -> Result<(Payout, DateTime<Utc>), Error> {
    let (_, now) = ledger::lock_all_wallets(conn, &known.customer).await?;
    closing_rows::lock(conn, &known.customer).await?;
    let payout = store::lock(conn, known.id).await?.ok_or(Error::Internal("a payout that was found before"))?;
    Ok((payout, now))
}

async fn book(conn: &mut Connection, posting: Posting) -> Result<(), Error> {
    for outcome in ledger::post(conn, &[posting]).await? {
        match outcome {
            PostingOutcome::Booked(_) => {}
            PostingOutcome::Replayed(_) => return Err(Error::Internal("a payout that was not booked before")),
            PostingOutcome::Refused(refusal) => return Err(Error::refused(refusal)),
        }
    }
    Ok(())
}

/// Reads a payout.
///
/// # Errors
/// 404.
pub async fn get(app: &App, id: Option<Uuid>) -> Result<Payout, Error> {
    let missing = || Error::NotFound("payout");
    store::find(&mut *app.pool.get().await?, id.ok_or_else(missing)?).await?.ok_or_else(missing)
}

/// A page of payouts.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &PayoutFilter, page: &Page) -> Result<Rows<Payout>, Error> {
    Ok(store::list(&mut *app.pool.get().await?, filter, page).await?)
}

async fn record(conn: &mut Connection, actor: &str, action: &str, payout: &Payout) -> Result<(), Error> {
    let target = format!("payout:{}", IdKind::Payout.show(payout.id));
    let said = json!({
        "amount": payout.amount.to_string(),
        "debited": payout.debited.amount().normalize().to_string(),
        "bank_account_id": IdKind::BankAccount.show(payout.bank_account_id),
        "bank_transaction_id": payout.bank_transaction_id,
        "proposed_by": payout.proposed_by,
        "at": clock::now(conn).await?,
    });
    let record = AuditRecord::new(actor, &format!("payout.{action}"), target).of(&payout.customer).to(said);
    let record = match &payout.failure {
        Some(why) => record.because(why),
        None => record,
    };
    Ok(audit::write(conn, &record).await?)
}
