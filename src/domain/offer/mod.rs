//! The offer to one customer in one currency, for the main wallet or one product: which channels the customer can
//! choose, on which terms, and why the others cannot be chosen.
//!
//! Which channel serves which country and currency is data (channel rules), not code.

mod sentences;

use super::billing_profile::BillingProfile;
use super::bonus::{BonusStanding, BonusTier, choose};
use super::catalogue::{Agreement, BankAccount, ChannelRule, Price, ProcessingDays, TopUpOptions, price};
use super::code::Code;
use super::country::Country;
use super::language::Language;
use super::money::{Currency, Money, MoneyError};
use super::payment::Channel;
use super::product::Product;
use super::tax::{AppliedTax, Taxpayer};

/// A channel that this installation can serve, with the limits of its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelOffer {
    pub channel: Channel,
    /// `None` when the provider accepts every currency.
    pub currencies: Option<Vec<Currency>>,
    /// The smallest and the largest amount of a currency, if the provider sets one.
    pub limits: Vec<(Currency, Option<Money>, Option<Money>)>,
}

impl ChannelOffer {
    /// A channel whose provider sets no limits.
    #[must_use]
    pub fn unlimited(channel: Channel) -> Self {
        Self { channel, currencies: None, limits: Vec::new() }
    }
}

/// Everything that decides about an order before it is created.
#[derive(Debug, Clone)]
pub struct Offer {
    pub currency: Currency,
    /// The main wallet, or a product that is active.
    pub product: Product,
    pub options: TopUpOptions,
    /// `None` until an operator has published one. Until then nothing can be ordered.
    pub agreement: Option<Agreement>,
    /// `None` until the customer has filled it in. Until then nothing can be ordered.
    pub profile: Option<BillingProfile>,
    /// The tax rule for the customer; `None` if there is none, and until the profile says the country.
    pub tax_rule: Option<AppliedTax>,
    /// Our bank account for this currency.
    pub bank_account: Option<BankAccount>,
    /// The rules that apply to this product, for every channel and currency.
    pub rules: Vec<ChannelRule>,
    /// The channels that this installation can serve.
    pub offered: Vec<ChannelOffer>,
    /// The bonus tiers of this wallet, and what decides whether the customer gets one.
    pub tiers: Vec<BonusTier>,
    pub standing: BonusStanding,
    /// The channel for which the quote of an order has a price: it was offered then.
    pub quoted: Option<Channel>,
    /// What a quote fixes for its amount through a channel. It takes the place of the rule's price.
    pub fixed: Option<(Channel, Price)>,
}

/// Whether the customer can choose a channel, and for which amounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eligibility {
    pub channel: Channel,
    /// `None` when the customer can choose the channel.
    pub refusal: Option<Ineligible>,
    /// The least and the most that can be paid.
    pub minimum: Money,
    pub maximum: Money,
    /// `None` when no rule offers the channel.
    pub processing_time: Option<String>,
    pub processing_days: Option<ProcessingDays>,
    pub rank: i32,
    pub recommended: bool,
}

impl Eligibility {
    #[must_use]
    pub fn is_eligible(&self) -> bool {
        self.refusal.is_none()
    }

    /// Why the channel cannot be chosen, as a sentence for the customer.
    #[must_use]
    pub fn reason(&self, language: Language) -> Option<String> {
        self.refusal.as_ref().map(|refusal| refusal.sentence(self.channel, language))
    }

    /// The reason as a code, for programs.
    #[must_use]
    pub fn reason_code(&self) -> Option<Code> {
        self.refusal.as_ref().map(Ineligible::code)
    }

    /// The currencies that the reason names.
    #[must_use]
    pub fn reason_currencies(&self) -> &[Currency] {
        match &self.refusal {
            Some(Ineligible::OtherCurrency(currencies)) => currencies,
            _ => &[],
        }
    }

    /// The countries that the reason names.
    #[must_use]
    pub fn reason_countries(&self) -> &[Country] {
        match &self.refusal {
            Some(Ineligible::CountryUnknown(countries) | Ineligible::OtherCountry(countries)) => countries,
            _ => &[],
        }
    }
}

/// Why a customer cannot choose a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ineligible {
    /// The main wallet cannot be topped up from itself.
    ProductsOnly,
    /// The provider has no credentials, or we have no bank account. Only an operator can change that.
    NotSetUp,
    /// No enabled rule offers the channel for this wallet.
    NotOffered,
    /// The channel is offered, but in these currencies only.
    OtherCurrency(Vec<Currency>),
    /// The channel is offered in these countries only, and the customer's country is not known yet.
    CountryUnknown(Vec<Country>),
    OtherCountry(Vec<Country>),
    BelowMinimum(Money),
    AboveMaximum(Money),
    /// The fee would use up the whole amount.
    NothingToCredit,
}

