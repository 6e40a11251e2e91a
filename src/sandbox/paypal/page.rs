//! The approval page of the simulated PayPal.
//!
//! Button ids: `#approve`, `#approve-pending`, `#approve-declined`, `#cancel`,
//! `#approve-never-return`, `#approve-never-notify`, `#expire`, `#complete`, `#deny`. `#notice`
//! shows what happened.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Paypal;
use super::model::OrderStatus;
use crate::sandbox::company::Options;
use crate::sandbox::html;
use crate::sandbox::reply::Reply;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/paypal/checkoutnow", web::get().to(show))
        .route("/paypal/checkoutnow/{id}/{action}", web::post().to(act));
}

type Here = web::Data<Paypal>;

#[derive(Debug, Deserialize)]
struct Query {
    token: String,
}

async fn show(paypal: Here, query: web::Query<Query>) -> HttpResponse {
    paypal.page(&query.token, None).into_response()
}

async fn act(paypal: Here, path: web::Path<(String, String)>, form: web::Form<Map<String, Value>>) -> HttpResponse {
    let (id, action) = path.into_inner();
    let reply = match paypal.play(&id, &action, &Options(form.into_inner())) {
        Ok(acted) => match (acted.redirect, action.as_str()) {
            (Some(url), _) => Reply::see_other(&url),
            (None, "approve-never-return") => {
                let text = "Approved. The buyer has closed the window and never comes back.";
                Reply::html(200, html::page("PayPal", &html::notice(text)))
            }
            (None, _) => paypal.page(&id, None),
        },
        Err(error) => paypal.page(&id, Some(&error.to_string())),
    };
    reply.into_response()
}

impl Paypal {
    fn page(&self, id: &str, trouble: Option<&str>) -> Reply {
        let (order, pending) = self.with_books(|books| {
            let pending = books.captures.values().any(|it| it.order == id && it.status == "PENDING");
            (books.orders.get(id).cloned(), pending)
        });
        let Some(order) = order else {
            let text = "This payment does not exist, or no longer.";
            return Reply::html(404, html::page("PayPal", &html::notice(text)));
        };
        let total = order.total();
        let total = total.map_or_else(String::new, |total| format!("{} {}", total.text(), total.currency));
        let unit = order.units.first();
        let description = unit.and_then(|unit| unit.description.as_deref());
        let invoice = unit.and_then(|unit| unit.invoice_id.as_deref());
        let mut content = format!(
            "<p class=\"amount\" id=\"amount\">{}</p>{}",
            html::escape(&total),
            html::facts(&[
                ("To", order.brand.as_deref().unwrap_or("the merchant")),
                ("For", description.unwrap_or("–")),
                ("Invoice", invoice.unwrap_or("–")),
                ("Order", &order.id)
            ])
        );
        let state = match order.status {
            OrderStatus::Created | OrderStatus::PayerActionRequired => None,
            OrderStatus::Approved => Some("Approved. The merchant has not captured it yet."),
            OrderStatus::Voided => Some("The approval was given back."),
            OrderStatus::Completed if pending => Some("The payment is pending."),
            OrderStatus::Completed => Some("Paid."),
        };
        if let Some(text) = trouble.or(state) {
            content += &html::notice(text);
        }
        let target = |action: &str| format!("/paypal/checkoutnow/{}/{action}", order.id);
        let button = |action: &str, label: &str| html::button(&target(action), action, label, false);
        if pending {
            content += &button("complete", "The pending money arrives");
            content += &button("deny", "The pending money is denied");
        } else if !matches!(order.status, OrderStatus::Completed | OrderStatus::Voided) {
            content += &html::button(&target("approve"), "approve", "Pay now", true);
            content += &button("cancel", "Cancel and return to the shop");
            content += "<h2>What can also happen</h2>";
            content += &button("approve-pending", "Pay by eCheck (pending)");
            content += &button("approve-declined", "Card behind the account is declined");
            content += &button("approve-never-return", "Approve, then close the window");
            content += &button("approve-never-notify", "Approve, but never notify");
            content += &button("expire", "Let it expire");
        }
        if order.status == OrderStatus::Approved {
            content += &button("reverse-approval", "PayPal gives the approval back");
        }
        Reply::html(200, html::page("PayPal", &content))
    }
}
