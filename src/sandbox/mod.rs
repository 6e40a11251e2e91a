//! Stripe, PayPal and VNPay, played on this machine over HTTP.
//!
//! The sandbox is an independent party: it shares no code with the rest of the crate, speaks each
//! company's wire format, keeps state, checks our requests as strictly as the company would, and
//! tells our service what happened by notifications signed the company's way. Our real provider
//! code talks to it unchanged; only the base URLs differ. It makes money from nothing, so it
//! listens on loopback only and never starts beside live keys.
//!
//! # In a browser
//! `GET /` lists what is here. A top-up order's redirect leads to a payment page:
//!
//! | company | payment page | what the merchant sees |
//! |---|---|---|
//! | Stripe | `/stripe/pay/{session}`, card pop-up `/stripe/elements/{payment_intent}?client_secret=…` | `/stripe/dashboard` |
//! | PayPal | `/paypal/checkoutnow?token={order}` | `/paypal/dashboard` |
//! | VNPay | `/vnpay/paymentv2/vpcpay.html?…` | `/vnpay/dashboard` |
//!
//! Every button has the name of its action as its `id` (`#pay`, `#decline`, `#approve`, `#cancel`),
//! one-time passwords are typed into `#otp` and sent with `#otp-submit` (123456 is right), `#amount`
//! and `#notice` hold what is paid and what happened. On a dashboard ids end in the row's number.
//! The page modules list them all.
//!
//! # By API, for tests and demos
//! `{company}` is `stripe`, `paypal` or `vnpay`; bodies and answers are JSON.
//!
//! | call | does |
//! |---|---|
//! | `GET /control/{company}/actions` | the scenes that can be played, with what each does |
//! | `POST /control/{company}/payments/{id}/{action}` | plays one. `{id}` is any id of the company's about the payment (session, order, capture, refund, TxnRef …) or our own reference. Answers `{"payment", "redirect"}`: the redirect is where the browser would go |
//! | `GET /control/{company}/payments` | everything the company knows |
//! | `POST /control/{company}/faults` | `{"operation","kind","times"?,"status"?,"processed"?,"delay_ms"?,"stored"?,"should_retry"?}`: the next `times` (1) calls of that operation (`*`: any) go wrong |
//! | `GET`, `DELETE /control/{company}/faults` | those still waiting; forget them |
//! | `GET /control/{company}/requests` | what was received, with the names of headers, without secrets |
//! | `GET /control/{company}/deliveries` | the notifications, each with its attempts and our answers |
//! | `POST /control/{company}/deliveries/{event}/resend` | one again |
//! | `POST /control/{company}/notifications/mute` | `{"muted": true}`: notifications are made, but not sent |
//! | `POST /control/vnpay/switches/throttle` | `{"seconds"}`: querydr answers 94 for so long after an accepted one |
//! | `POST /control/paypal/switches/tokens` | `{"lifetime"?, "revoke"?}`: seconds of new tokens; forget the old |
//!
//! Faults: `timeout` (no answer; with `"processed": true` the call took effect all the same), `slow`
//! (right, after `delay_ms`; its idempotency key is in flight meanwhile), `status` (the company's
//! own error; `"stored": true` keeps it under the key, as Stripe does with a 500), `html`,
//! `half_json`, `other_order` (right, but about somebody else's payment; signed where the company
//! signs).
//!
//! Operations. Stripe: `create_session`, `get_session`, `list_sessions`, `expire_session`,
//! `create_payment_intent`, `get_payment_intent`, `confirm_payment_intent`,
//! `cancel_payment_intent`, `create_refund`, `get_refund`, `list_refunds`, `get_charge`,
//! `get_dispute`, `list_events`, `get_event`. PayPal: `token`, `create_order`, `get_order`,
//! `capture_order`, `get_capture`, `refund_capture`, `get_refund`, `verify_webhook_signature`,
//! `certificate`. VNPay: `pay_page`, `querydr`, `refund`.
//!
//! # Inside
//! One folder per company, alike: `model` (its objects), `movements` or `scenes` (what can happen to
//! them), the API with its gate (who may call, what may be sent, which key was seen), `render` (its
//! JSON) and the pages. Beside them what all share: `shared` (how one call is answered), `replays`
//! (idempotency), `faults`, `journal`, `outbox` (delivery with retries), `html`.

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
    /// Starts to listen and serves until [`Sandbox::stop`]. Needs a Tokio runtime.
    ///
    /// # Errors
    /// The address is not loopback, a key is live or empty, the port is taken.
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
                    tracing::error!(%error, "the payment sandbox stopped");
                }
            }),
            tokio::spawn(outbox::run(queue, client)),
            tokio::spawn(keep_time(world)),
        ];
        Ok(Self { address, public_url, paypal_roots, service_url, server, tasks })
    }

    /// Where notifications go from now on: the service's base address.
    pub fn set_service_url(&self, url: impl Into<String>) {
        *self.service_url.write().unwrap_or_else(PoisonError::into_inner) = url.into();
    }

    /// How a browser reaches the sandbox, without a slash at the end.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// For `TOPUP_STRIPE_BASE_URL`.
    pub fn stripe_base_url(&self) -> String {
        format!("http://{}/stripe", self.address)
    }

    /// For `TOPUP_PAYPAL_BASE_URL`.
    pub fn paypal_base_url(&self) -> String {
        format!("http://{}/paypal", self.address)
    }

    /// For `TOPUP_PAYPAL_CERT_ROOTS`: the certificate authority (PEM) of the played PayPal, new
    /// with every process; empty when PayPal is not played.
    pub fn paypal_cert_roots_pem(&self) -> String {
        self.paypal_roots.clone()
    }

    /// For `TOPUP_VNPAY_PAY_URL`.
    pub fn vnpay_pay_url(&self) -> String {
        format!("{}/vnpay/paymentv2/vpcpay.html", self.public_url)
    }

    /// For `TOPUP_VNPAY_API_URL`.
    pub fn vnpay_api_url(&self) -> String {
        format!("http://{}/vnpay/merchant_webapi/api/transaction", self.address)
    }

    /// Closes the port and drops what was not yet sent.
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

/// What time alone brings about happens within a second.
async fn keep_time(world: Arc<World>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        if let Some(stripe) = &world.stripe {
            stripe.tick();
        }
    }
}
