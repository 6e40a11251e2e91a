//! Reads the providers' settings from the configuration, and compares credentials with the database's stamp.

use super::StartError;
use crate::config::{Config, PaypalVerifyMode};
use crate::domain::deployment::Deployment;
use crate::domain::environment::Environment;
use crate::providers::settings::{
    PAYPAL_BASE_URL, PaypalSettings, PaypalVerify, ProviderSettings, STRIPE_API_VERSION, STRIPE_BASE_URL,
    StripeSettings, Timeouts, VNPAY_API_URL, VNPAY_PAY_URL, VnpaySettings,
};
use crate::providers::{self, EndpointGuide, Registry};

/// The settings of every company that has any credentials in the configuration.
///
/// # Errors
/// [`StartError::File`] when the file of PayPal's root certificates cannot be read.
pub fn read(config: &Config, public_url: &str, deployment: Deployment) -> Result<ProviderSettings, StartError> {
    Ok(ProviderSettings {
        public_url: public_url.to_owned(),
        deployment,
        timeouts: Timeouts::default(),
        stripe: stripe(config),
        paypal: paypal(config)?,
        vnpay: vnpay(config),
    })
}

/// What an operator enters at each company. Without a public URL, the name of its variable takes its place.
#[must_use]
pub fn endpoint_guides(config: &Config) -> Vec<EndpointGuide> {
    let public_url = config.public_url.as_ref().map_or("<TOPUP_PUBLIC_URL>", |url| url.as_str());
    let version = config.stripe.api_version.as_deref().unwrap_or(STRIPE_API_VERSION);
    providers::endpoint_guides(public_url, version)
}

/// Keeps real and simulated money apart: for each provider that moves money by itself, the kind of its credentials
/// (live or test) must be the database's stamp.
///
/// # Errors
/// [`StartError::WrongCredentials`].
pub fn check_stamp(providers: &Registry, stamp: Environment) -> Result<(), StartError> {
    for provider in providers.iter().filter(|provider| provider.capabilities().notifies) {
        let credentials = if provider.is_live() { Environment::Live } else { Environment::Test };
        if credentials != stamp {
            return Err(StartError::WrongCredentials { provider: provider.name(), credentials, stamp });
        }
    }
    Ok(())
}

fn stripe(config: &Config) -> Option<StripeSettings> {
    let stripe = &config.stripe;
    if stripe.secret_key.is_none() && stripe.webhook_secret.is_none() {
        return None;
    }
    Some(StripeSettings {
        secret_key: stripe.secret_key.clone().unwrap_or_default(),
        publishable_key: stripe.publishable_key.clone().unwrap_or_default(),
        webhook_secret: stripe.webhook_secret.clone(),
        base_url: text(stripe.base_url.as_ref(), STRIPE_BASE_URL),
        api_version: stripe.api_version.clone().unwrap_or_else(|| STRIPE_API_VERSION.to_owned()),
    })
}

fn paypal(config: &Config) -> Result<Option<PaypalSettings>, StartError> {
    let paypal = &config.paypal;
    if paypal.client_id.is_none() && paypal.client_secret.is_none() && paypal.webhook_id.is_none() {
        return Ok(None);
    }
    let read = |path: &std::path::PathBuf| {
        std::fs::read(path).map_err(|source| StartError::File { path: path.clone(), source })
    };
    Ok(Some(PaypalSettings {
        client_id: paypal.client_id.clone().unwrap_or_default(),
        client_secret: paypal.client_secret.clone().unwrap_or_default(),
        webhook_id: paypal.webhook_id.clone(),
        base_url: text(paypal.base_url.as_ref(), PAYPAL_BASE_URL),
        cert_roots_pem: paypal.cert_roots.as_ref().map(read).transpose()?,
        verify: match paypal.verify {
            PaypalVerifyMode::Offline => PaypalVerify::Offline,
            PaypalVerifyMode::Postback => PaypalVerify::Postback,
        },
    }))
}

fn vnpay(config: &Config) -> Option<VnpaySettings> {
    let vnpay = &config.vnpay;
    if vnpay.tmn_code.is_none() && vnpay.hash_secret.is_none() {
        return None;
    }
    Some(VnpaySettings {
        tmn_code: vnpay.tmn_code.clone().unwrap_or_default(),
        hash_secret: vnpay.hash_secret.clone().unwrap_or_default(),
        pay_url: text(vnpay.pay_url.as_ref(), VNPAY_PAY_URL),
        api_url: text(vnpay.api_url.as_ref(), VNPAY_API_URL),
        server_ip: vnpay.server_ip.unwrap_or(VnpaySettings::UNKNOWN_SERVER_IP),
    })
}

fn text(url: Option<&url::Url>, otherwise: &str) -> String {
    url.map_or(otherwise, |url| url.as_str()).trim_end_matches('/').to_owned()
}
