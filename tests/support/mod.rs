//! The harness of the HTTP tests. Each test binary has a throwaway cluster, and each test has a database, a whole
//! server in this process, and simulated payment companies.
//!
//! ```ignore
//! let app = TestApp::spawn().await;
//! let alice = app.customer("alice");
//! app.fund("alice", "CNY", "100.00").await;
//! let order = alice.post("/v1/transfers", json!({ … })).await.expect(201);
//! app.finish().await; // the books agree, and everything stops
//! ```
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod documented;
mod reply;
pub mod sandbox;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use topup::app::check;
use topup::config::Config;
use topup::domain::check::Report;
use topup::domain::environment::Environment;
use topup::domain::permission::Permissions;
use topup::embedded::Cluster;
use topup::identity::{Holder, Scope, mint};
use topup::server::{RunningServer, Server, StartError};
use topup::storage::pool::{Pool, connect};
use topup::storage::{environment, migrations, roles};
use uuid::Uuid;

pub use reply::Reply;

/// Signs the tokens of all tests.
pub const SECRET: &str = "a secret of the tests, long enough for HS256";
/// Signs the seals of all tests.
pub const SEAL_KEY: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
/// The deployment of all databases of the tests.
pub const DEPLOYMENT: &str = "00c0ffee00c0ffee";
/// A migrated and seeded database. The database of each test is a copy of it.
const TEMPLATE: &str = "template_topup";
const HOUR: Duration = Duration::from_secs(3600);

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static PREPARED: OnceCell<()> = OnceCell::const_new();
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The URL of a database of this binary's cluster. The cluster ends with the process.
pub fn url(database: &str) -> SecretString {
    CLUSTER.get_or_init(|| Cluster::throwaway_blocking(false, &[]).unwrap()).url(database).into()
}

/// What the cluster has logged so far.
pub fn server_log() -> String {
    std::fs::read_to_string(CLUSTER.get().unwrap().data_dir().join("postgres.log")).unwrap()
}

pub async fn execute(database: &str, sql: &str) {
    connect(&url(database)).await.unwrap().batch_execute(sql).await.unwrap();
}

/// A new, empty database.
pub async fn empty_database() -> String {
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    execute("postgres", &format!("CREATE DATABASE {name}")).await;
    name
}

/// A new database with schema, stamp and demo catalogue.
pub async fn database() -> String {
    PREPARED
        .get_or_init(async || {
            execute("postgres", &format!("CREATE DATABASE {TEMPLATE}")).await;
            migrations::run(&url(TEMPLATE)).await.unwrap();
            let mut conn = connect(&url(TEMPLATE)).await.unwrap();
            environment::stamp(&mut conn, Environment::Test).await.unwrap();
            execute(TEMPLATE, &format!("UPDATE environment SET deployment = '{DEPLOYMENT}'")).await;
            roles::make(&mut conn, None, None).await.unwrap();
            drop(conn);
            let pool = Pool::new(&url(TEMPLATE), 1).unwrap();
            topup::app::seed::demo(&pool).await.unwrap();
            pool.close();
        })
        .await;
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    execute("postgres", &format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}")).await;
    name
}

/// The settings for a database of this binary's cluster. The environment of the shell does not affect them.
pub fn config(database: &str) -> Config {
    let mut config = Config::from_arguments(&[
        "--bind=127.0.0.1:0",
        "--sandbox=on",
        "--sandbox-bind=127.0.0.1:0",
        "--allow-unsafe-commits=true",
        "--database-pool-size=8",
        "--http-workers=2",
        "--customer-rate-limit=0",
        "--return-origins=https://app.example.com",
        "--shutdown-seconds=5",
    ])
    .unwrap();
    config.database_url = Some(url(database));
    config.jwt.secret = Some(SECRET.into());
    config.seal.key = Some(SEAL_KEY.into());
    // All databases of the tests belong to the superuser who serves them; the service takes its role there, too.
    config.roles.allow_owner = true;
    config.data_dir = std::env::temp_dir().join(format!("topup-test-{}-{database}", std::process::id()));
    config
}

/// A token that the servers of all tests accept.
pub fn token(subject: &str, scope: Scope) -> String {
    mint(&SECRET.into(), Holder::new(subject, scope), HOUR, None, None).unwrap()
}

/// A token of an operator with permissions in the claim `permissions`.
pub fn permitted_token(subject: &str, permissions: Permissions) -> String {
    let holder = Holder { subject, scope: Scope::Operator, permissions: Some(("permissions", permissions)) };
    mint(&SECRET.into(), holder, HOUR, None, None).unwrap()
}

/// A running server with a database of its own. End every test with [`TestApp::finish`].
pub struct TestApp {
    pub server: RunningServer,
    pub database: String,
    client: reqwest::Client,
    guard: Guard,
}

