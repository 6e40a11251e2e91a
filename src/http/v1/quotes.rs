//! `POST /v1/quotes`: the price of a top-up before the order.

use actix_web::{HttpResponse, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::quotes::{self, NewQuote};
use crate::app::{App, Error, Problems};
use crate::domain::catalogue::Price;
use crate::domain::language::Language;
use crate::domain::offer::Eligibility;
use crate::domain::payment::Channel;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::extract::{JsonBody, QueryParams};
use crate::http::edge::language::Speaks;
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::CustomerQuery;
use crate::http::edge::wire::{
    Amount, AppliedTax, BonusReasonCode, ChannelReasonCode, CountryCode, CurrencyCode, PaymentChannel, ProcessingDays,
    ProductCode, ProductFilter, QuoteId,
};

/// The top-up to price.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"currency": "CNY", "amount": "100.00", "channel": "bank_transfer"}))]
pub struct QuoteRequest {
    currency: CurrencyCode,
    amount: Amount,
    /// The channel to price; absent for the recommended one.
    #[schema(nullable = false)]
    channel: Option<PaymentChannel>,
    /// The product to top up; absent, null or empty for the main wallet.
    product: Option<ProductFilter>,
}

impl QuoteRequest {
    fn read(self) -> Result<NewQuote, Error> {
        let mut problems = Problems::new();
        let currency = self.currency.read(&mut problems, "/currency");
        let amount = match currency {
            Some(currency) => self.amount.in_minor_unit(&mut problems, "/amount", currency),
            None => self.amount.decimal(&mut problems, "/amount").and(None),
        };
        let product = ProductFilter::read_or_main(self.product.as_ref(), &mut problems, "/product");
        let (amount, product) = problems.into_result(amount.zip(product))?;
        Ok(NewQuote { amount, channel: self.channel.map(Channel::from), product })
    }
}

/// The cost and the credit of an amount. An order that names the quote gets this price.
#[derive(Debug, Serialize, ToSchema)]
pub struct Quote {
    /// The signed prices: send this text with the order. It is valid for this customer, amount and product, for each
    /// channel that is eligible here, and for any number of orders. Null if no channel can be used.
    quote_id: Option<QuoteId>,
    /// Until when the quote is valid: for 15 minutes.
    expires_at: Option<DateTime<Utc>>,
    currency: CurrencyCode,
    product: Option<ProductCode>,
    /// What the wallet is to get before fees.
    amount: Amount,
    /// The channel that the request names, or otherwise the recommended one; null if no channel can be used.
    channel: Option<PaymentChannel>,
    /// What the payer pays through that channel: credited + fee + tax. This and the following amounts are null if the
    /// channel has no price.
    payable_amount: Option<Amount>,
    fee: Option<Amount>,
    /// The tax that the payer pays on top.
    tax: Option<Amount>,
    /// The tax that the payable amount contains.
    tax_included: Option<Amount>,
    /// The rule by which the top-up is taxed. Null: there is none, or the customer has no billing profile yet.
    tax_rule: Option<AppliedTax>,
    /// Additional promotional credit.
    bonus: Option<Amount>,
    /// Why there is no bonus: another order of the customer reserves it. Null if nothing was withheld.
    bonus_reason_code: Option<BonusReasonCode>,
    /// What the wallet gets: the amount, less the fee if the fee does not come on top.
    credited_amount: Option<Amount>,
    /// Every channel, including those that this customer cannot use for this amount.
    #[schema(max_items = 10)]
    channels: Vec<QuotedChannel>,
}

/// A channel, whether this customer can use it, and its price.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuotedChannel {
    channel: PaymentChannel,
    eligible: bool,
    /// Why the customer cannot use the channel, in words for the customer; null if the customer can.
    #[schema(max_length = 5000, example = json!(null))]
    reason: Option<String>,
    /// The reason for programs; null if the customer can.
    reason_code: Option<ChannelReasonCode>,
    /// The currencies that the reason names: those that the channel takes, with `channel_wrong_currency`; otherwise
    /// empty.
    #[schema(max_items = 200, example = json!([]))]
    reason_currencies: Vec<CurrencyCode>,
    /// The countries that the reason names: those whose customers can use the channel, with `channel_wrong_country` and
    /// `billing_profile_required`; otherwise empty.
    #[schema(max_items = 250, example = json!([]))]
    reason_countries: Vec<CountryCode>,
    /// Whether to recommend this channel. Several can be recommended.
    recommended: bool,
    /// The smallest amount that can be paid. The reason `below_minimum` refers to it.
    minimum: Amount,
    /// The largest amount that can be paid. The reason `above_maximum` refers to it.
    maximum: Amount,
    /// How long the money takes to arrive; null for a channel that is not offered at all.
    #[schema(max_length = 100, example = "1 to 2 working days")]
    processing_time: Option<String>,
    /// The processing time in days; null if nothing is promised.
    processing_days: Option<ProcessingDays>,
    /// What the payer pays. This and the following amounts are null if the channel has no price.
    payable_amount: Option<Amount>,
    fee: Option<Amount>,
    tax: Option<Amount>,
    tax_included: Option<Amount>,
    bonus: Option<Amount>,
    credited_amount: Option<Amount>,
}

