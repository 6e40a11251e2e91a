//! Bank transfers. There is no company to call: an operator states the amount that arrived.

use async_trait::async_trait;

use super::{
    AttemptRef, AttemptRequest, Capabilities, Created, NextAction, NotificationError, NotificationOutcome,
    PaymentProvider, ProviderError, RawNotification, RefundInstruction, Reply, TakeBack,
};
use crate::domain::payment::{Channel, Notification, Observation, ProviderName, RefundFact};

const NAME: ProviderName = ProviderName::BankTransfer;

/// The provider of the channel `bank_transfer`.
#[derive(Debug)]
pub struct BankTransfer {
    capabilities: Capabilities,
}

impl BankTransfer {
    #[must_use]
    pub fn new() -> Self {
        let capabilities = Capabilities {
            currencies: None,
            limits: Vec::new(),
            can_cancel: true,
            // Operators give money back by a bank transfer; there is no call for it.
            can_refund: false,
            creates_by_call: false,
            notifies: false,
        };
        Self { capabilities }
    }
}

impl Default for BankTransfer {
    fn default() -> Self {
        Self::new()
    }
}

fn no_refunds() -> ProviderError {
    ProviderError::Unsupported {
        provider: NAME,
        detail: "operators return a bank transfer by another bank transfer".to_owned(),
    }
}

#[async_trait]
impl PaymentProvider for BankTransfer {
    fn name(&self) -> ProviderName {
        NAME
    }

    fn channel(&self) -> Channel {
        Channel::BankTransfer
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn merchant_account(&self) -> &str {
        NAME.as_str()
    }

    fn is_live(&self) -> bool {
        false
    }

    async fn create(&self, request: &AttemptRequest) -> Result<Created, ProviderError> {
        Ok(Created {
            provider_reference: request.request_key.clone(),
            next_action: NextAction::BankTransfer,
            expires_at: None,
        })
    }

    async fn read(&self, _: &AttemptRef) -> Result<Observation, ProviderError> {
        Ok(Observation::Pending { note: None })
    }

    async fn cancel(&self, _: &AttemptRef) -> Result<Observation, ProviderError> {
        Ok(Observation::Cancelled)
    }

    async fn refund(&self, _: &RefundInstruction) -> Result<RefundFact, ProviderError> {
        Err(no_refunds())
    }

    async fn take_backs_of(&self, _: &str, _: Option<&AttemptRef>) -> Result<Vec<TakeBack>, ProviderError> {
        Ok(Vec::new())
    }

    async fn read_refund(&self, _: &RefundInstruction, _: &str) -> Result<RefundFact, ProviderError> {
        Err(no_refunds())
    }

    async fn verify(&self, _: &RawNotification) -> Result<Notification, NotificationError> {
        Err(NotificationError::BadSignature("banks send no notifications"))
    }

    fn reply(&self, _: NotificationOutcome) -> Reply {
        Reply { status: 404, content_type: "text/plain", body: String::new() }
    }
}
