//! The simulated PayPal: tokens, Orders v2, captures, refunds, signed webhooks and their verification.

mod access;
mod check;
mod dashboard;
mod disputes;
mod gate;
mod model;
mod money;
mod movements;
mod orders;
mod page;
mod payments;
mod problem;
mod render;
mod reporting;
mod scenes;
mod seal;

use std::sync::{Arc, Mutex};

use actix_web::web;
use serde_json::{Value, json};

use self::model::{Books, Draft};
use self::seal::Seal;
use super::company::{Acted, Company, Options, Profile, SceneError, SharedParts, any_2xx};
use super::config::PaypalCredentials;
use super::outbox::{Notification, Outgoing};
use super::replays::Replays;
use super::tools::{lock, now, random_capitals, random_id};

/// The id of the only certificate.
const CERTIFICATE: &str = "CERT-360caa42-fca2a594-sandbox";

pub(super) const PROFILE: Profile = Profile {
    name: "paypal",
    actions: scenes::ACTIONS,
    attempts: 5,
    doubling: true,
    settled: any_2xx,
    failure: problem::failure,
};

pub(super) struct Paypal {
    pub shared: SharedParts,
    credentials: PaypalCredentials,
    public_url: String,
    api_url: String,
    /// The resource that each `PayPal-Request-Id` created.
    replays: Replays<String>,
    seal: Arc<Seal>,
    books: Mutex<Books>,
}

impl Paypal {
    pub fn new(
        shared: SharedParts,
        credentials: PaypalCredentials,
        public_url: String,
        api_url: String,
    ) -> Result<Self, rcgen::Error> {
        let seal = Seal::shared()?;
        let (replays, books) = (Replays::new(), Mutex::default());
        Ok(Self { shared, credentials, public_url, api_url, replays, seal, books })
    }

    pub fn routes(config: &mut web::ServiceConfig) {
        access::routes(config);
        orders::routes(config);
        payments::routes(config);
        page::routes(config);
        disputes::routes(config);
        reporting::routes(config);
        dashboard::routes(config);
    }

    /// The certificate authority of the certificate that signs notifications.
    pub fn roots_pem(&self) -> String {
        self.seal.root_pem.clone()
    }

    fn certificate_url(&self) -> String {
        format!("{}/v1/notifications/certs/{CERTIFICATE}", self.api_url)
    }

    /// Runs with exclusive access to the books, and then sends the resulting events.
    fn with_books<R>(&self, run: impl FnOnce(&mut Books) -> R) -> R {
        let mut books = lock(&self.books);
        let result = run(&mut books);
        for draft in std::mem::take(&mut books.drafts) {
            self.publish(draft);
        }
        result
    }

    fn publish(&self, draft: Draft) {
        let Draft { kind, resource_type, summary, resource, payment, silent } = draft;
        let id = format!("WH-{}-{}", random_capitals(17), random_capitals(17));
        let at = render::time(now());
        let links = json!([
            { "href": format!("{}/v1/notifications/webhooks-events/{id}", self.api_url),
              "rel": "self", "method": "GET" },
            { "href": format!("{}/v1/notifications/webhooks-events/{id}/resend", self.api_url),
              "rel": "resend", "method": "POST" }
        ]);
        let body = json!({
            "id": id, "event_version": "1.0", "create_time": at, "resource_type": resource_type,
            "resource_version": "2.0", "event_type": kind, "summary": summary,
            "resource": resource, "links": links
        });
        let bytes = body.to_string().into_bytes();
        let transmission = uuid_like();
        let webhook = self.credentials.webhook_id.clone();
        let (seal, certificate) = (Arc::clone(&self.seal), self.certificate_url());
        let make = move |service: &str| {
            let time = render::time(now());
            let signature = seal.sign(&transmission, &time, &webhook, &bytes);
            Outgoing {
                method: reqwest::Method::POST,
                url: format!("{service}/v1/providers/paypal/notifications"),
                headers: vec![
                    ("Content-Type", "application/json".to_owned()),
                    ("User-Agent", "PayPal/AUHD-214.0-58843630".to_owned()),
                    ("PAYPAL-TRANSMISSION-ID", transmission.clone()),
                    ("PAYPAL-TRANSMISSION-TIME", time),
                    ("PAYPAL-TRANSMISSION-SIG", signature),
                    ("PAYPAL-AUTH-VERSION", "v2".to_owned()),
                    ("PAYPAL-AUTH-ALGO", "SHA256withRSA".to_owned()),
                    ("PAYPAL-CERT-URL", certificate.clone()),
                ],
                body: bytes.clone(),
            }
        };
        let kind = kind.to_owned();
        let notification = Notification { event: id, kind, payment, make: Arc::new(make) };
        self.shared.outbox.post(notification, silent);
    }
}

/// A text of the form `8-4-4-4-12`, as transmission ids have it.
fn uuid_like() -> String {
    let part = |length| random_id("", length).to_lowercase();
    format!("{}-{}-{}-{}-{}", part(8), part(4), part(4), part(4), part(12))
}

impl Company for Paypal {
    fn shared(&self) -> &SharedParts {
        &self.shared
    }

    fn act(&self, id: &str, action: &str, options: &Options) -> Result<Acted, SceneError> {
        self.play(id, action, options)
    }

    fn payments(&self) -> Value {
        self.with_books(|books| {
            let mut orders: Vec<&model::Order> = books.orders.values().collect();
            orders.sort_by_key(|order| std::cmp::Reverse(order.created));
            let orders: Vec<Value> = orders.into_iter().map(|order| self.order(books, order)).collect();
            let disputes: Vec<Value> = books.disputes.values().map(|dispute| self.dispute(books, dispute)).collect();
            json!({ "orders": orders, "disputes": disputes })
        })
    }

    /// The switch `tokens`, with `lifetime` (the seconds that new tokens are valid) or `revoke: true`.
    fn switch(&self, name: &str, options: &Options) -> Result<Value, SceneError> {
        if name != "tokens" {
            return Err(SceneError::NoSuchAction(name.to_owned()));
        }
        self.with_books(|books| {
            if let Some(lifetime) = options.integer("lifetime") {
                books.token_lifetime = Some(lifetime.clamp(0, 86_400));
            }
            if options.flag("revoke") == Some(true) {
                books.tokens.clear();
            }
            Ok(json!({ "lifetime": books.token_lifetime, "tokens": books.tokens.len() }))
        })
    }
}
