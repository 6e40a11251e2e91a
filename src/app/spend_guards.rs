//! Spend guards: caps on what a customer may consume in a UTC day and a UTC month.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{App, Caller, Error, Saved};
use crate::domain::audit::AuditRecord;
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::guard::{SetBy, SpendGuard, day_began, month_began};
use crate::domain::money::{Currency, Money, format_amount};
use crate::domain::product::Product;
use crate::domain::wallet::Wallet;
use crate::domain::wallet_key::WalletKey;
use crate::storage::spend_guards as store;
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit, catalogue, clock, ledger};

/// The caps that a caller requests: at least one of the two.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// In the wallet's currency, greater than zero.
    pub daily: Option<Money>,
    pub monthly: Option<Money>,
}

/// The caps of a wallet, and how much of them is used.
#[derive(Debug, Clone)]
pub struct GuardedWallet {
    pub wallet: WalletKey,
    pub guard: SpendGuard,
    /// Open holds reserve this amount. It counts as spent.
    pub held: Money,
    pub set_by: SetBy,
    /// The database's time, which decides what "today" and "this month" mean.
    pub now: DateTime<Utc>,
}

/// The caps of a customer's wallets, optionally of one currency or product.
///
/// # Errors
/// Database errors.
pub async fn list(
    app: &App,
    customer: &CustomerId,
    currency: Option<Currency>,
    product: Option<&Product>,
) -> Result<Vec<GuardedWallet>, Error> {
    let mut conn = app.pool.get().await?;
    let now = clock::now(&mut conn).await?;
    let wallets = ledger::read_wallets(&mut conn, customer).await?;
    let mut set_by = store::set_by(&mut conn, customer).await?;
    let guarded = |wallet: Wallet| {
        let set_by = set_by.remove(&wallet.id)?;
        let held = wallet.held();
        Some(GuardedWallet { guard: wallet.guard?, wallet: wallet.key, held, set_by, now })
    };
    Ok(wallets
        .into_iter()
        .filter(|wallet| super::balances::matches_filters(wallet, currency, product))
        .filter_map(guarded)
        .collect())
}

/// Sets the caps of a wallet. Every later usage and hold obeys them. Consumption earlier in this day and month counts.
///
/// # Errors
/// 422 for an unknown product.
#[tracing::instrument(name = "spend_guards.set", skip_all, fields(customer = %key.customer))]
pub async fn set(app: &App, caller: &Caller, key: &WalletKey, caps: Caps) -> Result<Saved<GuardedWallet>, Error> {
    transact(&app.pool, async |conn| {
        check_product(conn, key).await?;
        let (mut wallet, now) = ledger::open_wallet(conn, key).await?;
        let created = wallet.guard.is_none();
        let (daily_cap, monthly_cap) = (caps.daily, caps.monthly);
        let guard = match wallet.guard.take() {
            Some(known) => SpendGuard { daily_cap, monthly_cap, ..known },
            None => SpendGuard {
                daily_cap,
                monthly_cap,
                day: now.date_naive(),
                spent_today: store::consumed_since(conn, &wallet, day_began(now)).await?,
                spent_this_month: store::consumed_since(conn, &wallet, month_began(now)).await?,
            },
        };
        wallet.guard = Some(guard.clone());
        let set_by = store::save(conn, &wallet, &caller.actor(), now).await?;
        let show = |cap: Option<Money>| cap.map(format_amount);
        let caps = json!({ "daily_cap": show(caps.daily), "monthly_cap": show(caps.monthly) });
        let record = AuditRecord::new(&caller.actor(), "spend_guard.saved", target(key)).of(&key.customer);
        audit::write(conn, &record.to(caps)).await?;
        let held = wallet.held();
        let value = GuardedWallet { wallet: wallet.key, guard, held, set_by, now };
        Ok(Saved { value, created })
    })
    .await
}

/// Removes the caps of a wallet.
///
/// # Errors
/// 404 when it has none.
#[tracing::instrument(name = "spend_guards.remove", skip_all, fields(customer = %key.customer))]
pub async fn remove(app: &App, caller: &Caller, key: &WalletKey) -> Result<(), Error> {
    transact(&app.pool, async |conn| {
        let Some((mut wallet, now)) = ledger::lock_wallet(conn, key).await? else {
            return Err(Error::NotFound("spend guard"));
        };
        if wallet.guard.take().is_none() {
            return Err(Error::NotFound("spend guard"));
        }
        store::save(conn, &wallet, &caller.actor(), now).await?;
        let record = AuditRecord::new(&caller.actor(), "spend_guard.removed", target(key)).of(&key.customer);
        Ok(audit::write(conn, &record).await?)
    })
    .await
}

/// Refuses a wallet of a product that is not in the catalogue.
///
/// # Errors
/// 422 `?product`.
pub(super) async fn check_product(conn: &mut Connection, key: &WalletKey) -> Result<(), Error> {
    if key.product.is_main() || catalogue::products::find(conn, &key.product).await?.is_some() {
        return Ok(());
    }
    Err(Error::field("?product", Code::UnknownProduct, "is not a product of this platform"))
}

fn target(key: &WalletKey) -> String {
    format!("spend_guard:{}/{}/{}", key.customer, key.currency.code(), key.product.as_column())
}
