//! PayPal's objects as JSON (developer.paypal.com/docs/api/orders/v2, payments/v2).

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::Paypal;
use super::model::{Books, Capture, Dispute, Order, OrderStatus, Refund, Unit};

/// A time with whole seconds and `Z`.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn link(href: String, rel: &str, method: &str) -> Value {
    json!({ "href": href, "rel": rel, "method": method })
}

fn put(fields: &mut Map<String, Value>, name: &str, value: Option<&String>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.as_str().into());
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

impl Paypal {
    /// The URL of the page on which the buyer approves.
    pub(super) fn approval_url(&self, order: &str) -> String {
        format!("{}/paypal/checkoutnow?token={order}", self.public_url)
    }

    fn order_links(&self, order: &Order) -> Value {
        let own = format!("{}/v2/checkout/orders/{}", self.api_url, order.id);
        let mut links = vec![link(own.clone(), "self", "GET")];
        let rel = if order.with_source { "payer-action" } else { "approve" };
        match order.status {
            OrderStatus::Created | OrderStatus::PayerActionRequired => {
                links.push(link(self.approval_url(&order.id), rel, "GET"));
                if !order.with_source {
                    links.push(link(own.clone(), "update", "PATCH"));
                    links.push(link(format!("{own}/capture"), "capture", "POST"));
                }
            }
            OrderStatus::Approved => {
                links.push(link(own.clone(), "update", "PATCH"));
                links.push(link(format!("{own}/capture"), "capture", "POST"));
            }
            OrderStatus::Completed | OrderStatus::Voided => {}
        }
        links.into()
    }

    /// An order as `Prefer: return=minimal` returns it.
    pub(super) fn minimal_order(&self, order: &Order) -> Value {
        let mut fields = object(json!({
            "id": order.id, "status": order.status.name(), "links": self.order_links(order)
        }));
        if order.with_source {
            fields.insert("payment_source".to_owned(), json!({ "paypal": {} }));
        }
        fields.into()
    }

    pub(super) fn order(&self, books: &Books, order: &Order) -> Value {
        let units: Vec<Value> = order.units.iter().map(|unit| self.unit(books, unit)).collect();
        let mut fields = object(json!({
            "id": order.id,
            "intent": "CAPTURE",
            "status": order.status.name(),
            "purchase_units": units,
            "create_time": time(order.created),
            "update_time": time(order.updated),
            "links": self.order_links(order)
        }));
        let known = matches!(order.status, OrderStatus::Approved | OrderStatus::Completed);
        if known {
            fields.insert("payer".to_owned(), payer());
        }
        if order.with_source || known {
            let source = if known {
                json!({ "paypal": {
                    "email_address": "buyer@sandbox.invalid", "account_id": PAYER_ID,
                    "account_status": "VERIFIED",
                    "name": { "given_name": "John", "surname": "Doe" },
                    "address": { "country_code": "US" }
                } })
            } else {
                json!({ "paypal": {} })
            };
            fields.insert("payment_source".to_owned(), source);
        }
        fields.into()
    }

    fn unit(&self, books: &Books, unit: &Unit) -> Value {
        let mut fields = object(json!({
            "reference_id": unit.reference_id,
            "amount": unit.amount.shown(),
            "payee": { "email_address": "merchant@sandbox.invalid", "merchant_id": MERCHANT_ID }
        }));
        put(&mut fields, "custom_id", unit.custom_id.as_ref());
        put(&mut fields, "invoice_id", unit.invoice_id.as_ref());
        put(&mut fields, "description", unit.description.as_ref());
        put(&mut fields, "soft_descriptor", unit.soft_descriptor.as_ref());
        if let Some(capture) = unit.capture.as_ref().and_then(|id| books.captures.get(id)) {
            let captures = vec![self.capture(capture)];
            let refunds: Vec<Value> = books
                .refunds
                .values()
                .filter(|refund| refund.capture == capture.id)
                .map(|refund| self.refund(refund))
                .collect();
            let mut payments = object(json!({ "captures": captures }));
            if !refunds.is_empty() {
                payments.insert("refunds".to_owned(), refunds.into());
            }
            fields.insert("payments".to_owned(), payments.into());
        }
        fields.into()
    }

