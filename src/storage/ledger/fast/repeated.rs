//! What happens when a statement of the fast path meets keys that the ledger already knows.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::{Array, Text};

use crate::domain::label::Label;
use crate::domain::posting::Booked;
use crate::domain::wallet_key::WalletKey;
use crate::storage::StorageError;
use crate::storage::statement::Parameters;

/// The keys of postings, in their order.
pub(super) struct Keys {
    customers: Vec<String>,
    keys: Vec<String>,
}

impl Keys {
    pub(super) fn of<'p>(postings: impl Iterator<Item = (&'p WalletKey, &'p Label)>) -> Self {
        let (customers, keys) =
            postings.map(|(wallet, label)| (wallet.customer.as_str().to_owned(), label.key().to_owned())).unzip();
        Self { customers, keys }
    }

    /// Adds the parameters of a statement that finds the known keys.
    pub(super) fn bind<'b>(&'b self, parameters: &mut Parameters<'_, 'b>) -> QueryResult<()> {
        parameters.add::<Array<Text>, _>(&self.customers)?;
        parameters.add::<Array<Text>, _>(&self.keys)
    }
}

/// Whether a statement failed because of a repeated key, and has other postings that can be tried again.
pub(super) fn is_repeated(error: &StorageError, constraint: &str, postings: usize) -> bool {
    postings > 1 && error.violates(constraint)
}

/// The postings whose keys are new, with their places among all postings.
///
/// A second statement, which is a transaction of its own, writes them. It may leave out the postings with known keys:
/// those will be replayed or refused, and neither moves the wallet. If another flush writes one of the new keys in the
/// meantime, the second statement fails as a whole, and there is no third.
pub(super) struct Unknown<P> {
    places: Vec<usize>,
    pub(super) postings: Vec<P>,
    of: usize,
}

impl<P: Copy> Unknown<P> {
    /// `known`: the places (from 1) of the postings whose keys are known.
    pub(super) fn among(postings: &[P], known: Vec<i32>) -> Self {
        let known: BTreeSet<usize> = known.into_iter().filter_map(|n| usize::try_from(n).ok()).collect();
        let (places, unknown) = (postings.iter().enumerate())
            .filter(|(at, _)| !known.contains(&(at + 1)))
            .map(|(at, posting)| (at, *posting))
            .unzip();
        Self { places, postings: unknown, of: postings.len() }
    }

    /// Puts each result in the place of its posting. A posting with a known key has none.
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
