//! The figures of a refusal: the missing amount, the reached cap, the owed sum, the current price of an order.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::{Amount, CurrencyCode, ProductCode, SignedAmount};
use crate::domain::catalogue::Price;
use crate::domain::money::Money;
use crate::domain::posting::{CapPeriod, CapReached, Shortfall};

/// The wallet that has too little money, and how much is missing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InsufficientFunds {
    pub currency: CurrencyCode,
    pub product: Option<ProductCode>,
    pub required: Amount,
    pub available: SignedAmount,
    pub held: Amount,
    pub shortfall: Amount,
    /// The amount that can be moved to another wallet, if the request moves money; otherwise null.
    pub transferable: Option<Amount>,
}

/// Money that a company or an operator took back from us, and that the customer's wallets did not have. It is claimed
/// from the customer in this currency: money that comes into any of these wallets is taken for it first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TakenBackDebt {
    pub currency: CurrencyCode,
    /// What is still claimed.
    pub amount: Amount,
}

impl From<Money> for TakenBackDebt {
    fn from(sum: Money) -> Self {
        Self { currency: CurrencyCode::of(sum.currency()), amount: sum.into() }
    }
}

/// The current cost of an order, if the request expects another price.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChangedPrice {
    pub currency: CurrencyCode,
    /// What the wallet is to get before fees.
    pub amount: Amount,
    /// What the payer pays: credited + fee + tax.
    pub payable_amount: Amount,
    pub fee: Amount,
    /// The tax that the payer pays on top.
    pub tax: Amount,
    /// The tax that the payable amount contains.
    pub tax_included: Amount,
    /// Additional promotional credit.
    pub bonus: Amount,
    /// What the wallet gets.
    pub credited_amount: Amount,
}

impl From<Price> for ChangedPrice {
    fn from(price: Price) -> Self {
        Self {
            currency: CurrencyCode::of(price.amount.currency()),
            amount: price.amount.into(),
            payable_amount: price.payable.into(),
            fee: price.fee.into(),
            tax: price.tax.into(),
            tax_included: price.tax_included.into(),
            bonus: price.bonus.into(),
            credited_amount: price.credited.into(),
        }
    }
}

/// The period of a spending cap: a day or a month, in UTC.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpendCapPeriod {
    Day,
    Month,
}

impl From<CapPeriod> for SpendCapPeriod {
    fn from(period: CapPeriod) -> Self {
        match period {
            CapPeriod::Day => Self::Day,
            CapPeriod::Month => Self::Month,
        }
    }
}

/// The spending cap that is reached.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpendCap {
    pub period: SpendCapPeriod,
    pub currency: CurrencyCode,
    pub product: Option<ProductCode>,
    pub cap: Amount,
    /// What was spent in this period so far, including what open holds reserve.
    pub spent: Amount,
    pub required: Amount,
    /// When the period ends.
    pub resets_at: DateTime<Utc>,
}

pub(super) fn insufficient_funds(short: &Shortfall) -> InsufficientFunds {
    let currency = short.wallet.currency;
    InsufficientFunds {
        currency: CurrencyCode::of(currency),
        product: ProductCode::of_product(&short.wallet.product),
        required: short.required.into(),
        available: short.available.into(),
        held: short.held.into(),
        shortfall: Amount::from(short.required - short.available),
        transferable: None,
    }
}

pub(super) fn spend_cap(reached: &CapReached) -> SpendCap {
    let currency = reached.wallet.currency;
    SpendCap {
        period: reached.period.into(),
        currency: CurrencyCode::of(currency),
        product: ProductCode::of_product(&reached.wallet.product),
        cap: reached.cap.into(),
        spent: reached.spent.into(),
        required: reached.required.into(),
        resets_at: reached.resets_at,
    }
}
