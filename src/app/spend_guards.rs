//! Spend guards: caps on what a customer may consume, per UTC day and month.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::json;

use super::{App, Caller, Error, Saved};
use crate::domain::customer::CustomerId;
use crate::domain::guard::{SpendGuard, day_began, first_of_month, month_began};
use crate::domain::money::{Currency, format_amount};
use crate::domain::posting::WalletKey;
use crate::domain::wallet::Wallet;
use crate::storage::spend_guards::{self as store, SetBy};
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, catalogue, ledger, orders};

/// Caps as they shall be; at least one of them.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Greater than zero, up to 8 decimals.
    pub daily: Option<Decimal>,
    pub monthly: Option<Decimal>,
}

/// A wallet with its caps and what of them is used.
#[derive(Debug, Clone)]
pub struct Guarded {
    pub wallet: WalletKey,
    pub guard: SpendGuard,
    /// Reserved by open holds: counts as spent.
    pub held: Decimal,
    pub set_by: SetBy,
    /// What "today" and "this month" mean here.
    pub now: DateTime<Utc>,
}

/// A customer's caps, by wallet; optionally of one currency or product.
///
/// # Errors
/// Of the database.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    currency: Option<Currency>,
    product: Option<&str>,
) -> Result<Vec<Guarded>, Error> {
    let mut conn = app.pool.get().await?;
    let now = orders::clock(&mut conn).await?;
    let wallets = ledger::read_wallets(&mut conn, customer).await?;
    let set_by = store::set_by(&mut conn, customer).await?;
    let guarded = |wallet: Wallet| {
        let set_by = set_by.iter().find(|set| set.wallet_id == wallet.id)?.clone();
        Some(Guarded { guard: wallet.guard?, wallet: wallet.key, held: wallet.held, set_by, now })
    };
    Ok(wallets
        .into_iter()
        .filter(|wallet| super::balances::is_asked_for(wallet, currency, product))
        .filter_map(guarded)
        .collect())
}

/// Sets the caps of a wallet, which every usage and hold after it obeys. What was consumed in this day and month
/// before counts.
///
/// # Errors
/// 422 for an unknown product.
pub async fn set(app: &App, caller: &Caller, key: &WalletKey, caps: Caps) -> Result<Saved<Guarded>, Error> {
    transact(&app.pool, async |conn| {
        check_product(conn, key).await?;
        let (mut wallet, now) = ledger::open_wallet(conn, key).await?;
        let created = wallet.guard.is_none();
        let guard = match wallet.guard.take() {
            Some(known) => SpendGuard { daily_cap: caps.daily, monthly_cap: caps.monthly, ..known },
            None => SpendGuard {
                daily_cap: caps.daily,
                monthly_cap: caps.monthly,
                day: now.date_naive(),
                spent_today: store::consumed_since(conn, &wallet, day_began(now)).await?,
                month: first_of_month(now),
                spent_this_month: store::consumed_since(conn, &wallet, month_began(now)).await?,
            },
        };
        wallet.guard = Some(guard.clone());
        let set_by = store::save(conn, &wallet, &caller.actor(), now).await?;
        let show = |cap: Option<Decimal>| cap.map(|cap| format_amount(cap, key.currency));
        let detail = json!({ "daily_cap": show(caps.daily), "monthly_cap": show(caps.monthly) });
        audit::record(conn, &caller.actor(), "spend_guard.saved", &subject(key), &detail).await?;
        let value = Guarded { wallet: wallet.key, guard, held: wallet.held, set_by, now };
        Ok(Saved { value, created })
    })
    .await
}

/// Removes the caps of a wallet.
///
/// # Errors
/// 404 when it has none.
pub async fn remove(app: &App, caller: &Caller, key: &WalletKey) -> Result<(), Error> {
    transact(&app.pool, async |conn| {
        let Some((mut wallet, now)) = ledger::lock_wallet(conn, key).await? else {
            return Err(Error::NotFound("spend guard"));
        };
        if wallet.guard.take().is_none() {
            return Err(Error::NotFound("spend guard"));
        }
        store::save(conn, &wallet, &caller.actor(), now).await?;
        Ok(audit::record(conn, &caller.actor(), "spend_guard.removed", &subject(key), &json!({})).await?)
    })
    .await
}

/// # Errors
/// 422 `?product`.
pub(super) async fn check_product(conn: &mut Connection, key: &WalletKey) -> Result<(), Error> {
    if key.product.is_main() || catalogue::products::find(conn, &key.product).await?.is_some() {
        return Ok(());
    }
    Err(Error::field("?product", "unknown_product", "there is no such product"))
}

fn subject(key: &WalletKey) -> String {
    format!("spend_guard:{}/{}/{}", key.customer, key.currency.code(), key.product.as_column())
}
