//! How the top-up options of operators look on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Problems;
use crate::app::catalogue::top_up_options::NewOptions;
use crate::domain::catalogue::TopUpOptions;
use crate::domain::code::Code;
use crate::domain::money::Currency;
use crate::domain::product::Product;
use crate::http::edge::wire::{Actor, Amount, CurrencyCode, ProductCode};

/// The amounts that customers can choose, as an operator sees them.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminTopUpOptions {
    currency: CurrencyCode,
    /// The product; null for the main wallet, and for every product without options of its own.
    product: Option<ProductCode>,
    #[schema(max_items = 20, example = json!(["50.00", "100.00"]))]
    presets: Vec<Amount>,
    minimum: Amount,
    maximum: Amount,
    /// How long an order waits for its money. Orders by bank transfer wait 14 days instead.
    #[schema(minimum = 30, maximum = 1440, example = 1440)]
    order_ttl_minutes: i32,
    /// A number that grows with every change. It is also the ETag: `"<version>"`.
    #[schema(minimum = 1, example = 1)]
    version: i64,
    updated_at: DateTime<Utc>,
    /// Who changed it last. The audit log has its history.
    updated_by: Actor,
}

impl From<TopUpOptions> for AdminTopUpOptions {
    fn from(options: TopUpOptions) -> Self {
        Self {
            currency: CurrencyCode::of(options.currency()),
            product: ProductCode::of_product(&options.product),
            presets: options.presets.iter().copied().map(Amount::from).collect(),
            minimum: Amount::from(options.minimum),
            maximum: Amount::from(options.maximum),
            order_ttl_minutes: options.order_ttl_minutes,
            version: options.version,
            updated_at: options.updated_at,
            updated_by: Actor::new(options.updated_by),
        }
    }
}

/// The options to save.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "presets": ["50", "100", "500", "1000"], "minimum": "10", "maximum": "200000", "order_ttl_minutes": 1440
}))]
pub struct TopUpOptionsRequest {
    /// The amounts to offer, in the order in which customers see them. They are between minimum and maximum.
    #[schema(max_items = 20)]
    presets: Vec<Amount>,
    minimum: Amount,
    maximum: Amount,
    /// How long an order waits for its money. Orders by bank transfer wait 14 days instead.
    #[schema(minimum = 30, maximum = 1440, example = 1440)]
    order_ttl_minutes: i32,
}

impl TopUpOptionsRequest {
    /// Reads the options of a wallet. `at` is the place of the request in the body.
    pub fn read(self, of: (Currency, Product), problems: &mut Problems, at: &str) -> Option<NewOptions> {
        let (currency, product) = of;
        let minimum = self.minimum.in_minor_unit(problems, &format!("{at}/minimum"), currency);
        let maximum = self.maximum.in_minor_unit(problems, &format!("{at}/maximum"), currency);
        if self.presets.len() > 20 {
            problems.add(format!("{at}/presets"), Code::TooMany, "must have 20 items at most");
        }
        let presets = self.presets.iter().take(20).enumerate();
        let presets = presets
            .filter_map(|(n, preset)| preset.in_minor_unit(problems, &format!("{at}/presets/{n}"), currency))
            .collect();
        let order_ttl_minutes = self.order_ttl_minutes;
        Some(NewOptions { product, presets, minimum: minimum?, maximum: maximum?, order_ttl_minutes })
    }
}
