//! The providers that this installation offers.

use std::sync::Arc;

use super::bank_transfer::BankTransfer;
use super::paypal::Paypal;
use super::settings::{ProviderSettings, ProviderSettingsError};
use super::stripe::Stripe;
use super::vnpay::Vnpay;
use super::{PaymentProvider, settings};
use crate::domain::payment::{Channel, ProviderName};

/// The providers whose credentials are complete.
#[derive(Debug, Clone)]
pub struct Registry {
    providers: Vec<Arc<dyn PaymentProvider>>,
}

impl Registry {
    /// Builds the providers, with one line for each. A provider with an unset or empty secret, for calls or for
    /// notifications, is left out, and its channel is not offered.
    ///
    /// # Errors
    /// [`ProviderSettingsError`] when a setting cannot be used.
    pub fn new(settings: &ProviderSettings) -> Result<Self, ProviderSettingsError> {
        let public_url = settings::base_url(&settings.public_url, "public URL")?;
        let mut registry = Self { providers: vec![Arc::new(BankTransfer::new())] };
        let (timeouts, deployment) = (settings.timeouts, settings.deployment);
        registry.add(
            ProviderName::Stripe,
            settings.stripe.as_ref(),
            |s| s.missing(),
            |s| Stripe::new(s, timeouts, deployment),
        )?;
        registry.add(
            ProviderName::PayPal,
            settings.paypal.as_ref(),
            |s| s.missing(),
            |s| Paypal::new(s, &public_url, timeouts, deployment),
        )?;
        registry.add(
            ProviderName::Vnpay,
            settings.vnpay.as_ref(),
            |s| s.missing(),
            |s| Vnpay::new(s, &public_url, timeouts, deployment),
        )?;
        Ok(registry)
    }

    /// The provider of a channel; `None` if it is not offered.
    #[must_use]
    pub fn by_channel(&self, channel: Channel) -> Option<&Arc<dyn PaymentProvider>> {
        self.iter().find(|provider| provider.channel() == channel)
    }

    /// The provider with a name; `None` if it is not offered.
    #[must_use]
    pub fn by_name(&self, name: ProviderName) -> Option<&Arc<dyn PaymentProvider>> {
        self.iter().find(|provider| provider.name() == name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn PaymentProvider>> {
        self.providers.iter()
    }

    fn add<S, P: PaymentProvider + 'static>(
        &mut self,
        name: ProviderName,
        settings: Option<&S>,
        missing: impl Fn(&S) -> Option<&'static str>,
        build: impl Fn(&S) -> Result<P, ProviderSettingsError>,
    ) -> Result<(), ProviderSettingsError> {
        let Some(settings) = settings else { return Ok(()) };
        match missing(settings) {
            Some(missing) => tracing::warn!(
                provider = %name,
                missing,
                "A payment channel is not offered, because a setting is missing"
            ),
            None => self.providers.push(Arc::new(build(settings)?)),
        }
        Ok(())
    }
}
