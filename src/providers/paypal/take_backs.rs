//! Asks PayPal for refunds and disputes. Disputes have a list; the order of a capture lists its refunds.

use chrono::{DateTime, SecondsFormat, Utc};

use super::client::path_segment;
use super::mapping;
use super::wire::{DisputeList, PaypalCapture, PaypalDispute, PaypalOrder};
use super::{Paypal, require};
use crate::domain::payment::DisputeFact;
use crate::providers::{ProviderError, TakeBack};

const DISPUTES: &str = "/v1/customer/disputes";

impl Paypal {
    pub(super) async fn disputes_since(&self, since: DateTime<Utc>) -> Result<Vec<TakeBack>, ProviderError> {
        let start = since.to_rfc3339_opts(SecondsFormat::Millis, true);
        self.disputes(&[("start_time", &start)]).await
    }

    pub(super) async fn dispute(&self, id: &str) -> Result<DisputeFact, ProviderError> {
        let dispute = self.read_dispute(id).await?;
        mapping::dispute(&dispute).map_err(|reason| self.client.unavailable(&reason))
    }

    async fn read_dispute(&self, id: &str) -> Result<PaypalDispute, ProviderError> {
        let id = path_segment(id)?;
        let dispute: PaypalDispute = self.client.get(&format!("{DISPUTES}/{id}")).await?;
        require(dispute.dispute_id == id, "another dispute")?;
        Ok(dispute)
    }

    /// The refunds and disputes of a capture.
    pub(super) async fn of_capture(&self, id: &str) -> Result<Vec<TakeBack>, ProviderError> {
        let id = path_segment(id)?;
        let capture: PaypalCapture = self.client.get(&format!("/v2/payments/captures/{id}")).await?;
        require(capture.id == id, "another capture")?;
        let mut found = self.disputes(&[("disputed_transaction_id", id)]).await?;
        let Some(order) = mapping::capture_locator(&capture).provider_reference else { return Ok(found) };
        let order: PaypalOrder = self.client.get(&format!("/v2/checkout/orders/{}", path_segment(&order)?)).await?;
        for refund in order.purchase_units.iter().filter_map(|unit| unit.payments.as_ref()).flat_map(|it| &it.refunds) {
            let fact = mapping::refund(refund).map_err(|reason| self.client.unavailable(&reason))?;
            if fact.payment_id.as_deref() == Some(id) {
                found.push(TakeBack::Refund(fact));
            }
        }
        Ok(found)
    }

    /// The disputes that a filter selects, page by page.
    async fn disputes(&self, filter: &[(&str, &str)]) -> Result<Vec<TakeBack>, ProviderError> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let path = format!("{DISPUTES}?{}", page_query(filter, token.as_deref()));
            let page: DisputeList = match self.client.get(&path).await {
                Ok(page) => page,
                // Reading disputes is a permission of its own. Without it refunds are still found.
                Err(ProviderError::Credentials { .. }) => {
                    tracing::warn!("PayPal does not let this app read disputes; give it the permission for disputes");
                    return Ok(found);
                }
                Err(error) => return Err(error),
            };
            for item in &page.items {
                // A dispute that cannot be read must not hide the others.
                match mapping::dispute(&self.read_dispute(&item.dispute_id).await?) {
                    Ok(fact) => found.push(TakeBack::Dispute(fact)),
                    Err(reason) => {
                        tracing::error!(dispute = %item.dispute_id, %reason, "A dispute at PayPal cannot be read");
                    }
                }
            }
            let next = page.links.iter().find(|link| link.rel == "next").and_then(|link| next_token(&link.href));
            if next.is_none() || next == token {
                return Ok(found);
            }
            token = next;
        }
    }
}

fn page_query(filter: &[(&str, &str)], token: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(filter).append_pair("page_size", "50");
    if let Some(token) = token {
        query.append_pair("next_page_token", token);
    }
    query.finish()
}

fn next_token(href: &str) -> Option<String> {
    let url = url::Url::parse(href).ok()?;
    url.query_pairs().find(|(name, _)| name == "next_page_token").map(|(_, token)| token.into_owned())
}
