//! Simulates Stripe, PayPal and VNPay on this machine over HTTP.
//!
//! The sandbox is an independent party. It shares no code with the rest of the crate, speaks each company's wire
//! format, keeps state, and checks our requests as strictly as the company does. It reports what happened to our
//! service by notifications that are signed as the company signs them. Our provider code calls it without a change;
//! only the base URLs differ. It makes money from nothing, so it listens on loopback only, and does not start with live
//! keys.
//!
//! # In a browser
//! `GET /` lists the simulated companies. The redirect of a top-up order leads to a payment page:
//!
//! | company | payment page | dashboard of the merchant |
//! |---|---|---|
//! | Stripe | `/stripe/pay/{session}`, `/stripe/elements/{payment_intent}?client_secret=…` | `/stripe/dashboard` |
//! | PayPal | `/paypal/checkoutnow?token={order}` | `/paypal/dashboard` |
//! | VNPay | `/vnpay/paymentv2/vpcpay.html?…` | `/vnpay/dashboard` |
//!
//! The `id` of a button is the name of its action (`#pay`, `#decline`, `#approve`, `#cancel`). A one-time password goes
//! into `#otp` and is sent with `#otp-submit`; 123456 is correct. `#amount` shows the amount, and `#notice` what
//! happened. On a dashboard, ids end in the number of the row. The page modules list all ids.
//!
//! # By API, for tests and demos
//! `{company}` is `stripe`, `paypal` or `vnpay`. Bodies are JSON.
//!
//! | call | effect |
//! |---|---|
//! | `GET /control/{company}/actions` | lists the scenes that can be played |
//! | `POST /control/{company}/payments/{id}/{action}` | plays a scene, see below |
//! | `GET /control/{company}/payments` | returns all payments of the company |
//! | `POST /control/{company}/faults` | makes the next calls of an operation fail, see below |
//! | `GET`, `DELETE /control/{company}/faults` | returns or removes the faults that have not yet occurred |
//! | `GET /control/{company}/requests` | returns the received requests, without secrets |
//! | `GET /control/{company}/deliveries` | returns the notifications, each with its attempts and our replies |
//! | `POST /control/{company}/deliveries/{event}/resend` | sends a notification again |
//! | `POST /control/{company}/notifications/mute` | with `{"muted": true}`: notifications are no longer sent |
//! | `POST /control/vnpay/switches/throttle` | `{"seconds"}`: the pause that querydr requires |
//! | `POST /control/paypal/switches/tokens` | sets the life of tokens, or revokes them |
//!
//! A scene names its payment by `{id}`: an id of the company (session, order, capture, refund, TxnRef …) or our own
//! reference. The reply is `{"payment", "redirect"}`; the redirect is the page that a browser would open.
//!
//! A muted company still makes its notifications, so they can be sent again later. A querydr within the pause after an
//! accepted one gets code 94. The body of `tokens` is `{"lifetime"?, "revoke"?}`, the lifetime in seconds.
//!
//! The body of a fault is
//! `{"operation", "kind", "times"?, "status"?, "processed"?, "delay_ms"?, "stored"?, "should_retry"?}`.
//! It hits the next `times` calls of the operation (default 1; the operation `*` means any). The kinds are:
//! - `timeout`: there is no response. With `"processed": true` the call takes effect nevertheless.
//! - `slow`: the response is correct, but comes after `delay_ms`. Meanwhile the idempotency key is in flight.
//! - `status`: the response is an error of the company. With `"stored": true` it is stored under the idempotency key,
//!   as Stripe does with a 500.
//! - `html`, `half_json`: the response is a web page, or truncated.
//! - `other_order`: the response is well formed, but about another payment. It is signed if the company signs
//!   responses.
//!
//! Operations:
//! - Stripe: `create_session`, `get_session`, `list_sessions`, `expire_session`, `create_payment_intent`,
//!   `get_payment_intent`, `confirm_payment_intent`, `cancel_payment_intent`, `create_refund`, `get_refund`,
//!   `list_refunds`, `get_charge`, `get_dispute`, `list_events`, `get_event`.
//! - PayPal: `token`, `create_order`, `get_order`, `capture_order`, `get_capture`, `refund_capture`, `get_refund`,
//!   `verify_webhook_signature`, `certificate`.
//! - VNPay: `pay_page`, `querydr`, `refund`.
//!
//! # Inside
//! Each company has a folder with the same parts: `model` (its objects), `movements` or `scenes` (what can happen to
//! them), the API with its `gate` (who may call, which parameters are valid, which key was seen), `render` (its JSON)
//! and the pages. All companies share `company` (how one call is handled), `replays` (idempotency), `faults`,
//! `journal`, `outbox` (delivery with retries) and `html`.

mod company;
mod config;
mod control;
mod faults;
mod html;
mod index;
mod journal;
mod outbox;
mod paypal;
mod replays;
mod reply;
mod server;
mod stripe;
mod tools;
mod vnpay;
mod world;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use self::company::{Profile, SharedParts};
pub use self::config::{PaypalCredentials, SandboxConfig, SandboxError, StripeCredentials, VnpayCredentials};
use self::outbox::{Job, Outbox, Schedule};
use self::paypal::Paypal;
use self::stripe::Stripe;
use self::vnpay::Vnpay;
use self::world::World;

