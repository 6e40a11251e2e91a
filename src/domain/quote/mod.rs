//! Quotes: prices that a customer was shown, as a signed text that the order returns.
//!
//! Nothing is stored. The signature also covers the customer and the environment, so a quote is valid for nobody else.
//! It fixes fee, tax, credited amount and bonus of each channel for 15 minutes, however often it is used. A quote
//! cannot fix three things: whether a channel is offered, the tax of a customer who is now taxed elsewhere, and a bonus
//! that a customer gets once.

mod form;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::catalogue::Price;
use super::customer::CustomerId;
use super::environment::Environment;
use super::money::Money;
use super::offer::Offer;
use super::payment::Channel;
use super::product::Product;
use super::tax::Taxpayer;

/// How long a quote is valid.
pub const QUOTE_LIFE: TimeDelta = TimeDelta::minutes(15);
/// The beginning of every quote.
const PREFIX: &str = "quo_";
/// The bytes of a signature: HMAC-SHA256.
const SIGNATURE: usize = 32;

/// A secret of the installation that every process has, and that is in no database; empty where its settings have none.
#[derive(Clone, Default)]
pub struct InstallationSecret(Vec<u8>);

impl InstallationSecret {
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(secret.as_bytes().to_vec())
    }
}

impl std::fmt::Debug for InstallationSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InstallationSecret")
    }
}

/// Signs quotes: one key for a database and an installation, so every process knows it.
pub struct QuoteKey {
    key: hmac::Key,
    environment: Environment,
}

impl std::fmt::Debug for QuoteKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QuoteKey").field("environment", &self.environment).finish_non_exhaustive()
    }
}

impl QuoteKey {
    /// The key of the database's secret, which must be random, and of the installation's: who reads the database alone
    /// can sign nothing. The two are put together as HKDF extracts a key (RFC 5869, section 2.2).
    #[must_use]
    pub fn new(secret: &[u8], installation: &InstallationSecret, environment: Environment) -> Self {
        let extracted = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &installation.0);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref()), environment }
    }

    /// What is signed: each part with its length, so that nothing can move from one part to another.
    fn message(&self, customer: &CustomerId, payload: &[u8]) -> Vec<u8> {
        let parts = [b"topup quote 2".as_slice(), self.environment.as_str().as_bytes(), customer.as_str().as_bytes()];
        let mut message = Vec::with_capacity(payload.len() + 200);
        for part in parts.into_iter().chain([payload]) {
            message.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            message.extend(part);
        }
        message
    }
}

/// Why a text is no quote for this customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoQuote;

/// The prices of a top-up that a quote fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedPrices {
    pub amount: Money,
    pub product: Product,
    /// It is valid until this second begins.
    pub expires_at: DateTime<Utc>,
    /// `None` for a customer without a billing profile.
    pub taxpayer: Option<Taxpayer>,
    /// Those channels that the customer could choose.
    pub prices: Vec<(Channel, Price)>,
}

/// What a quote says about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the large one")]
pub enum Fixed {
    /// The order costs this.
    Price(Price),
    /// The quoted price cannot be kept.
    Changed,
    /// The quote has no price for the channel.
    NotQuoted,
}

impl FixedPrices {
    /// What an offer costs now, for each of the channels that the customer can choose.
    #[must_use]
    pub fn of(offer: &Offer, amount: Money, now: DateTime<Utc>) -> Self {
        let eligible = offer.channels(Some(amount)).into_iter().filter(|one| one.is_eligible());
        let prices = eligible.filter_map(|one| Some((one.channel, offer.price(one.channel, amount)?.ok()?))).collect();
        Self {
            amount,
            product: offer.product.clone(),
            expires_at: (now + QUOTE_LIFE).trunc_subsecs(0),
            taxpayer: offer.taxpayer(),
            prices,
        }
    }

    /// The quote as the customer gets it.
    #[must_use]
    pub fn sign(&self, key: &QuoteKey, customer: &CustomerId) -> String {
        let mut bytes = form::write(self);
        let signature = hmac::sign(&key.key, &key.message(customer, &bytes));
        bytes.extend(signature.as_ref());
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads what [`FixedPrices::sign`] wrote for this customer. The caller compares the expiry. Signatures are
    /// compared in constant time.
    ///
    /// # Errors
    /// [`NoQuote`] for every other text.
    pub fn read(text: &str, key: &QuoteKey, customer: &CustomerId) -> Result<Self, NoQuote> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX).ok_or(NoQuote)?).map_err(|_| NoQuote)?;
        let end = bytes.len().checked_sub(SIGNATURE).ok_or(NoQuote)?;
        let (payload, signature) = bytes.split_at_checked(end).ok_or(NoQuote)?;
        hmac::verify(&key.key, &key.message(customer, payload), signature).map_err(|_| NoQuote)?;
        form::read(payload).ok_or(NoQuote)
    }

    /// What an order through a channel costs by this quote, if the offer has another price now.
    #[must_use]
    pub fn price(&self, offer: &Offer, channel: Channel) -> Fixed {
        let Some((_, fixed)) = self.prices.iter().find(|(quoted, _)| *quoted == channel) else {
            return Fixed::NotQuoted;
        };
        if offer.price(channel, self.amount) == Some(Ok(*fixed)) {
            return Fixed::Price(*fixed);
        }
        let is_taxed_elsewhere = self.taxpayer != offer.taxpayer() && offer.tax_on(channel) != fixed.tax_rule;
        let (terms, standing) = (fixed.bonus_terms, &offer.standing);
        // The tier counts as it was when the quote was made: operators may have closed or changed it since then.
        let is_first_gone = terms.first && (standing.is_first_reserved || standing.has_topped_up);
        let is_tier_taken = terms.once && terms.tier.is_some_and(|tier| standing.reserved.contains(&tier));
        let is_bonus_gone = is_first_gone || is_tier_taken;
        if is_taxed_elsewhere || is_bonus_gone { Fixed::Changed } else { Fixed::Price(*fixed) }
    }
}

#[cfg(test)]
mod tests;
