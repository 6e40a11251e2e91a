//! Top-up options: the amounts that a customer may choose.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;

use crate::domain::catalogue::TopUpOptions;
use crate::domain::money::Currency;
use crate::domain::product::Product;
use crate::storage::StorageError;
use crate::storage::clock::ledger_now;
use crate::storage::columns::{currency_from_column, money_from_column};
use crate::storage::schema::top_up_options as options;

#[derive(Queryable, Selectable)]
#[diesel(table_name = options, check_for_backend(diesel::pg::Pg))]
struct TopUpOptionsRow {
    currency: String,
    product: String,
    presets: Vec<Decimal>,
    minimum: Decimal,
    maximum: Decimal,
    order_ttl_minutes: i32,
    version: i64,
    updated_at: DateTime<Utc>,
    updated_by: String,
}

impl TryFrom<TopUpOptionsRow> for TopUpOptions {
    type Error = StorageError;

    fn try_from(row: TopUpOptionsRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        Ok(Self {
            product: Product::from_column(&row.product),
            presets: row
                .presets
                .into_iter()
                .map(|preset| money_from_column(preset, currency))
                .collect::<Result<_, _>>()?,
            minimum: money_from_column(row.minimum, currency)?,
            maximum: money_from_column(row.maximum, currency)?,
            order_ttl_minutes: row.order_ttl_minutes,
            version: row.version,
            updated_at: row.updated_at,
            updated_by: row.updated_by,
        })
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = options)]
struct TopUpOptionsColumns<'a> {
    currency: &'a str,
    product: &'a str,
    presets: Vec<Decimal>,
    minimum: Decimal,
    maximum: Decimal,
    order_ttl_minutes: i32,
    updated_by: &'a str,
}

impl<'a> From<&'a TopUpOptions> for TopUpOptionsColumns<'a> {
    fn from(options: &'a TopUpOptions) -> Self {
        Self {
            currency: options.currency().code(),
            product: options.product.as_column(),
            presets: options.presets.iter().map(|preset| preset.amount()).collect(),
            minimum: options.minimum.amount(),
            maximum: options.maximum.amount(),
            order_ttl_minutes: options.order_ttl_minutes,
            updated_by: &options.updated_by,
        }
    }
}

/// All options, sorted by currency. The main wallet's options come first.
///
/// # Errors
/// [`StorageError`].
pub async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<TopUpOptions>, StorageError> {
    let rows: Vec<TopUpOptionsRow> = options::table
        .order((options::currency, options::product))
        .select(TopUpOptionsRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The options that apply to a wallet: the product's own, or the main wallet's if the product has none.
///
/// # Errors
/// [`StorageError`].
pub async fn for_wallet(
    conn: &mut AsyncPgConnection,
    currency: Currency,
    product: &Product,
) -> Result<Option<TopUpOptions>, StorageError> {
    let row: Option<TopUpOptionsRow> = options::table
        .filter(options::currency.eq(currency.code()))
        .filter(options::product.eq_any([product.as_column(), ""]))
        .order(options::product.desc())
        .select(TopUpOptionsRow::as_select())
        .first(conn)
        .await
        .optional()?;
    row.map(TryInto::try_into).transpose()
}

/// # Errors
/// [`StorageError`].
pub async fn lock(
    conn: &mut AsyncPgConnection,
    currency: Currency,
    product: &Product,
) -> Result<Option<TopUpOptions>, StorageError> {
    let key = (currency.code(), product.as_column());
    let row: Option<TopUpOptionsRow> =
        options::table.find(key).for_update().select(TopUpOptionsRow::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// Writes new options; `None` when the options exist already.
///
/// # Errors
/// [`StorageError`].
pub async fn insert(conn: &mut AsyncPgConnection, new: &TopUpOptions) -> Result<Option<TopUpOptions>, StorageError> {
    let row: Option<TopUpOptionsRow> = diesel::insert_into(options::table)
        .values(TopUpOptionsColumns::from(new))
        .on_conflict_do_nothing()
        .returning(TopUpOptionsRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    row.map(TryInto::try_into).transpose()
}

/// # Errors
/// [`StorageError`].
pub async fn update(conn: &mut AsyncPgConnection, new: &TopUpOptions) -> Result<TopUpOptions, StorageError> {
    let row: TopUpOptionsRow = diesel::update(options::table.find((new.currency().code(), new.product.as_column())))
        .set((
            TopUpOptionsColumns::from(new),
            options::version.eq(options::version + 1),
            options::updated_at.eq(ledger_now()),
        ))
        .returning(TopUpOptionsRow::as_returning())
        .get_result(conn)
        .await?;
    row.try_into()
}
