//! The endpoints of `/stripe/v1` for sessions and PaymentIntents, and the table of all routes.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::Stripe;
use super::gate::{Access, Call, Here, Id, check_size};
use super::model::{Books, Intent, IntentStatus, Session, SessionStatus, newest_first};
use super::problem::Problem;
use super::{balance, money, refunds_disputes_events, render, rules};
use crate::sandbox::tools::{random_id, same_secret, unix_now};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/stripe/v1")
            .route("/checkout/sessions", web::post().to(create_session))
            .route("/checkout/sessions", web::get().to(list_sessions))
            .route("/checkout/sessions/{id}", web::get().to(get_session))
            .route("/checkout/sessions/{id}/expire", web::post().to(expire_session))
            .route("/payment_intents", web::post().to(create_intent))
            .route("/payment_intents/{id}", web::get().to(get_intent))
            .route("/payment_intents/{id}/confirm", web::post().to(confirm_intent))
            .route("/payment_intents/{id}/cancel", web::post().to(cancel_intent))
            .route("/charges/{id}", web::get().to(refunds_disputes_events::get_charge))
            .route("/refunds", web::post().to(refunds_disputes_events::create_refund))
            .route("/refunds", web::get().to(refunds_disputes_events::list_refunds))
            .route("/refunds/{id}", web::get().to(refunds_disputes_events::get_refund))
            .route("/disputes", web::get().to(refunds_disputes_events::list_disputes))
            .route("/disputes/{id}", web::get().to(refunds_disputes_events::get_dispute))
            .route("/balance_transactions", web::get().to(balance::list))
            .route("/disputes/{id}", web::post().to(refunds_disputes_events::update_dispute))
            .route("/events", web::get().to(refunds_disputes_events::list_events))
            .route("/events/{id}", web::get().to(refunds_disputes_events::get_event))
            .default_service(web::to(unknown)),
    );
}

async fn unknown(stripe: Here, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let message = format!(
        "Unrecognized request URL ({}: {}). Please see https://stripe.com/docs or we can help at \
         https://support.stripe.com/.",
        request.method(),
        request.path().trim_start_matches("/stripe")
    );
    let refuse = || Err::<(), _>(Problem::invalid(message).status(404).into_reply());
    let never = |(), _| Problem::invalid("").into_reply();
    stripe.shared.answer("unknown", &request, &body, refuse, never).await
}

async fn create_session(stripe: Here, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| {
        let session = new_session(call)?;
        let object = stripe.shown_session(books, &session, call);
        books.sessions.insert(session.id.clone(), session);
        object
    };
    stripe.call("create_session", &request, &body, Access::Secret, rules::create_session, work).await
}

fn new_session(call: &Call) -> Result<Session, Problem> {
    let form = &call.form;
    let items = form.count("line_items");
    if items > 100 {
        return Err(Problem::invalid("A session takes at most 100 line items.").param("line_items"));
    }
    let currency = form.owned("line_items[0][price_data][currency]").unwrap_or_default();
    let mut amount = 0_i64;
    for item in 0..items {
        let field = |name: &str| format!("line_items[{item}]{name}");
        let param = field("[price_data][unit_amount]");
        // Items are numbered 0, 1, 2 …. With a gap, an amount would be overlooked.
        let (Some(unit), Some(quantity)) = (form.integer(&param), form.integer(&field("[quantity]"))) else {
            return Err(Problem::invalid("Line items must be numbered without gaps, from 0.").param("line_items"));
        };
        if form.text(&field("[price_data][currency]")) != Some(currency.as_str()) {
            return Err(
                Problem::invalid("All line items must have the same currency.").param(field("[price_data][currency]"))
            );
        }
        amount = amount.saturating_add(unit.saturating_mul(quantity));
    }
    money::check_amount(amount, &currency, "line_items[0][price_data][unit_amount]")?;
    if form.text("currency").is_some_and(|other| other != currency) {
        return Err(Problem::invalid("`currency` must match the line items.").param("currency"));
    }
    let metadata = form.map("metadata");
    let intent_metadata = form.map("payment_intent_data[metadata]");
    check_size(&metadata, "metadata")?;
    check_size(&intent_metadata, "payment_intent_data[metadata]")?;
    let created = unix_now();
    let expires_at = form.integer("expires_at").unwrap_or(created + 24 * 3_600);
    if expires_at < created + 30 * 60 {
        return Err(Problem::invalid(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
        )
        .param("expires_at"));
    }
    if expires_at > created + 24 * 3_600 {
        return Err(Problem::invalid(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
        )
        .param("expires_at"));
    }
    Ok(Session {
        id: random_id("cs_test_a1", 56),
        created,
        expires_at,
        status: SessionStatus::Open,
        paid: false,
        amount,
        currency,
        product: form.owned("line_items[0][price_data][product_data][name]").unwrap_or_default(),
        success_url: form.owned("success_url").unwrap_or_default(),
        cancel_url: form.owned("cancel_url"),
        client_reference_id: form.owned("client_reference_id"),
        customer_email: form.owned("customer_email"),
        locale: form.owned("locale"),
        adaptive_pricing: form.text("adaptive_pricing[enabled]") != Some("false"),
        methods: methods(call),
        metadata,
        intent: None,
        intent_metadata,
        intent_description: form.owned("payment_intent_data[description]"),
    })
}

