//! Tax, as the API shows it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CountryCode, PercentText};
use crate::domain::tax;

/// When credit is taxed: at its purchase, or never, because its use is taxed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxedAtName {
    TopUp,
    Never,
}

impl From<tax::TaxedAt> for TaxedAtName {
    fn from(at: tax::TaxedAt) -> Self {
        match at {
            tax::TaxedAt::TopUp => Self::TopUp,
            tax::TaxedAt::Never => Self::Never,
        }
    }
}

impl From<TaxedAtName> for tax::TaxedAt {
    fn from(at: TaxedAtName) -> Self {
        match at {
            TaxedAtName::TopUp => Self::TopUp,
            TaxedAtName::Never => Self::Never,
        }
    }
}

/// The rule by which a top-up is taxed.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppliedTax {
    seller_country: CountryCode,
    /// The customer's country; null if the rule is for all countries without a rule of their own.
    customer_country: Option<CountryCode>,
    /// Whether the rule is for businesses whose tax id was verified.
    business: bool,
    rate_percent: PercentText,
    /// Whether the price contains the tax. Otherwise the payer pays it on top.
    inclusive: bool,
    at: TaxedAtName,
    /// Whether the business itself owes the tax, in its own country.
    reverse_charge: bool,
    /// The version of the rule.
    #[schema(minimum = 1, example = 1)]
    version: i64,
}

impl From<tax::AppliedTax> for AppliedTax {
    fn from(rule: tax::AppliedTax) -> Self {
        Self {
            seller_country: CountryCode::new(rule.key.seller.code()),
            customer_country: rule.key.customer.map(|country| CountryCode::new(country.code())),
            business: rule.key.business,
            rate_percent: PercentText::new(rule.terms.rate.to_string()),
            inclusive: rule.terms.inclusive,
            at: rule.terms.at.into(),
            reverse_charge: rule.terms.reverse_charge,
            version: rule.version,
        }
    }
}
