//! The settings that the sandbox refuses, and its switches.

use std::net::SocketAddr;

use serde_json::json;
use topup::sandbox::{Sandbox, SandboxError};

use crate::harness::{Stage, config};

#[tokio::test]
async fn never_beside_live_keys() {
    for key in ["sk_live_x", "rk_live_x", " sk_live_x"] {
        let mut config = config("http://127.0.0.1:1");
        config.stripe.as_mut().unwrap().secret_key = key.into();
        let error = Sandbox::start(config).await.unwrap_err();
        assert!(matches!(error, SandboxError::LiveCredentials("Stripe")), "{key}: {error}");
    }
    let mut config = config("http://127.0.0.1:1");
    config.stripe.as_mut().unwrap().publishable_key = "pk_live_x".to_owned();
    assert!(matches!(Sandbox::start(config).await.unwrap_err(), SandboxError::LiveCredentials("Stripe")));
}

#[tokio::test]
async fn loopback_only_and_never_with_an_empty_secret() {
    let mut open = config("http://127.0.0.1:1");
    open.bind = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(matches!(Sandbox::start(open).await.unwrap_err(), SandboxError::NotLoopback(_)));

    let mut empty = config("http://127.0.0.1:1");
    empty.vnpay.as_mut().unwrap().hash_secret = "".into();
    assert!(matches!(Sandbox::start(empty).await.unwrap_err(), SandboxError::EmptyCredential(_)));
}

#[tokio::test]
async fn only_the_companies_with_credentials_are_played() {
    let mut config = config("http://127.0.0.1:1");
    config.paypal = None;
    let sandbox = Sandbox::start(config).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let status = |path: &str| {
        let request = http.get(format!("{}{path}", sandbox.public_url()));
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(status("/control/stripe/payments").await, 200);
    assert_eq!(status("/control/paypal/payments").await, 404);
    assert_eq!(status("/paypal/dashboard").await, 404);
    assert_eq!(status("/").await, 200);
    sandbox.stop().await;
}

#[tokio::test]
async fn unknown_actions_payments_and_faults_are_refused() {
    let stage = Stage::new().await;
    let (status, _) = stage.post("/control/stripe/payments/cs_none/pay", json!({})).await;
    assert_eq!(status, 404);
    let (status, _) = stage.post("/control/stripe/faults", json!({"operation": "x"})).await;
    assert_eq!(status, 409);
    let (status, _) = stage.post("/control/stripe/deliveries/evt_none/resend", json!({})).await;
    assert_eq!(status, 404);
}
