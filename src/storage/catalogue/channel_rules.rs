//! Channel rules: the terms on which a channel is offered for a currency and a product.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rust_decimal::Decimal;

use crate::domain::catalogue::{ChannelRule, ProcessingDays};
use crate::domain::money::Currency;
use crate::domain::payment::Channel;
use crate::domain::percent::Percent;
use crate::domain::product::Product;
use crate::storage::StorageError;
use crate::storage::clock::ledger_now;
use crate::storage::columns::{corrupt, currency_from_column, money_from_column};
use crate::storage::schema::channel_rules as rules;

#[derive(Queryable, Selectable)]
#[diesel(table_name = rules, check_for_backend(diesel::pg::Pg))]
struct ChannelRuleRow {
    channel: String,
    currency: String,
    product: String,
    enabled: bool,
    countries: Vec<String>,
    minimum: Option<Decimal>,
    maximum: Option<Decimal>,
    rank: i32,
    recommended: bool,
    fee_percent: Decimal,
    fee_on_top: bool,
    fee_refundable: bool,
    bonus_percent: Decimal,
    processing_time: String,
    min_days: Option<i32>,
    max_days: Option<i32>,
    business_days: bool,
    version: i64,
    updated_at: DateTime<Utc>,
    updated_by: String,
}

fn percent(share: Decimal) -> Result<Percent, StorageError> {
    Percent::new(share).ok_or_else(|| corrupt("percent", share))
}

fn processing_days(days: Option<(i32, i32)>, business: bool) -> Result<Option<ProcessingDays>, StorageError> {
    let Some((min, max)) = days else { return Ok(None) };
    let corrupt = || corrupt("processing days", format_args!("{min} to {max}"));
    Ok(Some(ProcessingDays::new(min, max, business).ok_or_else(corrupt)?))
}

impl TryFrom<ChannelRuleRow> for ChannelRule {
    type Error = StorageError;

    fn try_from(row: ChannelRuleRow) -> Result<Self, StorageError> {
        let currency = currency_from_column(&row.currency)?;
        let country = |code: String| code.parse().map_err(|_| corrupt("country", &code));
        Ok(Self {
            channel: row.channel.parse().map_err(|()| corrupt("channel", &row.channel))?,
            currency,
            product: Product::from_column(&row.product),
            enabled: row.enabled,
            countries: row.countries.into_iter().map(country).collect::<Result<_, _>>()?,
            minimum: row.minimum.map(|minimum| money_from_column(minimum, currency)).transpose()?,
            maximum: row.maximum.map(|maximum| money_from_column(maximum, currency)).transpose()?,
            rank: row.rank,
            recommended: row.recommended,
            fee: percent(row.fee_percent)?,
            fee_on_top: row.fee_on_top,
            fee_refundable: row.fee_refundable,
            bonus: percent(row.bonus_percent)?,
            processing_time: row.processing_time,
            processing_days: processing_days(row.min_days.zip(row.max_days), row.business_days)?,
            version: row.version,
            updated_at: row.updated_at,
            updated_by: row.updated_by,
        })
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = rules, treat_none_as_null = true)]
struct ChannelRuleColumns<'a> {
    channel: &'a str,
    currency: &'a str,
    product: &'a str,
    enabled: bool,
    countries: Vec<&'a str>,
    minimum: Option<Decimal>,
    maximum: Option<Decimal>,
    rank: i32,
    recommended: bool,
    fee_percent: Decimal,
    fee_on_top: bool,
    fee_refundable: bool,
    bonus_percent: Decimal,
    processing_time: &'a str,
    min_days: Option<i32>,
    max_days: Option<i32>,
    business_days: bool,
    updated_by: &'a str,
}

impl<'a> From<&'a ChannelRule> for ChannelRuleColumns<'a> {
    fn from(rule: &'a ChannelRule) -> Self {
        Self {
            channel: rule.channel.as_str(),
            currency: rule.currency.code(),
            product: rule.product.as_column(),
            enabled: rule.enabled,
            countries: rule.countries.iter().map(|country| country.code()).collect(),
            minimum: rule.minimum.map(|minimum| minimum.amount()),
            maximum: rule.maximum.map(|maximum| maximum.amount()),
            rank: rule.rank,
            recommended: rule.recommended,
            fee_percent: rule.fee.value(),
            fee_on_top: rule.fee_on_top,
            fee_refundable: rule.fee_refundable,
            bonus_percent: rule.bonus.value(),
            processing_time: &rule.processing_time,
            min_days: rule.processing_days.map(|days| days.min.cast_signed()),
            max_days: rule.processing_days.map(|days| days.max.cast_signed()),
            business_days: rule.processing_days.is_some_and(|days| days.business),
            updated_by: &rule.updated_by,
        }
    }
}

/// All rules, by currency, product and rank.
///
/// # Errors
/// [`StorageError`].
pub async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<ChannelRule>, StorageError> {
    let rows: Vec<ChannelRuleRow> = rules::table
        .order((rules::currency, rules::product, rules::rank, rules::channel))
        .select(ChannelRuleRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The rules that apply to a product in any currency: its own rules and the main wallet's, which are its defaults.
///
/// # Errors
/// [`StorageError`].
pub async fn for_product(conn: &mut AsyncPgConnection, product: &Product) -> Result<Vec<ChannelRule>, StorageError> {
    let rows: Vec<ChannelRuleRow> = rules::table
        .filter(rules::product.eq_any([product.as_column(), ""]))
        .select(ChannelRuleRow::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// # Errors
/// [`StorageError`].
pub async fn lock(
    conn: &mut AsyncPgConnection,
    channel: Channel,
    currency: Currency,
    product: &Product,
) -> Result<Option<ChannelRule>, StorageError> {
    let key = (channel.as_str(), currency.code(), product.as_column());
    let row: Option<ChannelRuleRow> =
        rules::table.find(key).for_update().select(ChannelRuleRow::as_select()).first(conn).await.optional()?;
    row.map(TryInto::try_into).transpose()
}

/// Writes a new rule; `None` when the rule exists already.
///
/// # Errors
/// [`StorageError`].
pub async fn insert(conn: &mut AsyncPgConnection, new: &ChannelRule) -> Result<Option<ChannelRule>, StorageError> {
    let row: Option<ChannelRuleRow> = diesel::insert_into(rules::table)
        .values(ChannelRuleColumns::from(new))
        .on_conflict_do_nothing()
        .returning(ChannelRuleRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    row.map(TryInto::try_into).transpose()
}

/// # Errors
/// [`StorageError`].
pub async fn update(conn: &mut AsyncPgConnection, new: &ChannelRule) -> Result<ChannelRule, StorageError> {
    let key = (new.channel.as_str(), new.currency.code(), new.product.as_column());
    let row: ChannelRuleRow = diesel::update(rules::table.find(key))
        .set((ChannelRuleColumns::from(new), rules::version.eq(rules::version + 1), rules::updated_at.eq(ledger_now())))
        .returning(ChannelRuleRow::as_returning())
        .get_result(conn)
        .await?;
    row.try_into()
}
