//! Cards through Stripe: Checkout Sessions (hosted page) and PaymentIntents (Elements).

mod balance;
mod client;
mod event;
mod mapping;
mod money;
mod request;
mod signature;
mod wire;

pub(super) use event::handled as handled_events;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use self::client::StripeClient;
use self::wire::{CheckoutSession, Expandable, PaymentIntent, StripeDispute, StripePage, StripeRefund};
use super::settings::{ProviderSettingsError, StripeSettings, Timeouts};
use super::{
    AttemptRef, AttemptRequest, Capabilities, CardFlow, Created, NextAction, NotificationError, NotificationOutcome,
    PaymentLookup, PaymentProvider, ProviderError, RawNotification, RefundInstruction, Reply, TakeBack,
};
use crate::domain::calendar::Span;
use crate::domain::deployment::Deployment;
use crate::domain::dispute_case::Evidence;
use crate::domain::id::IdKind;
use crate::domain::money::Money;
use crate::domain::payment::{Channel, DisputeFact, Notification, Observation, ProviderName, RefundFact};
use crate::domain::reconciliation::CompanyMovement;

const NAME: ProviderName = ProviderName::Stripe;
/// Stripe's objects do not name our account. The name must not follow from the key, because a payment keeps its
/// identity when the key changes.
const MERCHANT_ACCOUNT: &str = "default";

/// A refund that is older than this has probably been sent before.
const FIRST_SENDING: TimeDelta = TimeDelta::seconds(60);

const META_ORDER: &str = "order_id";
const META_ATTEMPT: &str = "attempt";
const META_FLOW: &str = "flow";
const META_DEPLOYMENT: &str = "deployment";
const META_REFUND: &str = "refund_id";

/// The provider of the channel `card`.
#[derive(Debug)]
pub struct Stripe {
    client: StripeClient,
    publishable_key: String,
    /// Two while one is being replaced at Stripe.
    webhook_secrets: Vec<SecretString>,
    live: bool,
    deployment: Deployment,
    dialect: request::Dialect,
    capabilities: Capabilities,
}

impl Stripe {
    /// # Errors
    /// [`ProviderSettingsError`] for an unusable base URL.
    pub fn new(
        settings: &StripeSettings,
        timeouts: Timeouts,
        deployment: Deployment,
    ) -> Result<Self, ProviderSettingsError> {
        Ok(Self {
            client: StripeClient::new(settings, timeouts)?,
            publishable_key: settings.publishable_key.trim().to_owned(),
            webhook_secrets: settings.webhook_secrets(),
            live: settings.secret_key.expose_secret().contains("_live_"),
            deployment,
            dialect: request::Dialect::of(&settings.api_version),
            capabilities: Capabilities {
                currencies: None,
                limits: Vec::new(),
                can_cancel: true,
                can_refund: true,
                creates_by_call: true,
                notifies: true,
            },
        })
    }

    async fn read_session(&self, id: &str) -> Result<CheckoutSession, ProviderError> {
        let path = format!("/v1/checkout/sessions/{id}?expand%5B0%5D=payment_intent");
        let session: CheckoutSession = self.client.get(&path).await?;
        self.require(session.id == id, "another session")?;
        Ok(session)
    }

    async fn read_intent(&self, id: &str) -> Result<PaymentIntent, ProviderError> {
        let intent: PaymentIntent = self.client.get(&format!("/v1/payment_intents/{id}")).await?;
        self.require(intent.id == id, "another PaymentIntent")?;
        Ok(intent)
    }

    /// Requires that a session is about an order. A paid amount is not compared here: settlement does that.
    fn about(&self, session: &CheckoutSession, order_id: Uuid, amount: Money) -> Result<(), ProviderError> {
        self.require(!mapping::session_contradicts(session, order_id), "another order's session")?;
        if session.payment_status != "paid"
            && let (Some(units), Some(currency)) = (session.amount_total, session.currency.as_deref())
        {
            self.require(money::from_wire(units, currency) == Ok(amount), "a session with another amount")?;
        }
        Ok(())
    }

    fn intent_about(&self, intent: &PaymentIntent, order_id: Uuid, amount: Money) -> Result<(), ProviderError> {
        let stated = mapping::order_of(intent.metadata.as_ref());
        self.require(stated.is_none_or(|stated| stated == order_id), "another order's PaymentIntent")?;
        let asked = money::from_wire(intent.amount, &intent.currency);
        self.require(intent.status == "succeeded" || asked == Ok(amount), "a PaymentIntent with another amount")
    }

