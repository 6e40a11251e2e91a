//! Dispute: a payer contests a payment at the company that took it.

use uuid::Uuid;

use crate::domain::counterpart::Counterpart;
use crate::domain::payment::ProviderName;
use crate::domain::take_back::{TakeBackId, TakeBackOrigin, TakenFrom};

/// The movements of a dispute. The counterpart is the company where the payer disputes.
#[must_use]
pub fn of_dispute(of: impl Into<TakenFrom>, dispute_id: Uuid, provider: ProviderName) -> TakeBackOrigin {
    let of = of.into();
    let (id, counterpart) = (TakeBackId::Dispute(dispute_id), Counterpart::Dispute(provider));
    TakeBackOrigin { id, of, counterpart, description: None }
}
