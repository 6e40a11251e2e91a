//! The endpoints of `/paypal/v1/customer/disputes`: the list, and one dispute
//! (developer.paypal.com/docs/api/customer-disputes/v1).

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::Paypal;
use super::gate::{Call, Done, Effect};
use super::model::{Books, Dispute};
use super::problem::Problem;
use super::render::time;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/paypal/v1/customer/disputes", web::get().to(list))
        .route("/paypal/v1/customer/disputes/{id}", web::get().to(read));
}

type Here = web::Data<Paypal>;

/// The largest page. PayPal's own is 50; a smaller one shows whether callers read the next page.
const PAGE: usize = 2;

async fn list(paypal: Here, request: HttpRequest) -> HttpResponse {
    let query: Vec<(String, String)> = form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
    let asked = |name: &str| query.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    let (since, transaction) = (asked("start_time"), asked("disputed_transaction_id"));
    let skip: usize = asked("next_page_token").and_then(|token| token.parse().ok()).unwrap_or(0);
    let work = |paypal: &Paypal, books: &mut Books, _: &Call| {
        let mut found: Vec<&Dispute> = books
            .disputes
            .values()
            .filter(|dispute| since.as_ref().is_none_or(|since| time(dispute.created) >= *since))
            .filter(|dispute| transaction.as_ref().is_none_or(|id| dispute.capture == *id))
            .collect();
        found.sort_by_key(|dispute| std::cmp::Reverse(dispute.created));
        let items: Vec<Value> = found.iter().skip(skip).take(PAGE).map(|dispute| item(dispute)).collect();
        let own = format!("{}/v1/customer/disputes", paypal.api_url);
        let mut links = vec![json!({"href": own, "rel": "self", "method": "GET"})];
        if found.len() > skip + PAGE {
            let next = format!("{own}?page_size={PAGE}&next_page_token={}", skip + PAGE);
            links.push(json!({"href": next, "rel": "next", "method": "GET"}));
        }
        Ok(Done { id: String::new(), body: json!({ "items": items, "links": links }) })
    };
    paypal.call("list_disputes", &request, &[], Effect::Reads, &[], work).await
}

/// A dispute on the list, which lacks its transactions.
fn item(dispute: &Dispute) -> Value {
    json!({
        "dispute_id": dispute.id, "create_time": time(dispute.created), "update_time": time(dispute.updated),
        "reason": "UNAUTHORISED", "status": dispute.status, "dispute_amount": dispute.amount.shown()
    })
}

async fn read(paypal: Here, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    let work = |paypal: &Paypal, books: &mut Books, _: &Call| {
        let dispute = books.disputes.get(&*id).ok_or_else(Problem::not_found)?;
        Ok(Done { id: id.clone(), body: paypal.dispute(books, dispute) })
    };
    paypal.call("get_dispute", &request, &[], Effect::Reads, &[], work).await
}
