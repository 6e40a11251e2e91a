//! Refund: money goes back to its payer through the company that took it.

use uuid::Uuid;

use crate::domain::counterpart::Counterpart;
use crate::domain::payment::ProviderName;
use crate::domain::take_back::{TakeBackId, TakeBackOrigin, TakenFrom};

/// The movements of a refund. The counterpart is the company that sends the money.
#[must_use]
pub fn of_refund(of: impl Into<TakenFrom>, refund_id: Uuid, provider: ProviderName) -> TakeBackOrigin {
    let of = of.into();
    let (id, counterpart) = (TakeBackId::Refund(refund_id), Counterpart::Refund(provider));
    TakeBackOrigin { id, of, counterpart, description: None }
}
