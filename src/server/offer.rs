//! Which payment companies are offered, and which of them the sandbox plays.

use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};

use super::StartError;
use crate::config::{Config, PaypalVerifyMode, SandboxMode};
use crate::domain::environment::Environment;
use crate::providers::Registry;
use crate::providers::settings::{
    PAYPAL_BASE_URL, PaypalSettings, PaypalVerify, ProviderSettings, STRIPE_API_VERSION, STRIPE_BASE_URL,
    StripeSettings, Timeouts, VNPAY_API_URL, VNPAY_PAY_URL, VnpaySettings,
};
use crate::sandbox::{PaypalCredentials, Sandbox, SandboxConfig, StripeCredentials, VnpayCredentials};

/// The providers' settings, and the sandbox if somebody is to be played. `base_url` is where the sandbox's
/// notifications go.
///
/// # Errors
/// When the sandbox may not or cannot start.
pub async fn build(
    config: &Config,
    embedded: bool,
    environment: Environment,
    base_url: &str,
    public_url: &str,
) -> Result<(ProviderSettings, Option<Sandbox>), StartError> {
    let mut offer = ProviderSettings {
        public_url: public_url.to_owned(),
        timeouts: Timeouts::default(),
        stripe: stripe(config),
        paypal: paypal(config)?,
        vnpay: vnpay(config),
    };
    let mode = match config.sandbox {
        SandboxMode::Auto if environment.is_live() => SandboxMode::Off,
        SandboxMode::On if environment.is_live() => return Err(StartError::SandboxOnLive),
        mode => mode,
    };
    let played = |has_url: bool, configured: bool| match mode {
        SandboxMode::Off => false,
        SandboxMode::On => !has_url,
        SandboxMode::Auto => embedded && !has_url && !configured,
    };
    let play_stripe = played(config.stripe.base_url.is_some(), offer.stripe.is_some());
    let vnpay_url = config.vnpay.pay_url.is_some() || config.vnpay.api_url.is_some();
    let play_vnpay = played(vnpay_url, offer.vnpay.is_some());
    let play_paypal = played(config.paypal.base_url.is_some(), offer.paypal.is_some());
    if !(play_stripe || play_paypal || play_vnpay) {
        return Ok((offer, None));
    }

    let mut sandbox = SandboxConfig::new(base_url);
    sandbox.bind = config.sandbox_bind;
    if play_stripe {
        let stripe = played_stripe(offer.stripe.take());
        sandbox.stripe = Some(StripeCredentials {
            secret_key: stripe.secret_key.clone(),
            publishable_key: stripe.publishable_key.clone(),
            webhook_secret: stripe.webhook_secret.clone().unwrap_or_default(),
        });
        offer.stripe = Some(stripe);
    }
    if play_paypal {
        let paypal = played_paypal(offer.paypal.take());
        sandbox.paypal = Some(PaypalCredentials {
            client_id: paypal.client_id.clone(),
            client_secret: paypal.client_secret.clone(),
            webhook_id: paypal.webhook_id.clone().unwrap_or_default(),
        });
        offer.paypal = Some(paypal);
    }
    if play_vnpay {
        let vnpay = played_vnpay(offer.vnpay.take());
        sandbox.vnpay =
            Some(VnpayCredentials { tmn_code: vnpay.tmn_code.clone(), hash_secret: vnpay.hash_secret.clone() });
        offer.vnpay = Some(vnpay);
    }
    let sandbox = Sandbox::start(sandbox).await?;
    if let (true, Some(stripe)) = (play_stripe, &mut offer.stripe) {
        stripe.base_url = sandbox.stripe_base_url();
    }
    if let (true, Some(paypal)) = (play_paypal, &mut offer.paypal) {
        paypal.base_url = sandbox.paypal_base_url();
        paypal.cert_roots_pem = Some(sandbox.paypal_cert_roots_pem().into_bytes());
    }
    if let (true, Some(vnpay)) = (play_vnpay, &mut offer.vnpay) {
        vnpay.pay_url = sandbox.vnpay_pay_url();
        vnpay.api_url = sandbox.vnpay_api_url();
    }
    Ok((offer, Some(sandbox)))
}

/// Real money never meets play money: credentials and stamp must agree for every provider that moves money by itself.
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

/// What is configured, and generated values for the rest. New ones at each start: whoever knows them can make
/// play money.
fn played_stripe(configured: Option<StripeSettings>) -> StripeSettings {
    let mut stripe = configured.unwrap_or_else(|| StripeSettings {
        secret_key: SecretString::default(),
        publishable_key: String::new(),
        webhook_secret: None,
        base_url: String::new(),
        api_version: STRIPE_API_VERSION.to_owned(),
    });
    if is_empty(&stripe.secret_key) {
        stripe.secret_key = SecretString::from(format!("sk_test_{}", random()));
    }
    if stripe.publishable_key.is_empty() {
        stripe.publishable_key = format!("pk_test_{}", random());
    }
    if stripe.webhook_secret.as_ref().is_none_or(is_empty) {
        stripe.webhook_secret = Some(SecretString::from(format!("whsec_{}", random())));
    }
    stripe
}

fn played_paypal(configured: Option<PaypalSettings>) -> PaypalSettings {
    let mut paypal = configured.unwrap_or_else(|| PaypalSettings {
        client_id: String::new(),
        client_secret: SecretString::default(),
        webhook_id: None,
        base_url: String::new(),
        cert_roots_pem: None,
        verify: PaypalVerify::Offline,
    });
    if paypal.client_id.is_empty() {
        paypal.client_id = random();
    }
    if is_empty(&paypal.client_secret) {
        paypal.client_secret = SecretString::from(random());
    }
    if paypal.webhook_id.as_ref().is_none_or(String::is_empty) {
        paypal.webhook_id = Some(random());
    }
    paypal
}

fn played_vnpay(configured: Option<VnpaySettings>) -> VnpaySettings {
    let mut vnpay = configured.unwrap_or_else(|| VnpaySettings {
        tmn_code: String::new(),
        hash_secret: SecretString::default(),
        pay_url: String::new(),
        api_url: String::new(),
        server_ip: VnpaySettings::UNKNOWN_SERVER_IP,
    });
    if vnpay.tmn_code.is_empty() {
        vnpay.tmn_code = "TOPUPDEV".to_owned();
    }
    if is_empty(&vnpay.hash_secret) {
        vnpay.hash_secret = SecretString::from(random().to_uppercase());
    }
    vnpay
}

fn is_empty(secret: &SecretString) -> bool {
    secret.expose_secret().trim().is_empty()
}

fn random() -> String {
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

fn text(url: Option<&url::Url>, otherwise: &str) -> String {
    url.map_or(otherwise, |url| url.as_str()).trim_end_matches('/').to_owned()
}
