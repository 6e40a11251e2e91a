//! The full path: lock, decide, write. When a transaction fails, its postings are split and each half is posted again,
//! until the posting that fails is alone, so that no other fails with it.
//!
//! A temporary error does not split them, because it would occur again for each half. A posting that meets the lock of
//! another session is left to [`super::parked`], which finds out whose wallet it is.

use std::future::Future;
use std::pin::Pin;

use super::{PostingAnswer, Trouble};
use crate::domain::posting::Posting;
use crate::storage::pool::Pool;
use crate::storage::transaction::transact_unless_locked;
use crate::storage::{StorageError, ledger};

type Answers = Vec<PostingAnswer>;

/// Posts in order, in one transaction if that succeeds. Returns one answer per posting.
pub(super) fn post<'a>(pool: &'a Pool, postings: &'a [Posting]) -> Pin<Box<dyn Future<Output = Answers> + Send + 'a>> {
    Box::pin(async move {
        let mut tries = 0;
        loop {
            let error = match transact_unless_locked(pool, async |conn| ledger::post(conn, postings).await).await {
                Ok(outcomes) => return outcomes.into_iter().map(Ok).collect(),
                Err(error) if error.is_locked() => return postings.iter().map(|_| Err(Trouble::Locked)).collect(),
                Err(error) => error,
            };
            tries += 1;
            // The next try finds and replays a key that another process wrote a moment ago. After a lost connection,
            // the keys show what was booked.
            let again = error.violated_unique().is_some() || error.is_connection_lost();
            if again && tries < 3 {
                continue;
            }
            if postings.len() <= 1 || error.passing().is_some() {
                let detail = error.to_string();
                let mut first = Some(error);
                return postings
                    .iter()
                    .map(|_| first.take().unwrap_or_else(|| StorageError::Unreachable(detail.clone())))
                    .map(|error| Err(Trouble::Storage(error)))
                    .collect();
            }
            let (left, right) = postings.split_at(postings.len() / 2);
            let mut outcomes = post(pool, left).await;
            outcomes.extend(post(pool, right).await);
            return outcomes;
        }
    })
}