impl Ineligible {
    /// Every code of [`Ineligible::code`].
    pub const CODES: [Code; 9] = [
        Code::ChannelWrongCurrency,
        Code::ProductsOnly,
        Code::ChannelNotAvailable,
        Code::ChannelNotOffered,
        Code::BillingProfileRequired,
        Code::ChannelWrongCountry,
        Code::BelowMinimum,
        Code::AboveMaximum,
        Code::NothingToCredit,
    ];

    /// The stable code of validation errors.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::ProductsOnly => Code::ProductsOnly,
            Self::NotSetUp => Code::ChannelNotAvailable,
            Self::NotOffered => Code::ChannelNotOffered,
            Self::OtherCurrency(_) => Code::ChannelWrongCurrency,
            Self::CountryUnknown(_) => Code::BillingProfileRequired,
            Self::OtherCountry(_) => Code::ChannelWrongCountry,
            Self::BelowMinimum(_) => Code::BelowMinimum,
            Self::AboveMaximum(_) => Code::AboveMaximum,
            Self::NothingToCredit => Code::NothingToCredit,
        }
    }

    /// Whether the customer could choose the channel for another amount.
    #[must_use]
    pub fn is_about_amount(&self) -> bool {
        matches!(self, Self::BelowMinimum(_) | Self::AboveMaximum(_) | Self::NothingToCredit)
    }
}

impl Offer {
    /// The rule of a channel in this currency: the product's own, or the main wallet's if the product has none.
    #[must_use]
    pub fn rule(&self, channel: Channel) -> Option<&ChannelRule> {
        self.rule_in(channel, self.currency)
    }

    fn rule_in(&self, channel: Channel, currency: Currency) -> Option<&ChannelRule> {
        let of = |product: &Product| {
            self.rules
                .iter()
                .find(|rule| rule.channel == channel && rule.currency == currency && rule.product == *product)
        };
        of(&self.product).or_else(|| of(&Product::main()))
    }

    /// Every channel, in the order of [`Channel::ALL`]. With an amount, a channel that does not accept it is not
    /// eligible.
    #[must_use]
    pub fn channels(&self, amount: Option<Money>) -> Vec<Eligibility> {
        let mut all: Vec<_> = Channel::ALL.into_iter().map(|channel| self.judge(channel, amount)).collect();
        for one in &mut all {
            let says_so = self.rule(one.channel).is_some_and(|rule| rule.recommended);
            one.recommended = says_so && one.is_eligible();
        }
        if all.iter().any(|one| one.recommended) {
            return all;
        }
        // Among equal ranks the first channel wins, so the recommendation is stable.
        if let Some(best) = all.iter_mut().filter(|one| one.is_eligible()).min_by_key(|one| one.rank) {
            best.recommended = true;
        }
        all
    }

    /// The offer without the minimums that operators set for customers. The minimums of payment companies stay.
    #[must_use]
    pub fn without_customers_minimum(mut self) -> Self {
        self.options.minimum = Money::smallest(self.currency);
        for rule in &mut self.rules {
            rule.minimum = None;
        }
        self
    }

    /// Whether the customer can choose this channel for this amount.
    #[must_use]
    pub fn eligibility(&self, channel: Channel, amount: Option<Money>) -> Eligibility {
        let found = self.channels(amount).into_iter().find(|one| one.channel == channel);
        found.unwrap_or_else(|| self.judge(channel, amount))
    }

    /// What an amount costs through a channel; `None` when no rule sets a price.
    #[must_use]
    pub fn price(&self, channel: Channel, amount: Money) -> Option<Result<Price, MoneyError>> {
        let rule = self.rule(channel)?;
        if let Some(price) = self.fixed_price(channel, amount) {
            return Some(Ok(price));
        }
        Some(price(rule, amount, self.tax_on(channel)).map(|price| {
            // A payment from the wallet is a transfer.
            if channel == Channel::Balance {
                return price;
            }
            let (bonus, bonus_terms) = choose(&self.tiers, amount, price.bonus, &self.standing);
            Price { bonus, bonus_terms, ..price }
        }))
    }

    /// The offer to a customer who has a quote for the channel, whose price it cannot keep.
    #[must_use]
    pub fn with_quote_for(self, channel: Channel) -> Self {
        Self { quoted: Some(channel), ..self }
    }

    /// The offer with the price of a channel that a quote fixes.
    #[must_use]
    pub fn fixing(self, channel: Channel, price: Price) -> Self {
        Self { fixed: Some((channel, price)), ..self.with_quote_for(channel) }
    }

    fn fixed_price(&self, channel: Channel, amount: Money) -> Option<Price> {
        let fixed = self.fixed.filter(|(of, price)| *of == channel && price.amount == amount);
        fixed.map(|(_, price)| price)
    }