    pub(super) fn capture(&self, capture: &Capture) -> Value {
        let own = format!("{}/v2/payments/captures/{}", self.api_url, capture.id);
        let up = format!("{}/v2/checkout/orders/{}", self.api_url, capture.order);
        let mut fields = object(json!({
            "id": capture.id,
            "status": capture.status,
            "amount": capture.amount.shown(),
            "final_capture": true,
            "disbursement_mode": "INSTANT",
            "seller_protection": {
                "status": "ELIGIBLE",
                "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"]
            },
            "create_time": time(capture.created),
            "update_time": time(capture.updated),
            "links": [
                link(own.clone(), "self", "GET"),
                link(format!("{own}/refund"), "refund", "POST"),
                link(up, "up", "GET")
            ]
        }));
        put(&mut fields, "custom_id", capture.custom_id.as_ref());
        put(&mut fields, "invoice_id", capture.invoice_id.as_ref());
        if let Some(reason) = &capture.reason {
            fields.insert("status_details".to_owned(), json!({ "reason": reason }));
        }
        if matches!(capture.status, "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED") {
            let fee = capture.amount.fee();
            let net = capture.amount.of(capture.amount.value - fee.value);
            fields.insert(
                "seller_receivable_breakdown".to_owned(),
                json!({
                    "gross_amount": capture.amount.shown(), "paypal_fee": fee.shown(),
                    "net_amount": net.shown()
                }),
            );
        }
        fields.into()
    }

    /// A capture in the form that webhooks use, which adds the id of its order.
    pub(super) fn capture_resource(&self, capture: &Capture) -> Value {
        let mut fields = object(self.capture(capture));
        fields.insert("supplementary_data".to_owned(), json!({ "related_ids": { "order_id": capture.order } }));
        fields.into()
    }

    pub(super) fn minimal_refund(&self, refund: &Refund) -> Value {
        json!({ "id": refund.id, "status": refund.status, "links": self.refund_links(refund) })
    }

    fn refund_links(&self, refund: &Refund) -> Value {
        let own = format!("{}/v2/payments/refunds/{}", self.api_url, refund.id);
        let up = format!("{}/v2/payments/captures/{}", self.api_url, refund.capture);
        json!([link(own, "self", "GET"), link(up, "up", "GET")])
    }

    pub(super) fn refund(&self, refund: &Refund) -> Value {
        let mut fields = object(json!({
            "id": refund.id,
            "status": refund.status,
            "amount": refund.amount.shown(),
            "seller_payable_breakdown": {
                "gross_amount": refund.amount.shown(),
                "paypal_fee": refund.amount.of(0.into()).shown(),
                "net_amount": refund.amount.shown(),
                "total_refunded_amount": refund.amount.of(refund.total).shown()
            },
            "create_time": time(refund.created),
            "update_time": time(refund.updated),
            "links": self.refund_links(refund)
        }));
        put(&mut fields, "custom_id", refund.custom_id.as_ref());
        put(&mut fields, "invoice_id", refund.invoice_id.as_ref());
        put(&mut fields, "note_to_payer", refund.note.as_ref());
        if refund.status == "PENDING" {
            fields.insert("status_details".to_owned(), json!({ "reason": "ECHECK" }));
        }
        fields.into()
    }

    pub(super) fn dispute(&self, books: &Books, dispute: &Dispute) -> Value {
        let capture = books.captures.get(&dispute.capture);
        let mut fields = object(json!({
            "dispute_id": dispute.id,
            "create_time": time(dispute.created),
            "update_time": time(dispute.updated),
            "disputed_transactions": [{
                "seller_transaction_id": dispute.capture,
                "custom": capture.and_then(|capture| capture.custom_id.as_ref()),
                "invoice_number": capture.and_then(|capture| capture.invoice_id.as_ref()),
                "gross_amount": capture.map(|capture| capture.amount.shown()),
                "seller": { "merchant_id": MERCHANT_ID }
            }],
            "reason": "UNAUTHORISED",
            "status": dispute.status,
            "dispute_amount": dispute.amount.shown(),
            "dispute_life_cycle_stage": "CHARGEBACK",
            "dispute_channel": "INTERNAL",
            "links": [link(
                format!("{}/v1/customer/disputes/{}", self.api_url, dispute.id), "self", "GET"
            )]
        }));
        if matches!(dispute.status, "OPEN" | "WAITING_FOR_SELLER_RESPONSE") {
            let due = time(dispute.created + TimeDelta::days(10));
            fields.insert("seller_response_due_date".to_owned(), due.into());
        }
        if let Some(outcome) = dispute.outcome {
            fields.insert(
                "dispute_outcome".to_owned(),
                json!({ "outcome_code": outcome, "amount_refunded": dispute.amount.shown() }),
            );
        }
        fields.into()
    }
}

pub(super) const PAYER_ID: &str = "QYR5Z8XDVJNXQ";
const MERCHANT_ID: &str = "C7CYMKZDG8D6E";

fn payer() -> Value {
    json!({
        "name": { "given_name": "John", "surname": "Doe" },
        "email_address": "buyer@sandbox.invalid",
        "payer_id": PAYER_ID,
        "address": { "country_code": "US" }
    })
}
