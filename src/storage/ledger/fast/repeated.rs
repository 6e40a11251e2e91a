//! Keys that the ledger knows already.

use std::collections::BTreeSet;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, Text};

use crate::domain::posting::{Booked, Posting};
use crate::storage::StorageError;

/// The keys of postings, in their order.
pub(super) struct Keys {
    customers: Vec<String>,
    keys: Vec<String>,
}

impl Keys {
    pub(super) fn of(postings: &[&Posting]) -> Self {
        Self {
            customers: postings.iter().map(|posting| posting.wallet.customer.as_str().to_owned()).collect(),
            keys: postings.iter().map(|posting| posting.label.key.clone()).collect(),
        }
    }

    /// Asks for the places (from 1) of those that `table` has: rows `t`, restricted as `WHERE` goes on.
    pub(super) fn known<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>, table: &str) -> QueryResult<()> {
        // LIMIT keeps the planner from joining in a way of its own, by reading all keys that there are.
        out.push_sql("SELECT k.n::int4 FROM unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.customers)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.keys)?;
        out.push_sql(") WITH ORDINALITY AS k (customer_id, key, n), LATERAL (SELECT ");
        out.push_sql(table);
        out.push_sql(" t.customer_id = k.customer_id AND t.key = k.key LIMIT 1) AS found");
        Ok(())
    }
}

/// Whether a statement failed for a key of postings that have neighbours to be spared.
pub(super) fn is_repeated(error: &StorageError, constraint: &str, postings: &[&Posting]) -> bool {
    postings.len() > 1 && error.violated_unique() == Some(constraint)
}

/// Postings without those whose keys are known, with their places in all of them.
///
/// They are written once more, by a statement, and so a transaction, of its own. To leave the known ones out changes
/// nothing for the others of their wallet: they will be replayed or refused, and neither moves it. What other flushes
/// write in between does no harm: a key that they bring fails the second try as a whole, and is not asked for again.
pub(super) struct Unknown<'p> {
    places: Vec<usize>,
    pub(super) postings: Vec<&'p Posting>,
    of: usize,
}

impl<'p> Unknown<'p> {
    /// `known` as [`Keys::known`] answers it.
    pub(super) fn among(postings: &[&'p Posting], known: Vec<i32>) -> Self {
        let known: BTreeSet<usize> = known.into_iter().filter_map(|n| usize::try_from(n).ok()).collect();
        let (places, unknown) = (postings.iter().enumerate())
            .filter(|(at, _)| !known.contains(&(at + 1)))
            .map(|(at, posting)| (at, *posting))
            .unzip();
        Self { places, postings: unknown, of: postings.len() }
    }

    /// The answers in the places of all; the known ones have none.
    pub(super) fn spread(self, answers: Vec<Option<Booked>>) -> Vec<Option<Booked>> {
        let mut spread = vec![None; self.of];
        for (at, answer) in self.places.into_iter().zip(answers) {
            if let Some(slot) = spread.get_mut(at) {
                *slot = answer;
            }
        }
        spread
    }
}
