//! Bonus tiers, which operators edit. Orders keep the bonus with which they were made.

use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{App, Caller, Error, Expected, Problems};
use crate::domain::audit::AuditRecord;
use crate::domain::bonus::{BonusTerms, BonusTier, BonusUse};
use crate::domain::code::Code;
use crate::domain::id::IdKind;
use crate::domain::money::{Currency, Money, format_amount};
use crate::domain::order::Order;
use crate::domain::product::Product;
use crate::storage::catalogue::{bonus_tiers as store, products};
use crate::storage::transaction::transact;
use crate::storage::{Connection, audit};

/// The longest life of a bonus, in days.
const LONGEST_DAYS: i32 = 3650;

/// The tier that an operator saves. Its amounts are in one currency.
#[derive(Debug, Clone)]
pub struct NewTier {
    /// The main wallet, or a product.
    pub product: Product,
    pub from_amount: Money,
    pub bonus: Money,
    pub used: BonusUse,
    pub expires_after_days: Option<i32>,
    pub active: bool,
}

impl NewTier {
    fn into_tier(self, id: Uuid, by: String) -> BonusTier {
        BonusTier {
            id,
            product: self.product,
            from_amount: self.from_amount,
            bonus: self.bonus,
            used: self.used,
            expires_after_days: self.expires_after_days,
            active: self.active,
            version: 1,
            updated_at: DateTime::UNIX_EPOCH,
            updated_by: by,
        }
    }
}

/// All tiers, sorted by currency, product and amount.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App) -> Result<Vec<BonusTier>, Error> {
    Ok(store::list(&mut *app.pool.get().await?).await?)
}

/// Creates a tier.
///
/// # Errors
/// 422 naming every field that is wrong.
pub async fn create(app: &App, caller: &Caller, new: NewTier) -> Result<BonusTier, Error> {
    check(&new)?;
    let tier = new.into_tier(Uuid::now_v7(), caller.actor());
    transact(&app.pool, async |conn| {
        require_product(conn, &tier.product).await?;
        let saved = store::insert(conn, &tier).await?;
        record(conn, caller, None, &saved).await?;
        Ok(saved)
    })
    .await
}

/// Replaces a tier. Its currency stays.
///
/// # Errors
/// 404; 422 naming every field that is wrong; 412 and 428 as [`Expected::check`].
pub async fn replace(
    app: &App,
    caller: &Caller,
    id: Uuid,
    expected: &Expected,
    read: impl Fn(Currency) -> Result<NewTier, Error> + Send + Sync,
) -> Result<BonusTier, Error> {
    transact(&app.pool, async |conn| {
        let current = store::lock(conn, id).await?.ok_or(Error::NotFound("bonus tier"))?;
        expected.check(Some(current.version))?;
        let new = read(current.currency())?;
        check(&new)?;
        require_product(conn, &new.product).await?;
        let saved = store::update(conn, &new.into_tier(id, caller.actor())).await?;
        record(conn, caller, Some(&current), &saved).await?;
        Ok(saved)
    })
    .await
}

/// Removes the bonus from a closed order if another order of the customer now names its once-only tier. Removes the
/// bonus for the first top-up from an order that is not the first to complete. If another order takes the bonus at the
/// same moment, a unique index runs this transaction again.
///
/// # Errors
/// Database errors.
pub(in crate::app) async fn withhold_reserved(conn: &mut Connection, order: &mut Order) -> Result<(), Error> {
    let terms = order.bonus_terms;
    let is_late = terms.once && !order.status().is_open();
    let is_gone = is_late && store::is_reserved_by_another(conn, order).await?
        || terms.first && store::has_topped_up(conn, &order.customer).await?;
    if is_gone {
        order.bonus = Money::zero(order.currency());
        order.bonus_terms = BonusTerms::withheld();
    }
    Ok(())
}

async fn require_product(conn: &mut Connection, product: &Product) -> Result<(), Error> {
    if product.is_main() || products::find(conn, product).await?.is_some() {
        return Ok(());
    }
    Err(Error::field("/product", Code::UnknownProduct, "there is no such product"))
}

fn check(new: &NewTier) -> Result<(), Error> {
    let mut problems = Problems::new();
    if new.bonus > new.from_amount {
        problems.add("/bonus", Code::AboveMaximum, "must be at most the amount from which it is given");
    }
    if new.expires_after_days.is_some_and(|days| !(1..=LONGEST_DAYS).contains(&days)) {
        problems.add("/expires_after_days", Code::OutOfRange, format!("must be 1 to {LONGEST_DAYS}"));
    }
    problems.finish()
}

async fn record(
    conn: &mut Connection,
    caller: &Caller,
    before: Option<&BonusTier>,
    saved: &BonusTier,
) -> Result<(), Error> {
    let target = format!("bonus_tier:{}", IdKind::BonusTier.show(saved.id));
    let record = AuditRecord::new(&caller.actor(), "bonus_tier.saved", target);
    Ok(audit::write(conn, &record.from(before.map(describe)).to(describe(saved))).await?)
}

fn describe(tier: &BonusTier) -> Value {
    json!({
        "currency": tier.currency().code(),
        "product": tier.product.as_column(),
        "from_amount": format_amount(tier.from_amount),
        "bonus": format_amount(tier.bonus),
        "use": tier.used.as_str(),
        "expires_after_days": tier.expires_after_days,
        "active": tier.active,
        "version": tier.version,
    })
}