fn quoted(one: &Eligibility, price: Option<Price>, language: Language) -> QuotedChannel {
    QuotedChannel {
        channel: one.channel.into(),
        eligible: one.is_eligible(),
        reason: one.reason(language),
        reason_code: one.reason_code().map(|code| ChannelReasonCode::new(code.as_str())),
        reason_currencies: one.reason_currencies().iter().copied().map(CurrencyCode::of).collect(),
        reason_countries: one.reason_countries().iter().map(|country| CountryCode::new(country.code())).collect(),
        recommended: one.recommended,
        minimum: Amount::from(one.minimum),
        maximum: Amount::from(one.maximum),
        processing_time: one.processing_time.clone(),
        processing_days: one.processing_days.map(ProcessingDays::from),
        payable_amount: price.map(|price| Amount::from(price.payable)),
        fee: price.map(|price| Amount::from(price.fee)),
        tax: price.map(|price| Amount::from(price.tax)),
        tax_included: price.map(|price| Amount::from(price.tax_included)),
        bonus: price.map(|price| Amount::from(price.bonus)),
        credited_amount: price.map(|price| Amount::from(price.credited)),
    }
}

impl Quote {
    fn of(quote: &quotes::Quote, language: Language) -> Self {
        let price = quote.price();
        Self {
            quote_id: quote.signed.as_ref().map(|signed| QuoteId::new(&signed.text)),
            expires_at: quote.signed.as_ref().map(|signed| signed.expires_at),
            currency: CurrencyCode::of(quote.amount.currency()),
            product: ProductCode::of_product(&quote.product),
            amount: Amount::from(quote.amount),
            channel: quote.chosen.map(PaymentChannel::from),
            payable_amount: price.map(|price| Amount::from(price.payable)),
            fee: price.map(|price| Amount::from(price.fee)),
            tax: price.map(|price| Amount::from(price.tax)),
            tax_included: price.map(|price| Amount::from(price.tax_included)),
            tax_rule: price.and_then(|price| price.tax_rule).map(AppliedTax::from),
            bonus: price.map(|price| Amount::from(price.bonus)),
            bonus_reason_code: price.and_then(|price| price.bonus_terms.reason_code()).map(BonusReasonCode::new),
            credited_amount: price.map(|price| Amount::from(price.credited)),
            channels: quote.channels.iter().map(|(one, price)| quoted(one, *price, language)).collect(),
        }
    }
}

/// Quote a top-up
///
/// Shows what the payer pays, fee, tax, bonus and credited amount before the order. For each channel it shows whether
/// this customer can use it for this amount, and the reason if not. The service stores nothing.
///
/// An order that names `quote_id` gets fee, tax, bonus and credited amount as quoted, even if the operator has changed
/// them meanwhile. It is refused with 409 `price_changed` if the tax has changed because of the customer's country or
/// tax status, or if its bonus is given only once and another order has it by now. A channel that was closed meanwhile
/// stays closed (422 `channel_not_offered`).
#[utoipa::path(
    tag = "top-up-options",
    operation_id = "createQuote",
    params(CustomerQuery, Speaks),
    request_body = QuoteRequest,
    responses((status = 200, description = "The price", body = Quote)),
    security(("bearer" = []))
)]
#[post("/v1/quotes")]
pub async fn create_quote(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<CustomerQuery>,
    Speaks(language): Speaks,
    body: JsonBody<QuoteRequest>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = query.customer(&caller)?;
    let quote = quotes::quote(&app, &customer, body.value.read()?).await?;
    Ok(HttpResponse::Ok().json(Quote::of(&quote, language)))
}
