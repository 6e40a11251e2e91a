//! Stripe's objects as JSON (docs.stripe.com/api). Fields that a top-up never fills are null or missing, as the API
//! allows.

use serde_json::{Value, json};

use super::model::{Books, Charge, Dispute, Intent, IntentStatus, Refund, RefundStatus, Session, SessionStatus};
use super::problem::Problem;

pub(super) fn session(books: &Books, session: &Session, public_url: &str) -> Value {
    let open = session.status == SessionStatus::Open;
    let created = session.intent.as_ref().filter(|id| books.intents.contains_key(*id));
    let first = json!({
        "id": session.id,
        "object": "checkout.session",
        "adaptive_pricing": { "enabled": session.adaptive_pricing },
        "after_expiration": null,
        "allow_promotion_codes": null,
        "amount_subtotal": session.amount,
        "amount_total": session.amount,
        "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
        "billing_address_collection": null,
        "cancel_url": session.cancel_url,
        "client_reference_id": session.client_reference_id,
        "client_secret": null,
        "consent": null,
        "consent_collection": null,
        "created": session.created,
        "currency": session.currency,
        "currency_conversion": null,
        "custom_fields": [],
        "custom_text": {
            "after_submit": null, "shipping_address": null, "submit": null,
            "terms_of_service_acceptance": null
        },
        "customer": null,
        "customer_creation": "if_required",
        "customer_details": session.customer_email.as_ref().map(|email| json!({
            "address": null, "email": email, "name": null, "phone": null, "tax_exempt": "none",
            "tax_ids": null
        })),
        "customer_email": session.customer_email,
        "discounts": []
    });
    let rest = json!({
        "expires_at": session.expires_at,
        "invoice": null,
        "invoice_creation": null,
        "livemode": false,
        "locale": session.locale,
        "metadata": session.metadata,
        "mode": "payment",
        "payment_intent": created,
        "payment_link": null,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": null,
        "payment_method_options": {},
        "payment_method_types": session.methods,
        "payment_status": if session.paid { "paid" } else { "unpaid" },
        "phone_number_collection": { "enabled": false },
        "presentment_details": null,
        "recovered_from": null,
        "saved_payment_method_options": null,
        "setup_intent": null,
        "shipping_address_collection": null,
        "shipping_cost": null,
        "shipping_options": [],
        "status": session.status,
        "submit_type": null,
        "subscription": null,
        "success_url": session.success_url,
        "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
        "ui_mode": if books.api_version.as_deref() >= Some("2026-03-25") { "hosted_page" } else { "hosted" },
        "url": open.then(|| format!("{public_url}/stripe/pay/{}", session.id)),
        "wallet_options": null
    });
    joined(first, rest)
}

pub(super) fn intent(intent: &Intent, public_url: &str) -> Value {
    let succeeded = intent.status == IntentStatus::Succeeded;
    let next_action = (intent.status == IntentStatus::RequiresAction).then(|| {
        let page = format!("{public_url}/stripe/3ds/{}?client_secret={}", intent.id, intent.client_secret);
        match &intent.return_url {
            Some(back) => json!({
                "type": "redirect_to_url",
                "redirect_to_url": { "url": page, "return_url": back }
            }),
            None => json!({
                "type": "use_stripe_sdk",
                "use_stripe_sdk": { "type": "three_d_secure_redirect", "stripe_js": page }
            }),
        }
    });
    let first = json!({
        "id": intent.id,
        "object": "payment_intent",
        "amount": intent.amount,
        "amount_capturable": 0,
        "amount_details": { "tip": {} },
        "amount_received": if succeeded { intent.amount } else { 0 },
        "application": null,
        "application_fee_amount": null,
        "automatic_payment_methods": { "allow_redirects": "always", "enabled": true },
        "canceled_at": intent.canceled_at,
        "cancellation_reason": intent.cancellation_reason,
        "capture_method": "automatic",
        "client_secret": intent.client_secret,
        "confirmation_method": "automatic",
        "created": intent.created,
        "currency": intent.currency,
        "customer": null,
        "description": intent.description,
        "last_payment_error": intent.last_payment_error
    });
    let rest = json!({
        "latest_charge": intent.latest_charge,
        "livemode": false,
        "metadata": intent.metadata,
        "next_action": next_action,
        "on_behalf_of": null,
        "payment_method": succeeded.then(|| format!("pm_{}", suffix(&intent.id))),
        "payment_method_configuration_details": null,
        "payment_method_options": {
            "card": { "installments": null, "mandate_options": null, "network": null,
                      "request_three_d_secure": "automatic" }
        },
        "payment_method_types": intent.methods,
        "processing": null,
        "receipt_email": intent.receipt_email,
        "review": null,
        "setup_future_usage": null,
        "shipping": null,
        "source": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": intent.status,
        "transfer_data": null,
        "transfer_group": null
    });
    joined(first, rest)
}

