//! A memory budget for large request bodies: when many arrive at once, the later ones wait.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Failure;
use crate::domain::code::Code;

const KIB: usize = 1024;

/// The memory that all large bodies may take together. A request that finds the budget used up waits with its body
/// unread; requests are served in the order in which they came.
#[derive(Debug, Clone)]
pub struct BodyBudget {
    kib: Arc<Semaphore>,
    patience: Duration,
}

/// A part of a [`BodyBudget`]. It is free again when the permit is dropped.
#[derive(Debug)]
pub struct BodyPermit(OwnedSemaphorePermit);

impl BodyPermit {
    /// The number of bytes of this permit.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.num_permits() * KIB
    }

    /// Adds another permit of the same budget.
    pub fn join(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let spare = self.0.num_permits().saturating_sub(bytes.div_ceil(KIB));
        drop(self.0.split(spare));
    }
}

impl BodyBudget {
    /// A budget of `bytes`, which must be at least the size of the largest body. A request that has waited for as long
    /// as `patience` is refused.
    #[must_use]
    pub fn new(bytes: usize, patience: Duration) -> Self {
        Self { kib: Arc::new(Semaphore::new(bytes / KIB)), patience }
    }

    /// Waits until the budget has `bytes` left, and takes them.
    ///
    /// # Errors
    /// 503 `overloaded` when the budget stays used up for too long.
    pub async fn take(&self, bytes: usize) -> Result<BodyPermit, Failure> {
        let kib = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
        let permit = tokio::time::timeout(self.patience, Arc::clone(&self.kib).acquire_many_owned(kib)).await;
        permit.ok().and_then(Result::ok).map(BodyPermit).ok_or_else(|| {
            let detail = "too many large requests are being processed; repeat the request in a moment";
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, Code::Overloaded, detail).retry_after(1)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use actix_web::ResponseError;

    use super::*;

    #[tokio::test]
    async fn a_request_waits_for_the_budget_but_not_for_ever() {
        let budget = BodyBudget::new(4 * KIB, Duration::from_millis(20));
        let first = budget.take(3 * KIB).await.unwrap();
        let _small = budget.take(1).await.unwrap();
        assert_eq!(budget.take(1).await.unwrap_err().status_code(), StatusCode::SERVICE_UNAVAILABLE);
        drop(first);
        let mut third = budget.take(3 * KIB).await.unwrap();
        third.shrink_to(KIB + 1);
        budget.take(KIB).await.unwrap();
        budget.take(KIB + 1).await.unwrap_err();
    }
}
