//! The dashboard of the merchant at PayPal. Each order has the same buttons, so their ids end in its number from
//! the top: `#complete-1`, `#deny-1`, `#refund-1`, `#refund-partial-1`, `#reverse-1`,
//! `#dispute-open-1`, `#refund-fail-1`.

use actix_web::{HttpResponse, web};
use serde_json::{Map, Value};

use super::Paypal;
use super::model::{Books, Order, OrderStatus};
use crate::sandbox::company::Options;
use crate::sandbox::html;
use crate::sandbox::reply::Reply;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/paypal/dashboard", web::get().to(show))
        .route("/paypal/dashboard/{id}/{action}", web::post().to(act));
}

async fn show(paypal: web::Data<Paypal>) -> HttpResponse {
    Reply::html(200, paypal.dashboard(None)).into_response()
}

async fn act(
    paypal: web::Data<Paypal>,
    path: web::Path<(String, String)>,
    form: web::Form<Map<String, Value>>,
) -> HttpResponse {
    let (id, action) = path.into_inner();
    let reply = match paypal.play(&id, &action, &Options(form.into_inner())) {
        Ok(_) => Reply::see_other("/paypal/dashboard"),
        Err(error) => Reply::html(409, paypal.dashboard(Some(&error.to_string()))),
    };
    reply.into_response()
}

impl Paypal {
    fn dashboard(&self, trouble: Option<&str>) -> String {
        let rows: String = self.with_books(|books| {
            let mut orders: Vec<&Order> = books.orders.values().collect();
            orders.sort_by_key(|order| std::cmp::Reverse(order.created));
            orders.into_iter().zip(1..).map(|(order, number)| row(books, order, number)).collect()
        });
        let content = trouble.map_or_else(String::new, html::notice)
            + "<table id=\"payments\"><tr><th>Order</th><th>Amount</th><th>State</th><th>Do</th></tr>"
            + &rows
            + "</table>";
        html::wide_page("PayPal business account", &content)
    }
}

fn row(books: &Books, order: &Order, number: u32) -> String {
    let target = |action: &str| format!("/paypal/dashboard/{}/{action}", order.id);
    let button = |action: &str, label: &str| html::button(&target(action), &format!("{action}-{number}"), label, false);
    let mut state = order.status.name().to_owned();
    let mut buttons = String::new();
    if order.status == OrderStatus::Approved {
        buttons += &button("reverse-approval", "Give the approval back");
    }
    for unit in &order.units {
        let Some(capture) = unit.capture.as_ref().and_then(|id| books.captures.get(id)) else {
            continue;
        };
        state += &format!("; capture {} {}", capture.id, capture.status);
        for refund in books.refunds.values().filter(|refund| refund.capture == capture.id) {
            state += &format!("; refund {} {}", refund.amount.text(), refund.status);
        }
        for dispute in books.disputes.values().filter(|it| it.capture == capture.id) {
            state += &format!("; dispute {}", dispute.status);
        }
        match capture.status {
            "PENDING" => {
                buttons += &button("complete", "The pending money arrives");
                buttons += &button("deny", "The pending money is denied");
            }
            "COMPLETED" | "PARTIALLY_REFUNDED" => {
                buttons += &button("refund", "Refund");
                let field = format!(
                    "<input name=\"amount\" id=\"refund-amount-{number}\" size=\"8\" \
                     aria-label=\"Amount\" value=\"1.00\">"
                );
                let id = format!("refund-partial-{number}");
                buttons += &html::button_with(&target("refund"), &id, "Refund this much", false, &field);
                buttons += &button("refunds-pending", "Keep refunds pending");
                buttons += &button("reverse", "Charge back");
                buttons += &button("dispute-open", "Open a dispute");
            }
            _ => {}
        }
    }
    if !books.refunds.is_empty() && state.contains("refund") {
        buttons += &button("refund-complete", "Pending refund arrives");
        buttons += &button("refund-fail", "Latest refund fails");
    }
    if state.contains("dispute") {
        buttons += &button("dispute-update", "Ask the merchant");
        buttons += &button("dispute-answer", "Answer the dispute");
        buttons += &button("dispute-win", "Win the dispute");
        buttons += &button("dispute-lose", "Lose the dispute");
    }
    let total = order.total();
    let total = total.map_or_else(String::new, |it| format!("{} {}", it.text(), it.currency));
    format!(
        "<tr><td>{}</td><td class=\"n\">{}</td><td>{}</td><td>{buttons}</td></tr>",
        html::escape(&order.id),
        html::escape(&total),
        html::escape(&state)
    )
}