pub(super) fn charge(charge: &Charge) -> Value {
    let paid = charge.failure.is_none();
    json!({
        "id": charge.id,
        "object": "charge",
        "amount": charge.amount,
        "amount_captured": if paid { charge.amount } else { 0 },
        "amount_refunded": charge.amount_refunded,
        "balance_transaction": paid.then(|| format!("txn_{}", suffix(&charge.id))),
        "billing_details": { "address": null, "email": null, "name": null, "phone": null, "tax_id": null },
        "captured": paid,
        "created": charge.created,
        "currency": charge.currency,
        "customer": null,
        "description": null,
        "disputed": charge.disputed,
        "failure_code": charge.failure.as_ref().map(|(code, _)| code),
        "failure_message": charge.failure.as_ref().map(|(_, message)| message),
        "fraud_details": {},
        "livemode": false,
        "metadata": charge.metadata,
        "outcome": null,
        "paid": paid,
        "payment_intent": charge.intent,
        "payment_method": format!("pm_{}", suffix(&charge.intent)),
        "payment_method_details": {
            "card": { "brand": "visa", "country": "US", "last4": "4242", "network": "visa" },
            "type": "card"
        },
        "receipt_email": null,
        "refunded": paid && charge.amount_refunded == charge.amount,
        "status": if paid { "succeeded" } else { "failed" }
    })
}

pub(super) fn refund(refund: &Refund) -> Value {
    json!({
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "balance_transaction": format!("txn_{}", suffix(&refund.id)),
        "charge": refund.charge,
        "created": refund.created,
        "currency": refund.currency,
        "destination_details": { "card": { "type": "refund" }, "type": "card" },
        "failure_reason": refund.failure_reason,
        "metadata": refund.metadata,
        "payment_intent": refund.intent,
        "pending_reason": (refund.status == RefundStatus::Pending).then_some("processing"),
        "reason": refund.reason,
        "receipt_number": null,
        "source_transfer_reversal": null,
        "status": refund.status,
        "transfer_reversal": null
    })
}

pub(super) fn dispute(dispute: &Dispute) -> Value {
    let settled = matches!(dispute.status, "won" | "lost" | "warning_closed");
    json!({
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount,
        "balance_transactions": if dispute.status.starts_with("warning") { json!([]) } else {
            json!([{
                "id": format!("txn_{}", dispute.id), "object": "balance_transaction", "amount": -dispute.amount,
                "currency": dispute.currency, "fee": 1500, "net": -dispute.amount - 1500, "type": "adjustment"
            }])
        },
        "charge": dispute.charge,
        "created": dispute.created,
        "currency": dispute.currency,
        "enhanced_eligibility_types": [],
        "evidence": dispute.evidence,
        "evidence_details": {
            "due_by": dispute.created + 7 * 86_400, "has_evidence": !dispute.evidence.is_empty(), "past_due": false,
            "submission_count": u8::from(settled || !dispute.evidence.is_empty())
        },
        "is_charge_refundable": dispute.status.starts_with("warning"),
        "livemode": false,
        "metadata": dispute.metadata,
        "payment_intent": dispute.intent,
        "payment_method_details": { "card": { "brand": "visa", "case_type": "chargeback" }, "type": "card" },
        "reason": "fraudulent",
        "status": dispute.status
    })
}

/// Replaces the ids of expanded fields by whole objects.
pub(super) fn expand(
    books: &Books,
    mut object: Value,
    wanted: impl Iterator<Item = String>,
    public_url: &str,
) -> Result<Value, Problem> {
    for path in wanted {
        let mut at = Some(&mut object);
        for step in path.split('.') {
            at = at.and_then(|value| value.get_mut(step));
            let Some(place) = at.as_deref_mut() else {
                return Err(Problem::invalid(format!("This property cannot be expanded ({path}).")).param("expand"));
            };
            if let Some(id) = place.as_str() {
                match by_id(books, id, public_url) {
                    Some(whole) => *place = whole,
                    None => {
                        return Err(
                            Problem::invalid(format!("This property cannot be expanded ({path}).")).param("expand")
                        );
                    }
                }
            } else if place.is_null() {
                // There is no object yet, so the field stays null.
                break;
            }
        }
    }
    Ok(object)
}

fn by_id(books: &Books, id: &str, public_url: &str) -> Option<Value> {
    let found = books.intents.get(id).map(|found| intent(found, public_url));
    let found = found.or_else(|| books.charges.get(id).map(charge));
    let found = found.or_else(|| books.refunds.get(id).map(refund));
    found.or_else(|| books.sessions.get(id).map(|found| session(books, found, public_url)))
}

fn suffix(id: &str) -> &str {
    id.split_once('_').map_or(id, |(_, rest)| rest)
}

/// Joins two objects, because one literal with all fields exceeds the recursion limit of the macro.
fn joined(first: Value, rest: Value) -> Value {
    match (first, rest) {
        (Value::Object(mut first), Value::Object(rest)) => {
            first.extend(rest);
            Value::Object(first)
        }
        (first, _) => first,
    }
}
