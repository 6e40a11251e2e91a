//! The stage of the payment tests: a service with its sandbox, as payers, payment companies and operators use them.

use std::time::Duration;

use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use topup::config::Config;
use topup::workers;

use crate::support::{Reply, TestApp, sandbox};

pub use crate::support::sandbox::until;

/// A customer with a billing profile in Vietnam, who may use all channels.
pub const PAYER: &str = "demo";
pub const RETURN_URL: &str = "https://app.example.com/wallet";

pub const STRIPE_KEY: &str = "sk_test_of_the_tests";
pub const STRIPE_WEBHOOK: &str = "whsec_of_the_tests";
pub const PAYPAL_CLIENT: &str = "client-of-the-tests";
pub const PAYPAL_SECRET: &str = "secret-of-the-tests";
pub const PAYPAL_WEBHOOK: &str = "8PT597110X687430LKGECATA";
pub const VNPAY_TERMINAL: &str = "TOPUPDEV";
pub const VNPAY_SECRET: &str = "SECRETSECRETSECRETSECRETSECRET12";

/// A way to pay at a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Checkout,
    Elements,
    Paypal,
    Vnpay,
}

impl Way {
    pub const ALL: [Self; 4] = [Self::Checkout, Self::Elements, Self::Paypal, Self::Vnpay];

    pub fn company(self) -> &'static str {
        match self {
            Self::Checkout | Self::Elements => "stripe",
            Self::Paypal => "paypal",
            Self::Vnpay => "vnpay",
        }
    }

    pub fn currency(self) -> &'static str {
        if self == Self::Vnpay { "VND" } else { "USD" }
    }

    /// The amount of the order, as all responses show it.
    pub fn amount(self) -> &'static str {
        if self == Self::Vnpay { "200000" } else { "20.00" }
    }

    pub fn order(self) -> Value {
        let channel = match self {
            Self::Checkout | Self::Elements => "card",
            other => other.company(),
        };
        let mut order = json!({
            "currency": self.currency(), "amount": self.amount(), "channel": channel,
            "agreement_accepted": true, "return_url": RETURN_URL,
        });
        if self == Self::Elements {
            order["card"] = json!({"flow": "elements"});
        }
        order
    }

    /// The scene in which the payer pays.
    pub fn pays(self) -> &'static str {
        if self == Self::Paypal { "approve" } else { "pay" }
    }

    /// The scene in which the payer pays, but the company sends no notification.
    pub fn pays_silently(self) -> &'static str {
        if self == Self::Paypal { "approve-never-notify" } else { "pay-never-notify" }
    }

    /// The sandbox's name of the call that reads a payment.
    pub fn question(self) -> &'static str {
        match self {
            Self::Checkout => "get_session",
            Self::Elements => "get_payment_intent",
            Self::Paypal => "get_order",
            Self::Vnpay => "querydr",
        }
    }
}

/// An order that waits for its payer.
#[derive(Debug, Clone)]
pub struct Placed {
    pub way: Way,
    pub id: String,
    pub customer: String,
    /// The company's id of the payment.
    pub at: String,
}

pub struct Stage {
    pub app: TestApp,
    http: reqwest::Client,
}

/// Gives the companies known credentials, so that tests can sign as the companies do.
pub fn known_keys(config: &mut Config) {
    config.stripe.secret_key = Some(STRIPE_KEY.into());
    config.stripe.webhook_secret = Some(STRIPE_WEBHOOK.into());
    config.stripe.publishable_key = Some("pk_test_of_the_tests".to_owned());
    config.paypal.client_id = Some(PAYPAL_CLIENT.to_owned());
    config.paypal.client_secret = Some(SecretString::from(PAYPAL_SECRET));
    config.paypal.webhook_id = Some(PAYPAL_WEBHOOK.to_owned());
    config.vnpay.tmn_code = Some(VNPAY_TERMINAL.to_owned());
    config.vnpay.hash_secret = Some(VNPAY_SECRET.into());
}

impl Stage {
    pub async fn new() -> Self {
        Self::of(TestApp::spawn_with(known_keys).await)
    }

