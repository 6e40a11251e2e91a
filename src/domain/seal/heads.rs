//! Heads: the end of each wallet's chain at some moment. If they are kept where the database's owner cannot reach them,
//! they reveal a chain that was rewritten as a whole.

use uuid::Uuid;

use super::Hash;
use crate::domain::customer::CustomerId;
use crate::domain::id::IdKind;

/// The last seal of a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub customer: CustomerId,
    pub wallet_id: Uuid,
    pub to_seq: i64,
    pub hash: Hash,
}

impl Head {
    /// The line of a file of heads: customer, wallet, number of the last sealed entry, hash.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {} {} {}", self.customer, IdKind::Wallet.show(self.wallet_id), self.to_seq, hex::encode(self.hash))
    }

    /// Reads what [`Head::line`] wrote.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let head = Self {
            customer: CustomerId::new(words.next()?)?,
            wallet_id: IdKind::Wallet.parse(words.next()?)?,
            to_seq: words.next()?.parse().ok()?,
            hash: hex::decode(words.next()?).ok()?.try_into().ok()?,
        };
        words.next().is_none().then_some(head)
    }
}
