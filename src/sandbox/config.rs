//! The settings of the sandbox, and the settings that it refuses.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

/// The settings of the sandbox. A company without credentials is not simulated.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The address to listen on. It must be loopback; port 0 takes any free port.
    pub bind: SocketAddr,
    /// The URL by which a browser reaches the sandbox; `None` means `http://{actual address}`.
    pub public_url: Option<String>,
    /// The base URL of the service. Notifications go to `{service_url}/v1/providers/…`.
    /// [`super::Sandbox::set_service_url`] can change it later.
    pub service_url: String,
    pub stripe: Option<StripeCredentials>,
    pub paypal: Option<PaypalCredentials>,
    pub vnpay: Option<VnpayCredentials>,
    /// The pause before a failed notification is sent again. Stripe and PayPal send it 5 times and double the pause
    /// each time. VNPay sends it 10 times at this interval.
    pub retry_delay: Duration,
}

impl SandboxConfig {
    /// The settings of a sandbox on any free loopback port, without any company.
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

/// The keys that the simulated Stripe accepts and signs with.
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

/// The credentials of the merchant at the simulated PayPal.
#[derive(Debug, Clone)]
pub struct PaypalCredentials {
    pub client_id: String,
    pub client_secret: SecretString,
    pub webhook_id: String,
}

/// The credentials of the merchant at the simulated VNPay.
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

/// Why the sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the sandbox makes money from nothing, so it listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    #[error("the sandbox does not start with live keys, but the {0} key is one")]
    LiveCredentials(&'static str),
    #[error("the sandbox needs a value for the {0}")]
    EmptyCredential(&'static str),
    #[error("the sandbox cannot listen")]
    Bind(#[source] std::io::Error),
    #[error("the sandbox cannot create its PayPal certificate")]
    Certificate(#[source] rcgen::Error),
    #[error("the sandbox cannot build its HTTP client")]
    Client(#[source] reqwest::Error),
}