    pub fn of(app: TestApp) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { app, http: http.timeout(Duration::from_secs(60)).build().unwrap() }
    }

    pub async fn finish(self) {
        self.app.finish().await;
    }

    // The payer.

    pub async fn place(&self, way: Way) -> Placed {
        self.place_for(PAYER, way).await
    }

    pub async fn place_for(&self, customer: &str, way: Way) -> Placed {
        let order = self.app.customer(customer).post("/v1/top-up-orders", &way.order()).await.expect(201);
        self.placed(way, &order).await
    }

    /// Reads the payment page from a created order. For VNPay it also opens the page, because VNPay only then knows of
    /// the order.
    pub async fn placed(&self, way: Way, order: &Reply) -> Placed {
        let text = |pointer: &str| order.body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let url = text("/next_action/redirect/url");
        let named = |name: &str| {
            let url = url::Url::parse(url.as_deref().unwrap()).unwrap();
            url.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned()
        };
        let at = match way {
            Way::Checkout => url.as_deref().unwrap().rsplit('/').next().unwrap().to_owned(),
            Way::Elements => {
                let secret = text("/next_action/client_secret/value").unwrap();
                secret.split_once("_secret_").unwrap().0.to_owned()
            }
            Way::Paypal => named("token"),
            Way::Vnpay => named("vnp_TxnRef"),
        };
        if way == Way::Vnpay {
            let opened = Reply::of(self.http.get(url.as_deref().unwrap())).await.expect(303);
            assert!(opened.header("location").unwrap().ends_with(&format!("/vnpay/pay/{at}")), "{opened:?}");
        }
        let customer = order["customer_id"].as_str().unwrap().to_owned();
        Placed { way, id: order["id"].as_str().unwrap().to_owned(), customer, at }
    }

    pub async fn order(&self, placed: &Placed) -> Value {
        let path = format!("/v1/top-up-orders/{}", placed.id);
        self.app.customer(&placed.customer).get(&path).await.expect(200).body
    }

    pub async fn verify(&self, placed: &Placed) -> Reply {
        let path = format!("/v1/top-up-orders/{}/verify", placed.id);
        self.app.customer(&placed.customer).send(Method::POST, &path, None, None).await
    }

    pub async fn cancel(&self, placed: &Placed) -> Reply {
        let path = format!("/v1/top-up-orders/{}/cancel", placed.id);
        self.app.customer(&placed.customer).send(Method::POST, &path, None, None).await
    }

    /// Opens our return page, as the payer's browser does, with the query of the company.
    pub async fn come_back(&self, placed: &Placed, more: &str) -> Reply {
        let path = format!("/v1/providers/{}/return?order={}{more}", placed.way.company(), placed.id);
        self.app.anonymous().get(&path).await
    }

    // The company.

    pub async fn company(&self, method: Method, path: &str, body: &Value) -> Reply {
        let body = (method != Method::GET).then_some(body);
        sandbox::call(&self.app, method, path, body).await
    }

    /// Plays a scene, which the company must accept. Returns `{"payment", "redirect"}`.
    pub async fn play(&self, placed: &Placed, scene: &str, options: Value) -> Value {
        sandbox::try_play(&self.app, placed.way.company(), &placed.at, scene, &options).await.expect(200).body
    }

    pub async fn fault(&self, company: &str, fault: &Value) {
        sandbox::fault(&self.app, company, fault).await;
    }

    pub async fn forget_faults(&self, company: &str) {
        self.company(Method::DELETE, &format!("/control/{company}/faults"), &json!({})).await.expect(200);
    }

    /// Mutes a company: it makes its notifications, but does not send them.
    pub async fn mute(&self, company: &str, muted: bool) {
        sandbox::mute(&self.app, company, muted).await;
    }

    /// The notifications about one payment, oldest first.
    pub async fn deliveries(&self, placed: &Placed) -> Vec<Value> {
        let mut deliveries = sandbox::deliveries(&self.app, placed.way.company()).await;
        deliveries.retain(|delivery| delivery["payment"] == placed.at.as_str());
        deliveries
    }

    pub async fn resend(&self, placed: &Placed, event: &str) {
        let path = format!("/control/{}/deliveries/{event}/resend", placed.way.company());
        self.company(Method::POST, &path, &json!({})).await.expect(200);
    }

    /// Waits until all notifications about a payment were sent this often, and accepted in the end.
    pub async fn delivered(&self, placed: &Placed, times: usize) -> Vec<Value> {
        until("all notifications are taken", async || {
            let deliveries = self.deliveries(placed).await;
            let taken = |one: &Value| {
                one["progress"] == "delivered" && one["attempts"].as_array().is_some_and(|all| all.len() >= times)
            };
            (!deliveries.is_empty() && deliveries.iter().all(taken)).then_some(deliveries)
        })
        .await
    }

    /// The calls of one operation that a company received.
    pub async fn calls(&self, company: &str, operation: &str) -> Vec<Value> {
        let all = self.company(Method::GET, &format!("/control/{company}/requests"), &json!({})).await.expect(200);
        let all = all.body.as_array().unwrap().clone();
        all.into_iter().filter(|call| call["operation"] == operation).collect()
    }

    // The platform.

    /// The values of a query with one column.
    pub async fn ask(&self, query: &str) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Answer {
            #[diesel(sql_type = Text)]
            answer: String,
        }
        let query = format!("SELECT coalesce(answer::text, 'null') AS answer FROM ({query}) AS a (answer)");
        let mut conn = self.app.server.app.pool.get().await.unwrap();
        let rows: Vec<Answer> = sql_query(query).load(&mut conn).await.unwrap();
        rows.into_iter().map(|row| row.answer).collect()
    }

    pub async fn execute(&self, sql: &str) {
        crate::support::execute(&self.app.database, sql).await;
    }

    /// Makes the worker's calls to the providers due now, and runs them.
    pub async fn worker_asks(&self) {
        self.execute("UPDATE top_up_orders SET ask_at = now() WHERE ask_at IS NOT NULL").await;
        workers::ask_about_orders(&self.app.server.app).await.unwrap();
    }

    /// Lets an order expire, and runs the worker that notices it.
    pub async fn expire(&self, placed: &Placed) {
        let id = placed.id.trim_start_matches("tuo_");
        self.execute(&format!("UPDATE top_up_orders SET expires_at = now() WHERE id = '{id}'")).await;
        workers::expire_orders(&self.app.server.app).await.unwrap();
        self.until(placed, "expired").await;
    }

    /// Waits until the order has this status.
    pub async fn until(&self, placed: &Placed, status: &str) -> Value {
        until(&format!("{:?} is {status}", placed.way), async || {
            let order = self.order(placed).await;
            (order["status"] == status).then_some(order)
        })
        .await
    }

    pub async fn flows(&self, placed: &Placed) -> Vec<Value> {
        let path = format!("/v1/account-flows?order={}&limit=100", placed.id);
        self.app.customer(&placed.customer).get(&path).await.expect(200)["data"].as_array().unwrap().clone()
    }

    /// The unapplied payments, as operators see them.
    pub async fn unapplied(&self) -> Vec<Value> {
        let page = self.app.operator().get("/v1/admin/unapplied-payments?limit=100").await.expect(200);
        page["data"].as_array().unwrap().clone()
    }

    /// Requires that an order is completed, and that its whole amount was credited exactly once.
    pub async fn is_credited(&self, placed: &Placed) -> Value {
        let (way, order) = (placed.way, self.order(placed).await);
        assert_eq!(order["status"], "completed", "{order:#}");
        for field in ["amount", "received_amount", "credited_amount"] {
            assert_eq!(order[field], way.amount(), "{field}: {order:#}");
        }
        assert!(order["next_action"].is_null() && !order["completed_at"].is_null(), "{order:#}");
        let flows = self.flows(placed).await;
        assert_eq!(flows.len(), 1, "{flows:#?}");
        assert_eq!((&flows[0]["type"], &flows[0]["amount"]), (&json!("recharge"), &json!(way.amount())));
        assert_eq!(flows[0]["reference"], placed.id.as_str());
        let credits = order["timeline"].as_array().unwrap().iter().filter(|event| event["event"] == "credited");
        assert_eq!(credits.count(), 1, "{order:#}");
        order
    }

    /// Requires that an order has this status, and that nothing was credited for it.
    pub async fn is_not_credited(&self, placed: &Placed, status: &str) -> Value {
        let order = self.order(placed).await;
        assert_eq!(order["status"], status, "{order:#}");
        assert_eq!(self.flows(placed).await, Vec::<Value>::new());
        order
    }
}

/// The events on the timeline of an order.
pub fn events(order: &Value) -> Vec<&str> {
    order["timeline"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect()
}
