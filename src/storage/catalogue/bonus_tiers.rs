//! Bonus tiers, and which of them a customer's orders name.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::bonus::{BonusStanding, BonusTier, BonusUse};
use crate::domain::customer::CustomerId;
use crate::domain::money::Currency;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::payment::Channel;
use crate::domain::product::Product;
use crate::storage::StorageError;
use crate::storage::clock::ledger_now;
use crate::storage::columns::{corrupt, currency_from_column, money_from_column};
use crate::storage::schema::{bonus_tiers as tiers, top_up_orders as orders};

/// The statuses in which an order reserves its tier; the unique indexes `top_up_orders_bonus_once` and
/// `top_up_orders_bonus_first` name the same statuses.
const RESERVING: [OrderStatus; 3] = [OrderStatus::Pending, OrderStatus::Processing, OrderStatus::Completed];

#[derive(Queryable, Selectable)]
#[diesel(table_name = tiers, check_for_backend(diesel::pg::Pg))]
struct BonusTierRow {
    id: Uuid,
    currency: String,
    product: String,
    from_amount: Decimal,
    bonus: Decimal,
    used: String,
    expires_after_days: Option<i32>,
    active: bool,
    version: i64,
    updated_at: DateTime<Utc>,
    updated_by: String,
}

impl TryFrom<BonusTierRow> for BonusTier {
    type Error = StorageError;

    fn try_from(row: BonusTierRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        Ok(Self {
            id: row.id,
            product: Product::from_column(&row.product),
            from_amount: money_from_column(row.from_amount, currency)?,
            bonus: money_from_column(row.bonus, currency)?,
            used: BonusUse::parse(&row.used).ok_or_else(|| corrupt("use of a bonus tier", &row.used))?,
            expires_after_days: row.expires_after_days,
            active: row.active,
            version: row.version,
            updated_at: row.updated_at,
            updated_by: row.updated_by,
        })
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = tiers, treat_none_as_null = true)]
struct BonusTierColumns<'a> {
    id: Uuid,
    currency: &'a str,
    product: &'a str,
    from_amount: Decimal,
    bonus: Decimal,
    used: &'a str,
    expires_after_days: Option<i32>,
    active: bool,
    updated_by: &'a str,
}

impl<'a> From<&'a BonusTier> for BonusTierColumns<'a> {
    fn from(tier: &'a BonusTier) -> Self {
        Self {
            id: tier.id,
            currency: tier.from_amount.currency().code(),
            product: tier.product.as_column(),
            from_amount: tier.from_amount.amount(),
            bonus: tier.bonus.amount(),
            used: tier.used.as_str(),
            expires_after_days: tier.expires_after_days,
            active: tier.active,
            updated_by: &tier.updated_by,
        }
    }
}

/// All tiers, by currency, product and amount.
///
/// # Errors
/// [`StorageError`].
pub async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<BonusTier>, StorageError> {
    let rows: Vec<BonusTierRow> = tiers::table
        .order((tiers::currency, tiers::product, tiers::from_amount, tiers::id))
        .select(BonusTierRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The active tiers of a wallet: the product's own, or the main wallet's if the product has none.
///
/// # Errors
/// [`StorageError`].
pub async fn for_wallet(
    conn: &mut AsyncPgConnection,
    currency: Currency,
    product: &Product,
) -> Result<Vec<BonusTier>, StorageError> {
    let rows: Vec<BonusTierRow> = tiers::table
        .filter(tiers::active.and(tiers::currency.eq(currency.code())))
        .filter(tiers::product.eq_any([product.as_column(), ""]))
        .order((tiers::from_amount, tiers::id))
        .select(BonusTierRow::as_select())
        .load(conn)
        .await?;
    let all: Vec<BonusTier> = rows.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
    let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|tier| tier.product == *product);
    Ok(if own.is_empty() { others } else { own })
}

/// What decides whether a customer gets a tier.
///
/// # Errors
/// [`StorageError`].
pub async fn standing(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<BonusStanding, StorageError> {
    let reserving: Vec<(Option<Uuid>, bool)> = orders::table
        .filter(orders::customer_id.eq(customer.as_str()).and(orders::bonus_once))
        .filter(orders::status.eq_any(RESERVING.map(OrderStatus::as_str)))
        .select((orders::bonus_tier_id, orders::bonus_first))
        .load(conn)
        .await?;
    Ok(BonusStanding {
        is_first_reserved: reserving.iter().any(|(_, is_first)| *is_first),
        reserved: reserving.into_iter().filter_map(|(tier, _)| tier).collect(),
        has_topped_up: has_topped_up(conn, customer).await?,
    })
}

/// Whether a top-up of the customer has completed.
///
/// # Errors
/// [`StorageError`].
pub async fn has_topped_up(conn: &mut AsyncPgConnection, customer: &CustomerId) -> Result<bool, StorageError> {
    let completed = orders::table
        .filter(orders::customer_id.eq(customer.as_str()).and(orders::status.eq(OrderStatus::Completed.as_str())))
        .filter(orders::channel.ne(Channel::Balance.as_str()));
    Ok(diesel::select(diesel::dsl::exists(completed)).get_result(conn).await?)
}

/// Whether another order of the customer names the same once-only tier, or, like this one, a tier for the first top-up.
///
/// # Errors
/// [`StorageError`].
pub async fn is_reserved_by_another(conn: &mut AsyncPgConnection, order: &Order) -> Result<bool, StorageError> {
    let reserving: Vec<(Option<Uuid>, bool)> = orders::table
        .filter(orders::customer_id.eq(order.customer.as_str()).and(orders::bonus_once))
        .filter(orders::status.eq_any(RESERVING.map(OrderStatus::as_str)).and(orders::id.ne(order.id)))
        .select((orders::bonus_tier_id, orders::bonus_first))
        .load(conn)
        .await?;
    let terms = order.bonus_terms;
    Ok(reserving.into_iter().any(|(tier, is_first)| tier == terms.tier || is_first && terms.first))
}

/// # Errors
/// [`StorageError`].
pub async fn lock(conn: &mut AsyncPgConnection, id: Uuid) -> Result<Option<BonusTier>, StorageError> {
    let row: Option<BonusTierRow> =
        tiers::table.find(id).for_update().select(BonusTierRow::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// # Errors
/// [`StorageError`].
pub async fn insert(conn: &mut AsyncPgConnection, new: &BonusTier) -> Result<BonusTier, StorageError> {
    let row: BonusTierRow = diesel::insert_into(tiers::table)
        .values(BonusTierColumns::from(new))
        .returning(BonusTierRow::as_returning())
        .get_result(conn)
        .await?;
    row.try_into()
}

/// # Errors
/// [`StorageError`].
pub async fn update(conn: &mut AsyncPgConnection, new: &BonusTier) -> Result<BonusTier, StorageError> {
    let row: BonusTierRow = diesel::update(tiers::table.find(new.id))
        .set((BonusTierColumns::from(new), tiers::version.eq(tiers::version + 1), tiers::updated_at.eq(ledger_now())))
        .returning(BonusTierRow::as_returning())
        .get_result(conn)
        .await?;
    row.try_into()
}
