//! What the sandbox is started with, and what it refuses to start with.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

/// Everything the sandbox needs to know. A company without credentials is not played.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where to listen. Loopback only; port 0 takes any free port.
    pub bind: SocketAddr,
    /// How a browser reaches the sandbox; `None` means `http://{actual address}`.
    pub public_url: Option<String>,
    /// Base address of the service that is tried out: notifications go to
    /// `{service_url}/v1/providers/…`. May be set later with [`super::Sandbox::set_service_url`].
    pub service_url: String,
    pub stripe: Option<StripeCredentials>,
    pub paypal: Option<PaypalCredentials>,
    pub vnpay: Option<VnpayCredentials>,
    /// The pause before a notification that was answered badly is sent again. Stripe and PayPal
    /// try 5 times and double the pause each time; VNPay calls 10 times at this interval.
    pub retry_delay: Duration,
}

impl SandboxConfig {
    /// A sandbox on any free loopback port, with no company played yet.
    pub fn new(service_url: impl Into<String>) -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            service_url: service_url.into(),
            stripe: None,
            paypal: None,
            vnpay: None,
            retry_delay: Duration::from_secs(2),
        }
    }

    pub(super) fn check(&self) -> Result<(), SandboxError> {
        if !self.bind.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(self.bind));
        }
        if let Some(stripe) = &self.stripe {
            stripe.check()?;
        }
        if let Some(paypal) = &self.paypal {
            filled("PayPal client id", &paypal.client_id)?;
            filled("PayPal client secret", paypal.client_secret.expose_secret())?;
            filled("PayPal webhook id", &paypal.webhook_id)?;
        }
        if let Some(vnpay) = &self.vnpay {
            filled("VNPay terminal code", &vnpay.tmn_code)?;
            filled("VNPay hash secret", vnpay.hash_secret.expose_secret())?;
        }
        Ok(())
    }
}

/// The keys that the sandbox accepts and signs with as Stripe.
#[derive(Debug, Clone)]
pub struct StripeCredentials {
    pub secret_key: SecretString,
    pub publishable_key: String,
    pub webhook_secret: SecretString,
}

impl StripeCredentials {
    fn check(&self) -> Result<(), SandboxError> {
        let secret = self.secret_key.expose_secret();
        filled("Stripe secret key", secret)?;
        filled("Stripe publishable key", &self.publishable_key)?;
        filled("Stripe webhook secret", self.webhook_secret.expose_secret())?;
        let live = |key: &str| {
            let key = key.trim_start();
            ["sk_live_", "rk_live_", "pk_live_"].iter().any(|prefix| key.starts_with(prefix))
        };
        if live(secret) || live(&self.publishable_key) {
            return Err(SandboxError::LiveCredentials("Stripe"));
        }
        Ok(())
    }
}

/// What the sandbox knows its merchant by as PayPal.
#[derive(Debug, Clone)]
pub struct PaypalCredentials {
    pub client_id: String,
    pub client_secret: SecretString,
    pub webhook_id: String,
}

/// What the sandbox knows its merchant by as VNPay.
#[derive(Debug, Clone)]
pub struct VnpayCredentials {
    pub tmn_code: String,
    pub hash_secret: SecretString,
}

fn filled(what: &'static str, value: &str) -> Result<(), SandboxError> {
    if value.trim().is_empty() {
        return Err(SandboxError::EmptyCredential(what));
    }
    Ok(())
}

/// Why the sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the sandbox makes money from nothing, so it listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    #[error("the sandbox never starts beside live keys: the {0} key is a live one")]
    LiveCredentials(&'static str),
    #[error("the sandbox needs a value for the {0}")]
    EmptyCredential(&'static str),
    #[error("the sandbox cannot listen")]
    Bind(#[source] std::io::Error),
    #[error("the sandbox cannot make its PayPal certificate")]
    Certificate(#[source] rcgen::Error),
    #[error("the sandbox cannot build its HTTP client")]
    Client(#[source] reqwest::Error),
}