fn methods(call: &Call) -> Vec<String> {
    let mut methods: Vec<String> = call
        .form
        .map("allowed_payment_method_types")
        .into_values()
        .chain(call.form.map("payment_method_types").into_values())
        .collect();
    if methods.is_empty() {
        methods = vec!["card".to_owned(), "link".to_owned()];
    }
    methods
}

impl Stripe {
    fn shown_session(&self, books: &Books, session: &Session, call: &Call) -> Result<Value, Problem> {
        let object = render::session(books, session, &self.public_url);
        render::expand(books, object, call.expand(), &self.public_url)
    }

    fn shown_intent(&self, books: &Books, id: &str, call: &Call) -> Result<Value, Problem> {
        let Some(intent) = books.intents.get(id) else {
            return Err(Problem::missing("payment_intent", id, "intent"));
        };
        let mut object = render::intent(intent, &self.public_url);
        // A browser does not see the merchant's own data.
        if call.browser
            && let Some(fields) = object.as_object_mut()
        {
            for name in ["metadata", "latest_charge", "application_fee_amount", "review"] {
                fields.remove(name);
            }
        }
        render::expand(books, object, call.expand(), &self.public_url)
    }
}

async fn get_session(stripe: Here, request: HttpRequest, id: Id) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| match books.sessions.get(&*id) {
        Some(session) => stripe.shown_session(books, session, call),
        None => Err(Problem::missing("checkout.session", &id, "session")),
    };
    stripe.call("get_session", &request, &[], Access::Secret, rules::only_expand, work).await
}

async fn list_sessions(stripe: Here, request: HttpRequest) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| {
        let sessions = newest_first(&books.sessions, |session| session.created)
            .into_iter()
            .filter(|session| {
                call.form.text("payment_intent").is_none_or(|intent| session.intent.as_deref() == Some(intent))
            })
            .map(|session| render::session(books, session, &stripe.public_url))
            .filter(|session| call.form.text("status").is_none_or(|status| session["status"] == status))
            .collect();
        super::list::page(call, "/v1/checkout/sessions", sessions)
    };
    stripe.call("list_sessions", &request, &[], Access::Secret, rules::list_sessions, work).await
}

async fn expire_session(stripe: Here, request: HttpRequest, body: web::Bytes, id: Id) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| {
        let Some(session) = books.sessions.get(&*id) else {
            return Err(Problem::missing("checkout.session", &id, "session"));
        };
        if session.status != SessionStatus::Open {
            let status = json!(session.status);
            let status = status.as_str().unwrap_or_default();
            return Err(Problem::refused(format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout \
                 Session has a status of {status}."
            )));
        }
        stripe.expire_session(books, &id);
        match books.sessions.get(&*id) {
            Some(session) => stripe.shown_session(books, session, call),
            None => Err(Problem::missing("checkout.session", &id, "session")),
        }
    };
    stripe.call("expire_session", &request, &body, Access::Secret, rules::only_expand, work).await
}

