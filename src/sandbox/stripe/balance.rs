//! `GET /stripe/v1/balance_transactions`: what moved the balance, newest first, with Stripe's usual fee.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::Stripe;
use super::gate::{Access, Call, Here};
use super::model::{Books, Charge, LATE, RefundStatus, ReportMode};
use super::{render, rules};

pub(super) async fn list(stripe: Here, request: HttpRequest) -> HttpResponse {
    let work = |_: &Stripe, books: &mut Books, call: &Call| {
        let whole = call.form.text("expand[0]") == Some("data.source");
        let mut all = transactions(books, whole);
        all.sort_by_key(|one| std::cmp::Reverse(one.get("created").and_then(Value::as_i64)));
        super::list::page(call, "/v1/balance_transactions", all)
    };
    stripe.call("list_balance_transactions", &request, &[], Access::Secret, rules::list_refunds, work).await
}

fn transactions(books: &Books, whole: bool) -> Vec<Value> {
    let mode = |intent: &str| books.intents.get(intent).map(|found| found.report_mode).unwrap_or_default();
    let source = |object: Value| if whole { object } else { object.get("id").cloned().unwrap_or_default() };
    let mut all = Vec::new();
    for charge in books.charges.values().filter(|charge| charge.failure.is_none()) {
        let amount = match mode(&charge.intent) {
            ReportMode::Omitted => continue,
            ReportMode::Less => charge.amount - 1,
            ReportMode::True | ReportMode::RefundsFailLater => charge.amount,
        };
        let mut object = render::charge(charge);
        if let Some(shown) = object.get_mut("amount") {
            *shown = json!(amount);
        }
        all.push(transaction("charge", (amount, fee(charge)), &charge.currency, charge.created, source(object)));
    }
    for refund in books.refunds.values() {
        let object = || source(render::refund(refund));
        let failed = matches!(refund.status, RefundStatus::Failed | RefundStatus::Canceled);
        all.push(transaction("refund", (-refund.amount, 0), &refund.currency, refund.created, object()));
        if failed {
            let at = refund.created + if mode(&refund.intent) == ReportMode::RefundsFailLater { LATE } else { 0 };
            all.push(transaction("refund_failure", (refund.amount, 0), &refund.currency, at, object()));
        }
    }
    let withdrawn = books.disputes.values().filter(|dispute| !dispute.status.starts_with("warning"));
    for dispute in withdrawn {
        let object = source(render::dispute(dispute));
        all.push(transaction("adjustment", (-dispute.amount, 1_500), &dispute.currency, dispute.created, object));
    }
    all
}

/// 2.9 % and 30 of the smallest unit.
fn fee(charge: &Charge) -> i64 {
    charge.amount * 29 / 1_000 + 30
}

fn transaction(kind: &str, (amount, fee): (i64, i64), currency: &str, created: i64, source: Value) -> Value {
    let of = source.get("id").unwrap_or(&source).as_str().unwrap_or_default();
    json!({
        "id": format!("txn_{kind}_{of}"), "object": "balance_transaction", "amount": amount, "available_on": created,
        "created": created, "currency": currency, "description": null, "exchange_rate": null, "fee": fee,
        "fee_details": [], "net": amount - fee, "reporting_category": kind, "status": "available", "type": kind,
        "source": source
    })
}
