//! The look-ups that both directions share: episodes of debt and the reversals of a usage. Each is read once per
//! answer, and what is read in total is limited.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::app::Error;
use crate::domain::customer::CustomerId;
use crate::domain::entry::Entry;
use crate::domain::explain::debts::{DebtEpisode, episode};
use crate::domain::explain::returned_money::{ReturnedMoney, returned_money};
use crate::domain::money::Money;
use crate::storage::Connection;
use crate::storage::ledger::{self, explain as store};

/// One answer reads at most this many changes of debt.
const MAX_DEBT_CHANGES: i64 = 20_000;
/// One look-up reads at most this many reversals.
pub(super) const MAX_REVERSALS: i64 = 1_000;

/// A usage, and what its reversals gave back of it.
type ReversedUsage = (Entry, Vec<ReturnedMoney>);

/// The part of a customer's history that one answer has read.
pub(super) struct History<'c> {
    pub customer: &'c CustomerId,
    /// By the wallet and the episode's `paid_in`.
    episodes: HashMap<(Uuid, Money), Arc<DebtEpisode>>,
    debt_changes_left: i64,
    /// By the wallet and the usage's id. `None`: the wallet has no such usage.
    reversed_usages: HashMap<(Uuid, String), Arc<Option<ReversedUsage>>>,
}

impl<'c> History<'c> {
    pub fn of(customer: &'c CustomerId) -> Self {
        Self {
            customer,
            episodes: HashMap::new(),
            debt_changes_left: MAX_DEBT_CHANGES,
            reversed_usages: HashMap::new(),
        }
    }

    /// The episode of debt that an entry belongs to.
    pub async fn debts(&mut self, conn: &mut Connection, entry: &Entry) -> Result<Arc<DebtEpisode>, Error> {
        let id = (entry.wallet_id, episode(entry));
        if let Some(known) = self.episodes.get(&id) {
            return Ok(Arc::clone(known));
        }
        let (wallet, paid_in) = id;
        let limit = self.debt_changes_left;
        let (changes, whole) = store::debt_changes(conn, self.customer, wallet, paid_in, limit).await?;
        self.debt_changes_left -= i64::try_from(changes.len()).unwrap_or(limit);
        let episode = Arc::new(DebtEpisode::replay(entry.currency(), &changes, whole));
        self.episodes.insert(id, Arc::clone(&episode));
        Ok(episode)
    }

    /// The parts that each reversal of a usage gave back. `reversals` are the usage's first reversals, oldest first.
    pub async fn returned_money(
        &mut self,
        conn: &mut Connection,
        usage: &Entry,
        reversals: &[Entry],
    ) -> Result<Vec<ReturnedMoney>, Error> {
        let made_debt = usage.debt.is_positive() && !reversals.is_empty();
        let none = || Arc::new(DebtEpisode::none(usage.currency()));
        let debts = if made_debt { self.debts(conn, usage).await? } else { none() };
        Ok(returned_money(usage, reversals, &debts))
    }

    /// The usage that a reversal gave back, and what the reversal returned of it; `None` when it cannot be explained.
    pub async fn reversed_usage(
        &mut self,
        conn: &mut Connection,
        reversal: &Entry,
    ) -> Result<Option<(Entry, ReturnedMoney)>, Error> {
        let Some(usage) = reversal.label.reference().map(str::to_owned) else { return Ok(None) };
        let id = (reversal.wallet_id, usage);
        let known = match self.reversed_usages.get(&id) {
            Some(known) => Arc::clone(known),
            None => {
                let found = Arc::new(self.read_reversed_usage(conn, &id).await?);
                self.reversed_usages.insert(id, Arc::clone(&found));
                found
            }
        };
        let Some((usage, returned)) = known.as_ref() else { return Ok(None) };
        let of_this = returned.iter().find(|money| money.reversal == reversal.seq);
        Ok(of_this.map(|money| (usage.clone(), *money)))
    }

    async fn read_reversed_usage(
        &mut self,
        conn: &mut Connection,
        (wallet, usage): &(Uuid, String),
    ) -> Result<Option<ReversedUsage>, Error> {
        let found = ledger::find_deduction(conn, self.customer, usage).await?;
        let Some((usage, _)) = found.filter(|(usage, _)| usage.wallet_id == *wallet) else { return Ok(None) };
        let id = vec![usage.label.reversed_as().to_owned()];
        let reversals = store::reversals_of(conn, self.customer, *wallet, id, MAX_REVERSALS).await?;
        let returned = self.returned_money(conn, &usage, &reversals).await?;
        Ok(Some((usage, returned)))
    }
}
