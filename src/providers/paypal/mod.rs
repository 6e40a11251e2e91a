//! PayPal: Orders v2 (create, approve, capture), Payments v2 (refunds), Webhooks v1.

mod certificate;
mod client;
mod event;
mod mapping;
mod money;
mod reporting;
mod request;
mod take_backs;
mod transmission;
mod verify;
mod wire;

pub(super) use event::handled as handled_events;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use self::client::{PaypalClient, path_segment};
use self::mapping::PaypalAccount;
use self::verify::NotificationVerifier;
use self::wire::{PaypalCapture, PaypalOrder, PaypalRefund};
use super::settings::{self, PaypalSettings, ProviderSettingsError, Timeouts};
use super::{
    AttemptRef, AttemptRequest, Capabilities, Created, NextAction, NotificationError, NotificationOutcome,
    PaymentLookup, PaymentProvider, ProviderError, RawNotification, RefundInstruction, Reply, Returned, TakeBack,
};
use crate::domain::calendar::Span;
use crate::domain::deployment::Deployment;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::payment::{Channel, DisputeFact, Notification, Observation, ProviderName, RefundFact};
use crate::domain::reconciliation::CompanyMovement;
use uuid::Uuid;

const NAME: ProviderName = ProviderName::PayPal;

/// The provider of the channel `paypal`.
#[derive(Debug)]
pub struct Paypal {
    client: PaypalClient,
    verifier: NotificationVerifier,
    account: PaypalAccount,
    deployment: Deployment,
    public_url: String,
    capabilities: Capabilities,
}

impl Paypal {
    /// # Errors
    /// [`ProviderSettingsError`] for unusable URLs or roots, or the simulator's webhook id.
    pub fn new(
        settings: &PaypalSettings,
        public_url: &str,
        timeouts: Timeouts,
        deployment: Deployment,
    ) -> Result<Self, ProviderSettingsError> {
        let client = PaypalClient::new(settings, timeouts)?;
        let host = settings::host(&client.base_url).unwrap_or_default();
        Ok(Self {
            verifier: NotificationVerifier::new(settings, &client.base_url)?,
            // PayPal's objects name the merchant in different ways, so our client id identifies the account.
            account: PaypalAccount {
                name: settings.client_id.trim().to_owned(),
                live: host.ends_with(".paypal.com") && !host.contains("sandbox"),
            },
            client,
            deployment,
            public_url: settings::base_url(public_url, "public URL")?,
            capabilities: Capabilities {
                currencies: Some(money::supported()),
                limits: Vec::new(),
                can_cancel: true,
                can_refund: true,
                creates_by_call: true,
                notifies: true,
            },
        })
    }

