//! What an operator enters at each company, so that the company notifies us. `topup providers` prints it.

use super::{paypal, stripe};
use crate::domain::payment::ProviderName;

/// The notifications of one company: where to, which, and in which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointGuide {
    pub provider: ProviderName,
    pub url: String,
    /// The events to subscribe to, which are exactly those that the code reads. Empty if a company sends only one kind.
    pub events: Vec<&'static str>,
    /// The API version to choose for the endpoint, if the company has versions.
    pub api_version: Option<String>,
    pub note: &'static str,
}

/// The guide of every company that notifies us.
#[must_use]
pub fn endpoint_guides(public_url: &str, stripe_api_version: &str) -> Vec<EndpointGuide> {
    let url = |path: &str| format!("{}/v1/providers/{path}", public_url.trim_end_matches('/'));
    vec![
        EndpointGuide {
            provider: ProviderName::Stripe,
            url: url("stripe/notifications"),
            events: stripe::handled_events(),
            api_version: Some(stripe_api_version.to_owned()),
            note: "Events on your account, not on connected accounts; snapshot payloads, not thin ones.",
        },
        EndpointGuide {
            provider: ProviderName::PayPal,
            url: url("paypal/notifications"),
            events: paypal::handled_events(),
            api_version: None,
            note: "A webhook of the REST app whose client id is configured. PayPal may not offer every name; take \
                those that it offers.",
        },
        EndpointGuide {
            provider: ProviderName::Vnpay,
            url: url("vnpay/ipn"),
            events: Vec::new(),
            api_version: Some("2.1.0".to_owned()),
            note: "The IPN URL of the terminal. VNPay sends only one kind of notification.",
        },
    ]
}
