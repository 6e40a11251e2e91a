//! The dashboard of the merchant at VNPay. Each order has the same buttons, so their ids end in its number from
//! the top: `#refunds-pending-1`, `#refund-succeed-1`, `#notify-again-1`.

use actix_web::{HttpResponse, web};

use super::Vnpay;
use super::model::{Order, shown_amount};
use crate::sandbox::company::Options;
use crate::sandbox::html;
use crate::sandbox::reply::Reply;
use crate::sandbox::tools::lock;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/vnpay/dashboard", web::get().to(show)).route("/vnpay/dashboard/{id}/{action}", web::post().to(act));
}

async fn show(vnpay: web::Data<Vnpay>) -> HttpResponse {
    Reply::html(200, vnpay.dashboard(None)).into_response()
}

async fn act(vnpay: web::Data<Vnpay>, path: web::Path<(String, String)>) -> HttpResponse {
    let (id, action) = path.into_inner();
    let reply = match vnpay.play(&id, &action, &Options::default()) {
        Ok(_) => Reply::see_other("/vnpay/dashboard"),
        Err(error) => Reply::html(409, vnpay.dashboard(Some(&error.to_string()))),
    };
    reply.into_response()
}

impl Vnpay {
    fn dashboard(&self, trouble: Option<&str>) -> String {
        let rows: String = lock(&self.books).orders.iter().rev().zip(1..).map(|(it, n)| row(it, n)).collect();
        let content = trouble.map_or_else(String::new, html::notice)
            + "<table id=\"payments\"><tr><th>Order</th><th>Amount</th><th>Tries and refunds</th>\
               <th>Do</th></tr>"
            + &rows
            + "</table>";
        html::wide_page("VNPay merchant portal", &content)
    }
}

fn row(order: &Order, number: u32) -> String {
    let button = |action: &str, label: &str| {
        let target = format!("/vnpay/dashboard/{}/{action}", order.txn_ref);
        html::button(&target, &format!("{action}-{number}"), label, false)
    };
    let tries = order.tries.iter().map(|one| format!("{} {}/{}", one.number, one.outcome.response, one.outcome.status));
    let refunds =
        order.refunds.iter().map(|refund| format!("refund {} {}", shown_amount(refund.amount), refund.status));
    let history: Vec<String> = tries.chain(refunds).collect();
    let mut buttons = String::new();
    if !order.tries.is_empty() {
        buttons += &button("notify-again", "Notify again");
    }
    if order.paid().is_some() {
        buttons += &button("refunds-pending", "Keep refunds in progress");
        buttons += &button("refunds-refused", "Refuse refunds");
    }
    if !order.refunds.is_empty() {
        buttons += &button("refund-succeed", "Refund arrives");
        buttons += &button("refund-fail", "Refund is refused");
    }
    format!(
        "<tr><td>{}</td><td class=\"n\">{}</td><td>{}</td><td>{buttons}</td></tr>",
        html::escape(&order.txn_ref),
        html::escape(&shown_amount(order.amount)),
        html::escape(&history.join("; "))
    )
}