impl TestApp {
    pub async fn spawn() -> Self {
        Self::spawn_with(|_| ()).await
    }

    /// As [`TestApp::spawn`], with other settings.
    pub async fn spawn_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::try_spawn(&database().await, change).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// A server on an existing database, which may refuse to start.
    pub async fn try_spawn(database: &str, change: impl FnOnce(&mut Config)) -> Result<Self, StartError> {
        let mut config = config(database);
        change(&mut config);
        let server = Server::start(config).await?;
        // Tests look at redirects themselves, and ignore a proxy of the shell.
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Ok(Self { server, database: database.to_owned(), client, guard: Guard(false) })
    }

    pub fn url(&self) -> &str {
        &self.server.base_url
    }

    pub fn customer(&self, id: &str) -> Caller<'_> {
        self.bearer(token(id, Scope::Customer))
    }

    pub fn service(&self) -> Caller<'_> {
        self.bearer(token("meter", Scope::Service))
    }

    pub fn operator(&self) -> Caller<'_> {
        self.operator_named("ops")
    }

    /// An operator with a name, for actions that need a second operator.
    pub fn operator_named(&self, name: &str) -> Caller<'_> {
        self.bearer(token(name, Scope::Operator))
    }

    pub fn bearer(&self, token: String) -> Caller<'_> {
        Caller { app: self, token: Some(token) }
    }

    pub fn anonymous(&self) -> Caller<'_> {
        Caller { app: self, token: None }
    }

    /// Tops up a customer's wallet in the usual way: billing profile, order, bank transfer, approval. Returns the id of
    /// the order.
    pub async fn fund(&self, customer: &str, currency: &str, amount: &str) -> String {
        let caller = self.customer(customer);
        let profile = json!({ "name": customer, "email": format!("{customer}@example.com"), "country": "CN" });
        if caller.get("/v1/billing-profile").await.status == 404 {
            caller.send(Method::PUT, "/v1/billing-profile", Some(&profile), None).await.expect(200);
        }
        // The amount that arrives is credited, not the amount of the order.
        let order = caller
            .post(
                "/v1/top-up-orders",
                &json!({
                    "currency": currency, "amount": "100", "channel": "bank_transfer", "agreement_accepted": true,
                    "bank_transfer": { "remitter_name": customer, "remitter_bank": "Test Bank" },
                }),
            )
            .await
            .expect(201);
        let id = order["id"].as_str().unwrap().to_owned();
        self.operator()
            .post(
                &format!("/v1/admin/top-up-orders/{id}/approve"),
                &json!({
                    "received_amount": amount, "bank_transaction_id": Uuid::now_v7(), "received_on": "2026-11-21",
                    "confirm_difference": true, "confirm_not_duplicate": true,
                }),
            )
            .await
            .expect(200);
        id
    }

    /// The available money of a customer's wallet by the API (`""` is the main wallet); `0` if there is no wallet.
    pub async fn available(&self, customer: &str, currency: &str, product: &str) -> String {
        let path = format!("/v1/balances?currency={currency}&product={product}");
        let balances = self.customer(customer).get(&path).await.expect(200);
        balances["balances"][0]["available"].as_str().unwrap_or("0").to_owned()
    }

    /// The report of `topup check`.
    pub async fn report(&self) -> Report {
        check::run(&self.server.app.pool, &mut |_| {}).await.unwrap()
    }

    /// Requires that the books agree.
    pub async fn check(&self) {
        let report = self.report().await;
        assert!(report.is_clean(), "{}", check::render(&report));
    }

    /// Requires that the books agree, and stops everything.
    pub async fn finish(self) {
        self.check().await;
        self.stop().await;
    }

    /// Stops everything, for tests in which the books disagree.
    pub async fn stop(self) {
        let Self { server, mut guard, .. } = self;
        guard.0 = true;
        server.stop().await.unwrap();
    }
}

/// Fails a test that does not check the books.
struct Guard(bool);

impl Drop for Guard {
    fn drop(&mut self) {
        assert!(self.0 || std::thread::panicking(), "end the test with `app.finish().await`");
    }
}

/// A caller with its token.
#[derive(Clone)]
pub struct Caller<'a> {
    app: &'a TestApp,
    token: Option<String>,
}

impl Caller<'_> {
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None, None).await
    }

    /// Sends a POST with a new `Idempotency-Key`.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_with_key(path, body, &Uuid::now_v7().to_string()).await
    }

    pub async fn post_with_key(&self, path: &str, body: &Value, key: &str) -> Reply {
        self.send(Method::POST, path, Some(body), Some(key)).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>, key: Option<&str>) -> Reply {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        Reply::of(request).await
    }

    /// A request for other headers or other bodies. Send it with [`Reply::of`].
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.app.client.request(method, format!("{}{path}", self.app.url()));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}