    /// The session that was paid by a PaymentIntent, if there is one.
    async fn session_of(&self, intent: &str) -> Result<Option<CheckoutSession>, ProviderError> {
        let path = format!("/v1/checkout/sessions?payment_intent={intent}&limit=1");
        let page: StripePage<CheckoutSession> = self.client.get(&path).await?;
        Ok(page.data.into_iter().next())
    }

    /// All objects of a list, the newest first. `query` selects them.
    async fn list(&self, path: &str, query: &str) -> Result<Vec<Value>, ProviderError> {
        let first = format!("{path}?{query}&limit=100");
        let mut page: StripePage<Value> = self.client.get(&first).await?;
        let mut all = Vec::new();
        loop {
            let last = page.data.last().and_then(|object| object.get("id")?.as_str()).map(str::to_owned);
            all.append(&mut page.data);
            let Some(last) = last.filter(|_| page.has_more) else { return Ok(all) };
            let next = format!("{first}&starting_after={}", client::path_segment(&last)?);
            page = self.client.get(&next).await?;
        }
    }

    /// Finds our refund among the refunds of its payment.
    async fn find_refund(&self, request: &RefundInstruction) -> Result<Option<StripeRefund>, ProviderError> {
        let payment = client::path_segment(&request.payment_id)?;
        let refunds = self.list("/v1/refunds", &format!("payment_intent={payment}")).await?;
        let mut readable = refunds.iter().filter_map(|refund| StripeRefund::deserialize(refund).ok());
        Ok(readable.find(|refund| mapping::our_refund(refund) == Some(request.refund_id)))
    }

    /// The refunds and disputes that a query selects. Those without a PaymentIntent are not ours.
    async fn take_backs(&self, query: &str) -> Result<Vec<TakeBack>, ProviderError> {
        let mut found = Vec::new();
        for object in self.list("/v1/refunds", query).await? {
            found.extend(readable(&object, mapping::refund).map(TakeBack::Refund));
        }
        for object in self.list("/v1/disputes", query).await? {
            found.extend(readable(&object, mapping::dispute).map(TakeBack::Dispute));
        }
        Ok(found)
    }

    fn require(&self, holds: bool, otherwise: &str) -> Result<(), ProviderError> {
        if holds { Ok(()) } else { Err(mismatch(otherwise)) }
    }

    fn session_state(&self, session: &CheckoutSession, attempt: &AttemptRef) -> Result<Observation, ProviderError> {
        self.about(session, attempt.order_id, attempt.amount)?;
        mapping::session(session).map_err(|reason| self.client.unavailable(&reason))
    }

    fn intent_state(&self, intent: &PaymentIntent, attempt: &AttemptRef) -> Result<Observation, ProviderError> {
        self.intent_about(intent, attempt.order_id, attempt.amount)?;
        mapping::intent(intent).map_err(|reason| self.client.unavailable(&reason))
    }

    async fn create_session(&self, request: &AttemptRequest) -> Result<Created, ProviderError> {
        let form = request::session(request, self.dialect, self.deployment)?;
        let session: CheckoutSession = self.client.post("/v1/checkout/sessions", &form, &request.request_key).await?;
        self.about(&session, request.order_id, request.amount)?;
        let url = session.url.ok_or_else(|| self.client.unavailable("a session without a page"))?;
        Ok(Created {
            provider_reference: session.id,
            next_action: NextAction::Redirect { url },
            expires_at: session.expires_at.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
        })
    }

    async fn create_intent(&self, request: &AttemptRequest) -> Result<Created, ProviderError> {
        if self.publishable_key.is_empty() {
            let detail = "no publishable key is configured for the card pop-up".to_owned();
            return Err(ProviderError::Unsupported { provider: NAME, detail });
        }
        let form = request::intent(request, self.dialect, self.deployment)?;
        let intent: PaymentIntent = self.client.post("/v1/payment_intents", &form, &request.request_key).await?;
        self.intent_about(&intent, request.order_id, request.amount)?;
        let value = intent.client_secret.ok_or_else(|| self.client.unavailable("no client secret"))?;
        Ok(Created {
            provider_reference: intent.id,
            next_action: NextAction::ClientSecret { value, publishable_key: self.publishable_key.clone() },
            expires_at: None,
        })
    }

