//! What a wallet refuses, whoever asks.

use rust_decimal::Decimal;

use super::{MAX_TOTAL, Wallet};
use crate::domain::posting::{Refusal, Shortfall};

impl Wallet {
    pub(super) fn require_not_frozen(&self) -> Result<(), Refusal> {
        if self.frozen { Err(Refusal::Frozen) } else { Ok(()) }
    }

    pub(super) fn require_room_for_debt(&self, more: Decimal) -> Result<(), Refusal> {
        if self.debt + more > MAX_TOTAL { Err(Refusal::TooLarge) } else { Ok(()) }
    }

    pub(super) fn require_available(&self, required: Decimal) -> Result<(), Refusal> {
        if self.available() < required { Err(self.short(required, self.available())) } else { Ok(()) }
    }

    pub(super) fn short(&self, required: Decimal, available: Decimal) -> Refusal {
        Refusal::Insufficient(Shortfall { wallet: self.key.clone(), required, available, held: self.held })
    }
}
