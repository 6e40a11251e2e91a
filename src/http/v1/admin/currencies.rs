//! `/v1/admin/currencies`: a new currency in one call.

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::catalogue::channel_rules::NewRule;
use crate::app::catalogue::currencies::{self, OfferedCurrency};
use crate::app::catalogue::top_up_options::NewOptions;
use crate::app::{App, Error, Problems};
use crate::domain::code::Code;
use crate::domain::product::Product;
use crate::http::edge::auth::{ADMIN, Allowed, AsOperator};
use crate::http::edge::extract::JsonBody;
use crate::http::edge::problem::Failure;
use crate::http::edge::wire::{CurrencyCode, PaymentChannel};
use crate::http::v1::admin::channel_rules::body::{AdminChannelRule, ChannelRuleRequest};
use crate::http::v1::admin::top_up_options::body::{AdminTopUpOptions, TopUpOptionsRequest};

/// A currency to offer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "currency": "EUR",
    "options": {"presets": ["50", "100"], "minimum": "10", "maximum": "20000", "order_ttl_minutes": 1440},
    "channels": [
        {"channel": "card", "rule": {"enabled": true, "rank": 10, "processing_time": "instant"}},
        {"channel": "balance", "rule": {"enabled": true, "rank": 40, "processing_time": "instant"}}
    ]
}))]
pub struct AddCurrency {
    currency: CurrencyCode,
    options: TopUpOptionsRequest,
    /// The rules of its channels, each channel once.
    #[schema(min_items = 1, max_items = 5)]
    channels: Vec<AddedChannel>,
}

/// The rule of a channel in a new currency.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddedChannel {
    channel: PaymentChannel,
    rule: ChannelRuleRequest,
}

impl AddCurrency {
    fn read(self) -> Result<(NewOptions, Vec<NewRule>), Error> {
        let mut problems = Problems::new();
        let Some(currency) = self.currency.read(&mut problems, "/currency") else {
            return Err(problems.into_error());
        };
        if !(1..=5).contains(&self.channels.len()) {
            problems.add("/channels", Code::Count, "must be 1 to 5 channels");
        }
        let options = self.options.read((currency, Product::main()), &mut problems, "/options");
        let channels = self.channels.into_iter().enumerate();
        let rules: Vec<_> = channels
            .filter_map(|(n, AddedChannel { channel, rule })| {
                let of = (channel.into(), currency, Product::main());
                rule.read(of, &mut problems, &format!("/channels/{n}/rule"))
            })
            .collect();
        Ok((problems.into_result(options)?, rules))
    }
}

/// A currency that is offered now.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddedCurrency {
    currency: CurrencyCode,
    /// The decimals of its minor unit: 2 for USD and CNY, 0 for VND.
    #[schema(minimum = 0, maximum = 4, example = 2)]
    decimals: u32,
    options: AdminTopUpOptions,
    #[schema(max_items = 5)]
    channels: Vec<AdminChannelRule>,
}

impl From<OfferedCurrency> for AddedCurrency {
    fn from(offered: OfferedCurrency) -> Self {
        let currency = offered.options.currency();
        Self {
            currency: CurrencyCode::of(currency),
            decimals: currency.exponent(),
            options: offered.options.into(),
            channels: offered.rules.into_iter().map(AdminChannelRule::from).collect(),
        }
    }
}

/// Add a currency
///
/// Offers a new currency: its options and the rules of its channels are saved together, or none of them is. They apply
/// to the main wallet, and to every product without its own. Afterwards each is changed by its own operation.
#[utoipa::path(
    tag = "admin-catalogue",
    operation_id = "adminAddCurrency",
    request_body = AddCurrency,
    responses(
        (status = 201, description = "The currency is offered", body = AddedCurrency),
        (status = 409, description = "`currency_exists`"),
    ),
    security(("bearer" = ["operator:admin"]))
)]
#[post("/v1/admin/currencies")]
pub async fn admin_add_currency(
    Allowed(caller): AsOperator<ADMIN>,
    body: JsonBody<AddCurrency>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let (options, rules) = body.value.read()?;
    let offered = currencies::add(&app, &caller, options, rules).await?;
    Ok(HttpResponse::Created().json(AddedCurrency::from(offered)))
}
