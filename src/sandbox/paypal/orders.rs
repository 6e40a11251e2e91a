//! The endpoints of `/paypal/v2/checkout/orders`: create, read, capture.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::Paypal;
use super::check;
use super::gate::{Call, Done, Effect};
use super::model::{Books, Order, OrderStatus, Plan, RefundMode, ReportMode, Unit};
use super::money::Money;
use super::problem::{Detail, Problem};
use crate::sandbox::tools::{now, random_capitals};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/paypal/v2/checkout/orders", web::post().to(create))
        .route("/paypal/v2/checkout/orders/{id}", web::get().to(read))
        .route("/paypal/v2/checkout/orders/{id}/capture", web::post().to(capture));
}

type Here = web::Data<Paypal>;

impl Paypal {
    fn shown(&self, books: &Books, id: &str, call: &Call) -> Result<Done, Problem> {
        let order = books.orders.get(id).ok_or_else(Problem::not_found)?;
        let body = match call.representation {
            true => self.order(books, order),
            false => self.minimal_order(order),
        };
        Ok(Done { id: id.to_owned(), body })
    }
}

async fn create(paypal: Here, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let work = |paypal: &Paypal, books: &mut Books, call: &Call| {
        if let Some(id) = &call.replayed {
            return paypal.shown(books, id, call);
        }
        let order = new_order(&call.body)?;
        let id = order.id.clone();
        books.orders.insert(id.clone(), order);
        paypal.shown(books, &id, call)
    };
    paypal.call("create_order", &request, &body, Effect::Creates, check::ORDER, work).await
}

fn new_order(body: &Value) -> Result<Order, Problem> {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let items = body.get("purchase_units").and_then(Value::as_array);
    let Some(items) = items else {
        let detail = Detail::body("MISSING_REQUIRED_PARAMETER", "/purchase_units", None);
        return Err(Problem::malformed(vec![detail]));
    };
    let mut details = Vec::new();
    let mut units: Vec<Unit> = Vec::new();
    let mut references = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let at = |name: &str| format!("/purchase_units/{index}/{name}");
        let field = |name: &str| text(&at(name));
        if items.len() > 1 && field("reference_id").is_none() {
            details.push(Detail::body("REFERENCE_ID_REQUIRED", at("reference_id"), None));
        }
        let reference_id = field("reference_id").unwrap_or_else(|| "default".to_owned());
        if !references.insert(reference_id.clone()) {
            details.push(Detail::body("DUPLICATE_REFERENCE_ID", at("reference_id"), None));
        }
        let currency = field("amount/currency_code").unwrap_or_default();
        let value = field("amount/value").unwrap_or_default();
        match Money::read(&currency, &value, "DECIMAL_PRECISION") {
            Ok(amount) => {
                if units.first().is_some_and(|first| first.amount.currency != amount.currency) {
                    let pointer = at("amount/currency_code");
                    details.push(Detail::body("MULTI_CURRENCY_ORDER", pointer, Some(currency)));
                }
                units.push(Unit {
                    reference_id,
                    custom_id: field("custom_id"),
                    invoice_id: field("invoice_id"),
                    description: field("description"),
                    soft_descriptor: field("soft_descriptor"),
                    amount,
                    capture: None,
                });
            }
            Err((issue, name)) => {
                let wrong = item.pointer(&format!("/amount/{name}")).and_then(Value::as_str);
                let pointer = at(&format!("amount/{name}"));
                details.push(Detail::body(issue, pointer, wrong.map(str::to_owned)));
            }
        }
    }
    if !details.is_empty() {
        return Err(Problem::impossible_at(details));
    }
    let with_source = body.pointer("/payment_source/paypal").is_some();
    let context = |name: &str| {
        text(&format!("/payment_source/paypal/experience_context/{name}"))
            .or_else(|| text(&format!("/application_context/{name}")))
    };
    Ok(Order {
        id: random_capitals(17),
        created: now(),
        updated: now(),
        status: match with_source {
            true => OrderStatus::PayerActionRequired,
            false => OrderStatus::Created,
        },
        units,
        with_source,
        brand: context("brand_name"),
        return_url: context("return_url"),
        cancel_url: context("cancel_url"),
        plan: Plan::default(),
        refund_mode: RefundMode::default(),
        report_mode: ReportMode::default(),
        silent: false,
    })
}

async fn read(paypal: Here, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    let work = |paypal: &Paypal, books: &mut Books, _: &Call| {
        let order = books.orders.get(&*id).ok_or_else(Problem::not_found)?;
        Ok(Done { id: id.clone(), body: paypal.order(books, order) })
    };
    paypal.call("get_order", &request, &[], Effect::Reads, &[], work).await
}

async fn capture(paypal: Here, request: HttpRequest, body: web::Bytes, id: web::Path<String>) -> HttpResponse {
    let work = |paypal: &Paypal, books: &mut Books, call: &Call| {
        if call.replayed.is_none() {
            paypal.capture_order(books, &id)?;
        }
        paypal.shown(books, &id, call)
    };
    paypal.call("capture_order", &request, &body, Effect::Creates, check::CAPTURE, work).await
}
