#![allow(clippy::unwrap_used)]

use chrono::DateTime;

use super::*;
use crate::domain::billing_profile::Email;
use crate::domain::customer::CustomerId;
use crate::domain::party::BillingDetails;
use crate::domain::percent::Percent;

fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

pub(in crate::domain) fn money_of(text: &str, code: &str) -> Money {
    Money::new(text.parse().unwrap(), currency(code)).unwrap()
}

fn rule(channel: Channel, code: &str, countries: &[&str], rank: i32) -> ChannelRule {
    ChannelRule {
        channel,
        currency: currency(code),
        product: Product::main(),
        enabled: true,
        countries: countries.iter().map(|code| code.parse().unwrap()).collect(),
        minimum: None,
        maximum: None,
        rank,
        recommended: false,
        fee: Percent::default(),
        fee_on_top: false,
        fee_refundable: true,
        bonus: Percent::default(),
        processing_time: "instant".to_owned(),
        processing_days: None,
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
        updated_by: "operator:ops".to_owned(),
    }
}

/// The product's own rules, as data.
fn rules() -> Vec<ChannelRule> {
    vec![
        rule(Channel::Card, "CNY", &[], 10),
        rule(Channel::Card, "USD", &[], 10),
        rule(Channel::Paypal, "USD", &["VN"], 5),
        rule(Channel::Vnpay, "VND", &["VN"], 5),
        ChannelRule { minimum: Some(money_of("50", "CNY")), ..rule(Channel::BankTransfer, "CNY", &[], 30) },
        rule(Channel::BankTransfer, "USD", &[], 30),
        rule(Channel::Balance, "CNY", &[], 40),
        rule(Channel::Balance, "USD", &[], 40),
    ]
}