    async fn read_order(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError> {
        let id = path_segment(&attempt.provider_reference)?;
        match self.client.get::<PaypalOrder>(&format!("/v2/checkout/orders/{id}")).await {
            Ok(order) => self.state(&order, attempt),
            // PayPal no longer has the order. It keeps paid orders, so this one was not paid and can no longer be paid.
            Err(ProviderError::Refused { code, .. }) if mapping::is_unknown(&code) => Ok(Observation::Expired),
            Err(error) => Err(error),
        }
    }

    fn state(&self, order: &PaypalOrder, attempt: &AttemptRef) -> Result<Observation, ProviderError> {
        require(order.id == attempt.provider_reference, "another order")?;
        let observation = mapping::order(order, &self.account).map_err(|reason| self.client.unavailable(&reason))?;
        let paid = matches!(observation, Observation::Paid(_));
        self.about(order, attempt.order_id, (!paid).then_some(attempt.amount))?;
        Ok(observation)
    }

    /// Requires that a PayPal order is about our order. A paid amount is not compared here: settlement does that.
    fn about(&self, order: &PaypalOrder, order_id: Uuid, amount: Option<Money>) -> Result<(), ProviderError> {
        let Some(unit) = order.purchase_units.first() else { return Ok(()) };
        let ours = mapping::mark(order_id, self.deployment);
        require(unit.custom_id.as_ref().is_none_or(|stated| *stated == ours), "another customer's order")?;
        match (&unit.amount, amount) {
            (Some(stated), Some(amount)) => {
                require(mapping::amount(Some(stated)) == Ok(amount), "an order of another amount")
            }
            _ => Ok(()),
        }
    }

    fn refund_fact(&self, refund: &PaypalRefund, request: &RefundInstruction) -> Result<RefundFact, ProviderError> {
        let fact = mapping::refund(refund).map_err(|reason| self.client.unavailable(&reason))?;
        require(fact.our_refund_id.is_none_or(|id| id == request.refund_id), "another refund")?;
        require(fact.payment_id.as_ref().is_none_or(|id| *id == request.payment_id), "a refund of another capture")?;
        require(fact.amount == request.amount, "a refund of another amount")?;
        Ok(RefundFact { our_refund_id: Some(request.refund_id), payment_id: Some(request.payment_id.clone()), ..fact })
    }
}

fn require(holds: bool, otherwise: &str) -> Result<(), ProviderError> {
    if holds { Ok(()) } else { Err(mismatch(otherwise)) }
}

fn mismatch(detail: &str) -> ProviderError {
    ProviderError::Mismatch { provider: NAME, detail: detail.to_owned() }
}

#[async_trait]
impl PaymentProvider for Paypal {
    fn name(&self) -> ProviderName {
        NAME
    }

