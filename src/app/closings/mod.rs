//! Closing an account: an operator starts it, and a worker moves it on ([`steps`]).
//!
//! Starting it twice changes nothing. Every step is a transaction of its own, and finds out from the books what is to
//! do. So a process that stops between two steps loses nothing, and two processes never do the same step twice.
//!
//! Locks are taken in this order: order, payment, the operator's lock (`own_word`), wallets (all of the customer, by
//! key), closing, payout.

mod steps;

use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use uuid::Uuid;

pub(in crate::app) use self::steps::tidy;
pub use self::steps::{advance, advance_due};

use super::{App, Caller, Error};
use crate::domain::audit::AuditRecord;
use crate::domain::closing::{Closing, ClosingFilter, ClosingState, Waits};
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::money::{Currency, Money};
use crate::domain::page::{Page, Rows};
use crate::domain::payout::{MissingDetails, Payout};
use crate::domain::permission::Permission;
use crate::domain::write_off::Owed;
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, billing_profiles, clock, closings as store, ledger, payouts};

/// A closing with all that operators see of it.
#[derive(Debug, Clone)]
pub struct ClosingView {
    pub closing: Closing,
    pub waits: Waits,
    /// What is missing before the rest can be paid out; `None` if nothing is missing, or nothing is to be paid out.
    pub missing: Option<MissingDetails>,
    /// What the account has that can be paid out, and what it owes: a sum for each currency that has one.
    pub left: Vec<Money>,
    pub owed: Vec<Money>,
    /// Newest first.
    pub payouts: Vec<Payout>,
    /// The earliest time at which the rest can be paid out.
    pub payout_from: Option<DateTime<Utc>>,
}

/// Starts to close an account: from now on only the closing moves money out. The first step is taken at once. If the
/// account is being closed already, nothing changes, and the first reason stays. If the operator who starts it may not
/// move money, all refunds wait for a second operator.
///
/// # Errors
/// 404 for an id of which nothing is known; 403 `own_account`.
#[tracing::instrument(name = "closings.start", skip_all, fields(customer = %customer))]
pub async fn start(app: &App, caller: &Caller, customer: &CustomerId, reason: &str) -> Result<ClosingView, Error> {
    caller.require_not_own(customer)?;
    transact(&app.pool, async |conn| {
        let (wallets, now) = ledger::lock_all_wallets(conn, customer).await?;
        if store::lock(conn, customer).await?.is_some() {
            return Ok(());
        }
        if !store::is_customer(conn, customer).await? {
            return Err(Error::NotFound("customer"));
        }
        let closing = Closing {
            id: Uuid::now_v7(),
            customer: customer.clone(),
            state: ClosingState::Waiting,
            reason: reason.to_owned(),
            started_by: caller.actor(),
            starter_has_finance: caller.permissions.contains(Permission::Finance),
            started_at: now,
            updated_at: now,
            closed_at: None,
            due_at: Some(now),
        };
        store::insert(conn, &closing).await?;
        for mut wallet in wallets {
            wallet.mark_closing(true, false, now);
            ledger::save_marks(conn, &wallet).await?;
        }
        record(conn, &caller.actor(), "started", &closing).await
    })
    .await?;
    try_to_advance(app, customer, &caller.actor()).await;
    get(app, customer).await
}

/// Ends a closing that still waits; the account is as before, except that orders were cancelled and refund requests
/// refused.
///
/// # Errors
/// 404 for an account that is not being closed, for example because its closing was already withdrawn; 409
/// `closing_moved_on`; 403 `own_account`.
#[tracing::instrument(name = "closings.withdraw", skip_all, fields(customer = %customer))]
pub async fn withdraw(app: &App, caller: &Caller, customer: &CustomerId, reason: &str) -> Result<Closing, Error> {
    caller.require_not_own(customer)?;
    transact(&app.pool, async |conn| {
        let (wallets, now) = ledger::lock_all_wallets(conn, customer).await?;
        let mut closing = store::lock(conn, customer).await?.ok_or(Error::NotFound("closing"))?;
        if !closing.state.may_become(ClosingState::Withdrawn) {
            let detail = format!("the closing is {}: money may have gone back already", closing.state);
            return Err(Error::conflict(Code::ClosingMovedOn, detail));
        }
        closing.become_state(ClosingState::Withdrawn, now);
        store::update(conn, &closing).await?;
        for mut wallet in wallets {
            wallet.mark_closing(false, false, now);
            ledger::save_marks(conn, &wallet).await?;
        }
        let record = Closing { reason: reason.to_owned(), ..closing.clone() };
        self::record(conn, &caller.actor(), "withdrawn", &record).await?;
        Ok(closing)
    })
    .await
}

