//! The parameters of each endpoint, by API version (docs.stripe.com/api, SDK parameter types).
//!
//! Only the parameters that a top-up needs are known. Any other parameter of the real API is refused like an unknown
//! one, because its effect is not simulated here.

use super::form::{Kind, Rule, may, need};

/// A dated API version, such as `2026-10-28.endive`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(String);

impl Version {
    /// Reads a version of the form `YYYY-MM-DD.name`. The name must be a known release train.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, name) = text.split_once('.')?;
        chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
        let known = ["acacia", "basil", "clover", "dahlia", "endive"];
        (date.len() == 10 && known.contains(&name)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a filter on the dynamic set replaces the fixed list of methods, as since 2026-09-30.endive.
    fn filters_methods(&self) -> bool {
        self.0.as_str() >= "2026-09-30"
    }

    /// Whether the hosted page is called `hosted_page`, as since 2026-03-25.dahlia.
    fn renamed_ui_modes(&self) -> bool {
        self.0.as_str() >= "2026-03-25"
    }
}

const AMOUNT: Kind = Kind::Integer(0, 999_999_999_999);

const LOCALES: &[&str] = &[
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu",
    "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv",
    "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

const METHODS: &[&str] = &["card", "link", "alipay", "wechat_pay", "us_bank_account", "sepa_debit"];

fn methods(version: &Version) -> Rule {
    match version.filters_methods() {
        true => may("allowed_payment_method_types[#]", Kind::OneOf(METHODS)),
        false => may("payment_method_types[#]", Kind::OneOf(METHODS)),
    }
}

pub(super) fn create_session(version: &Version) -> Vec<Rule> {
    let hosted: &[&str] = if version.renamed_ui_modes() { &["hosted_page"] } else { &["hosted"] };
    vec![
        need("mode", Kind::OneOf(&["payment"])),
        need("success_url", Kind::Url),
        need("line_items[#][quantity]", Kind::Integer(1, 999_999)),
        need("line_items[#][price_data][currency]", Kind::Currency),
        need("line_items[#][price_data][unit_amount]", AMOUNT),
        need("line_items[#][price_data][product_data][name]", Kind::Text(250)),
        may("line_items[#][price_data][product_data][description]", Kind::Text(500)),
        may("cancel_url", Kind::Url),
        may("client_reference_id", Kind::Text(200)),
        may("customer_email", Kind::Email),
        may("expires_at", Kind::Integer(0, i64::MAX)),
        may("locale", Kind::OneOf(LOCALES)),
        may("metadata[*]", Kind::Metadata),
        may("payment_intent_data[metadata][*]", Kind::Metadata),
        may("payment_intent_data[description]", Kind::Text(1000)),
        may("payment_intent_data[receipt_email]", Kind::Email),
        may("payment_intent_data[statement_descriptor_suffix]", Kind::Text(22)),
        may("adaptive_pricing[enabled]", Kind::Flag),
        may("submit_type", Kind::OneOf(&["auto", "book", "donate", "pay"])),
        may("ui_mode", Kind::OneOf(hosted)),
        may("currency", Kind::Currency),
        may("expand[#]", Kind::Text(100)),
        methods(version),
    ]
}

pub(super) fn create_intent(version: &Version) -> Vec<Rule> {
    vec![
        need("amount", AMOUNT),
        need("currency", Kind::Currency),
        may("automatic_payment_methods[enabled]", Kind::Flag),
        may("automatic_payment_methods[allow_redirects]", Kind::OneOf(&["always", "never"])),
        may("capture_method", Kind::OneOf(&["automatic", "automatic_async"])),
        may("description", Kind::Text(1000)),
        may("metadata[*]", Kind::Metadata),
        may("receipt_email", Kind::Email),
        may("statement_descriptor_suffix", Kind::Text(22)),
        may("expand[#]", Kind::Text(100)),
        methods(version),
    ]
}

/// The parameters that Stripe.js sends when the buyer presses Pay in the card pop-up.
pub(super) fn confirm_intent(_: &Version) -> Vec<Rule> {
    vec![
        may("client_secret", Kind::Text(200)),
        may("payment_method", Kind::Text(100)),
        may("payment_method_data[type]", Kind::OneOf(&["card"])),
        may("payment_method_data[card][number]", Kind::Text(25)),
        may("payment_method_data[card][exp_month]", Kind::Integer(1, 12)),
        may("payment_method_data[card][exp_year]", Kind::Integer(0, 9_999)),
        may("payment_method_data[card][cvc]", Kind::Text(4)),
        may("payment_method_data[billing_details][name]", Kind::Text(200)),
        may("payment_method_data[billing_details][email]", Kind::Email),
        may("return_url", Kind::Url),
        may("use_stripe_sdk", Kind::Flag),
        may("expand[#]", Kind::Text(100)),
    ]
}

pub(super) fn cancel_intent(_: &Version) -> Vec<Rule> {
    const REASONS: &[&str] = &["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
    vec![may("cancellation_reason", Kind::OneOf(REASONS)), may("expand[#]", Kind::Text(100))]
}

/// The parameters of a refund. The handler checks that exactly one of `payment_intent` and `charge` is present.
pub(super) fn create_refund(_: &Version) -> Vec<Rule> {
    const REASONS: &[&str] = &["duplicate", "fraudulent", "requested_by_customer"];
    vec![
        may("payment_intent", Kind::Text(100)),
        may("charge", Kind::Text(100)),
        may("amount", Kind::Integer(1, 999_999_999_999)),
        may("reason", Kind::OneOf(REASONS)),
        may("metadata[*]", Kind::Metadata),
        may("expand[#]", Kind::Text(100)),
    ]
}

/// The parameter `expand` only: for reads, and to expire a session.
pub(super) fn only_expand(_: &Version) -> Vec<Rule> {
    vec![may("expand[#]", Kind::Text(100))]
}

pub(super) fn update_dispute(_: &Version) -> Vec<Rule> {
    let text = Kind::Text(20_000);
    vec![
        may("evidence[access_activity_log]", text),
        may("evidence[billing_address]", text),
        may("evidence[customer_email_address]", text),
        may("evidence[customer_name]", text),
        may("evidence[customer_purchase_ip]", text),
        may("evidence[product_description]", text),
        may("evidence[service_date]", text),
        may("evidence[uncategorized_text]", text),
        may("submit", Kind::Flag),
        may("expand[#]", Kind::Text(100)),
    ]
}

pub(super) fn get_intent(_: &Version) -> Vec<Rule> {
    vec![may("expand[#]", Kind::Text(100)), may("client_secret", Kind::Text(200))]
}

pub(super) fn list_sessions(version: &Version) -> Vec<Rule> {
    let mut rules = list(version);
    rules.push(may("payment_intent", Kind::Text(100)));
    rules.push(may("status", Kind::OneOf(&["open", "complete", "expired"])));
    rules
}

pub(super) fn list_refunds(version: &Version) -> Vec<Rule> {
    let mut rules = list(version);
    rules.push(may("payment_intent", Kind::Text(100)));
    rules.push(may("charge", Kind::Text(100)));
    rules
}

pub(super) fn list_events(version: &Version) -> Vec<Rule> {
    let mut rules = list(version);
    rules.push(may("type", Kind::Text(100)));
    rules.push(may("types[#]", Kind::Text(100)));
    rules.push(may("delivery_success", Kind::Flag));
    rules
}

fn list(_: &Version) -> Vec<Rule> {
    let second = Kind::Integer(0, i64::MAX);
    vec![
        may("limit", Kind::Integer(1, 100)),
        may("starting_after", Kind::Text(100)),
        may("ending_before", Kind::Text(100)),
        may("created", second),
        may("created[gt]", second),
        may("created[gte]", second),
        may("created[lt]", second),
        may("created[lte]", second),
        may("expand[#]", Kind::Text(100)),
    ]
}
