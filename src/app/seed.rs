//! The demo catalogue: enough to try everything out. Seeding adds what is missing and changes nothing that exists.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::Error;
use crate::domain::adjustment::{Adjustment, ReversalReach};
use crate::domain::billing_profile::{BillingProfile, Email};
use crate::domain::catalogue::{BankAccount, ChannelRule, ProcessingDays, ProductInfo, TopUpOptions};
use crate::domain::code::Code;
use crate::domain::customer::CustomerId;
use crate::domain::environment::Environment;
use crate::domain::id::IdKind;
use crate::domain::money::{Currency, Money};
use crate::domain::movement::adjustment::NewAdjustment;
use crate::domain::party::BillingDetails;
use crate::domain::payment::Channel;
use crate::domain::percent::Percent;
use crate::domain::posting::Posting;
use crate::domain::product::Product;
use crate::storage::catalogue::{agreements, bank_accounts, channel_rules, products, top_up_options};
use crate::storage::pool::Pool;
use crate::storage::transaction::transact;
use crate::storage::{Connection, StorageError, adjustments, billing_profiles, clock, environment, ledger};

/// The customer that the demo's tokens and examples name.
pub const DEMO_CUSTOMER: &str = "demo";

/// The actor of the seed's changes.
const SEED: &str = "topup";

/// The correction that brings the demo customer's first money.
const FIRST_MONEY: Uuid = Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_0001);

const AGREEMENT: (&str, &str) = ("2026-11-01", "https://example.com/agreements/2026-11-01");

/// Code, name, and whether money may go back to the wallet.
const PRODUCTS: [(&str, &str, bool); 3] =
    [("whatsapp", "WhatsApp messages", false), ("sms", "SMS", false), ("gpu", "GPU compute", true)];

/// Currency, presets, minimum, maximum.
const OPTIONS: [(&str, &[u32], u32, u32); 3] = [
    ("CNY", &[50, 100, 500, 1000], 10, 200_000),
    ("USD", &[10, 20, 50, 100], 1, 20_000),
    ("VND", &[100_000, 200_000, 500_000, 1_000_000], 10_000, 500_000_000),
];