    fn channel(&self) -> Channel {
        Channel::Paypal
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn merchant_account(&self) -> &str {
        &self.account.name
    }

    fn is_live(&self) -> bool {
        self.account.live
    }

    async fn create(&self, request: &AttemptRequest) -> Result<Created, ProviderError> {
        let body = request::order(request, &self.public_url, self.deployment)?.to_string();
        let order: PaypalOrder = self.client.post("/v2/checkout/orders", body, Some(&request.request_key)).await?;
        path_segment(&order.id)?;
        self.about(&order, request.order_id, Some(request.amount))?;
        // PayPal returns one of these two, and the choice does not depend only on the request.
        let link = order.links.into_iter().find(|link| matches!(link.rel.as_str(), "payer-action" | "approve"));
        let url = link.ok_or_else(|| self.client.unavailable("an order without a page for the payer"))?.href;
        Ok(Created { provider_reference: order.id, next_action: NextAction::Redirect { url }, expires_at: None })
    }

    async fn read(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError> {
        self.read_order(attempt).await
    }

    /// Captures the order. A return page and a notification use the same request key, so there is one capture. After a
    /// decline the attempt has another key, because PayPal may return a stored response for a known key.
    async fn capture(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError> {
        let id = path_segment(&attempt.provider_reference)?;
        let path = format!("/v2/checkout/orders/{id}/capture");
        let key = format!("{}-capture", attempt.request_key);
        match self.client.post::<PaypalOrder>(&path, "{}".to_owned(), Some(&key)).await {
            // A minimal response contains no captures, so the order is read.
            Ok(order) if order.purchase_units.is_empty() => {
                require(order.id == id, "another order")?;
                self.read_order(attempt).await
            }
            Ok(order) => self.state(&order, attempt),
            Err(ProviderError::Refused { code, .. }) if code == "ORDER_ALREADY_CAPTURED" => {
                self.read_order(attempt).await
            }
            // The account accepts each invoice id once. Only the order shows whether it has been paid.
            Err(ProviderError::Refused { code, .. }) if code == "DUPLICATE_INVOICE_ID" => {
                Ok(match self.read_order(attempt).await? {
                    Observation::ReadyToCapture | Observation::Pending { .. } => Observation::Failed { reason: code },
                    captured => captured,
                })
            }
            Err(ProviderError::Refused { provider, code, detail }) => {
                mapping::capture_issue(&code).ok_or(ProviderError::Refused { provider, code, detail })
            }
            Err(error) => Err(error),
        }
    }

    /// PayPal cannot cancel an order. It is not necessary either, because no money moves without our capture.
    async fn cancel(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError> {
        match self.read_order(attempt).await {
            Ok(Observation::Pending { .. } | Observation::ReadyToCapture | Observation::Expired) => {
                Ok(Observation::Cancelled)
            }
            other => other,
        }
    }

    async fn refund(&self, request: &RefundInstruction) -> Result<RefundFact, ProviderError> {
        let capture = path_segment(&request.payment_id)?;
        let body = request::refund(request)?.to_string();
        let key = IdKind::Refund.show(request.refund_id);
        let path = format!("/v2/payments/captures/{capture}/refund");
        let refund: PaypalRefund = self.client.post(&path, body, Some(&key)).await?;
        if refund.amount.is_none() {
            return self.read_refund(request, &refund.id).await;
        }
        self.refund_fact(&refund, request)
    }

    async fn read_refund(
        &self,
        request: &RefundInstruction,
        provider_refund_id: &str,
    ) -> Result<RefundFact, ProviderError> {
        let id = path_segment(provider_refund_id)?;
        let refund: PaypalRefund = self.client.get(&format!("/v2/payments/refunds/{id}")).await?;
        require(refund.id == id, "another refund")?;
        self.refund_fact(&refund, request)
    }

    async fn take_backs_since(&self, since: DateTime<Utc>) -> Result<Vec<TakeBack>, ProviderError> {
        self.disputes_since(since).await
    }

    async fn movements(&self, span: Span) -> Result<Option<Vec<CompanyMovement>>, ProviderError> {
        self.transactions(span).await.map(Some)
    }

    fn list_delay(&self) -> TimeDelta {
        reporting::DELAY
    }

    async fn read_dispute(&self, dispute_id: &str) -> Result<Option<DisputeFact>, ProviderError> {
        self.dispute(dispute_id).await.map(Some)
    }

    async fn take_backs_of(&self, payment_id: &str, _: Option<&AttemptRef>) -> Result<Vec<TakeBack>, ProviderError> {
        self.of_capture(payment_id).await
    }

    async fn look_up(&self, payment_id: &str) -> Result<PaymentLookup, ProviderError> {
        let Ok(id) = path_segment(payment_id) else { return Ok(PaymentLookup::Unknown) };
        let capture: PaypalCapture = match self.client.get(&format!("/v2/payments/captures/{id}")).await {
            Ok(capture) => capture,
            Err(ProviderError::Refused { code, .. }) if mapping::is_unknown(&code) => {
                return Ok(PaymentLookup::Unknown);
            }
            Err(error) => return Err(error),
        };
        require(capture.id == id, "another capture")?;
        let observation = mapping::capture(&capture, &self.account).ok();
        Ok(PaymentLookup::Found { locator: mapping::capture_locator(&capture), observation })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a signature's age is measured by the clock of the machine that receives it"
    )]
    async fn verify(&self, raw: &RawNotification) -> Result<Notification, NotificationError> {
        self.verifier.verify(&self.client, raw, Utc::now()).await?;
        event::parse(&raw.body, &self.account)
    }

    /// PayPal adds `token=<id of its order>&PayerID=…`.
    fn returned(&self, query: &str) -> Returned {
        let token = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token");
        token.map_or(Returned::Nothing, |(_, order)| Returned::Reference(order.into_owned()))
    }

    /// The payer has just approved, and no money moves before we capture.
    fn settles_on_return(&self) -> bool {
        true
    }

    fn reply(&self, outcome: NotificationOutcome) -> Reply {
        // Any 2xx ends the repetitions. A notification that is kept for an operator needs none.
        let status = match outcome {
            NotificationOutcome::Recorded
            | NotificationOutcome::AlreadySettled
            | NotificationOutcome::UnknownOrder
            | NotificationOutcome::AmountMismatch
            | NotificationOutcome::Foreign
            | NotificationOutcome::Ignored => 200,
            NotificationOutcome::BadSignature => 400,
            NotificationOutcome::TryAgain => 503,
        };
        Reply { status, content_type: "application/json", body: "{}".to_owned() }
    }
}
