//! The endpoints of `/stripe/v1` that are used after a payment: charges, refunds, disputes, events.

use actix_web::{HttpRequest, HttpResponse, web};

use super::Stripe;
use super::gate::{Access, Call, Here, Id, check_size};
use super::model::{Books, IntentStatus, newest_first};
use super::problem::Problem;
use super::{render, rules};

pub(super) async fn get_charge(stripe: Here, request: HttpRequest, id: Id) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| match books.charges.get(&*id) {
        Some(charge) => render::expand(books, render::charge(charge), call.expand(), &stripe.public_url),
        None => Err(Problem::missing("charge", &id, "id")),
    };
    stripe.call("get_charge", &request, &[], Access::Secret, rules::only_expand, work).await
}

pub(super) async fn create_refund(stripe: Here, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| {
        let form = &call.form;
        let charge = match (form.text("charge"), form.text("payment_intent")) {
            (Some(charge), None) if books.charges.contains_key(charge) => charge.to_owned(),
            (Some(charge), None) => return Err(Problem::missing("charge", charge, "charge")),
            (None, Some(intent)) => charge_to_refund(books, intent)?,
            _ => {
                return Err(Problem::invalid(
                    "One of the following params should be provided for this request: \
                     payment_intent or charge.",
                ));
            }
        };
        let metadata = form.map("metadata");
        check_size(&metadata, "metadata")?;
        let (amount, reason) = (form.integer("amount"), form.owned("reason"));
        let id = stripe.refund(books, &charge, amount, reason, metadata)?;
        match books.refunds.get(&id) {
            Some(refund) => render::expand(books, render::refund(refund), call.expand(), &stripe.public_url),
            None => Err(Problem::missing("refund", &id, "refund")),
        }
    };
    stripe.call("create_refund", &request, &body, Access::Secret, rules::create_refund, work).await
}

fn charge_to_refund(books: &Books, intent: &str) -> Result<String, Problem> {
    let Some(found) = books.intents.get(intent) else {
        return Err(Problem::missing("payment_intent", intent, "payment_intent"));
    };
    match (&found.latest_charge, found.status) {
        (Some(charge), IntentStatus::Succeeded) => Ok(charge.clone()),
        _ => Err(Problem::refused("This PaymentIntent does not have a successful charge to refund.")),
    }
}

pub(super) async fn get_refund(stripe: Here, request: HttpRequest, id: Id) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| match books.refunds.get(&*id) {
        Some(refund) => render::expand(books, render::refund(refund), call.expand(), &stripe.public_url),
        None => Err(Problem::missing("refund", &id, "refund")),
    };
    stripe.call("get_refund", &request, &[], Access::Secret, rules::only_expand, work).await
}

pub(super) async fn list_refunds(stripe: Here, request: HttpRequest) -> HttpResponse {
    let work = |_: &Stripe, books: &mut Books, call: &Call| {
        let asked = |name: &str, value: &str| call.form.text(name).is_none_or(|of| of == value);
        let refunds = newest_first(&books.refunds, |refund| refund.created)
            .into_iter()
            .filter(|refund| asked("payment_intent", &refund.intent))
            .filter(|refund| asked("charge", &refund.charge))
            .map(render::refund)
            .collect();
        super::list::page(call, "/v1/refunds", refunds)
    };
    stripe.call("list_refunds", &request, &[], Access::Secret, rules::list_refunds, work).await
}

pub(super) async fn list_disputes(stripe: Here, request: HttpRequest) -> HttpResponse {
    let work = |_: &Stripe, books: &mut Books, call: &Call| {
        let asked = |name: &str, value: &str| call.form.text(name).is_none_or(|of| of == value);
        let disputes = newest_first(&books.disputes, |dispute| dispute.created)
            .into_iter()
            .filter(|dispute| asked("payment_intent", &dispute.intent))
            .filter(|dispute| asked("charge", &dispute.charge))
            .map(render::dispute)
            .collect();
        super::list::page(call, "/v1/disputes", disputes)
    };
    stripe.call("list_disputes", &request, &[], Access::Secret, rules::list_refunds, work).await
}

pub(super) async fn get_dispute(stripe: Here, request: HttpRequest, id: Id) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| match books.disputes.get(&*id) {
        Some(dispute) => render::expand(books, render::dispute(dispute), call.expand(), &stripe.public_url),
        None => Err(Problem::missing("dispute", &id, "dispute")),
    };
    stripe.call("get_dispute", &request, &[], Access::Secret, rules::only_expand, work).await
}

pub(super) async fn update_dispute(stripe: Here, request: HttpRequest, id: Id, body: web::Bytes) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| {
        // Without `submit` the evidence would only be staged, which nothing here does.
        if call.form.text("submit") == Some("false") {
            return Err(Problem::invalid("This sandbox submits evidence at once."));
        }
        stripe.submit_evidence(books, &id, call.form.map("evidence"))?;
        match books.disputes.get(&*id) {
            Some(dispute) => render::expand(books, render::dispute(dispute), call.expand(), &stripe.public_url),
            None => Err(Problem::missing("dispute", &id, "dispute")),
        }
    };
    stripe.call("update_dispute", &request, &body, Access::Secret, rules::update_dispute, work).await
}

pub(super) async fn list_events(stripe: Here, request: HttpRequest) -> HttpResponse {
    let work = |_: &Stripe, books: &mut Books, call: &Call| {
        let types = call.form.map("types");
        let asked = |kind: &str| {
            call.form.text("type").is_none_or(|pattern| fits(pattern, kind))
                && (types.is_empty() || types.values().any(|pattern| fits(pattern, kind)))
        };
        let events = books.events.iter().rev();
        let events = events.filter(|event| asked(&event.kind)).map(|event| event.body.clone()).collect();
        super::list::page(call, "/v1/events", events)
    };
    stripe.call("list_events", &request, &[], Access::Secret, rules::list_events, work).await
}

/// Whether a pattern matches a kind of event. `charge.dispute.*` matches all kinds that begin with `charge.dispute.`.
fn fits(pattern: &str, kind: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == kind, |prefix| kind.starts_with(prefix))
}

pub(super) async fn get_event(stripe: Here, request: HttpRequest, id: Id) -> HttpResponse {
    let work = |_: &Stripe, books: &mut Books, _: &Call| {
        let event = books.events.iter().find(|event| event.id == *id);
        event.map(|event| event.body.clone()).ok_or_else(|| Problem::missing("event", &id, "id"))
    };
    stripe.call("get_event", &request, &[], Access::Secret, rules::only_expand, work).await
}
