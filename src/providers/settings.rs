//! The settings of each provider. An empty secret counts as missing, and such a provider is not offered.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::domain::deployment::Deployment;

/// The Stripe API version of our calls and of our webhook endpoint. In it the card filter is called
/// `payment_method_types`, a name that version 2026-09-30.endive removed. Later versions work too
/// ([`StripeSettings::api_version`]).
pub const STRIPE_API_VERSION: &str = "2026-02-25.clover";
pub const STRIPE_BASE_URL: &str = "https://api.stripe.com";
pub const PAYPAL_BASE_URL: &str = "https://api-m.paypal.com";
pub const VNPAY_PAY_URL: &str = "https://pay.vnpay.vn/vpcpay.html";
pub const VNPAY_API_URL: &str = "https://merchant.vnpay.vn/merchant_webapi/api/transaction";

/// The input of [`super::Registry::new`]. A provider that is `None` is not offered.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// The URL by which browsers reach this service, without a slash at the end. Return pages are below it.
    pub public_url: String,
    pub deployment: Deployment,
    pub timeouts: Timeouts,
    pub stripe: Option<StripeSettings>,
    pub paypal: Option<PaypalSettings>,
    pub vnpay: Option<VnpaySettings>,
}

/// How long a provider may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub connect: Duration,
    /// One attempt, from the first byte sent to the last byte received.
    pub request: Duration,
    /// A call with all its retries. A retry that could end later is not started.
    pub call: Duration,
    /// The pause before the first retry. It doubles for each further one.
    pub backoff: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            request: Duration::from_secs(15),
            call: Duration::from_secs(25),
            backoff: Duration::from_millis(500),
        }
    }
}

/// The settings of Stripe.
#[derive(Debug, Clone)]
pub struct StripeSettings {
    pub secret_key: SecretString,
    /// It is sent to browsers, and only [`super::CardFlow::Elements`] needs it.
    pub publishable_key: String,
    /// One secret, or two with a comma between them while one is being replaced at Stripe.
    pub webhook_secret: Option<SecretString>,
    pub base_url: String,
    /// `<date>.<name>`, sent as `Stripe-Version`.
    pub api_version: String,
}

/// The settings of PayPal.
#[derive(Debug, Clone)]
pub struct PaypalSettings {
    pub client_id: String,
    pub client_secret: SecretString,
    /// The id from the developer dashboard. It is a part of every signed message.
    pub webhook_id: Option<String>,
    pub base_url: String,
    /// For tests: root certificates that replace the public ones. With them, the certificate may also be fetched from
    /// the origin of `base_url`.
    pub cert_roots_pem: Option<Vec<u8>>,
    pub verify: PaypalVerify,
}

/// How PayPal's notifications are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PaypalVerify {
    /// By PayPal's certificate, without a call. PayPal recommends this.
    #[default]
    Offline,
    /// By a call to PayPal.
    Postback,
}

/// The settings of VNPay.
#[derive(Debug, Clone)]
pub struct VnpaySettings {
    pub tmn_code: String,
    pub hash_secret: SecretString,
    pub pay_url: String,
    pub api_url: String,
    /// The IP address of this server, which VNPay's API requires in each call.
    pub server_ip: IpAddr,
}

impl VnpaySettings {
    /// The address that is sent if the real one is not configured.
    pub const UNKNOWN_SERVER_IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
}

/// Why the settings cannot be used. A missing secret is not an error: the channel is not offered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderSettingsError {
    #[error("{setting} is not an absolute http(s) URL")]
    BadUrl { setting: &'static str },
    #[error("the PayPal webhook id must come from the developer dashboard; WEBHOOK_ID belongs to PayPal's simulator")]
    SimulatorWebhookId,
    #[error("the PayPal test roots are not PEM certificates")]
    BadRoots,
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

impl StripeSettings {
    /// Every webhook secret, without empty ones.
    pub(super) fn webhook_secrets(&self) -> Vec<SecretString> {
        let text = self.webhook_secret.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        text.split(',').map(str::trim).filter(|secret| !secret.is_empty()).map(SecretString::from).collect()
    }

    /// The first missing setting, without which the channel is not offered.
    pub(super) fn missing(&self) -> Option<&'static str> {
        first_missing(&[
            ("secret key", is_set(&self.secret_key)),
            ("webhook secret", !self.webhook_secrets().is_empty()),
        ])
    }
}

impl PaypalSettings {
    pub(super) fn missing(&self) -> Option<&'static str> {
        first_missing(&[
            ("client id", !self.client_id.trim().is_empty()),
            ("client secret", is_set(&self.client_secret)),
            ("webhook id", self.webhook_id.as_ref().is_some_and(|id| !id.trim().is_empty())),
        ])
    }
}

impl VnpaySettings {
    pub(super) fn missing(&self) -> Option<&'static str> {
        first_missing(&[
            ("terminal code", !self.tmn_code.trim().is_empty()),
            ("hash secret", is_set(&self.hash_secret)),
        ])
    }
}

fn is_set(secret: &SecretString) -> bool {
    !secret.expose_secret().trim().is_empty()
}

fn first_missing(parts: &[(&'static str, bool)]) -> Option<&'static str> {
    parts.iter().find(|(_, present)| !present).map(|(name, _)| *name)
}

/// Checks a base URL, and removes the slash at its end, so that paths can be appended.
pub(super) fn base_url(text: &str, setting: &'static str) -> Result<String, ProviderSettingsError> {
    let parsed = url::Url::parse(text).map_err(|_| ProviderSettingsError::BadUrl { setting })?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(ProviderSettingsError::BadUrl { setting });
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// The host of a URL that [`base_url`] has accepted.
pub(super) fn host(url: &str) -> Option<String> {
    url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned))
}
