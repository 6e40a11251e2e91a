//! The JSON bodies that we send to PayPal.

use serde_json::{Value, json};

use super::{NAME, mapping, money};
use crate::domain::deployment::Deployment;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::providers::{AttemptRequest, ProviderError, RefundInstruction, return_page};

/// `POST /v2/checkout/orders`. It sends no `application_context`, which is deprecated.
pub(super) fn order(
    request: &AttemptRequest,
    public_url: &str,
    deployment: Deployment,
) -> Result<Value, ProviderError> {
    let order = IdKind::TopUpOrder.show(request.order_id);
    let page = return_page(public_url, NAME, request.order_id);
    let mut context = json!({
        "return_url": page,
        "cancel_url": format!("{page}&cancelled=true"),
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
        // Without this, payers may choose eChecks, which take days.
        "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
    });
    if let (Some(locale), Some(context)) = (request.locale.as_deref().and_then(locale), context.as_object_mut()) {
        context.insert("locale".to_owned(), locale.into());
    }
    Ok(json!({
        "intent": "CAPTURE",
        "purchase_units": [{
            "reference_id": "default",
            "custom_id": mapping::mark(request.order_id, deployment),
            // Some accounts refuse a repeated invoice id, so each attempt has its own.
            "invoice_id": format!("{order}-{}", request.attempt),
            "description": request.description.chars().take(127).collect::<String>(),
            "amount": amount(request.amount)?,
        }],
        "payment_source": {"paypal": {"experience_context": context}},
    }))
}

/// `POST /v2/payments/captures/{id}/refund`. The amount is always sent, because without it PayPal refunds the whole
/// rest.
pub(super) fn refund(request: &RefundInstruction) -> Result<Value, ProviderError> {
    Ok(json!({"amount": amount(request.amount)?, "custom_id": IdKind::Refund.show(request.refund_id)}))
}

fn amount(amount: Money) -> Result<Value, ProviderError> {
    let value = money::to_wire(amount)
        .map_err(|error| ProviderError::Unsupported { provider: NAME, detail: format!("{amount}: {error}") })?;
    Ok(json!({"currency_code": amount.currency().code(), "value": value}))
}

/// The locale for PayPal, which accepts language and country in five characters.
fn locale(wanted: &str) -> Option<String> {
    match wanted.split_once(['-', '_']) {
        Some((language, country)) if language.len() == 2 && country.len() == 2 => {
            let plain = wanted.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'));
            plain.then(|| format!("{}-{}", language.to_ascii_lowercase(), country.to_ascii_uppercase()))
        }
        Some(_) => None,
        None => match wanted {
            "en" => Some("en-US".to_owned()),
            "vi" => Some("vi-VN".to_owned()),
            "zh" => Some("zh-CN".to_owned()),
            _ => None,
        },
    }
}
