//! The pages of the simulated Stripe: Checkout, the card form of Elements, and the 3-D Secure page of the bank.
//!
//! The id of a button is the name of its action: `#pay`, `#pay-3ds`, `#decline`, `#pay-twice`,
//! `#pay-notify-twice`, `#pay-late`, `#pay-delayed`, `#delayed-succeed`, `#delayed-fail`,
//! `#pay-never-notify`, `#cancel`, `#expire`; on the bank's page the field `#otp` and
//! `#otp-submit`. `#notice` shows what happened.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::model::{Intent, IntentStatus, Session, SessionStatus};
use super::scenes::OTP;
use super::{Stripe, money};
use crate::sandbox::company::{Options, SceneError};
use crate::sandbox::html;
use crate::sandbox::reply::Reply;
use crate::sandbox::tools::same_secret;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/stripe/pay/{session}", web::get().to(checkout))
        .route("/stripe/pay/{session}/{action}", web::post().to(checkout_action))
        .route("/stripe/elements/{intent}", web::get().to(elements))
        .route("/stripe/elements/{intent}/{action}", web::post().to(elements_action))
        .route("/stripe/3ds/{intent}", web::get().to(three_d_secure))
        .route("/stripe/3ds/{intent}/otp", web::post().to(three_d_secure_answer));
}

type Here = web::Data<Stripe>;
type Fields = web::Form<Map<String, Value>>;

#[derive(Debug, Deserialize)]
struct Secret {
    client_secret: Option<String>,
}

async fn checkout(stripe: Here, id: web::Path<String>) -> HttpResponse {
    stripe.checkout_page(&id, None).into_response()
}

async fn checkout_action(stripe: Here, path: web::Path<(String, String)>, fields: Fields) -> HttpResponse {
    let (id, action) = path.into_inner();
    let options = Options(fields.into_inner());
    let reply = match stripe.play(&id, &action, &options) {
        Ok(acted) => match acted.redirect {
            Some(url) => Reply::see_other(&url),
            None => stripe.checkout_page(&id, None),
        },
        Err(error) => stripe.checkout_page(&id, Some(&error)),
    };
    reply.into_response()
}

impl Stripe {
    fn checkout_page(&self, id: &str, trouble: Option<&SceneError>) -> Reply {
        let found = self.with_books(None, |books| {
            let session = books.sessions.get(id)?.clone();
            let intent = session.intent.as_ref().and_then(|id| books.intents.get(id)).cloned();
            Some((session, intent))
        });
        let Some((session, intent)) = found else {
            return Reply::html(404, html::page("Stripe", &html::notice("There is no such page.")));
        };
        let target = |action: &str| format!("/stripe/pay/{}/{action}", session.id);
        let button = |action: &str, label: &str| html::button(&target(action), action, label, false);
        let mut content = summary(&session);
        content += &match trouble {
            Some(trouble) => html::notice(&trouble.to_string()),
            None => state_of(&session, intent.as_ref()).map_or_else(String::new, |t| html::notice(&t)),
        };
        let delayed = intent.as_ref().is_some_and(|it| it.status == IntentStatus::Processing);
        if session.status == SessionStatus::Open {
            content += &html::button(&target("pay"), "pay", "Pay", true);
            content += &button("pay-3ds", "Pay with 3-D Secure");
            content += &button("decline", "Card declined");
            content += &button("cancel", "Back to the shop");
            content += "<h2>What can also happen</h2>";
            content += &button("pay-delayed", "Pay by a delayed method");
            content += &button("pay-twice", "Pay twice");
            content += &button("pay-notify-twice", "Pay, every event sent twice");
            content += &button("pay-late", "Let it expire, then pay");
            content += &button("pay-never-notify", "Pay, but never notify");
            content += &button("expire", "Let it expire");
        } else if delayed {
            content += &button("delayed-succeed", "The delayed money arrives");
            content += &button("delayed-fail", "The delayed money does not arrive");
        } else if session.status == SessionStatus::Expired && !session.paid {
            content += &button("pay-late", "Pay all the same");
        }
        Reply::html(200, html::page("Stripe Checkout", &content))
    }
}

fn summary(session: &Session) -> String {
    let reference = session.client_reference_id.as_deref().unwrap_or("none");
    format!(
        "<p class=\"amount\" id=\"amount\">{}</p>{}",
        html::escape(&money::shown(session.amount, &session.currency)),
        html::facts(&[("For", &session.product), ("Order", reference), ("Session", &session.id)])
    )
}

fn state_of(session: &Session, intent: Option<&Intent>) -> Option<String> {
    let failure = intent
        .and_then(|intent| intent.last_payment_error.as_ref())
        .and_then(|error| error.get("message")?.as_str())
        .map(str::to_owned);
    match (session.status, session.paid) {
        (SessionStatus::Open, _) => failure,
        (SessionStatus::Complete | SessionStatus::Expired, true) => Some("Paid.".to_owned()),
        (SessionStatus::Complete, false) => {
            Some(failure.unwrap_or_else(|| "Waiting for the money of a delayed method.".to_owned()))
        }
        (SessionStatus::Expired, false) => Some("This page has expired.".to_owned()),
    }
}

