//! Starts the sandbox, and points the settings of each simulated company at it.

use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};

use super::StartError;
use crate::config::{Config, SandboxMode};
use crate::domain::environment::Environment;
use crate::providers::settings::{
    PaypalSettings, PaypalVerify, ProviderSettings, STRIPE_API_VERSION, StripeSettings, VnpaySettings,
};
use crate::sandbox::{PaypalCredentials, Sandbox, SandboxConfig, StripeCredentials, VnpayCredentials};

/// The companies to simulate.
struct Simulated {
    stripe: bool,
    paypal: bool,
    vnpay: bool,
}

impl Simulated {
    /// `on` simulates every company whose base URL is not configured. `auto` also leaves out companies with
    /// credentials, and simulates none if the database is not embedded.
    ///
    /// # Errors
    /// [`StartError::SandboxOnLive`] when the configuration asks for simulation on a database that is stamped live.
    fn choose(
        config: &Config,
        embedded: bool,
        environment: Environment,
        settings: &ProviderSettings,
    ) -> Result<Self, StartError> {
        let mode = match config.sandbox {
            SandboxMode::Auto if environment.is_live() => SandboxMode::Off,
            SandboxMode::On if environment.is_live() => return Err(StartError::SandboxOnLive),
            mode => mode,
        };
        let simulated = |has_url: bool, has_credentials: bool| match mode {
            SandboxMode::Off => false,
            SandboxMode::On => !has_url,
            SandboxMode::Auto => embedded && !has_url && !has_credentials,
        };
        let vnpay_url = config.vnpay.pay_url.is_some() || config.vnpay.api_url.is_some();
        Ok(Self {
            stripe: simulated(config.stripe.base_url.is_some(), settings.stripe.is_some()),
            paypal: simulated(config.paypal.base_url.is_some(), settings.paypal.is_some()),
            vnpay: simulated(vnpay_url, settings.vnpay.is_some()),
        })
    }

    fn is_none(&self) -> bool {
        !(self.stripe || self.paypal || self.vnpay)
    }
}

/// Starts the sandbox if any company is simulated. `base_url` receives the sandbox's notifications.
///
/// # Errors
/// [`StartError::SandboxOnLive`], or the reason why the sandbox cannot start.
pub async fn start(
    config: &Config,
    embedded: bool,
    environment: Environment,
    base_url: &str,
    settings: &mut ProviderSettings,
) -> Result<Option<Sandbox>, StartError> {
    let simulated = Simulated::choose(config, embedded, environment, settings)?;
    if simulated.is_none() {
        return Ok(None);
    }
    let mut sandbox = SandboxConfig::new(base_url);
    sandbox.bind = config.sandbox_bind;
    if simulated.stripe {
        let configured = settings.stripe.take();
        let stripe = settings.stripe.insert(simulated_stripe(configured));
        sandbox.stripe = Some(StripeCredentials {
            secret_key: stripe.secret_key.clone(),
            publishable_key: stripe.publishable_key.clone(),
            webhook_secret: first_of(stripe.webhook_secret.as_ref()),
        });
    }
    if simulated.paypal {
        let configured = settings.paypal.take();
        let paypal = settings.paypal.insert(simulated_paypal(configured));
        sandbox.paypal = Some(PaypalCredentials {
            client_id: paypal.client_id.clone(),
            client_secret: paypal.client_secret.clone(),
            webhook_id: paypal.webhook_id.clone().unwrap_or_default(),
        });
    }
    if simulated.vnpay {
        let configured = settings.vnpay.take();
        let vnpay = settings.vnpay.insert(simulated_vnpay(configured));
        sandbox.vnpay =
            Some(VnpayCredentials { tmn_code: vnpay.tmn_code.clone(), hash_secret: vnpay.hash_secret.clone() });
    }
    let sandbox = Sandbox::start(sandbox).await?;
    if let (true, Some(stripe)) = (simulated.stripe, &mut settings.stripe) {
        stripe.base_url = sandbox.stripe_base_url();
    }
    if let (true, Some(paypal)) = (simulated.paypal, &mut settings.paypal) {
        paypal.base_url = sandbox.paypal_base_url();
        paypal.cert_roots_pem = Some(sandbox.paypal_cert_roots_pem().into_bytes());
    }
    if let (true, Some(vnpay)) = (simulated.vnpay, &mut settings.vnpay) {
        vnpay.pay_url = sandbox.vnpay_pay_url();
        vnpay.api_url = sandbox.vnpay_api_url();
    }
    Ok(Some(sandbox))
}

/// Fills what is not configured with generated credentials. They are new at each start, because anyone who knows them
/// can make simulated money.
fn simulated_stripe(configured: Option<StripeSettings>) -> StripeSettings {
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

fn simulated_paypal(configured: Option<PaypalSettings>) -> PaypalSettings {
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

fn simulated_vnpay(configured: Option<VnpaySettings>) -> VnpaySettings {
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

/// The simulated Stripe signs with one secret, even if two are configured.
fn first_of(secrets: Option<&SecretString>) -> SecretString {
    let text = secrets.map(ExposeSecret::expose_secret).unwrap_or_default();
    text.split(',').map(str::trim).find(|secret| !secret.is_empty()).unwrap_or_default().into()
}

fn is_empty(secret: &SecretString) -> bool {
    secret.expose_secret().trim().is_empty()
}

fn random() -> String {
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}