/// Channel, currency, countries, minimum, rank, processing time as a text and in days.
type DemoRule = (Channel, &'static str, &'static [&'static str], Option<u32>, i32, &'static str, (i32, i32));

const RULES: [DemoRule; 10] = [
    (Channel::Card, "CNY", &[], None, 10, "instant", (0, 0)),
    (Channel::Card, "USD", &[], None, 10, "instant", (0, 0)),
    (Channel::Card, "VND", &[], None, 20, "instant", (0, 0)),
    (Channel::Vnpay, "VND", &["VN"], None, 10, "instant", (0, 0)),
    (Channel::Paypal, "USD", &["VN"], None, 20, "instant", (0, 0)),
    (Channel::BankTransfer, "CNY", &[], Some(50), 30, "1 to 2 working days", (1, 2)),
    (Channel::BankTransfer, "USD", &[], None, 30, "2 to 5 working days", (2, 5)),
    (Channel::Balance, "CNY", &[], None, 40, "instant", (0, 0)),
    (Channel::Balance, "USD", &[], None, 40, "instant", (0, 0)),
    (Channel::Balance, "VND", &[], None, 40, "instant", (0, 0)),
];

/// Adds the demo catalogue and the demo customer's billing profile. Repeating it changes nothing; what an
/// operator changed stays changed.
///
/// # Errors
/// 409 `live_database`: customers would send real money to the demo's bank accounts.
pub async fn demo(pool: &Pool) -> Result<(), Error> {
    let (options, rules, accounts, profile) = (options()?, rules()?, accounts()?, profile()?);
    transact(pool, async |conn| {
        refuse_live(conn).await?;
        for product in products() {
            products::insert(conn, &product).await?;
        }
        for options in &options {
            top_up_options::insert(conn, options).await?;
        }
        for rule in &rules {
            channel_rules::insert(conn, rule).await?;
        }
        for account in &accounts {
            // Once a currency has an account, customers must not be sent to the demo's.
            if !bank_accounts::exists_for(conn, account.currency).await? {
                bank_accounts::insert(conn, account).await?;
            }
        }
        if agreements::active(conn).await?.is_none() {
            agreements::insert(conn, AGREEMENT.0, AGREEMENT.1, SEED).await?;
            agreements::activate(conn, AGREEMENT.0, SEED).await?;
        }
        billing_profiles::insert(conn, &profile).await?;
        Ok(())
    })
    .await
}

async fn refuse_live(conn: &mut Connection) -> Result<(), Error> {
    if environment::read(conn).await?.is_some_and(Environment::is_live) {
        return Err(Error::conflict(Code::LiveDatabase, "the demo catalogue is not for a database stamped live"));
    }
    Ok(())
}

/// Only wrong constants above can fail here, and this file's tests check them.
fn wrong(error: impl std::fmt::Display) -> Error {
    StorageError::Corrupt(format!("demo catalogue: {error}")).into()
}

fn currency(code: &str) -> Result<Currency, Error> {
    code.parse().map_err(wrong)
}

fn demo_money(amount: u32, currency: Currency) -> Result<Money, Error> {
    Money::positive(Decimal::from(amount), currency).map_err(wrong)
}

/// Gives the demo customer 100 CNY to try things with. The adjustment's key makes sure that it happens once.
///
/// # Errors
/// As [`demo`].
pub async fn first_money(pool: &Pool) -> Result<(), Error> {
    transact(pool, async |conn| {
        refuse_live(conn).await?;
        let opening = opening(clock::now(conn).await?)?;
        ledger::post(conn, &[posting_of(&opening)]).await?;
        if adjustments::find(conn, opening.id).await?.is_none() {
            adjustments::save(conn, &opening).await?;
        }
        Ok(())
    })
    .await
}

/// The record of the correction that brings the money. No operator decided about it, so it counts towards no threshold.
fn opening(now: DateTime<Utc>) -> Result<Adjustment, Error> {
    Ok(Adjustment {
        id: FIRST_MONEY,
        customer: CustomerId::new(DEMO_CUSTOMER).ok_or_else(|| wrong("customer"))?,
        product: Product::main(),
        amount: demo_money(100, currency("CNY")?)?,
        reason: "money to try things with".to_owned(),
        second_needed: true,
        proposed_by: SEED.to_owned(),
        approved_by: Some("owner of the database".to_owned()),
        created_at: now,
        booked_at: Some(now),
        order_id: None,
        application: None,
        reach: ReversalReach::OrderWallet,
        allow_debt: false,
        withdrawn: None,
    })
}

fn posting_of(opening: &Adjustment) -> Posting {
    let adjustment = NewAdjustment {
        key: IdKind::Adjustment.show(opening.id),
        customer: opening.customer.clone(),
        product: opening.product.clone(),
        amount: opening.amount,
        reason: opening.reason.clone(),
    };
    adjustment.posting()
}

fn products() -> Vec<ProductInfo> {
    let product = |(code, name, returnable): (&str, &str, bool)| ProductInfo {
        product: Product::from_column(code),
        name: name.to_owned(),
        active: true,
        returnable,
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
        updated_by: SEED.to_owned(),
    };
    PRODUCTS.into_iter().map(product).collect()
}

fn options() -> Result<Vec<TopUpOptions>, Error> {
    let options = |(code, presets, minimum, maximum): (&str, &[u32], u32, u32)| {
        let currency = currency(code)?;
        Ok(TopUpOptions {
            product: Product::main(),
            presets: presets.iter().map(|preset| demo_money(*preset, currency)).collect::<Result<_, _>>()?,
            minimum: demo_money(minimum, currency)?,
            maximum: demo_money(maximum, currency)?,
            order_ttl_minutes: 1440,
            version: 1,
            updated_at: DateTime::UNIX_EPOCH,
            updated_by: SEED.to_owned(),
        })
    };
    OPTIONS.into_iter().map(options).collect()
}

fn rules() -> Result<Vec<ChannelRule>, Error> {
    let rule = |(channel, code, countries, minimum, rank, processing_time, days): DemoRule| {
        let currency = currency(code)?;
        Ok(ChannelRule {
            channel,
            currency,
            product: Product::main(),
            enabled: true,
            countries: countries.iter().map(|code| code.parse().map_err(wrong)).collect::<Result<_, _>>()?,
            minimum: minimum.map(|minimum| demo_money(minimum, currency)).transpose()?,
            maximum: None,
            rank,
            recommended: rank <= 10 || channel == Channel::Balance,
            fee: Percent::default(),
            fee_on_top: false,
            fee_refundable: true,
            bonus: Percent::default(),
            processing_time: processing_time.to_owned(),
            processing_days: ProcessingDays::new(days.0, days.1, channel == Channel::BankTransfer),
            version: 1,
            updated_at: DateTime::UNIX_EPOCH,
            updated_by: SEED.to_owned(),
        })
    };
    RULES.into_iter().map(rule).collect()
}

fn accounts() -> Result<[BankAccount; 2], Error> {
    let account = |id, code, number: &str| {
        Ok::<_, Error>(BankAccount {
            id: Uuid::from_u128(id),
            currency: currency(code)?,
            bank_name: "Example Bank".to_owned(),
            account_name: "Example Platform Ltd.".to_owned(),
            account_number: number.to_owned(),
            branch: Some("Shanghai Pudong".to_owned()),
            cnaps_code: None,
            napas_bin: None,
            swift_bic: Some("EXAMCNSHXXX".to_owned()),
            bank_address: Some("1 Example Road, Shanghai, China".to_owned()),
            active: true,
            version: 1,
            updated_at: DateTime::UNIX_EPOCH,
            updated_by: SEED.to_owned(),
        })
    };
    Ok([
        BankAccount {
            cnaps_code: Some("000000000000".to_owned()),
            ..account(0x0193_0000_0000_7000_8000_0000_0000_0001, "CNY", "6200 0000 0000 0000 001")?
        },
        account(0x0193_0000_0000_7000_8000_0000_0000_0002, "USD", "6200 0000 0000 0000 002")?,
    ])
}

fn profile() -> Result<BillingProfile, Error> {
    Ok(BillingProfile {
        tax_id_verified: None,
        customer: CustomerId::new(DEMO_CUSTOMER).ok_or_else(|| wrong(DEMO_CUSTOMER))?,
        name: "Demo Customer".to_owned(),
        email: Email::new("demo@example.com").ok_or_else(|| wrong("e-mail"))?,
        // The countries in which every channel can be tried.
        country: "VN".parse().map_err(wrong)?,
        details: BillingDetails {
            address: Some("1 Example Street".to_owned()),
            city: Some("Hanoi".to_owned()),
            ..BillingDetails::default()
        },
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::bonus::BonusStanding;
    use crate::domain::offer::{ChannelOffer, Offer};

    fn offer(code: &str, product: &str) -> Offer {
        let currency = currency(code).unwrap();
        Offer {
            currency,
            product: Product::from_column(product),
            options: options().unwrap().into_iter().find(|options| options.currency() == currency).unwrap(),
            agreement: None,
            tax_rule: None,
            profile: Some(profile().unwrap()),
            bank_account: accounts().unwrap().into_iter().find(|account| account.currency == currency),
            rules: rules().unwrap(),
            offered: Channel::ALL.map(ChannelOffer::unlimited).to_vec(),
            tiers: Vec::new(),
            standing: BonusStanding::default(),
            quoted: None,
            fixed: None,
        }
    }

    fn eligible(code: &str, product: &str) -> Vec<Channel> {
        let all = offer(code, product).channels(None);
        all.into_iter().filter(|one| one.is_eligible()).map(|one| one.channel).collect()
    }

    #[test]
    fn the_demo_customer_can_try_every_channel() {
        assert_eq!(eligible("CNY", ""), [Channel::Card, Channel::BankTransfer]);
        assert_eq!(eligible("USD", ""), [Channel::Card, Channel::Paypal, Channel::BankTransfer]);
        assert_eq!(eligible("VND", ""), [Channel::Card, Channel::Vnpay]);
        assert_eq!(eligible("VND", "gpu"), [Channel::Card, Channel::Vnpay, Channel::Balance]);
    }

    #[test]
    fn every_preset_can_be_paid_by_every_eligible_channel() {
        for code in ["CNY", "USD", "VND"] {
            for preset in offer(code, "").options.presets {
                preset.require_minor_unit().unwrap();
                for channel in eligible(code, "") {
                    assert!(offer(code, "").eligibility(channel, Some(preset)).is_eligible(), "{channel} {preset}");
                }
            }
        }
    }
}
