//! Expiry: the time of a hold or a grant is over, and what is left of it is booked.
//!
//! Before a posting is decided, what has lapsed in its wallet expires. A sweep is a posting that does nothing else.

use uuid::Uuid;

use crate::domain::counterpart::Counterpart;
use crate::domain::entry::EntryKind;
use crate::domain::id::IdKind;
use crate::domain::label::Label;
use crate::domain::posting::{Change, Posting};
use crate::domain::wallet_key::WalletKey;

/// Books what has lapsed in a wallet.
#[must_use]
pub fn sweep(wallet: WalletKey) -> Posting {
    let label = Label::new(EntryKind::Expire, "sweep".to_owned(), 0, Counterpart::Promotion);
    Posting::of_wallet(wallet, Change::Sweep, label)
}

/// The label of the entry that expires what is left of a grant. A grant expires in several steps when holds reserved
/// parts of it, so the key has the number of the entry as well.
pub(in crate::domain) fn expired_grant(grant_id: Uuid, seq: i64) -> Label {
    let key = format!("{}:{seq}", grant_id.as_simple());
    Label {
        reference: Some(IdKind::Grant.show(grant_id)),
        ..Label::new(EntryKind::Expire, key, 0, Counterpart::Promotion)
    }
}
