//! `GET /paypal/v1/reporting/transactions`: what moved the balance
//! (developer.paypal.com/docs/api/transaction-search/v1).

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Paypal;
use super::gate::{Call, Done, Effect};
use super::model::{Books, ReportMode};
use super::money::Money;
use super::problem::Problem;
use super::render::time;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/paypal/v1/reporting/transactions", web::get().to(list));
}

/// The largest page. PayPal's own is 500; a smaller one shows whether callers read the next page.
const PAGE: usize = 2;

async fn list(paypal: web::Data<Paypal>, request: HttpRequest) -> HttpResponse {
    let query: Vec<(String, String)> = form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
    let asked = |name: &str| query.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    let at = |name: &str| asked(name).and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let (from, to) = (at("start_date"), at("end_date"));
    let page: usize = asked("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let work = |_: &Paypal, books: &mut Books, _: &Call| {
        let (Some(from), Some(to)) = (from, to) else { return Err(Problem::not_found()) };
        // At most 31 days in one call.
        if page == 0 || to - from > TimeDelta::days(31) {
            return Err(Problem::not_found());
        }
        let mut all = transactions(books);
        all.retain(|(created, _)| *created >= from && *created <= to);
        all.sort_by_key(|(created, _)| *created);
        let pages = all.len().div_ceil(PAGE);
        let details: Vec<Value> =
            all.into_iter().skip((page - 1) * PAGE).take(PAGE).map(|(_, detail)| detail).collect();
        Ok(Done {
            id: String::new(),
            body: json!({ "transaction_details": details, "page": page, "total_pages": pages, "total_items": 0 }),
        })
    };
    paypal.call("list_transactions", &request, &[], Effect::Reads, &[], work).await
}

fn transactions(books: &Books) -> Vec<(DateTime<Utc>, Value)> {
    let mut all = Vec::new();
    for capture in books.captures.values().filter(|capture| capture.status != "DECLINED" && capture.status != "PENDING")
    {
        let less = match books.order_of_capture(&capture.id).map(|order| order.report_mode).unwrap_or_default() {
            ReportMode::Omitted => continue,
            ReportMode::Less => Decimal::new(1, 2),
            ReportMode::True => Decimal::ZERO,
        };
        let amount = capture.amount.of(capture.amount.value - less);
        let custom = capture.custom_id.as_deref();
        let fee = Some(capture.amount.fee());
        let mut paid = detail("T0006", &capture.id, None, &amount, fee, custom, capture.created);
        if capture.charged_back
            && let Some(status) = paid.pointer_mut("/transaction_info/transaction_status")
        {
            // It succeeded, and was reversed later.
            *status = json!("V");
        }
        all.push((capture.created, paid));
        if capture.charged_back {
            let id = format!("{}-CB", capture.id);
            let taken = negative(&capture.amount);
            all.push((capture.updated, detail("T1201", &id, Some(&capture.id), &taken, None, custom, capture.updated)));
        }
    }
    for dispute in books.disputes.values() {
        let held = negative(&dispute.amount);
        let id = format!("{}-HOLD", dispute.id);
        all.push((dispute.created, detail("T1110", &id, Some(&dispute.capture), &held, None, None, dispute.created)));
    }
    for refund in books.refunds.values().filter(|refund| refund.status == "COMPLETED") {
        let taken = negative(&refund.amount);
        let custom = refund.custom_id.as_deref();
        all.push((
            refund.created,
            detail("T1107", &refund.id, Some(&refund.capture), &taken, None, custom, refund.created),
        ));
    }
    all
}

fn negative(amount: &Money) -> Money {
    amount.of(-amount.value)
}

fn detail(
    code: &str,
    id: &str,
    about: Option<&str>,
    amount: &Money,
    fee: Option<Money>,
    custom: Option<&str>,
    at: DateTime<Utc>,
) -> Value {
    json!({ "transaction_info": {
        "transaction_id": id, "paypal_reference_id": about, "paypal_reference_id_type": about.map(|_| "TXN"),
        "transaction_event_code": code, "transaction_initiation_date": time(at), "transaction_updated_date": time(at),
        "transaction_amount": amount.shown(), "fee_amount": fee.map(|fee| negative(&fee).shown()),
        "transaction_status": "S", "custom_field": custom
    } })
}
