//! How channel rules look on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Problems;
use crate::app::catalogue::channel_rules::NewRule;
use crate::domain::catalogue::ChannelRule;
use crate::domain::code::Code;
use crate::domain::money::Currency;
use crate::domain::payment::Channel;
use crate::domain::product::Product;
use crate::http::edge::wire::{
    Actor, Amount, CountryCode, CurrencyCode, PaymentChannel, PercentText, ProcessingDays, ProductCode,
};

/// The terms on which a channel is offered.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminChannelRule {
    channel: PaymentChannel,
    currency: CurrencyCode,
    /// The product; null for the main wallet, and for every product without a rule of its own.
    product: Option<ProductCode>,
    enabled: bool,
    /// The channel is offered to customers with a billing profile of these countries. Empty: to all customers.
    #[schema(max_items = 250)]
    countries: Vec<CountryCode>,
    /// The smallest payment. Null: the minimum of the top-up options applies.
    minimum: Option<Amount>,
    /// The largest payment. Null: the maximum of the top-up options applies.
    maximum: Option<Amount>,
    /// The place of the channel in lists.
    #[schema(minimum = 0, maximum = 1_000_000, example = 10)]
    rank: i32,
    /// Whether the channel is recommended. If no channel that a customer can use is marked as recommended, the one with
    /// the lowest rank is recommended.
    recommended: bool,
    /// The fee in percent of the amount.
    fee_percent: PercentText,
    /// Whether the payer pays the fee on top of the amount. Otherwise the fee is deducted from what is credited.
    fee_on_top: bool,
    /// Whether a refund gives the fee back to the payer, in proportion. Tax always goes back.
    fee_refundable: bool,
    /// The bonus in percent of the amount, granted in addition.
    bonus_percent: PercentText,
    /// How long the money takes to arrive, in words for the customer.
    #[schema(max_length = 100, example = "1 to 2 working days")]
    processing_time: String,
    /// The processing time in days; null if nothing is promised. An order is due at the end of its last day.
    processing_days: Option<ProcessingDays>,
    /// A number that grows with every change. It is also the ETag: `"<version>"`.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
    /// Who changed it last. The audit log has its history.
    updated_by: Actor,
}

impl From<ChannelRule> for AdminChannelRule {
    fn from(rule: ChannelRule) -> Self {
        Self {
            channel: rule.channel.into(),
            currency: CurrencyCode::of(rule.currency),
            product: ProductCode::of_product(&rule.product),
            enabled: rule.enabled,
            countries: rule.countries.iter().map(|country| CountryCode::new(country.code())).collect(),
            minimum: rule.minimum.map(Amount::from),
            maximum: rule.maximum.map(Amount::from),
            rank: rule.rank,
            recommended: rule.recommended,
            fee_percent: PercentText::new(rule.fee.to_string()),
            fee_on_top: rule.fee_on_top,
            fee_refundable: rule.fee_refundable,
            bonus_percent: PercentText::new(rule.bonus.to_string()),
            processing_time: rule.processing_time,
            processing_days: rule.processing_days.map(ProcessingDays::from),
            version: rule.version,
            updated_at: rule.updated_at,
            updated_by: Actor::new(rule.updated_by),
        }
    }
}

/// The rule to save.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "enabled": true, "countries": [], "minimum": "50", "rank": 30, "processing_time": "1 to 2 working days",
    "processing_days": {"min_days": 1, "max_days": 2, "business_days": true}
}))]
pub struct ChannelRuleRequest {
    enabled: bool,
    /// The channel is offered to customers with a billing profile of these countries. Empty: to all customers.
    #[serde(default)]
    #[schema(max_items = 250)]
    countries: Vec<CountryCode>,
    /// The smallest payment. Absent: the minimum of the top-up options applies.
    #[schema(nullable = false)]
    minimum: Option<Amount>,
    /// The largest payment. Absent: the maximum of the top-up options applies.
    #[schema(nullable = false)]
    maximum: Option<Amount>,
    /// The place of the channel in lists.
    #[schema(minimum = 0, maximum = 1_000_000, example = 10)]
    rank: i32,
    /// Whether the channel is recommended. If no channel that a customer can use is marked as recommended, the one with
    /// the lowest rank is recommended.
    #[serde(default)]
    recommended: bool,
    /// The fee in percent of the amount.
    #[serde(default = "zero")]
    #[schema(default = "0")]
    fee_percent: PercentText,
    /// Whether the payer pays the fee on top of the amount. Otherwise the fee is deducted from what is credited.
    #[serde(default)]
    #[schema(default = false)]
    fee_on_top: bool,
    /// Whether a refund gives the fee back to the payer, in proportion. Tax always goes back.
    #[serde(default = "yes")]
    #[schema(default = true)]
    fee_refundable: bool,
    /// The bonus in percent of the amount, granted in addition.
    #[serde(default = "zero")]
    #[schema(default = "0")]
    bonus_percent: PercentText,
    /// How long the money takes to arrive, in words for the customer.
    #[schema(min_length = 1, max_length = 100, example = "1 to 2 working days")]
    processing_time: String,
    /// The processing time in days; absent: nothing is promised. An order is due at the end of its last day.
    #[schema(nullable = false)]
    processing_days: Option<ProcessingDays>,
}

impl ChannelRuleRequest {
    /// Reads the rule of a channel. `at` is the place of the request in the body.
    pub fn read(self, of: (Channel, Currency, Product), problems: &mut Problems, at: &str) -> Option<NewRule> {
        let (channel, currency, product) = of;
        let mut bound =
            |name, amount: Option<Amount>| amount?.in_minor_unit(problems, &format!("{at}/{name}"), currency);
        let (minimum, maximum) = (bound("minimum", self.minimum), bound("maximum", self.maximum));
        let countries = self.countries.iter().take(250).enumerate();
        let countries =
            countries.filter_map(|(n, country)| country.read(problems, &format!("{at}/countries/{n}"))).collect();
        if self.countries.len() > 250 {
            problems.add(format!("{at}/countries"), Code::TooMany, "must have 250 items at most");
        }
        let fee = self.fee_percent.read(problems, &format!("{at}/fee_percent"));
        let bonus = self.bonus_percent.read(problems, &format!("{at}/bonus_percent"));
        let processing_time = problems.text(&format!("{at}/processing_time"), &self.processing_time, 1, 100);
        let processing_days =
            self.processing_days.and_then(|days| days.read(problems, &format!("{at}/processing_days")));
        Some(NewRule {
            channel,
            currency,
            product,
            enabled: self.enabled,
            countries,
            minimum,
            maximum,
            rank: self.rank,
            recommended: self.recommended,
            fee: fee?,
            fee_on_top: self.fee_on_top,
            fee_refundable: self.fee_refundable,
            bonus: bonus?,
            processing_time: processing_time?,
            processing_days,
        })
    }
}

fn yes() -> bool {
    true
}

fn zero() -> PercentText {
    PercentText::new("0")
}
