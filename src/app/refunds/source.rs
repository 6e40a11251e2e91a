//! The source of a movement: the refund or dispute that moves the wallets, the direction, and how that is booked.

use crate::app::Error;
use crate::domain::code::Code;
use crate::domain::movement::dispute::of_dispute;
use crate::domain::movement::refund::of_refund;
use crate::domain::payment::ProviderName;
use crate::domain::posting::{Posting, PostingOutcome};
use crate::domain::refund::Refund;
use crate::domain::take_back::{Reach, TakeBackId, TakeBackOrigin, TakenFrom};
use crate::storage::{Connection, ledger};

/// The refund or dispute that takes an order's money back from the customer's wallets.
#[derive(Debug, Clone, Copy)]
pub(in crate::app) struct TakeBackSource {
    pub id: TakeBackId,
    pub provider: ProviderName,
}

impl TakeBackSource {
    pub(super) fn refund(refund: &Refund) -> Self {
        Self { id: TakeBackId::Refund(refund.id), provider: refund.provider }
    }

    pub(super) fn origin(self, of: TakenFrom) -> Result<TakeBackOrigin, Error> {
        match self.id {
            TakeBackId::Refund(id) => Ok(of_refund(of, id, self.provider)),
            TakeBackId::Dispute(id) => Ok(of_dispute(of, id, self.provider)),
            TakeBackId::Adjustment(_) => Err(Error::Internal("a refund or a dispute")),
        }
    }
}

/// How refunds and disputes of an order move the customer's wallets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) enum TakeBackMode {
    Take(Reach),
    GiveBack,
}

/// Books take-backs and give-backs, which belong together.
///
/// # Errors
/// A refusal of the ledger: the caller's transaction must be rolled back.
pub(in crate::app) async fn post_all(conn: &mut Connection, postings: &[Posting]) -> Result<(), Error> {
    for outcome in ledger::post(conn, postings).await? {
        match outcome {
            PostingOutcome::Booked(_) => {}
            PostingOutcome::Replayed(_) => return Err(Error::conflict(Code::AlreadyBooked, "this was booked before")),
            PostingOutcome::Refused(refusal) => return Err(Error::refused(refusal)),
        }
    }
    Ok(())
}
