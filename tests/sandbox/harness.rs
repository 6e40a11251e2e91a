//! The stage of the sandbox tests: a running sandbox, a service that only records, and functions that wait.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use topup::sandbox::{PaypalCredentials, Sandbox, SandboxConfig, StripeCredentials, VnpayCredentials};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub const STRIPE_KEY: &str = "sk_test_sandbox";
pub const STRIPE_PUBLISHABLE: &str = "pk_test_sandbox";
pub const STRIPE_WEBHOOK: &str = "whsec_test_secret";
pub const PAYPAL_CLIENT: &str = "client";
pub const PAYPAL_SECRET: &str = "client-secret";
pub const PAYPAL_WEBHOOK: &str = "8PT597110X687430LKGECATA";
pub const VNPAY_TERMINAL: &str = "DEMOV210";
pub const VNPAY_SECRET: &str = "SECRETSECRETSECRETSECRETSECRET12";

pub fn config(service_url: &str) -> SandboxConfig {
    let mut config = SandboxConfig::new(service_url);
    config.retry_delay = Duration::from_millis(20);
    config.stripe = Some(StripeCredentials {
        secret_key: STRIPE_KEY.into(),
        publishable_key: STRIPE_PUBLISHABLE.to_owned(),
        webhook_secret: STRIPE_WEBHOOK.into(),
    });
    config.paypal = Some(PaypalCredentials {
        client_id: PAYPAL_CLIENT.to_owned(),
        client_secret: PAYPAL_SECRET.into(),
        webhook_id: PAYPAL_WEBHOOK.to_owned(),
    });
    config.vnpay = Some(VnpayCredentials { tmn_code: VNPAY_TERMINAL.to_owned(), hash_secret: VNPAY_SECRET.into() });
    config
}

/// A sandbox, and a service that gives every notification the same reply.
pub struct Stage {
    pub sandbox: Sandbox,
    pub service: MockServer,
    pub http: reqwest::Client,
}

impl Stage {
    pub async fn new() -> Self {
        Self::answering(ResponseTemplate::new(200).set_body_json(json!({"RspCode": "00"}))).await
    }

    pub async fn answering(answer: ResponseTemplate) -> Self {
        let service = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&service).await;
        let sandbox = Sandbox::start(config(&service.uri())).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { sandbox, service, http }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.public_url())
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.http.get(self.url(path)).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.http.post(self.url(path)).json(&body).send().await.unwrap()).await
    }

    /// Plays a scene through the control API, which must accept it.
    pub async fn play(&self, company: &str, id: &str, action: &str, options: Value) -> Value {
        let path = format!("/control/{company}/payments/{id}/{action}");
        let (status, body) = self.post(&path, options).await;
        assert_eq!(status, 200, "{action}: {body}");
        body
    }

    pub async fn fault(&self, company: &str, fault: Value) {
        let (status, body) = self.post(&format!("/control/{company}/faults"), fault).await;
        assert_eq!(status, 200, "{body}");
    }

    /// The notifications that have reached the service so far.
    pub async fn received(&self) -> Vec<Request> {
        self.service.received_requests().await.unwrap()
    }

    /// Waits until the service has received at least this many notifications.
    pub async fn receives(&self, count: usize) -> Vec<Request> {
        let mut received = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(10);
        while received.len() < count {
            assert!(Instant::now() < deadline, "{} of {count} notifications", received.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
            received = self.received().await;
        }
        received
    }

    /// Waits until `holds` is true for the deliveries.
    pub async fn deliveries(&self, company: &str, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let (_, list) = self.get(&format!("/control/{company}/deliveries")).await;
            let list = list.as_array().unwrap().clone();
            if holds(&list) {
                return list;
            }
            assert!(Instant::now() < deadline, "deliveries: {list:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub async fn answer(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub fn kinds(received: &[Request]) -> Vec<String> {
    let mut kinds: Vec<String> = received
        .iter()
        .map(|request| {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            body["type"].as_str().or(body["event_type"].as_str()).unwrap().to_owned()
        })
        .collect();
    kinds.sort();
    kinds
}