    /// What decides about the customer's tax; `None` until the profile says it.
    #[must_use]
    pub fn taxpayer(&self) -> Option<Taxpayer> {
        let profile = self.profile.as_ref()?;
        Some(Taxpayer { country: profile.country, business: profile.is_business() })
    }

    /// The tax rule for payments through a channel. Money in the wallet was taxed when it came in.
    #[must_use]
    pub fn tax_on(&self, channel: Channel) -> Option<AppliedTax> {
        self.tax_rule.filter(|_| channel != Channel::Balance)
    }

    fn judge(&self, channel: Channel, amount: Option<Money>) -> Eligibility {
        let rule = self.rule(channel);
        let offered = self.offered.iter().find(|offered| offered.channel == channel);
        let (minimum, maximum) = self.range(rule, offered);
        Eligibility {
            channel,
            refusal: self.refusal(channel, rule, offered, minimum, maximum, amount),
            minimum,
            maximum,
            processing_time: rule.map(|rule| rule.processing_time.clone()),
            processing_days: rule.and_then(|rule| rule.processing_days),
            rank: rule.map_or(i32::MAX, |rule| rule.rank),
            recommended: false,
        }
    }

    fn refusal(
        &self,
        channel: Channel,
        rule: Option<&ChannelRule>,
        offered: Option<&ChannelOffer>,
        minimum: Money,
        maximum: Money,
        amount: Option<Money>,
    ) -> Option<Ineligible> {
        if channel == Channel::Balance && self.product.is_main() {
            return Some(Ineligible::ProductsOnly);
        }
        let Some(offered) = offered else { return Some(Ineligible::NotSetUp) };
        let Some(rule) = rule.filter(|rule| rule.enabled) else {
            let elsewhere = self.currencies_of(channel, offered);
            // Where it was quoted, the currency was right, and the channel was closed since then.
            return Some(if elsewhere.is_empty() || self.quoted == Some(channel) {
                Ineligible::NotOffered
            } else {
                Ineligible::OtherCurrency(elsewhere)
            });
        };
        let takes = |currency| offered.currencies.as_ref().is_none_or(|taken| taken.contains(&currency));
        if !takes(self.currency) || minimum.amount() > maximum.amount() {
            return Some(Ineligible::NotSetUp);
        }
        if !rule.countries.is_empty() {
            match self.profile.as_ref().map(|profile| profile.country) {
                None => return Some(Ineligible::CountryUnknown(rule.countries.clone())),
                Some(country) if !rule.countries.contains(&country) => {
                    return Some(Ineligible::OtherCountry(rule.countries.clone()));
                }
                Some(_) => {}
            }
        }
        let amount = amount?;
        let fixed = self.fixed_price(channel, amount);
        let price = fixed.map_or_else(|| price(rule, amount, self.tax_on(channel)), Ok);
        // Limits apply to what is paid. An amount without a price is checked as it is.
        let paid = price.as_ref().map_or(amount, |price| price.payable);
        if paid.amount() < minimum.amount() {
            return Some(Ineligible::BelowMinimum(minimum));
        }
        if paid.amount() > maximum.amount() || price == Err(MoneyError::TooLarge) {
            return Some(Ineligible::AboveMaximum(maximum));
        }
        price.is_err().then_some(Ineligible::NothingToCredit)
    }

    /// The currencies in which the channel is offered.
    fn currencies_of(&self, channel: Channel, offered: &ChannelOffer) -> Vec<Currency> {
        let mut currencies: Vec<_> = self
            .rules
            .iter()
            .filter(|rule| rule.channel == channel)
            .map(|rule| rule.currency)
            .filter(|currency| self.rule_in(channel, *currency).is_some_and(|rule| rule.enabled))
            .filter(|currency| offered.currencies.as_ref().is_none_or(|taken| taken.contains(currency)))
            .collect();
        currencies.sort();
        currencies.dedup();
        currencies
    }

    /// The range of payments that the options, the rule and the provider all allow.
    fn range(&self, rule: Option<&ChannelRule>, offered: Option<&ChannelOffer>) -> (Money, Money) {
        let own = offered.and_then(|offered| offered.limits.iter().find(|limit| limit.0 == self.currency));
        let minimums = [rule.and_then(|rule| rule.minimum), own.and_then(|own| own.1)];
        let maximums = [rule.and_then(|rule| rule.maximum), own.and_then(|own| own.2)];
        let minimum = minimums
            .into_iter()
            .flatten()
            .fold(self.options.minimum, |most, next| if next.amount() > most.amount() { next } else { most });
        let maximum = maximums
            .into_iter()
            .flatten()
            .fold(self.options.maximum, |least, next| if next.amount() < least.amount() { next } else { least });
        (minimum, maximum)
    }
}

#[cfg(test)]
pub(in crate::domain) mod tests;