pub(in crate::domain) fn profile(country: &str) -> BillingProfile {
    BillingProfile {
        tax_id_verified: None,
        customer: CustomerId::new("demo").unwrap(),
        name: "Demo".to_owned(),
        email: Email::from_column("demo@example.com"),
        country: country.parse().unwrap(),
        details: BillingDetails::default(),
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

pub(in crate::domain) fn offer(code: &str, country: Option<&str>, product: &str) -> Offer {
    Offer {
        currency: currency(code),
        product: Product::from_column(product),
        options: TopUpOptions {
            product: Product::main(),
            presets: Vec::new(),
            minimum: money_of("10", code),
            maximum: money_of("1000000", code),
            order_ttl_minutes: 60,
            version: 1,
            updated_at: DateTime::UNIX_EPOCH,
            updated_by: "operator:ops".to_owned(),
        },
        agreement: None,
        profile: country.map(profile),
        tax_rule: None,
        bank_account: None,
        rules: rules(),
        offered: Channel::ALL.map(ChannelOffer::unlimited).to_vec(),
        tiers: Vec::new(),
        standing: BonusStanding::default(),
        quoted: None,
        fixed: None,
    }
}

fn refusal(offer: &Offer, channel: Channel, amount: Option<&str>) -> Option<Ineligible> {
    offer.eligibility(channel, amount.map(|amount| money_of(amount, offer.currency.code()))).refusal
}

fn reason(offer: &Offer, channel: Channel) -> String {
    offer.eligibility(channel, None).reason(Language::English).unwrap()
}

#[test]
fn vnpay_is_for_vietnam_in_dong() {
    assert_eq!(refusal(&offer("VND", Some("VN"), ""), Channel::Vnpay, None), None);
    assert_eq!(reason(&offer("VND", Some("SG"), ""), Channel::Vnpay), "VNPay is only for customers in Vietnam.");
    assert_eq!(reason(&offer("CNY", Some("VN"), ""), Channel::Vnpay), "VNPay takes VND only.");
    assert_eq!(
        reason(&offer("VND", None, ""), Channel::Vnpay),
        "VNPay is only for customers in Vietnam; fill in the billing profile first."
    );
}

#[test]
fn paypal_countries_are_the_rules_to_say() {
    let mut offer = offer("USD", Some("DE"), "");
    assert!(matches!(refusal(&offer, Channel::Paypal, None), Some(Ineligible::OtherCountry(_))));
    for rule in offer.rules.iter_mut().filter(|rule| rule.channel == Channel::Paypal) {
        rule.countries = ["VN", "DE"].iter().map(|code| code.parse().unwrap()).collect();
    }
    assert_eq!(refusal(&offer, Channel::Paypal, None), None);
    offer.profile = Some(profile("FR"));
    assert_eq!(reason(&offer, Channel::Paypal), "PayPal is only for customers in Vietnam or Germany.");
}

#[test]
fn a_channel_without_countries_needs_no_profile() {
    assert_eq!(refusal(&offer("CNY", None, ""), Channel::Card, None), None);
    assert_eq!(reason(&offer("VND", None, ""), Channel::Card), "Card payment takes CNY or USD only.");
}

#[test]
fn bank_transfers_in_cny_start_at_fifty() {
    let offer = offer("CNY", Some("VN"), "");
    let all = offer.eligibility(Channel::BankTransfer, None);
    assert_eq!((all.refusal, all.minimum), (None, money_of("50", "CNY")));
    assert_eq!(refusal(&offer, Channel::BankTransfer, Some("50")), None);
    let short = offer.eligibility(Channel::BankTransfer, Some(money_of("49.99", "CNY")));
    assert_eq!(short.refusal, Some(Ineligible::BelowMinimum(money_of("50", "CNY"))));
    assert_eq!(short.reason(Language::English).unwrap(), "Bank transfer takes 50.00 CNY or more.");
    assert!(short.refusal.unwrap().is_about_amount());
}

#[test]
fn the_balance_pays_products_only() {
    assert_eq!(refusal(&offer("CNY", None, ""), Channel::Balance, None), Some(Ineligible::ProductsOnly));
    assert_eq!(refusal(&offer("CNY", None, "gpu"), Channel::Balance, None), None);
}

#[test]
fn the_narrowest_range_holds() {
    let mut offer = offer("USD", None, "");
    offer.offered.retain(|offered| offered.channel != Channel::Card);
    offer.offered.push(ChannelOffer {
        channel: Channel::Card,
        currencies: None,
        limits: vec![(currency("USD"), Some(money_of("20", "USD")), Some(money_of("500", "USD")))],
    });
    let card = offer.eligibility(Channel::Card, None);
    assert_eq!((card.minimum, card.maximum), (money_of("20", "USD"), money_of("500", "USD")));
    assert_eq!(refusal(&offer, Channel::Card, Some("500.01")), Some(Ineligible::AboveMaximum(money_of("500", "USD"))));
    let bank = offer.eligibility(Channel::BankTransfer, None);
    assert_eq!((bank.minimum, bank.maximum), (money_of("10", "USD"), money_of("1000000", "USD")));
}

#[test]
fn a_range_without_any_amount_is_not_available() {
    let mut offer = offer("USD", None, "");
    for rule in &mut offer.rules {
        rule.maximum = Some(money_of("5", rule.currency.code()));
    }
    assert_eq!(refusal(&offer, Channel::Card, None), Some(Ineligible::NotSetUp));
}

#[test]
fn what_cannot_be_served_is_not_offered() {
    let mut without = offer("CNY", None, "");
    without.offered.retain(|offered| offered.channel != Channel::Card);
    assert_eq!(reason(&without, Channel::Card), "Card payment is not available at the moment.");

    let mut other = offer("CNY", None, "");
    for offered in &mut other.offered {
        offered.currencies = Some(vec![currency("USD")]);
    }
    assert_eq!(refusal(&other, Channel::BankTransfer, None), Some(Ineligible::NotSetUp));
}

#[test]
fn the_products_own_rule_comes_first() {
    let mut offer = offer("USD", None, "gpu");
    let gpu = |rule: ChannelRule| ChannelRule { product: Product::new("gpu").unwrap(), ..rule };
    offer.rules.push(ChannelRule { enabled: false, ..gpu(rule(Channel::BankTransfer, "USD", &[], 1)) });
    let special = Percent::new("10".parse().unwrap()).unwrap();
    offer.rules.push(ChannelRule { fee: special, ..gpu(rule(Channel::Card, "USD", &[], 10)) });
    let fee = |offer: &Offer| offer.price(Channel::Card, money_of("100", "USD")).unwrap().unwrap().fee;
    assert_eq!(fee(&offer), money_of("10", "USD"));
    // Bank transfers into this product are still offered in the other currency.
    assert_eq!(refusal(&offer, Channel::BankTransfer, None), Some(Ineligible::OtherCurrency(vec![currency("CNY")])));
    offer.product = Product::main();
    assert_eq!(fee(&offer), money_of("0", "USD"));
    assert_eq!(refusal(&offer, Channel::BankTransfer, None), None);
}

#[test]
fn a_channel_that_is_switched_off_everywhere_is_not_offered() {
    let mut offer = offer("USD", None, "");
    for rule in offer.rules.iter_mut().filter(|rule| rule.channel == Channel::Card) {
        rule.enabled = false;
    }
    assert_eq!(reason(&offer, Channel::Card), "Card payment is not offered here.");
}

#[test]
fn a_quoted_channel_that_was_closed_is_not_offered_any_more() {
    let mut offer = offer("USD", None, "");
    for rule in offer.rules.iter_mut().filter(|rule| rule.channel == Channel::Card && rule.currency == currency("USD"))
    {
        rule.enabled = false;
    }
    assert!(matches!(refusal(&offer, Channel::Card, None), Some(Ineligible::OtherCurrency(_))));
    assert_eq!(refusal(&offer.with_quote_for(Channel::Card), Channel::Card, None), Some(Ineligible::NotOffered));
}

#[test]
fn an_amount_that_the_fee_eats_up_is_refused() {
    let mut offer = offer("USD", None, "");
    for rule in &mut offer.rules {
        rule.fee = Percent::new("100".parse().unwrap()).unwrap();
    }
    assert_eq!(refusal(&offer, Channel::Card, Some("100")), Some(Ineligible::NothingToCredit));
    assert_eq!(refusal(&offer, Channel::Card, Some("9")), Some(Ineligible::BelowMinimum(money_of("10", "USD"))));
}

#[test]
fn the_limits_are_about_what_is_paid() {
    let mut offer = offer("USD", None, "");
    for rule in &mut offer.rules {
        (rule.fee, rule.fee_on_top) = (Percent::new("25".parse().unwrap()).unwrap(), true);
    }
    assert_eq!(refusal(&offer, Channel::Card, Some("8")), None);
    assert_eq!(refusal(&offer, Channel::Card, Some("7.99")), Some(Ineligible::BelowMinimum(money_of("10", "USD"))));
    assert_eq!(refusal(&offer, Channel::Card, Some("800000")), None);
    let most = Some(Ineligible::AboveMaximum(money_of("1000000", "USD")));
    assert_eq!(refusal(&offer, Channel::Card, Some("800000.01")), most);
}

#[test]
fn the_eligible_channel_of_the_lowest_rank_is_recommended() {
    let recommended = |offer: &Offer, amount: Option<&str>| {
        let amount = amount.map(|amount| money_of(amount, offer.currency.code()));
        let all = offer.channels(amount);
        let found: Vec<_> = all.iter().filter(|one| one.recommended).map(|one| one.channel).collect();
        assert!(found.len() <= 1);
        assert_eq!(all.len(), Channel::ALL.len());
        found.first().copied()
    };
    assert_eq!(recommended(&offer("USD", Some("VN"), ""), None), Some(Channel::Paypal));
    assert_eq!(recommended(&offer("USD", Some("SG"), ""), None), Some(Channel::Card));
    assert_eq!(recommended(&offer("VND", Some("SG"), ""), None), None);
    assert_eq!(recommended(&offer("CNY", None, ""), Some("9")), None);
}

/// Every reason is a sentence in every language, and contains its figures in each of them.
#[test]
fn reasons_are_sentences_in_every_language() {
    let fifty = money_of("50", "CNY");
    let vietnam: Country = "VN".parse().unwrap();
    for (refusal, figure) in [
        (Ineligible::ProductsOnly, ""),
        (Ineligible::NotSetUp, ""),
        (Ineligible::NotOffered, ""),
        (Ineligible::OtherCurrency(vec!["USD".parse().unwrap()]), "USD"),
        (Ineligible::CountryUnknown(vec![vietnam]), "V"),
        (Ineligible::OtherCountry(vec![vietnam]), "V"),
        (Ineligible::BelowMinimum(fifty), "50.00"),
        (Ineligible::AboveMaximum(fifty), "50.00"),
        (Ineligible::NothingToCredit, ""),
    ] {
        let texts = Language::ALL.map(|language| refusal.sentence(Channel::BankTransfer, language));
        for text in &texts {
            assert!(text.ends_with(['.', '。']) && text.contains(figure), "{text}");
        }
        let [english, chinese, vietnamese] = &texts;
        assert!(english != chinese && chinese != vietnamese, "{texts:?}");
    }
}

#[test]
fn several_channels_are_recommended_where_rules_say_so() {
    let mut offer = offer("CNY", None, "sms");
    let recommended = |offer: &Offer| {
        let all = offer.channels(None).into_iter().filter(|one| one.recommended);
        all.map(|one| one.channel).collect::<Vec<_>>()
    };
    assert_eq!(recommended(&offer), [Channel::Card]);
    for rule in offer.rules.iter_mut().filter(|rule| matches!(rule.channel, Channel::Balance | Channel::BankTransfer)) {
        rule.recommended = true;
    }
    assert_eq!(recommended(&offer), [Channel::BankTransfer, Channel::Balance]);
    // A channel that cannot be chosen is not recommended.
    for rule in offer.rules.iter_mut().filter(|rule| rule.channel == Channel::BankTransfer) {
        rule.enabled = false;
    }
    assert_eq!(recommended(&offer), [Channel::Balance]);
    offer.product = Product::main();
    assert_eq!(recommended(&offer), [Channel::Card]);
}

#[test]
fn operators_are_not_bound_by_the_minimum_of_customers() {
    let offer = offer("CNY", None, "");
    let small = Some(money_of("0.01", "CNY"));
    assert!(!offer.eligibility(Channel::BankTransfer, small).is_eligible());
    let mut free = offer.without_customers_minimum();
    assert!(free.eligibility(Channel::BankTransfer, small).is_eligible());
    // A company's own minimum stays.
    let least = Some(money_of("0.50", "CNY"));
    for offered in free.offered.iter_mut().filter(|offered| offered.channel == Channel::Card) {
        offered.limits = vec![(currency("CNY"), least, None)];
    }
    assert!(!free.eligibility(Channel::Card, small).is_eligible());
}
