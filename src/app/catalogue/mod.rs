//! The offer to a customer, which top-up options, quotes and orders all read. The modules below hold what operators
//! edit: one file per part of the catalogue.

pub mod agreements;
pub mod bank_account_changes;
mod bank_account_writes;
pub mod bank_accounts;
pub mod bonus_tiers;
pub mod channel_rules;
pub mod currencies;
pub mod products;
pub mod tax_rules;
pub mod top_up_options;

use crate::domain::code::Code;
use crate::storage::Connection;

use super::{App, Error, Problems};
use crate::domain::catalogue::Price;
use crate::domain::customer::CustomerId;
use crate::domain::language::Language;
use crate::domain::money::{Currency, Money};
use crate::domain::offer::{ChannelOffer, Offer};
use crate::domain::payment::Channel;
use crate::domain::product::Product;
use crate::domain::tax;
use crate::storage::{billing_profiles, catalogue as store};

/// Where a request carries its currency and product. An error names them there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldLocation {
    Body,
    Query,
}

impl FieldLocation {
    fn pointer(self, field: &str) -> String {
        match self {
            Self::Body => format!("/{field}"),
            Self::Query => format!("?{field}"),
        }
    }
}

/// The channels that this installation can serve: every configured provider's channel, and payment from the wallet.
fn offered_channels(app: &App) -> Vec<ChannelOffer> {
    let providers = app.providers.iter().map(|provider| {
        let can = provider.capabilities();
        ChannelOffer { channel: provider.channel(), currencies: can.currencies.clone(), limits: can.limits.clone() }
    });
    providers.chain([ChannelOffer::unlimited(Channel::Balance)]).collect()
}

/// Reads everything that decides about an order of `currency` into `product` (or the main wallet): top-up options,
/// agreement, channel rules, the customer's billing profile and our bank account. It takes no lock.
///
/// This function does not check profile, agreement, channel and amount:
/// the caller checks them on the [`Offer`], so that one answer names everything that is wrong.
///
/// # Errors
/// 422 naming `currency` (`currency_not_offered`) or `product` (`unknown_product`, `inactive_product`) at `location`.
pub async fn offer(
    conn: &mut Connection,
    app: &App,
    customer: &CustomerId,
    currency: Currency,
    product: &Product,
    location: FieldLocation,
) -> Result<Offer, Error> {
    if !product.is_main() {
        match store::products::find(conn, product).await? {
            None => {
                return Err(Error::field(
                    location.pointer("product"),
                    Code::UnknownProduct,
                    "is not a product of this platform",
                ));
            }
            Some(info) if !info.active => {
                let detail = "takes no money at the moment";
                return Err(Error::field(location.pointer("product"), Code::InactiveProduct, detail));
            }
            Some(_) => {}
        }
    }
    let Some(options) = store::top_up_options::for_wallet(conn, currency, product).await? else {
        let detail = format!("{currency} is not offered");
        return Err(Error::field(location.pointer("currency"), Code::CurrencyNotOffered, detail));
    };
    let accounts = store::bank_accounts::active(conn).await?;
    let with_account: Vec<Currency> = accounts.iter().map(|account| account.currency).collect();
    let offered = offered_channels(app)
        .into_iter()
        .map(|offer| match offer.channel {
            // Customers can transfer money only to an account that we have in that currency.
            Channel::BankTransfer => ChannelOffer { currencies: Some(with_account.clone()), ..offer },
            _ => offer,
        })
        .collect();
    let profile = billing_profiles::find(conn, customer).await?;
    let tax_rule = match (app.settings.papers.seller_country, &profile) {
        (Some(seller), Some(profile)) => {
            tax::choose(&store::tax_rules::list(conn).await?, seller, profile.country, profile.is_business())
        }
        _ => None,
    };
    Ok(Offer {
        currency,
        product: product.clone(),
        options,
        agreement: store::agreements::active(conn).await?,
        profile,
        tax_rule,
        bank_account: accounts.into_iter().find(|account| account.currency == currency),
        rules: store::channel_rules::for_product(conn, product).await?,
        offered,
        tiers: store::bonus_tiers::for_wallet(conn, currency, product).await?,
        standing: store::bonus_tiers::standing(conn, customer).await?,
        quoted: None,
        fixed: None,
    })
}

/// Returns what an amount costs through a channel, or adds the problem that forbids it (at `/channel` or `/amount`). It
/// does not check whether the customer has a billing profile.
pub fn check(offer: &Offer, channel: Channel, amount: Money, problems: &mut Problems) -> Option<Price> {
    let eligibility = offer.eligibility(channel, Some(amount));
    if let Some(refusal) = &eligibility.refusal {
        let pointer = if refusal.is_about_amount() { "/amount" } else { "/channel" };
        problems.add(pointer, refusal.code(), refusal.sentence(channel, Language::English));
        return None;
    }
    offer.price(channel, amount).and_then(|price| problems.checked_money("/amount", price))
}