/// The running sandbox.
pub struct Sandbox {
    address: SocketAddr,
    public_url: String,
    paypal_roots: String,
    service_url: Arc<RwLock<String>>,
    server: ServerHandle,
    tasks: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts the sandbox, which serves until [`Sandbox::stop`]. It needs a tokio runtime.
    ///
    /// # Errors
    /// When the address is not loopback, a key is live or empty, or the port is taken.
    pub async fn start(config: SandboxConfig) -> Result<Self, SandboxError> {
        config.check()?;
        let (listener, address) = server::listen(config.bind).map_err(SandboxError::Bind)?;
        let public_url = match &config.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{address}"),
        };
        let service_url = Arc::new(RwLock::new(config.service_url.clone()));
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(SandboxError::Client)?;
        let (jobs, queue) = unbounded_channel();
        let builder = SharedPartsBuilder { jobs, service_url: Arc::clone(&service_url), delay: config.retry_delay };

        let stripe = config.stripe.map(|credentials| {
            let shared = builder.shared(stripe::PROFILE);
            Arc::new(Stripe::new(shared, credentials, public_url.clone()))
        });
        let paypal = match config.paypal {
            Some(credentials) => {
                let shared = builder.shared(paypal::PROFILE);
                let api_url = format!("http://{address}/paypal");
                let paypal =
                    Paypal::new(shared, credentials, public_url.clone(), api_url).map_err(SandboxError::Certificate)?;
                Some(Arc::new(paypal))
            }
            None => None,
        };
        let paypal_roots = paypal.as_ref().map(|paypal| paypal.roots_pem()).unwrap_or_default();
        let vnpay = config.vnpay.map(|credentials| {
            let shared = builder.shared(vnpay::PROFILE);
            Arc::new(Vnpay::new(shared, credentials))
        });
        let world = Arc::new(World { stripe, paypal, vnpay, public_url: public_url.clone() });
        let running = server::build(listener, Arc::clone(&world)).map_err(SandboxError::Bind)?;
        let server = running.handle();
        let tasks = vec![
            tokio::spawn(async move {
                if let Err(error) = running.await {
                    tracing::error!(%error, "The HTTP server of the sandbox ended with an error");
                }
            }),
            tokio::spawn(outbox::run(queue, client)),
            tokio::spawn(keep_time(world)),
        ];
        Ok(Self { address, public_url, paypal_roots, service_url, server, tasks })
    }

    /// Sets the base URL of the service, to which notifications are sent from now on.
    pub fn set_service_url(&self, url: impl Into<String>) {
        *self.service_url.write().unwrap_or_else(PoisonError::into_inner) = url.into();
    }

    /// The URL by which a browser reaches the sandbox, without a slash at the end.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The value for `TOPUP_STRIPE_BASE_URL`.
    pub fn stripe_base_url(&self) -> String {
        format!("http://{}/stripe", self.address)
    }

    /// The value for `TOPUP_PAYPAL_BASE_URL`.
    pub fn paypal_base_url(&self) -> String {
        format!("http://{}/paypal", self.address)
    }

    /// The content for `TOPUP_PAYPAL_CERT_ROOTS`: the certificate authority (PEM) of the simulated PayPal, which is new
    /// in every process. It is empty if PayPal is not simulated.
    pub fn paypal_cert_roots_pem(&self) -> String {
        self.paypal_roots.clone()
    }

    /// The value for `TOPUP_VNPAY_PAY_URL`.
    pub fn vnpay_pay_url(&self) -> String {
        format!("{}/vnpay/paymentv2/vpcpay.html", self.public_url)
    }

    /// The value for `TOPUP_VNPAY_API_URL`.
    pub fn vnpay_api_url(&self) -> String {
        format!("http://{}/vnpay/merchant_webapi/api/transaction", self.address)
    }

    /// Closes the port, and drops the notifications that are not yet sent.
    pub async fn stop(self) {
        self.server.stop(false).await;
        for task in self.tasks {
            task.abort();
        }
    }
}

/// Builds the parts that the companies share.
struct SharedPartsBuilder {
    jobs: UnboundedSender<Job>,
    service_url: Arc<RwLock<String>>,
    delay: Duration,
}

impl SharedPartsBuilder {
    fn shared(&self, profile: Profile) -> SharedParts {
        let schedule = Schedule { attempts: profile.attempts, delay: self.delay, doubling: profile.doubling };
        let service_url = Arc::clone(&self.service_url);
        SharedParts {
            journal: Default::default(),
            faults: Default::default(),
            outbox: Outbox::new(self.jobs.clone(), schedule, profile.settled, service_url),
            profile,
            reseal: Box::new(|_| ()),
        }
    }
}

/// Once a second, applies what only depends on the time.
async fn keep_time(world: Arc<World>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        if let Some(stripe) = &world.stripe {
            stripe.tick();
        }
    }
}
