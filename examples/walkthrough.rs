//! A tour of a running server over HTTP: it tops up by bank transfer and by card, moves money to a product, spends some
//! of it, and lists every movement.
//!
//! ```sh
//! cargo run                           # in one terminal
//! cargo run --example walkthrough     # in another
//! ```
//! The settings come from the environment, like those of the server. The tour signs its tokens with the server's
//! configured or generated key, and pays the card order through the sandbox, so it is for test installations only.

// A missing value in a JSON response reads as null, and does not panic.
#![allow(clippy::disallowed_methods, reason = "it plays a payer, who has a clock of its own")]
#![allow(clippy::indexing_slicing)]

use clap::Parser;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use topup::config::Config;
use topup::domain::permission::Permissions;
use topup::identity::Scope;
use topup::server::{Database, TokenKeys};
use uuid::Uuid;

type Failed = Box<dyn std::error::Error>;
const HOUR: Duration = Duration::from_secs(3600);

#[derive(Parser)]
struct CommandLine {
    /// The settings of the server: the addresses of the server and the sandbox, and the key of the tokens
    #[command(flatten)]
    config: Config,
}

/// A caller: the address of the server and a token.
struct Caller<'a> {
    url: &'a str,
    token: String,
    client: reqwest::Client,
}

impl Caller<'_> {
    async fn get(&self, path: &str) -> Result<Value, Failed> {
        self.call(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, Failed> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Makes one call. A real client keeps the `Idempotency-Key` of a request, and sends the same request with it again
    /// after a broken connection or a 5xx. The request then takes effect once.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failed> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("Idempotency-Key", Uuid::now_v7().to_string()).json(&body);
        }
        let response = request.send().await.map_err(|error| {
            format!("{} does not answer ({error}): start the server with `cargo run`, or name it with --bind", self.url)
        })?;
        let status = response.status();
        let answer: Value = response.json().await?;
        if status.is_success() { Ok(answer) } else { Err(complaint(&method, path, status, &answer).into()) }
    }
}

/// A problem (RFC 9457) as one sentence.
fn complaint(method: &Method, path: &str, status: StatusCode, problem: &Value) -> String {
    format!("{method} {path}: {status}: {} ({})", problem["detail"], problem["code"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let _ = dotenvy::dotenv();
    let CommandLine { config } = CommandLine::parse();
    let (url, sandbox) = (format!("http://{}", config.bind), format!("http://{}", config.sandbox_bind));
    let keys = TokenKeys::load(&config, Database::is_embedded_by(&config))?;
    let key = keys.signing.ok_or("set TOPUP_JWT_SECRET to what the server has, so that tokens can be signed")?;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
    let caller = |name: &str, scope| -> Result<Caller<'_>, Failed> {
        Ok(Caller { url: &url, token: key.token(name, scope, Permissions::ALL, HOUR)?, client: client.clone() })
    };
    // Each run has a new customer, so that the figures below are always the same.
    let name = format!("walk-{}", Uuid::now_v7().simple());
    let (customer, meter, operator) =
        (caller(&name, Scope::Customer)?, caller("meter", Scope::Service)?, caller("ops", Scope::Operator)?);

    println!("1. {name} enters a billing profile");
    let profile = json!({ "name": "Walk Ltd", "email": "walk@example.com", "country": "CN" });
    customer.call(Method::PUT, "/v1/billing-profile", Some(profile)).await?;

    println!("2. looks at the amounts and channels of a top-up");
    let options = customer.get("/v1/top-up-options?currency=CNY").await?;
    println!("   presets {}", options["presets"]);
    for channel in options["channels"].as_array().into_iter().flatten() {
        let verdict = channel["reason"].as_str().map_or("eligible".to_owned(), |why| format!("not eligible: {why}"));
        println!("   {:14} {verdict}", text(&channel["channel"]));
    }

    println!("3. orders 100 CNY by bank transfer");
    let order = customer
        .post(
            "/v1/top-up-orders",
            json!({
                "currency": "CNY", "amount": "100.00", "channel": "bank_transfer", "agreement_accepted": true,
                "bank_transfer": { "remitter_name": name, "remitter_bank": "Bank of China" },
            }),
        )
        .await?;
    let bank = &order["next_action"]["bank_transfer"];
    println!("   order {} waits for {} on {}", text(&order["id"]), text(&bank["reference"]), text(&bank["bank_name"]));

    println!("4. an operator sees the money on the bank statement, and approves");
    let approved = operator
        .post(
            &format!("/v1/admin/top-up-orders/{}/approve", text(&order["id"])),
            json!({
                "received_amount": "100.00", "bank_transaction_id": format!("BOC-{name}"),
                "received_on": chrono::Utc::now().date_naive(),
            }),
        )
        .await?;
    println!("   order is {}", text(&approved["status"]));

    println!("5. orders 50 CNY by card, and pays on the company's page");
    let order = customer
        .post(
            "/v1/top-up-orders",
            json!({ "currency": "CNY", "amount": "50.00", "channel": "card", "agreement_accepted": true }),
        )
        .await?;
    let id = text(&order["id"]);
    println!("   the browser goes to {}", text(&order["next_action"]["redirect"]["url"]));
    pay_in_sandbox(&client, &sandbox, id).await?;
    // The company sends a notification. `verify` calls the company instead of waiting for it.
    let paid = customer.call(Method::POST, &format!("/v1/top-up-orders/{id}/verify"), Some(json!({}))).await?;
    println!("   order is {}", text(&paid["status"]));

    println!("6. moves 30 CNY to the product whatsapp");
    customer.post("/v1/transfers", json!({ "currency": "CNY", "amount": "30.00", "to_product": "whatsapp" })).await?;

    println!("7. the platform meters a call of 0.0125 CNY, and sends it twice, as after a lost response");
    let usage = json!({
        "id": format!("call-{name}"), "customer_id": name, "currency": "CNY", "amount": "0.0125", "product": "whatsapp",
    });
    for _ in 0..2 {
        let booked = meter.post("/v1/usage", usage.clone()).await?;
        println!("   {}, balance after {}", text(&booked["status"]), text(&booked["balance_after"]));
    }

    println!("8. every wallet");
    for wallet in customer.get("/v1/balances").await?["balances"].as_array().into_iter().flatten() {
        let product = wallet["product"].as_str().unwrap_or("main wallet");
        println!("   {product:12} {:>12} {}", text(&wallet["available"]), text(&wallet["currency"]));
    }
    println!("9. every movement, newest first");
    for flow in customer.get("/v1/account-flows").await?["data"].as_array().into_iter().flatten() {
        let product = flow["product"].as_str().unwrap_or("main wallet");
        println!(
            "   {:12} {:>12} {} {product:12} {}",
            text(&flow["type"]),
            text(&flow["amount"]),
            text(&flow["currency"]),
            text(&flow["reference"])
        );
    }
    Ok(())
}

/// Does what a person does on the payment page: presses "Pay".
async fn pay_in_sandbox(client: &reqwest::Client, sandbox: &str, reference: &str) -> Result<(), Failed> {
    let url = format!("{sandbox}/control/stripe/payments/{reference}/pay");
    let response = client.post(&url).json(&json!({})).send().await?;
    if response.status().is_success() { Ok(()) } else { Err(format!("the sandbox: {}", response.text().await?).into()) }
}
