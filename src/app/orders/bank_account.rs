//! The bank account of an order: the version that its payer was shown, and another account once that is closed.

use uuid::Uuid;

use super::read::{OrderView, owned, version_of, view};
use crate::app::{App, Caller, Error};
use crate::domain::catalogue::AccountVersion;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;
use crate::domain::order::Order;
use crate::domain::payment::Channel;
use crate::storage::catalogue::bank_accounts;
use crate::storage::transaction::transact;
use crate::storage::{clock, orders};

/// Our bank account to which an order is paid, as its payer was shown it.
///
/// # Errors
/// Database errors.
pub async fn shown(app: &App, order: &Order) -> Result<Option<AccountVersion>, Error> {
    let mut conn = app.pool.get().await?;
    version_of(&mut conn, order).await
}

/// Gives an order whose account was closed the account that takes transfers now: the same account in its new version,
/// or else the first active one of the currency. Only the payer requests it, so no order changes its account silently.
/// An order whose account is open keeps it.
///
/// # Errors
/// 404; 409 `not_a_bank_transfer`, `order_not_open`, or `bank_account_closed` when no account takes transfers.
pub async fn renew(
    app: &App,
    caller: &Caller,
    customer: Option<&CustomerId>,
    id: Option<Uuid>,
) -> Result<OrderView, Error> {
    let actor = caller.actor();
    let known = {
        let mut conn = app.pool.get().await?;
        owned(&mut conn, caller, customer, id).await?.id
    };
    let order = transact(&app.pool, async |conn| {
        let mut order = orders::lock(conn, known).await?.ok_or(Error::Internal("the order that was found before"))?;
        if order.channel != Channel::BankTransfer {
            return Err(Error::conflict(Code::NotABankTransfer, "only a bank transfer is paid to a bank account"));
        }
        if !order.awaits_payer() {
            return Err(Error::conflict(Code::OrderNotOpen, format!("the order is {}", order.status())));
        }
        let shown = version_of(conn, &order).await?.ok_or(Error::Internal("the account that an order names"))?;
        if shown.closed_at.is_none() {
            return Ok(order);
        }
        let active = bank_accounts::active(conn).await?;
        let usable = || active.iter().filter(|account| account.currency == order.currency());
        let same = usable().find(|account| account.id == shown.account.id);
        let Some(next) = same.or_else(|| usable().next()) else {
            let detail = format!("the account was closed, and no other takes transfers in {}", order.currency());
            return Err(Error::conflict(Code::BankAccountClosed, detail));
        };
        order.bank_account_id = Some(next.id);
        order.bank_account_version = Some(next.version);
        order.updated_at = clock::now(conn).await?;
        order.version += 1;
        orders::update(conn, &order).await?;
        let shown_as = |id, version| format!("{} in version {version}", IdKind::BankAccount.show(id));
        let detail = format!(
            "{} instead of {}",
            shown_as(next.id, next.version),
            shown_as(shown.account.id, shown.account.version)
        );
        orders::add_to_timeline(conn, &order, "bank_account_changed", &actor, Some(&detail)).await?;
        Ok(order)
    })
    .await?;
    let mut conn = app.pool.get().await?;
    view(&mut conn, order).await
}