/// Takes the next steps, as far as they can be taken now.
///
/// # Errors
/// 404. What a payment company or the ledger refuses is tried again by a worker.
pub async fn ask_for_next_step(app: &App, caller: &Caller, customer: &CustomerId) -> Result<ClosingView, Error> {
    caller.require_not_own(customer)?;
    get(app, customer).await?;
    advance(app, customer, &caller.actor()).await?;
    get(app, customer).await
}

/// Takes the next steps after something has changed. A failure loses nothing: a worker tries again.
pub(in crate::app) async fn try_to_advance(app: &App, customer: &CustomerId, actor: &str) {
    if let Err(error) = advance(app, customer, actor).await {
        tracing::warn!(%customer, %error, "A step of a closing was not taken; a worker takes it");
    }
}

/// The closing of an account.
///
/// # Errors
/// 404.
pub async fn get(app: &App, customer: &CustomerId) -> Result<ClosingView, Error> {
    let mut conn = app.pool.get().await?;
    let closing = store::of_customer(&mut conn, customer).await?.ok_or(Error::NotFound("closing"))?;
    view(&mut conn, app, closing).await
}

async fn view(conn: &mut Connection, app: &App, closing: Closing) -> Result<ClosingView, Error> {
    let wallets = ledger::read_wallets(conn, &closing.customer).await?;
    let claims = ledger::claims_of(conn, [&closing.customer]).await?;
    let mut currencies: Vec<Currency> = wallets.iter().map(|wallet| wallet.key.currency).collect();
    currencies.sort();
    currencies.dedup();
    let movable = |currency: &Currency| {
        let own = wallets.iter().filter(|wallet| wallet.key.currency == *currency);
        Money::sum(*currency, own.map(|wallet| wallet.movable()))
    };
    let owed = |currency: &Currency| Owed::of(*currency, &wallets, &claims).total();
    let waits = store::waits(conn, &closing.customer).await?;
    let missing = match closing.state {
        ClosingState::Payout if waits.open_payouts == 0 => {
            let profile = billing_profiles::find(conn, &closing.customer).await?;
            MissingDetails::of(profile.as_ref().map(|profile| profile.details.bank_account.as_deref()))
        }
        _ => None,
    };
    Ok(ClosingView {
        waits,
        missing,
        left: currencies.iter().map(movable).filter(|money| money.is_positive()).collect(),
        owed: currencies.iter().map(owed).filter(|money| money.is_positive()).collect(),
        payouts: payouts::of_closing(conn, closing.id).await?,
        payout_from: payout_from(conn, app, &closing.customer).await?,
        closing,
    })
}

/// A page of closings, newest first.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App, filter: &ClosingFilter, page: &Page) -> Result<Rows<Closing>, Error> {
    Ok(store::list(&mut *app.pool.get().await?, filter, page).await?)
}

/// Refuses what needs an account that is not being closed. A closing that starts waits until the caller's transaction
/// ends. Call it before any wallet is locked.
///
/// # Errors
/// 409 `account_closed`.
pub(in crate::app) async fn require_open(conn: &mut Connection, customer: &CustomerId) -> Result<(), Error> {
    match is_closing(conn, customer).await? {
        false => Ok(()),
        true => Err(Error::conflict(Code::AccountClosed, "the account is being closed, or is closed")),
    }
}

/// Whether an account is being closed, or is closed. That stays so until the caller's transaction ends. Call it before
/// any wallet is locked.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn is_closing(conn: &mut Connection, customer: &CustomerId) -> Result<bool, Error> {
    ledger::pass_gate(conn, customer).await?;
    Ok(store::of_customer(conn, customer).await?.is_some())
}

/// Whether nothing comes into an account any more.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn is_shut(conn: &mut Connection, customer: &CustomerId) -> Result<bool, Error> {
    Ok(store::of_customer(conn, customer).await?.is_some_and(|closing| closing.state.is_shut()))
}

/// From when on the rest can be paid out: some days after the last payment that its payer can contest.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn payout_from(
    conn: &mut Connection,
    app: &App,
    customer: &CustomerId,
) -> Result<Option<DateTime<Utc>>, Error> {
    let days = Duration::days(i64::from(app.settings.closing_payout_days));
    Ok(store::last_contestable(conn, customer).await?.map(|last| last + days))
}

/// Writes the change of a closing to the audit log.
async fn record(conn: &mut Connection, actor: &str, action: &str, closing: &Closing) -> Result<(), Error> {
    let target = format!("closing:{}", IdKind::Closing.show(closing.id));
    let record = AuditRecord::new(actor, &format!("closing.{action}"), target).of(&closing.customer);
    let state = json!({ "state": closing.state.as_str(), "at": clock::now(conn).await? });
    Ok(audit::write(conn, &record.because(&closing.reason).to(state)).await?)
}