    fn refund_fact(&self, refund: &StripeRefund, request: &RefundInstruction) -> Result<RefundFact, ProviderError> {
        let fact = mapping::refund(refund).map_err(|reason| self.client.unavailable(&reason))?;
        let ours = fact.our_refund_id.is_none_or(|id| id == request.refund_id);
        let payment = refund.payment_intent.as_ref().and_then(Expandable::id);
        self.require(ours && payment.is_none_or(|id| id == request.payment_id), "another refund")?;
        self.require(fact.amount == request.amount, "a refund of another amount")?;
        Ok(RefundFact { our_refund_id: Some(request.refund_id), payment_id: Some(request.payment_id.clone()), ..fact })
    }
}

/// Reads one object of a list. One that cannot be read is most likely not ours; it must not hide the others.
fn readable<'a, T: Deserialize<'a>, F>(object: &'a Value, fact: fn(&T) -> Result<F, String>) -> Option<F> {
    mapping::payment_of(object)?;
    let read = T::deserialize(object).map_err(|_| "the object has another shape".to_owned()).and_then(|it| fact(&it));
    let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
    read.inspect_err(|why| tracing::warn!(id, why, "An object on a list of Stripe cannot be read")).ok()
}

fn mismatch(detail: &str) -> ProviderError {
    ProviderError::Mismatch { provider: NAME, detail: detail.to_owned() }
}

/// The state after a cancellation: it does not matter who ended the attempt.
fn ended(observation: Observation) -> Observation {
    match observation {
        Observation::Expired => Observation::Cancelled,
        other => other,
    }
}

/// A key for a single call that ends a session or a PaymentIntent, or sends evidence. Ending it twice does no harm, but
/// with a fixed key Stripe would return a stored error again for a day.
fn fresh_key() -> String {
    Uuid::now_v7().to_string()
}

#[async_trait]
impl PaymentProvider for Stripe {
    fn name(&self) -> ProviderName {
        NAME
    }

    fn channel(&self) -> Channel {
        Channel::Card
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn merchant_account(&self) -> &str {
        MERCHANT_ACCOUNT
    }

    fn is_live(&self) -> bool {
        self.live
    }

    async fn create(&self, request: &AttemptRequest) -> Result<Created, ProviderError> {
        match request.flow {
            CardFlow::Checkout => self.create_session(request).await,
            CardFlow::Elements => self.create_intent(request).await,
        }
    }

    async fn read(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError> {
        let id = client::path_segment(&attempt.provider_reference)?;
        match attempt.flow {
            CardFlow::Checkout => self.session_state(&self.read_session(id).await?, attempt),
            CardFlow::Elements => self.intent_state(&self.read_intent(id).await?, attempt),
        }
    }

    async fn cancel(&self, attempt: &AttemptRef) -> Result<Observation, ProviderError> {
        let id = client::path_segment(&attempt.provider_reference)?;
        let (observation, refused) = match attempt.flow {
            CardFlow::Checkout => {
                let path = format!("/v1/checkout/sessions/{id}/expire");
                match self.client.post::<CheckoutSession>(&path, &[], &fresh_key()).await {
                    Ok(session) => {
                        self.require(session.id == id, "another session")?;
                        (self.session_state(&session, attempt)?, None)
                    }
                    // The session was paid or had ended, or Stripe is not reachable. Reading the session shows which.
                    Err(refused) => (self.session_state(&self.read_session(id).await?, attempt)?, Some(refused)),
                }
            }
            CardFlow::Elements => {
                let path = format!("/v1/payment_intents/{id}/cancel");
                let form = [("cancellation_reason".to_owned(), "requested_by_customer".to_owned())];
                match self.client.post::<PaymentIntent>(&path, &form, &fresh_key()).await {
                    Ok(intent) => {
                        self.require(intent.id == id, "another PaymentIntent")?;
                        (self.intent_state(&intent, attempt)?, None)
                    }
                    Err(refused) => (self.intent_state(&self.read_intent(id).await?, attempt)?, Some(refused)),
                }
            }
        };
        match (ended(observation), refused) {
            // The attempt can still be paid, so it is not cancelled.
            (Observation::Pending { .. }, refused) => {
                Err(refused.unwrap_or_else(|| self.client.unavailable("cancelled, yet still open")))
            }
            (observation, _) => Ok(observation),
        }
    }

    /// Sends a refund. If it may have been sent before, it is looked for first, because Stripe returns a stored error
    /// again for a day, and forgets the key afterwards (docs.stripe.com/api/idempotent_requests).
    #[expect(
        clippy::disallowed_methods,
        reason = "providers have no database; a difference of clocks only asks the company once more"
    )]
    async fn refund(&self, request: &RefundInstruction) -> Result<RefundFact, ProviderError> {
        if Utc::now() - request.created_at > FIRST_SENDING
            && let Some(known) = self.find_refund(request).await?
        {
            return self.refund_fact(&known, request);
        }
        let form = request::refund(request, self.deployment)?;
        let key = IdKind::Refund.show(request.refund_id);
        let refund: StripeRefund = self.client.post("/v1/refunds", &form, &key).await?;
        self.refund_fact(&refund, request)
    }

