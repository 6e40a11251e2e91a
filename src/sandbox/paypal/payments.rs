//! The endpoints of `/paypal/v2/payments`: captures and refunds.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::Paypal;
use super::check;
use super::gate::{Call, Done, Effect};
use super::model::Books;
use super::money::Money;
use super::problem::{Detail, Problem};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/paypal/v2/payments/captures/{id}", web::get().to(read_capture))
        .route("/paypal/v2/payments/captures/{id}/refund", web::post().to(refund))
        .route("/paypal/v2/payments/refunds/{id}", web::get().to(read_refund));
}

type Here = web::Data<Paypal>;
type Id = web::Path<String>;

async fn read_capture(paypal: Here, request: HttpRequest, id: Id) -> HttpResponse {
    let work = |paypal: &Paypal, books: &mut Books, _: &Call| {
        let capture = books.captures.get(&*id).ok_or_else(Problem::not_found)?;
        Ok(Done { id: id.clone(), body: paypal.capture_resource(capture) })
    };
    paypal.call("get_capture", &request, &[], Effect::Reads, &[], work).await
}

async fn refund(paypal: Here, request: HttpRequest, body: web::Bytes, id: Id) -> HttpResponse {
    let work = |paypal: &Paypal, books: &mut Books, call: &Call| {
        let refund = match &call.replayed {
            Some(refund) => refund.clone(),
            None => {
                let text = |pointer: &str| call.body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
                let amount = match (text("/amount/currency_code"), text("/amount/value")) {
                    (Some(currency), Some(value)) => Some(read_amount(&currency, &value)?),
                    _ => None,
                };
                let note = text("/note_to_payer");
                let (custom, invoice) = (text("/custom_id"), text("/invoice_id"));
                paypal.refund_capture(books, &id, amount, custom, invoice, note)?
            }
        };
        let found = books.refunds.get(&refund).ok_or_else(Problem::not_found)?;
        let body = match call.representation {
            true => paypal.refund(found),
            false => paypal.minimal_refund(found),
        };
        Ok(Done { id: refund, body })
    };
    paypal.call("refund_capture", &request, &body, Effect::Creates, check::REFUND, work).await
}

fn read_amount(currency: &str, value: &str) -> Result<Money, Problem> {
    Money::read(currency, value, "DECIMALS_NOT_SUPPORTED").map_err(|(issue, name)| {
        let wrong = if name == "value" { value } else { currency };
        let field = format!("/amount/{name}");
        Problem::impossible_at(vec![Detail::body(issue, field, Some(wrong.to_owned()))])
    })
}

async fn read_refund(paypal: Here, request: HttpRequest, id: Id) -> HttpResponse {
    let work = |paypal: &Paypal, books: &mut Books, _: &Call| {
        let refund = books.refunds.get(&*id).ok_or_else(Problem::not_found)?;
        Ok(Done { id: id.clone(), body: paypal.refund(refund) })
    };
    paypal.call("get_refund", &request, &[], Effect::Reads, &[], work).await
}
