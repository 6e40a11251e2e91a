//! The dashboard of the merchant at Stripe: payments, refunds, disputes, events.
//!
//! Each payment has the same buttons, so their ids end in its number from the top: `#refund-1`,
//! `#refund-partial-1`, `#dispute-open-1`, `#refund-fail-1`, `#resend-1` (per event).

use actix_web::{HttpResponse, web};
use serde_json::{Map, Value};

use super::model::{Books, Charge, Intent, newest_first};
use super::{Stripe, money};
use crate::sandbox::company::Options;
use crate::sandbox::html;
use crate::sandbox::reply::Reply;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/stripe/dashboard", web::get().to(show))
        .route("/stripe/dashboard/{id}/{action}", web::post().to(act));
}

type Here = web::Data<Stripe>;

async fn show(stripe: Here) -> HttpResponse {
    Reply::html(200, stripe.dashboard(None)).into_response()
}

async fn act(stripe: Here, path: web::Path<(String, String)>, fields: web::Form<Map<String, Value>>) -> HttpResponse {
    let (id, action) = path.into_inner();
    let options = Options(fields.into_inner());
    if action == "resend" {
        stripe.shared.outbox.resend(&id);
        return Reply::see_other("/stripe/dashboard").into_response();
    }
    let reply = match stripe.play(&id, &action, &options) {
        Ok(_) => Reply::see_other("/stripe/dashboard"),
        Err(error) => Reply::html(409, stripe.dashboard(Some(&error.to_string()))),
    };
    reply.into_response()
}

impl Stripe {
    fn dashboard(&self, trouble: Option<&str>) -> String {
        let payments: String = self.with_books(None, |books| {
            newest_first(&books.intents, |intent| intent.created)
                .into_iter()
                .zip(1..)
                .map(|(intent, number)| payment_row(books, intent, number))
                .collect()
        });
        let deliveries = self.shared.outbox.list();
        let events: String = deliveries
            .iter()
            .rev()
            .take(50)
            .zip(1..)
            .map(|(delivery, number)| {
                let last = delivery.attempts.last();
                let answer = last.and_then(|attempt| attempt.status);
                let answer = answer.map_or_else(|| "–".to_owned(), |status| status.to_string());
                format!(
                    "<tr><td>{}</td><td>{}</td><td>{:?} ({answer})</td><td>{}</td></tr>",
                    html::escape(&delivery.kind),
                    html::escape(&delivery.payment),
                    delivery.progress,
                    html::button(
                        &format!("/stripe/dashboard/{}/resend", delivery.event),
                        &format!("resend-{number}"),
                        "Send again",
                        false
                    )
                )
            })
            .collect();
        let content = trouble.map_or_else(String::new, html::notice)
            + "<h2>Payments</h2><table id=\"payments\"><tr><th>Payment</th><th>Amount</th>\
               <th>State</th><th>Do</th></tr>"
            + &payments
            + "</table><h2>Events</h2><table id=\"events\"><tr><th>Event</th><th>Payment</th>\
               <th>Delivery</th><th>Do</th></tr>"
            + &events
            + "</table>";
        html::wide_page("Stripe dashboard", &content)
    }
}

fn payment_row(books: &Books, intent: &Intent, number: u32) -> String {
    let charge = intent.latest_charge.as_ref().and_then(|id| books.charges.get(id));
    let button = |action: &str, label: &str| {
        html::button(&format!("/stripe/dashboard/{}/{action}", intent.id), &format!("{action}-{number}"), label, false)
    };
    let status = serde_json::to_value(intent.status).unwrap_or_default();
    let mut state = status.as_str().unwrap_or_default().to_owned();
    let mut buttons = String::new();
    if let Some(charge) = charge.filter(|charge| charge.failure.is_none()) {
        state += &after(books, charge);
        if charge.amount_refunded < charge.amount && !charge.disputed {
            buttons += &button("refund", "Refund");
            buttons += &html::button_with(
                &format!("/stripe/dashboard/{}/refund", intent.id),
                &format!("refund-partial-{number}"),
                "Refund this much",
                false,
                &format!(
                    "<input name=\"amount\" id=\"refund-amount-{number}\" size=\"8\" \
                     aria-label=\"Amount in the minor unit\" value=\"{}\">",
                    (charge.amount - charge.amount_refunded) / 2
                ),
            );
            buttons += &button("refunds-pending", "Keep refunds pending");
            buttons += &button("dispute-open", "Open a dispute");
        }
        if charge.amount_refunded > 0 {
            buttons += &button("refund-succeed", "Pending refund arrives");
            buttons += &button("refund-fail", "Latest refund fails");
        }
        if charge.disputed {
            buttons += &button("dispute-update", "Under review");
            buttons += &button("dispute-win", "Win the dispute");
            buttons += &button("dispute-lose", "Lose the dispute");
        }
    } else if intent.status == super::model::IntentStatus::Processing {
        buttons += &button("delayed-succeed", "The delayed money arrives");
        buttons += &button("delayed-fail", "The delayed money does not arrive");
    }
    format!(
        "<tr><td>{}<br>{}</td><td class=\"n\">{}</td><td>{}</td><td>{buttons}</td></tr>",
        html::escape(&intent.id),
        html::escape(intent.session.as_deref().unwrap_or("no session")),
        html::escape(&money::shown(intent.amount, &intent.currency)),
        html::escape(&state)
    )
}

fn after(books: &Books, charge: &Charge) -> String {
    let mut text = String::new();
    for refund in books.refunds.values().filter(|refund| refund.charge == charge.id) {
        let status = serde_json::to_value(refund.status).unwrap_or_default();
        text += &format!(
            "; refund {} {}",
            money::shown(refund.amount, &refund.currency),
            status.as_str().unwrap_or_default()
        );
    }
    for dispute in books.disputes.values().filter(|dispute| dispute.charge == charge.id) {
        text += &format!("; dispute {}", dispute.status);
    }
    text
}
