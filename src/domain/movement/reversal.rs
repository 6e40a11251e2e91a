//! Reversal: what a usage or a capture took comes back, into the parts that it was taken from.

use rust_decimal::Decimal;

use crate::domain::customer::CustomerId;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::fingerprint::fingerprint64;
use crate::domain::hold::Hold;
use crate::domain::label::Label;
use crate::domain::money::Money;
use crate::domain::posting::{Change, Posting, Refusal};
use crate::domain::reversal::parts_to_give_back;
use crate::domain::wallet_key::WalletKey;

/// A reversal as a service requests it.
#[derive(Debug, Clone)]
pub struct NewReversal {
    /// The caller's id: 1–128 characters, unique per customer.
    pub id: String,
    pub customer: CustomerId,
    /// The usage's id, or the hold's for a capture.
    pub usage_id: String,
    /// The usage says in which currency; the caller does not know it. `None`: all that is left.
    pub amount: Option<Decimal>,
}

impl NewReversal {
    /// Whether an entry that was booked under this id is the same request.
    #[must_use]
    pub fn is_repeated_by(&self, known: &Entry) -> bool {
        known.label.fingerprint == self.fingerprint()
    }

    /// The posting that gives back a part of `original`, a deduction from `wallet`. `original` has its grants in burn
    /// order. `hold` is the hold that it captured, needed only where grants were used; `reversed` is what was given
    /// back before.
    ///
    /// # Errors
    /// [`Refusal::MoreThanTaken`] when less than this is left.
    pub fn posting(
        &self,
        wallet: WalletKey,
        original: &Entry,
        hold: Option<&Hold>,
        reversed: &[Entry],
    ) -> Result<Posting, Refusal> {
        let amount = self.amount.map(|amount| Money::from_ledger(amount, original.currency()));
        let parts = parts_to_give_back(original, hold, reversed, amount)?;
        let counterpart = original.label.counterpart.clone();
        let label = Label {
            reference: Some(original.label.reversed_as().to_owned()),
            ..Label::new(EntryKind::Reversal, self.id.clone(), self.fingerprint(), counterpart)
        };
        Ok(Posting::of_wallet(wallet, Change::Reverse { parts }, label))
    }

    fn fingerprint(&self) -> i64 {
        let amount = self.amount.map(|amount| amount.normalize().to_string()).unwrap_or_default();
        fingerprint64(&[&self.usage_id, &amount])
    }
}
