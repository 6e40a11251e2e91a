//! The forms that we send to Stripe.

use chrono::{DateTime, TimeDelta, Utc};

use super::{META_ATTEMPT, META_DEPLOYMENT, META_FLOW, META_ORDER, META_REFUND, NAME, money};
use crate::domain::deployment::Deployment;
use crate::domain::dispute_case::Evidence;
use crate::domain::id::IdKind;
use crate::domain::money::{Money, MoneyError};
use crate::providers::{AttemptRequest, ProviderError, RefundInstruction};

pub(super) type StripeForm = Vec<(String, String)>;

/// The name of the card filter in an API version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `payment_method_types`, which version 2026-09-30.endive removed.
    Types,
    /// `allowed_payment_method_types`.
    AllowedTypes,
}

impl Dialect {
    /// Versions start with their date, so text order is time order.
    pub fn of(api_version: &str) -> Self {
        if api_version >= "2026-09-30" { Self::AllowedTypes } else { Self::Types }
    }

    fn card_filter(self) -> (String, String) {
        let name = match self {
            Self::Types => "payment_method_types[0]",
            Self::AllowedTypes => "allowed_payment_method_types[0]",
        };
        pair(name, "card")
    }
}

/// Checkout's languages (docs.stripe.com/api/checkout/sessions/create#create_checkout_session-locale).
const LOCALES: [&str; 41] = [
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu", "id",
    "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv", "th",
    "tr", "vi", "zh", "zh-HK", "zh-TW", "auto",
];

/// `POST /v1/checkout/sessions`. It sends no `ui_mode`, because the hosted page is the default, and its name has
/// changed.
pub(super) fn session(
    request: &AttemptRequest,
    dialect: Dialect,
    deployment: Deployment,
) -> Result<StripeForm, ProviderError> {
    let order = IdKind::TopUpOrder.show(request.order_id);
    let mut form = vec![
        pair("mode", "payment"),
        dialect.card_filter(),
        pair("line_items[0][quantity]", "1"),
        pair("line_items[0][price_data][currency]", &request.amount.currency().code().to_ascii_lowercase()),
        pair("line_items[0][price_data][unit_amount]", &units(request.amount)?.to_string()),
        pair("line_items[0][price_data][product_data][name]", &request.description),
        pair("success_url", &request.return_url),
        pair("cancel_url", &request.cancel_url),
        pair("client_reference_id", &order),
        pair("expires_at", &session_expiry(request).timestamp().to_string()),
        // The default depends on a switch in the dashboard, which could charge a payer in another currency.
        pair("adaptive_pricing[enabled]", "false"),
        pair("payment_intent_data[description]", &request.description),
    ];
    for prefix in ["metadata", "payment_intent_data[metadata]"] {
        metadata(&mut form, prefix, request, "checkout", deployment);
    }
    if let Some(email) = &request.customer_email {
        form.push(pair("customer_email", email));
    }
    if let Some(locale) = request.locale.as_deref().and_then(checkout_locale) {
        form.push(pair("locale", locale));
    }
    Ok(form)
}

/// `POST /v1/payment_intents`, for Elements.
pub(super) fn intent(
    request: &AttemptRequest,
    dialect: Dialect,
    deployment: Deployment,
) -> Result<StripeForm, ProviderError> {
    let mut form = vec![
        pair("amount", &units(request.amount)?.to_string()),
        pair("currency", &request.amount.currency().code().to_ascii_lowercase()),
        dialect.card_filter(),
        pair("description", &request.description),
    ];
    metadata(&mut form, "metadata", request, "elements", deployment);
    if let Some(email) = &request.customer_email {
        form.push(pair("receipt_email", email));
    }
    Ok(form)
}

