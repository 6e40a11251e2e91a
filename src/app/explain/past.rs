//! What both directions look up alike, so that they tell the same: who repaid which debt, and what was given back.

use std::collections::HashMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::app::Error;
use crate::domain::customer::CustomerId;
use crate::domain::entry::Entry;
use crate::domain::explain::debts::{self, Debts};
use crate::domain::explain::given_back::{GivenBack, given_back};
use crate::storage::Connection;
use crate::storage::ledger::{self, explain as store};

/// How many movements of debt one answer looks at.
const DEBT_MOVES: i64 = 20_000;
/// How many reversals one step looks at.
pub(super) const REVERSALS: i64 = 1_000;

/// A customer's past, as far as one answer has looked at it.
pub(super) struct Past<'c> {
    pub customer: &'c CustomerId,
    episodes: HashMap<(Uuid, Decimal), Arc<Debts>>,
    moves_left: i64,
    /// By the wallet and the usage's id.
    reversed: HashMap<(Uuid, String), Arc<Reversed>>,
}

/// A usage, and what its reversals gave back of it.
type Reversed = Option<(Entry, Vec<GivenBack>)>;

impl<'c> Past<'c> {
    pub fn of(customer: &'c CustomerId) -> Self {
        Self { customer, episodes: HashMap::new(), moves_left: DEBT_MOVES, reversed: HashMap::new() }
    }

    /// The episode of debt that an entry moved debt in.
    pub async fn debts(&mut self, conn: &mut Connection, entry: &Entry) -> Result<Arc<Debts>, Error> {
        let episode = (entry.wallet_id, debts::episode(entry));
        if let Some(known) = self.episodes.get(&episode) {
            return Ok(Arc::clone(known));
        }
        let (wallet, paid_in) = episode;
        let (moves, whole) = store::debt_moves(conn, self.customer, wallet, paid_in, self.moves_left).await?;
        self.moves_left -= i64::try_from(moves.len()).unwrap_or(self.moves_left);
        let settled = Arc::new(Debts::settle(&moves, whole));
        self.episodes.insert(episode, Arc::clone(&settled));
        Ok(settled)
    }

    /// What reversals of a usage gave back of it; `reversals` are the first ones, in their order.
    pub async fn given_back(
        &mut self,
        conn: &mut Connection,
        usage: &Entry,
        reversals: &[Entry],
    ) -> Result<Vec<GivenBack>, Error> {
        let made_debt = usage.debt > Decimal::ZERO && !reversals.is_empty();
        let debts = if made_debt { self.debts(conn, usage).await? } else { Arc::default() };
        Ok(given_back(usage, reversals, &debts))
    }

    /// The usage that a reversal gave back, and what of it.
    pub async fn behind(
        &mut self,
        conn: &mut Connection,
        reversal: &Entry,
    ) -> Result<Option<(Entry, GivenBack)>, Error> {
        let Some(usage) = reversal.label.reference.clone() else { return Ok(None) };
        let key = (reversal.wallet_id, usage);
        let known = match self.reversed.get(&key) {
            Some(known) => Arc::clone(known),
            None => {
                let found = Arc::new(self.reversed(conn, &key).await?);
                self.reversed.insert(key, Arc::clone(&found));
                found
            }
        };
        let Some((usage, told)) = known.as_ref() else { return Ok(None) };
        let part = told.iter().find(|part| part.by == reversal.seq);
        Ok(part.map(|part| (usage.clone(), *part)))
    }

    async fn reversed(&mut self, conn: &mut Connection, (wallet, usage): &(Uuid, String)) -> Result<Reversed, Error> {
        let found = ledger::find_deduction(conn, self.customer, usage).await?;
        let Some((usage, _)) = found.filter(|(usage, _)| usage.wallet_id == *wallet) else { return Ok(None) };
        let key = vec![usage.label.key.clone()];
        let reversals = store::reversals_of(conn, self.customer, *wallet, key, REVERSALS).await?;
        let told = self.given_back(conn, &usage, &reversals).await?;
        Ok(Some((usage, told)))
    }
}