async fn create_intent(stripe: Here, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| {
        let form = &call.form;
        let (amount, currency) = (form.integer("amount").unwrap_or(0), form.owned("currency").unwrap_or_default());
        money::check_amount(amount, &currency, "amount")?;
        let metadata = form.map("metadata");
        check_size(&metadata, "metadata")?;
        let fixed = form.count("payment_method_types") > 0;
        if fixed && form.text("automatic_payment_methods[enabled]") == Some("true") {
            return Err(Problem::invalid(
                "You may only specify one of these parameters: automatic_payment_methods, \
                 payment_method_types.",
            ));
        }
        let mut intent = Intent::new(amount, &currency);
        intent.metadata = metadata;
        intent.description = form.owned("description");
        intent.receipt_email = form.owned("receipt_email");
        intent.methods = methods(call);
        let id = intent.id.clone();
        books.intents.insert(id.clone(), intent);
        stripe.shown_intent(books, &id, call)
    };
    stripe.call("create_payment_intent", &request, &body, Access::Secret, rules::create_intent, work).await
}

async fn get_intent(stripe: Here, request: HttpRequest, id: Id) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| {
        check_client_secret(books, &id, call)?;
        stripe.shown_intent(books, &id, call)
    };
    stripe.call("get_payment_intent", &request, &[], Access::Browser, rules::get_intent, work).await
}

/// Requires that a browser sends the client secret of the payment.
fn check_client_secret(books: &Books, id: &str, call: &Call) -> Result<(), Problem> {
    let given = call.form.text("client_secret");
    if given.is_none() && !call.browser {
        return Ok(());
    }
    let fits =
        books.intents.get(id).zip(given).is_some_and(|(intent, given)| same_secret(&intent.client_secret, given));
    if fits {
        return Ok(());
    }
    Err(Problem::impossible(
        "payment_intent_invalid_parameter",
        "The client_secret provided does not match any associated PaymentIntent on this account.",
    )
    .param("client_secret"))
}

async fn confirm_intent(stripe: Here, request: HttpRequest, body: web::Bytes, id: Id) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| {
        check_client_secret(books, &id, call)?;
        stripe.confirm(books, &id, call)?;
        stripe.shown_intent(books, &id, call)
    };
    stripe.call("confirm_payment_intent", &request, &body, Access::Browser, rules::confirm_intent, work).await
}

async fn cancel_intent(stripe: Here, request: HttpRequest, body: web::Bytes, id: Id) -> HttpResponse {
    let work = |stripe: &Stripe, books: &mut Books, call: &Call| {
        let Some(intent) = books.intents.get(&*id) else {
            return Err(Problem::missing("payment_intent", &id, "intent"));
        };
        if intent.session.is_some() {
            return Err(Problem::impossible(
                "payment_intent_unexpected_state",
                "You cannot cancel PaymentIntents created by Checkout. Expire the Checkout \
                 Session instead.",
            ));
        }
        if matches!(intent.status, IntentStatus::Succeeded | IntentStatus::Canceled) {
            let status = json!(intent.status);
            return Err(Problem::impossible(
                "payment_intent_unexpected_state",
                format!(
                    "You cannot cancel this PaymentIntent because it has a status of {}. Only a \
                     PaymentIntent with one of the following statuses may be canceled: \
                     requires_payment_method, requires_capture, requires_confirmation, \
                     requires_action, processing.",
                    status.as_str().unwrap_or_default()
                ),
            )
            .with("payment_intent", render::intent(intent, &stripe.public_url)));
        }
        stripe.cancel(books, &id, call.form.text("cancellation_reason"));
        stripe.shown_intent(books, &id, call)
    };
    stripe.call("cancel_payment_intent", &request, &body, Access::Secret, rules::cancel_intent, work).await
}
