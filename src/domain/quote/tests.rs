#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use uuid::Uuid;

use super::*;
use crate::domain::bonus::{BonusTerms, BonusTier, BonusUse};
use crate::domain::offer::tests::{money_of, offer, profile};
use crate::domain::percent::Percent;
use crate::domain::tax::{AppliedTax, TaxKey, TaxTerms, TaxedAt};

fn key_of(stored: u8, installation: &str, environment: Environment) -> QuoteKey {
    QuoteKey::new(&[stored; 32], &InstallationSecret::new(installation), environment)
}

fn key(environment: Environment) -> QuoteKey {
    key_of(7, "a secret of the settings", environment)
}

fn ann() -> CustomerId {
    CustomerId::new("ann").unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

fn percent(text: &str) -> Percent {
    Percent::new(text.parse().unwrap()).unwrap()
}

fn taxed(mut offer: Offer, rate: &str, inclusive: bool) -> Offer {
    offer.tax_rule = Some(AppliedTax {
        key: TaxKey { seller: "DE".parse().unwrap(), customer: None, business: false },
        version: 3,
        terms: TaxTerms { rate: percent(rate), inclusive, at: TaxedAt::TopUp, reverse_charge: false },
    });
    offer
}

fn once() -> BonusTier {
    BonusTier {
        id: Uuid::from_u128(5),
        product: Product::main(),
        from_amount: money_of("100", "CNY"),
        bonus: money_of("50", "CNY"),
        used: BonusUse::Once,
        expires_after_days: Some(30),
        active: true,
        version: 1,
        updated_at: now(),
        updated_by: "operator:ops".to_owned(),
    }
}

/// Quotes of 100 CNY with every kind of price: with fees and taxes of both kinds, and with a bonus that a customer gets
/// once.
fn offers() -> Vec<Offer> {
    let mut with_fee = offer("CNY", Some("VN"), "gpu");
    for (n, rule) in (1..).zip(&mut with_fee.rules) {
        rule.fee = percent("2.5");
        rule.fee_on_top = n % 2 == 0;
        rule.fee_refundable = n % 2 == 1;
        rule.bonus = percent("3");
    }
    let mut with_tier = offer("CNY", None, "");
    with_tier.tiers.push(once());
    let mut with_first = offer("CNY", None, "");
    with_first.tiers.push(BonusTier { used: BonusUse::FirstTopUp, ..once() });
    let mut withheld = with_tier.clone();
    withheld.standing.reserved.push(once().id);
    let plain = offer("CNY", Some("VN"), "");
    vec![
        plain.clone(),
        taxed(with_fee.clone(), "19", false),
        taxed(with_fee, "7", true),
        with_tier,
        with_first,
        withheld,
    ]
}

fn quoted(offer: &Offer) -> FixedPrices {
    FixedPrices::of(offer, money_of("100", "CNY"), now())
}

#[test]
fn a_quote_is_read_as_it_was_signed() {
    for offer in offers() {
        let fixed = quoted(&offer);
        assert!(fixed.prices.len() >= 2, "{fixed:?}");
        let text = fixed.sign(&key(Environment::Test), &ann());
        assert!(text.len() < 1500, "{}", text.len());
        assert_eq!(FixedPrices::read(&text, &key(Environment::Test), &ann()), Ok(fixed.clone()));
        for (channel, price) in &fixed.prices {
            assert_eq!(fixed.price(&offer, *channel), Fixed::Price(*price));
        }
    }
}

#[test]
fn nothing_else_is_a_quote() {
    let fixed = quoted(&offers()[1]);
    let text = fixed.sign(&key(Environment::Test), &ann());
    let read = |text: &str| FixedPrices::read(text, &key(Environment::Test), &ann());
    assert!(read(&text).is_ok());
    // Another customer, environment, database or installation.
    let bob = CustomerId::new("bob").unwrap();
    assert_eq!(FixedPrices::read(&text, &key(Environment::Test), &bob), Err(NoQuote));
    assert_eq!(FixedPrices::read(&text, &key(Environment::Live), &ann()), Err(NoQuote));
    for other in [key_of(8, "a secret of the settings", Environment::Test), key_of(7, "", Environment::Test)] {
        assert_eq!(FixedPrices::read(&text, &other, &ann()), Err(NoQuote));
    }
    // Any one character changed, lost or added.
    for at in 0..text.len() {
        let (before, rest) = text.split_at(at);
        let (one, after) = rest.split_at(1);
        let other = if one == "A" { "B" } else { "A" };
        assert_eq!(read(&format!("{before}{other}{after}")), Err(NoQuote), "{at}");
        assert_eq!(read(&format!("{before}{after}")), Err(NoQuote), "{at}");
        assert_eq!(read(before), Err(NoQuote), "{at}");
    }
    assert_eq!(read(&format!("{text}A")), Err(NoQuote));
    assert_eq!(read("quo_"), Err(NoQuote));
    // A text that was signed for another purpose, although nothing else is signed.
    let mut bytes = b"{}".to_vec();
    let signature = hmac::sign(&key(Environment::Test).key, &key(Environment::Test).message(&ann(), &bytes));
    bytes.extend(signature.as_ref());
    assert_eq!(read(&format!("quo_{}", URL_SAFE_NO_PAD.encode(bytes))), Err(NoQuote));
}

#[test]
fn a_quote_fixes_what_operators_change() {
    for (n, offer) in offers().into_iter().enumerate() {
        let fixed = quoted(&offer);
        let (_, price) = fixed.prices[0];
        let mut changed = taxed(offer.clone(), "30", false);
        for rule in &mut changed.rules {
            rule.fee = percent("100");
            rule.bonus = percent("0");
        }
        for tier in &mut changed.tiers {
            tier.bonus = money_of("1", "CNY");
        }
        let kept = fixed.price(&changed, Channel::Card);
        assert_eq!(kept, Fixed::Price(price), "{n}");
        // The channel is checked with the quoted price, and a closed channel stays closed.
        let amount = fixed.amount;
        assert!(!changed.eligibility(Channel::Card, Some(amount)).is_eligible(), "{n}");
        let mut changed = changed.fixing(Channel::Card, price);
        assert!(changed.eligibility(Channel::Card, Some(amount)).is_eligible(), "{n}");
        assert_eq!(changed.price(Channel::Card, amount), Some(Ok(price)), "{n}");
        for rule in &mut changed.rules {
            rule.enabled = false;
        }
        assert!(!changed.eligibility(Channel::Card, Some(amount)).is_eligible(), "{n}");
    }
}

#[test]
fn a_quote_cannot_fix_another_taxpayer_s_tax_or_a_bonus_that_is_gone() {
    let shown = taxed(offer("CNY", Some("VN"), ""), "10", false);
    let fixed = quoted(&shown);
    // Elsewhere the tax is the same by chance: nothing changed.
    let moved = Offer { profile: Some(profile("FR")), ..shown.clone() };
    assert!(matches!(fixed.price(&moved, Channel::Card), Fixed::Price(_)));
    for rate in ["9", "11"] {
        assert_eq!(fixed.price(&taxed(moved.clone(), rate, false), Channel::Card), Fixed::Changed, "{rate}");
    }
    assert_eq!(fixed.price(&Offer { profile: None, tax_rule: None, ..shown }, Channel::Card), Fixed::Changed);

    let mut offer = offer("CNY", Some("VN"), "");
    offer.tiers.push(once());
    let fixed = quoted(&offer);
    assert_eq!(
        fixed.prices[0].1.bonus_terms,
        BonusTerms { tier: Some(once().id), once: true, first: false, expires_after_days: Some(30), reserved: false }
    );
    let mut given = offer.clone();
    given.standing.reserved.push(once().id);
    assert_eq!(fixed.price(&given, Channel::Card), Fixed::Changed);
    // The same if a customer gets the tier's bonus every time: the order would name a tier that another one has
    // reserved.
    given.tiers[0].used = BonusUse::EveryTime;
    assert_eq!(fixed.price(&given, Channel::Card), Fixed::Changed);
    // A bonus for the first top-up is lost once there is a first top-up, or an order that names another such tier, even
    // if the tier was closed or changed since then.
    let mut first = offer.clone();
    first.tiers[0].used = BonusUse::FirstTopUp;
    let fixed_first = quoted(&first);
    assert!(fixed_first.prices[0].1.bonus_terms.first);
    assert!(matches!(fixed_first.price(&Offer { tiers: Vec::new(), ..first.clone() }, Channel::Card), Fixed::Price(_)));
    for tiers in [first.tiers.clone(), offer.tiers.clone(), Vec::new()] {
        let mut topped_up = Offer { tiers, ..first.clone() };
        topped_up.standing.has_topped_up = true;
        assert_eq!(fixed_first.price(&topped_up, Channel::Card), Fixed::Changed);
        topped_up.standing.has_topped_up = false;
        topped_up.standing.is_first_reserved = true;
        assert_eq!(fixed_first.price(&topped_up, Channel::Card), Fixed::Changed);
    }
    // If the tier was only closed, the quote keeps it, like a price.
    let closed = Offer { tiers: Vec::new(), ..offer.clone() };
    assert!(matches!(fixed.price(&closed, Channel::Card), Fixed::Price(_)));
    assert_eq!(fixed.price(&offer, Channel::Vnpay), Fixed::NotQuoted);
}
