//! `GET /v1/top-up-options`: what a customer can top up, and how.

use actix_web::{HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::catalogue::agreements;
use crate::app::{App, Problems, Support, top_up_options};
use crate::domain::bonus::{BonusStanding, BonusTier};
use crate::domain::catalogue::{Agreement, BankAccount};
use crate::domain::language::Language;
use crate::domain::money::Currency;
use crate::domain::offer::{Eligibility, Offer};
use crate::domain::payment::Channel;
use crate::http::edge::auth::{Allowed, AsCustomer};
use crate::http::edge::etag::IfNoneMatch;
use crate::http::edge::extract::QueryParams;
use crate::http::edge::language::Speaks;
use crate::http::edge::problem::Failure;
use crate::http::edge::queries::customer_of;
use crate::http::edge::wire::{
    AgreementVersion, Amount, AppliedTax, BonusUseName, ChannelReasonCode, CountryCode, CurrencyCode, CustomerIdText,
    LanguageTag, PaymentChannel, ProcessingDays, ProductCode, ProductFilter,
};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OptionsQuery {
    customer_id: Option<CustomerIdText>,
    /// The currency to top up in; absent for the one that the customer has used last, or else the first one.
    currency: Option<CurrencyCode>,
    /// The product to top up; absent or empty for the main wallet.
    product: Option<ProductFilter>,
}

/// What the customer can choose.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopUpOptions {
    currency: CurrencyCode,
    /// Every currency that is offered.
    #[schema(max_items = 200)]
    currencies: Vec<OfferedCurrency>,
    product: Option<ProductCode>,
    /// The amounts to offer, without unneeded decimals. The customer can choose any other amount within the limits.
    #[schema(max_items = 20, example = json!(["50", "100", "500", "1000"]))]
    presets: Vec<Amount>,
    /// The smallest payment: the amount, plus a fee that comes on top.
    minimum: Amount,
    /// The largest payment.
    maximum: Amount,
    /// The agreement that the customer accepts with an order. Null: the operator has not published one, and nothing
    /// can be ordered yet.
    agreement: Option<AgreementLink>,
    /// The account that takes bank transfers in this currency now. Null if this customer cannot pay by bank transfer.
    /// An order names the account of its own transfer.
    bank_account: Option<OfferedBankAccount>,
    /// The rule by which top-ups of this customer are taxed. Null: there is none, or the customer has no billing
    /// profile yet.
    tax_rule: Option<AppliedTax>,
    /// The bonuses of larger top-ups, by amount. An order gets the best tier that fits it.
    #[schema(max_items = 100)]
    bonus_tiers: Vec<OfferedBonusTier>,
    /// Whom to ask for help; null if the platform names nobody.
    support: Option<SupportContact>,
    /// Every channel, including those that this customer cannot use.
    #[schema(max_items = 10)]
    channels: Vec<ChannelOption>,
}

/// A currency that is offered.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfferedCurrency {
    currency: CurrencyCode,
    /// The decimals of its minor unit: 2 for USD and CNY, 0 for VND.
    #[schema(minimum = 0, maximum = 4, example = 2)]
    decimals: u32,
}

impl From<Currency> for OfferedCurrency {
    fn from(currency: Currency) -> Self {
        Self { currency: CurrencyCode::of(currency), decimals: currency.exponent() }
    }
}

/// The agreement that the customer accepts with an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgreementLink {
    version: AgreementVersion,
    #[schema(max_length = 500, example = "https://example.com/agreements/2026-11-01")]
    url: String,
    /// The languages in which `/v1/agreements/{version}` serves its text.
    #[schema(max_items = 20)]
    languages: Vec<LanguageTag>,
}

impl AgreementLink {
    fn of(agreement: Agreement, languages: &[String]) -> Self {
        let languages = languages.iter().map(LanguageTag::new).collect();
        Self { version: AgreementVersion::new(agreement.version), url: agreement.url, languages }
    }
}

/// A bank account of the platform that takes transfers.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfferedBankAccount {
    #[schema(max_length = 200, example = "Bank of China")]
    bank_name: String,
    #[schema(max_length = 200, example = "Example Platform Ltd.")]
    account_name: String,
    #[schema(max_length = 64, example = "6216600100001234567")]
    account_number: String,
    #[schema(max_length = 200, example = "Shenzhen Nanshan")]
    branch: Option<String>,
    /// The clearing code of the branch in China.
    #[schema(max_length = 32, example = "104584000000")]
    cnaps_code: Option<String>,
    #[schema(max_length = 11, example = "BKCHCNBJ")]
    swift_bic: Option<String>,
    #[schema(max_length = 500, example = "Shenzhen, China")]
    bank_address: Option<String>,
}

