//! The simulated companies of one running sandbox.

use std::sync::Arc;

use super::company::Company;
use super::paypal::Paypal;
use super::stripe::Stripe;
use super::vnpay::Vnpay;

/// The companies that have credentials, and how a browser reaches them.
pub(super) struct World {
    pub stripe: Option<Arc<Stripe>>,
    pub paypal: Option<Arc<Paypal>>,
    pub vnpay: Option<Arc<Vnpay>>,
    pub public_url: String,
}

impl World {
    pub fn companies(&self) -> Vec<Arc<dyn Company>> {
        let mut companies: Vec<Arc<dyn Company>> = Vec::new();
        if let Some(stripe) = self.stripe.clone() {
            companies.push(stripe);
        }
        if let Some(paypal) = self.paypal.clone() {
            companies.push(paypal);
        }
        if let Some(vnpay) = self.vnpay.clone() {
            companies.push(vnpay);
        }
        companies
    }

    pub fn company(&self, name: &str) -> Option<Arc<dyn Company>> {
        self.companies().into_iter().find(|company| company.name() == name)
    }
}