    async fn read_refund(
        &self,
        request: &RefundInstruction,
        provider_refund_id: &str,
    ) -> Result<RefundFact, ProviderError> {
        let id = client::path_segment(provider_refund_id)?;
        let refund: StripeRefund = self.client.get(&format!("/v1/refunds/{id}")).await?;
        self.require(refund.id == id, "another refund")?;
        self.refund_fact(&refund, request)
    }

    async fn take_backs_since(&self, since: DateTime<Utc>) -> Result<Vec<TakeBack>, ProviderError> {
        self.take_backs(&format!("created%5Bgte%5D={}", since.timestamp())).await
    }

    async fn movements(&self, span: Span) -> Result<Option<Vec<CompanyMovement>>, ProviderError> {
        self.balance(span).await.map(Some)
    }

    async fn read_dispute(&self, dispute_id: &str) -> Result<Option<DisputeFact>, ProviderError> {
        let id = client::path_segment(dispute_id)?;
        let dispute: StripeDispute = self.client.get(&format!("/v1/disputes/{id}")).await?;
        self.require(dispute.id == id, "another dispute")?;
        mapping::dispute(&dispute).map(Some).map_err(|reason| self.client.unavailable(&reason))
    }

    /// Submits the evidence to the payer's bank at once (docs.stripe.com/api/disputes/update).
    async fn send_evidence(&self, dispute_id: &str, evidence: &Evidence) -> Result<DisputeFact, ProviderError> {
        let id = client::path_segment(dispute_id)?;
        let form = request::evidence(evidence);
        let dispute: StripeDispute = self.client.post(&format!("/v1/disputes/{id}"), &form, &fresh_key()).await?;
        self.require(dispute.id == id, "another dispute")?;
        mapping::dispute(&dispute).map_err(|reason| self.client.unavailable(&reason))
    }

    async fn take_backs_of(&self, payment_id: &str, _: Option<&AttemptRef>) -> Result<Vec<TakeBack>, ProviderError> {
        self.take_backs(&format!("payment_intent={}", client::path_segment(payment_id)?)).await
    }

    /// A PaymentIntent without our marks may still belong to a session whose id we stored.
    async fn look_up(&self, payment_id: &str) -> Result<PaymentLookup, ProviderError> {
        let Ok(id) = client::path_segment(payment_id) else { return Ok(PaymentLookup::Unknown) };
        let intent = match self.read_intent(id).await {
            Ok(intent) => intent,
            Err(ProviderError::Refused { code, .. }) if code == "resource_missing" => {
                return Ok(PaymentLookup::Unknown);
            }
            Err(error) => return Err(error),
        };
        let observation = mapping::intent(&intent).ok();
        let mut locator = mapping::intent_locator(&intent, self.deployment);
        if locator.order_id.is_none()
            && let Some(session) = self.session_of(id).await?
        {
            if session.payment_link.as_ref().is_some_and(|link| !link.is_null()) {
                return Ok(PaymentLookup::Unknown);
            }
            locator = mapping::session_locator(&session, self.deployment);
        }
        Ok(PaymentLookup::Found { locator, observation })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a signature's age is measured by the clock of the machine that receives it"
    )]
    async fn verify(&self, raw: &RawNotification) -> Result<Notification, NotificationError> {
        let header =
            raw.header("stripe-signature").ok_or(NotificationError::BadSignature("no Stripe-Signature header"))?;
        signature::verify(header, &raw.body, &self.webhook_secrets, Utc::now())?;
        event::parse(&raw.body, self.live, self.deployment)
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
