//! The full path of a flush: lock, decide, write. When a transaction fails, its postings are split and each half is
//! posted again, until the posting that fails stands alone, so that it fails none of its neighbours.

use std::future::Future;
use std::pin::Pin;

use super::PostingAnswer;
use crate::domain::posting::Posting;
use crate::storage::pool::Pool;
use crate::storage::transaction::transact;
use crate::storage::{StorageError, ledger};

type Answers = Vec<PostingAnswer>;

/// Posts in order, in one transaction if that succeeds. Returns one answer per posting.
pub(super) async fn post(pool: &Pool, postings: &[&Posting]) -> Answers {
    let owned: Vec<Posting> = postings.iter().map(|posting| (*posting).clone()).collect();
    post_splitting_on_error(pool, &owned).await
}

fn post_splitting_on_error<'a>(
    pool: &'a Pool,
    postings: &'a [Posting],
) -> Pin<Box<dyn Future<Output = Answers> + Send + 'a>> {
    Box::pin(async move {
        let mut tries = 0;
        loop {
            let error = match transact(pool, async |conn| ledger::post(conn, postings).await).await {
                Ok(outcomes) => return outcomes.into_iter().map(Ok).collect(),
                Err(error) => error,
            };
            tries += 1;
            // A key that another process wrote a moment ago is found and replayed by the next try. After a lost
            // connection the keys tell what was booked.
            let again = error.violated_unique().is_some() || error.is_connection_lost();
            if again && tries < 3 {
                continue;
            }
            if postings.len() <= 1 || error.is_connection_lost() {
                let detail = error.to_string();
                let mut first = Some(error);
                return postings
                    .iter()
                    .map(|_| Err(first.take().unwrap_or_else(|| StorageError::Unreachable(detail.clone()))))
                    .collect();
            }
            let (left, right) = postings.split_at(postings.len() / 2);
            let mut outcomes = post_splitting_on_error(pool, left).await;
            outcomes.extend(post_splitting_on_error(pool, right).await);
            return outcomes;
        }
    })
}
