//! The simulated Stripe: Checkout, PaymentIntents, refunds, disputes, events.

mod api;
mod balance;
mod confirm;
mod dashboard;
mod form;
mod gate;
mod list;
mod model;
mod money;
mod movements;
mod page;
mod problem;
mod refunds_disputes_events;
mod render;
mod rules;
mod scenes;
mod signature;

use std::sync::Mutex;

use actix_web::web;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use self::model::{Books, Draft, Event, newest_first};
use super::company::{Acted, Company, Options, Profile, SceneError, SharedParts, any_2xx};
use super::config::StripeCredentials;
use super::outbox::{Notification, Outgoing};
use super::replays::Replays;
use super::reply::Reply;
use super::tools::{lock, random_id, unix_now};

pub(super) const PROFILE: Profile = Profile {
    name: "stripe",
    actions: scenes::ACTIONS,
    attempts: 5,
    doubling: true,
    settled: any_2xx,
    failure: problem::failure,
};

pub(super) struct Stripe {
    pub shared: SharedParts,
    credentials: StripeCredentials,
    /// The URL by which a browser reaches the payment pages.
    public_url: String,
    replays: Replays<Reply>,
    books: Mutex<Books>,
}

impl Stripe {
    pub fn new(shared: SharedParts, credentials: StripeCredentials, public_url: String) -> Self {
        let (replays, books) = (Replays::new(), Mutex::default());
        Self { shared, credentials, public_url, replays, books }
    }

    pub fn routes(config: &mut web::ServiceConfig) {
        api::routes(config);
        page::routes(config);
        dashboard::routes(config);
    }

    /// Runs with exclusive access to the books, and then sends the resulting events. `cause` is the id and the
    /// idempotency key of the API request behind them.
    fn with_books<R>(&self, cause: Option<(&str, Option<&str>)>, run: impl FnOnce(&mut Books) -> R) -> R {
        let mut books = lock(&self.books);
        books.expire_old_sessions(&self.public_url);
        let result = run(&mut books);
        for draft in std::mem::take(&mut books.drafts) {
            self.publish(&mut books, draft, cause);
        }
        result
    }

    /// Publishes an event: the webhook endpoint receives it, and `GET /v1/events` lists it.
    fn publish(&self, books: &mut Books, draft: Draft, cause: Option<(&str, Option<&str>)>) {
        let Draft { kind, object, previous, payment, silent } = draft;
        let (id, created) = (random_id("evt_1", 23), unix_now());
        let mut data = json!({ "object": object });
        if let (Some(previous), Some(fields)) = (previous, data.as_object_mut()) {
            fields.insert("previous_attributes".to_owned(), previous);
        }
        let (request, key) = cause.map_or((None, None), |(request, key)| (Some(request), key));
        let body = json!({
            "id": id,
            "object": "event",
            "api_version": books.api_version.as_deref().unwrap_or("2026-10-28.endive"),
            "created": created,
            "data": data,
            "livemode": false,
            "pending_webhooks": 1,
            "request": { "id": request, "idempotency_key": key },
            "type": kind
        });
        let bytes = body.to_string().into_bytes();
        let secret = self.credentials.webhook_secret.clone();
        let make = move |service: &str| Outgoing {
            method: reqwest::Method::POST,
            url: format!("{service}/v1/providers/stripe/notifications"),
            headers: vec![
                ("Content-Type", "application/json; charset=utf-8".to_owned()),
                ("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)".to_owned()),
                ("Stripe-Signature", signature::header(secret.expose_secret(), unix_now(), &bytes)),
            ],
            body: bytes.clone(),
        };
        books.events.push(Event { id: id.clone(), kind: kind.to_owned(), body });
        let make = std::sync::Arc::new(make);
        let notification = Notification { event: id, kind: kind.to_owned(), payment, make };
        self.shared.outbox.post(notification, silent);
    }

    /// Applies what only depends on the time: sessions expire.
    pub fn tick(&self) {
        self.with_books(None, |_| ());
    }
}

impl Company for Stripe {
    fn shared(&self) -> &SharedParts {
        &self.shared
    }

    fn act(&self, id: &str, action: &str, options: &Options) -> Result<Acted, SceneError> {
        self.play(id, action, options)
    }

    fn payments(&self) -> Value {
        self.with_books(None, |books| {
            let sessions: Vec<Value> = newest_first(&books.sessions, |session| session.created)
                .into_iter()
                .map(|session| render::session(books, session, &self.public_url))
                .collect();
            let intents: Vec<Value> = newest_first(&books.intents, |intent| intent.created)
                .into_iter()
                .map(|intent| render::intent(intent, &self.public_url))
                .collect();
            let refunds: Vec<Value> = books.refunds.values().map(render::refund).collect();
            let disputes: Vec<Value> = books.disputes.values().map(render::dispute).collect();
            json!({
                "sessions": sessions, "payment_intents": intents,
                "refunds": refunds, "disputes": disputes
            })
        })
    }
}