/// `POST /v1/refunds`. The amount is always sent, because without it Stripe refunds the whole rest.
pub(super) fn refund(request: &RefundInstruction, deployment: Deployment) -> Result<StripeForm, ProviderError> {
    // Stripe accepts three words only. The real reason is kept here.
    let reason = match request.reason.as_str() {
        reason @ ("duplicate" | "fraudulent") => reason,
        _ => "requested_by_customer",
    };
    Ok(vec![
        pair("payment_intent", &request.payment_id),
        pair("amount", &units(request.amount)?.to_string()),
        pair("reason", reason),
        pair(&format!("metadata[{META_REFUND}]"), &IdKind::Refund.show(request.refund_id)),
        pair(&format!("metadata[{META_ORDER}]"), &IdKind::TopUpOrder.show(request.attempt.order_id)),
        pair(&format!("metadata[{META_DEPLOYMENT}]"), &deployment.to_string()),
    ])
}

/// The evidence about a dispute, submitted at once. The fields are Stripe's; evidence without a field is written into
/// the free text (docs.stripe.com/api/disputes/evidence_object).
pub(super) fn evidence(evidence: &Evidence) -> StripeForm {
    let product = format!("Prepaid balance of {} for {}", evidence.amount, evidence.product);
    // Stripe refuses an empty text, and possibly nothing has been used yet.
    let usage = Some(evidence.usage_text()).filter(|usage| !usage.is_empty());
    let optional = [
        ("access_activity_log", &usage),
        ("customer_name", &evidence.customer_name),
        ("customer_email_address", &evidence.customer_email),
        ("billing_address", &evidence.billing_address),
    ];
    let mut form = vec![
        pair("evidence[customer_purchase_ip]", &evidence.customer_ip),
        pair("evidence[product_description]", &product),
        pair("evidence[service_date]", &evidence.paid_on.to_string()),
        pair("evidence[uncategorized_text]", &evidence.text()),
        pair("submit", "true"),
    ];
    form.extend(
        optional.into_iter().filter_map(|(name, value)| Some(pair(&format!("evidence[{name}]"), value.as_deref()?))),
    );
    form
}

/// When the session expires. Stripe accepts 30 minutes to 24 hours after the arrival of the call by its own clock, and
/// refuses any other time finally (docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at).
///
/// The time only depends on stored values, because a repetition must send the same bytes. A call may be repeated while
/// the order is open, and even then at least 30 minutes are left. The limits keep a distance, because clocks differ. A
/// page that lasts longer than the order does no harm: it is ended with the order, and money that arrives later is
/// credited.
fn session_expiry(request: &AttemptRequest) -> DateTime<Utc> {
    let earliest = request.created_at + TimeDelta::minutes(60);
    let latest = request.created_at + TimeDelta::minutes(23 * 60 + 30);
    (request.expires_at + TimeDelta::minutes(35)).clamp(earliest, latest)
}

fn metadata(form: &mut StripeForm, prefix: &str, request: &AttemptRequest, flow: &str, deployment: Deployment) {
    form.push(pair(&format!("{prefix}[{META_ORDER}]"), &IdKind::TopUpOrder.show(request.order_id)));
    form.push(pair(&format!("{prefix}[{META_ATTEMPT}]"), &request.attempt.to_string()));
    form.push(pair(&format!("{prefix}[{META_FLOW}]"), flow));
    form.push(pair(&format!("{prefix}[{META_DEPLOYMENT}]"), &deployment.to_string()));
}

/// The language if Stripe has it, else its first part: `vi-VN` becomes `vi`.
fn checkout_locale(locale: &str) -> Option<&'static str> {
    let known = |wanted: &str| LOCALES.into_iter().find(|known| known.eq_ignore_ascii_case(wanted));
    known(locale).or_else(|| known(locale.split(['-', '_']).next().unwrap_or(locale)))
}

fn units(amount: Money) -> Result<i64, ProviderError> {
    money::to_wire(amount).map_err(|error: MoneyError| ProviderError::Unsupported {
        provider: NAME,
        detail: format!("{amount}: {error}"),
    })
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