async fn elements(stripe: Here, id: web::Path<String>, query: web::Query<Secret>) -> HttpResponse {
    stripe.elements_page(&id, query.client_secret.as_deref(), None).into_response()
}

async fn elements_action(stripe: Here, path: web::Path<(String, String)>, fields: Fields) -> HttpResponse {
    let (id, action) = path.into_inner();
    let options = Options(fields.into_inner());
    let secret = options.text("client_secret");
    if !stripe.knows(&id, secret) {
        return wrong_secret().into_response();
    }
    let reply = match stripe.play(&id, &action, &options) {
        Ok(acted) => match acted.redirect {
            Some(url) => Reply::see_other(&url),
            None => stripe.elements_page(&id, secret, None),
        },
        Err(error) => stripe.elements_page(&id, secret, Some(&error)),
    };
    reply.into_response()
}

fn wrong_secret() -> Reply {
    let text = "This link does not belong to any payment: the client secret does not fit.";
    Reply::html(403, html::page("Stripe", &html::notice(text)))
}

impl Stripe {
    /// Only the client secret gives a browser access to a payment.
    fn knows(&self, id: &str, secret: Option<&str>) -> bool {
        self.with_books(None, |books| {
            books.intents.get(id).zip(secret).is_some_and(|(intent, secret)| same_secret(&intent.client_secret, secret))
        })
    }

    fn elements_page(&self, id: &str, secret: Option<&str>, trouble: Option<&SceneError>) -> Reply {
        if !self.knows(id, secret) {
            return wrong_secret();
        }
        let Some(intent) = self.with_books(None, |books| books.intents.get(id).cloned()) else {
            return wrong_secret();
        };
        let secret = html::hidden("client_secret", &intent.client_secret);
        let button = |action: &str, label: &str, main: bool| {
            let target = format!("/stripe/elements/{}/{action}", intent.id);
            html::button_with(&target, action, label, main, &secret)
        };
        let mut content = format!(
            "<p class=\"amount\" id=\"amount\">{}</p>{}",
            html::escape(&money::shown(intent.amount, &intent.currency)),
            html::facts(&[
                ("For", intent.description.as_deref().unwrap_or("(no description)")),
                ("Payment", &intent.id)
            ])
        );
        let failure = intent.last_payment_error.as_ref();
        let failure = failure.and_then(|error| error.get("message")?.as_str());
        let state = match intent.status {
            IntentStatus::RequiresPaymentMethod => failure,
            IntentStatus::RequiresAction => Some("Waiting for the one-time password."),
            IntentStatus::Processing => Some("The payment is being processed."),
            IntentStatus::Succeeded => Some("Paid."),
            IntentStatus::Canceled => Some("This payment was cancelled."),
        };
        let trouble = trouble.map(ToString::to_string);
        if let Some(text) = trouble.as_deref().or(state) {
            content += &html::notice(text);
        }
        if matches!(intent.status, IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresAction) {
            content += &button("pay", "Pay", true);
            content += &button("pay-3ds", "Pay with 3-D Secure", false);
            content += &button("decline", "Card declined", false);
            content += "<h2>What can also happen</h2>";
            content += &button("pay-twice", "Pay twice", false);
            content += &button("pay-late", "Cancel, then pay", false);
            content += &button("pay-never-notify", "Pay, but never notify", false);
            content += &button("expire", "Cancel it", false);
        }
        Reply::html(200, html::page("Card payment", &content))
    }

    fn otp_page(&self, id: &str, secret: Option<&str>, trouble: Option<&str>) -> Reply {
        if !self.knows(id, secret) {
            return wrong_secret();
        }
        let fields = html::hidden("client_secret", secret.unwrap_or("")) + &html::field("otp", "One-time password", "");
        let target = format!("/stripe/3ds/{id}/otp");
        let content = trouble.map_or_else(String::new, html::notice)
            + &format!("<p>Your bank asks whether it is you. The password is {OTP}; any other is wrong.</p>")
            + &html::button_with(&target, "otp-submit", "Submit", true, &fields);
        Reply::html(200, html::page("Your bank: 3-D Secure", &content))
    }
}

async fn three_d_secure(stripe: Here, id: web::Path<String>, query: web::Query<Secret>) -> HttpResponse {
    stripe.otp_page(&id, query.client_secret.as_deref(), None).into_response()
}

async fn three_d_secure_answer(stripe: Here, id: web::Path<String>, fields: Fields) -> HttpResponse {
    let options = Options(fields.into_inner());
    let secret = options.text("client_secret");
    if !stripe.knows(&id, secret) {
        return wrong_secret().into_response();
    }
    let session = stripe.with_books(None, |books| books.intents.get(&*id)?.session.clone());
    let reply = match (stripe.play(&id, "otp", &options), session) {
        (Ok(acted), session) => match (acted.redirect, session) {
            (Some(url), _) => Reply::see_other(&url),
            (None, Some(session)) => Reply::see_other(&format!("/stripe/pay/{session}")),
            (None, None) => Reply::see_other(&format!("/stripe/elements/{id}?client_secret={}", secret.unwrap_or(""))),
        },
        (Err(error), _) => stripe.otp_page(&id, secret, Some(&error.to_string())),
    };
    reply.into_response()
}