impl From<BankAccount> for OfferedBankAccount {
    fn from(account: BankAccount) -> Self {
        Self {
            bank_name: account.bank_name,
            account_name: account.account_name,
            account_number: account.account_number,
            branch: account.branch,
            cnaps_code: account.cnaps_code,
            swift_bic: account.swift_bic,
            bank_address: account.bank_address,
        }
    }
}

/// A bonus for top-ups of a certain amount.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfferedBonusTier {
    from_amount: Amount,
    bonus: Amount,
    #[serde(rename = "use")]
    used: BonusUseName,
    /// After how many days what is left of the bonus expires. Null: it never expires.
    #[schema(minimum = 1, maximum = 3650, example = 90)]
    expires_after_days: Option<i32>,
    /// Whether this customer gets the bonus with an order that is created now.
    available: bool,
}

impl OfferedBonusTier {
    fn of(tier: &BonusTier, standing: &BonusStanding) -> Self {
        Self {
            from_amount: tier.from_amount.into(),
            bonus: tier.bonus.into(),
            used: tier.used.into(),
            expires_after_days: tier.expires_after_days,
            available: tier.is_available(standing),
        }
    }
}

/// Whom customers ask for help.
#[derive(Debug, Serialize, ToSchema)]
pub struct SupportContact {
    #[schema(max_length = 254, example = "support@example.com")]
    email: Option<String>,
    #[schema(max_length = 500, example = "https://example.com/support")]
    url: Option<String>,
    #[schema(max_length = 50, example = "+86 755 0000 0000")]
    phone: Option<String>,
}

impl SupportContact {
    fn of(support: &Support) -> Option<Self> {
        let Support { email, url, phone } = support.clone();
        (email.is_some() || url.is_some() || phone.is_some()).then_some(Self { email, url, phone })
    }
}

/// A channel, and whether this customer can use it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelOption {
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
}

impl ChannelOption {
    fn of(one: &Eligibility, language: Language) -> Self {
        Self {
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
        }
    }
}

impl TopUpOptions {
    fn of(
        offer: Offer,
        currencies: Vec<Currency>,
        agreement_languages: &[String],
        support: &Support,
        language: Language,
    ) -> Self {
        let tiers = offer.tiers.iter();
        let by_transfer = offer.eligibility(Channel::BankTransfer, None).is_eligible();
        Self {
            currency: CurrencyCode::of(offer.currency),
            currencies: currencies.into_iter().map(OfferedCurrency::from).collect(),
            product: ProductCode::of_product(&offer.product),
            presets: offer.options.presets.iter().copied().map(Amount::from).collect(),
            minimum: Amount::from(offer.options.minimum),
            maximum: Amount::from(offer.options.maximum),
            channels: offer.channels(None).iter().map(|one| ChannelOption::of(one, language)).collect(),
            bonus_tiers: tiers.map(|tier| OfferedBonusTier::of(tier, &offer.standing)).collect(),
            tax_rule: offer.tax_rule.map(AppliedTax::from),
            support: SupportContact::of(support),
            bank_account: offer.bank_account.filter(|_| by_transfer).map(OfferedBankAccount::from),
            agreement: offer.agreement.map(|agreement| AgreementLink::of(agreement, agreement_languages)),
        }
    }
}

/// Show top-up options
///
/// The amounts to offer, and every channel: whether this customer can use it, its limits, and the reason if the
/// customer cannot use it. Some channels depend on the country of the billing profile. Without `currency` the service
/// chooses one, and `currencies` names the others.
#[utoipa::path(
    tag = "top-up-options",
    operation_id = "getTopUpOptions",
    params(OptionsQuery, Speaks, IfNoneMatch),
    responses((status = 200, description = "The options", body = TopUpOptions)),
    security(("bearer" = []))
)]
#[get("/v1/top-up-options")]
pub async fn get_top_up_options(
    Allowed(caller): AsCustomer,
    QueryParams(query): QueryParams<OptionsQuery>,
    Speaks(language): Speaks,
    known: IfNoneMatch,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let customer = customer_of(&caller, query.customer_id.as_ref())?;
    let mut problems = Problems::new();
    let currency = query.currency.as_ref().and_then(|currency| currency.read(&mut problems, "?currency"));
    let product = ProductFilter::read_or_main(query.product.as_ref(), &mut problems, "?product");
    let product = problems.into_result(product)?;
    let (offer, currencies) = top_up_options::get(&app, &customer, currency, &product).await?;
    let languages = match &offer.agreement {
        Some(agreement) => agreements::languages(&app, &agreement.version).await?,
        None => Vec::new(),
    };
    known.answer(&TopUpOptions::of(offer, currencies, &languages, &app.settings.support, language))
}
