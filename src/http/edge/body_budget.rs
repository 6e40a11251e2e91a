//! Room for large bodies: many of them at once wait instead of taking all memory.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Failure;

const KIB: usize = 1024;

/// What the bodies under way may have together. Those that find no room wait unread, in the order in which they came.
#[derive(Debug, Clone)]
pub struct Room {
    kib: Arc<Semaphore>,
    patience: Duration,
}

/// A part of a [`Room`], free again when it is dropped.
#[derive(Debug)]
pub struct Place(OwnedSemaphorePermit);

impl Place {
    /// Gives back what turned out not to be needed.
    pub fn shrink_to(&mut self, bytes: usize) {
        let spare = self.0.num_permits().saturating_sub(bytes.div_ceil(KIB));
        drop(self.0.split(spare));
    }
}

impl Room {
    /// Room for `bytes`, which must be as many as the largest body has; whoever waits longer than `patience` is sent
    /// away.
    #[must_use]
    pub fn new(bytes: usize, patience: Duration) -> Self {
        Self { kib: Arc::new(Semaphore::new(bytes / KIB)), patience }
    }

    /// Waits until there is room for so many bytes.
    ///
    /// # Errors
    /// 503 `too_much_under_way` when there is none in time.
    pub async fn take(&self, bytes: usize) -> Result<Place, Failure> {
        let kib = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
        let place = tokio::time::timeout(self.patience, Arc::clone(&self.kib).acquire_many_owned(kib)).await;
        place.ok().and_then(Result::ok).map(Place).ok_or_else(|| {
            let detail = "too many large requests are under way; repeat the request in a moment";
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "too_much_under_way", detail).retry_after(1)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use actix_web::ResponseError;

    use super::*;

    #[tokio::test]
    async fn a_full_room_is_waited_for_but_not_for_ever() {
        let room = Room::new(4 * KIB, Duration::from_millis(20));
        let first = room.take(3 * KIB).await.unwrap();
        let _small = room.take(1).await.unwrap();
        assert_eq!(room.take(1).await.unwrap_err().status_code(), StatusCode::SERVICE_UNAVAILABLE);
        drop(first);
        let mut third = room.take(3 * KIB).await.unwrap();
        third.shrink_to(KIB + 1);
        room.take(KIB).await.unwrap();
        room.take(KIB + 1).await.unwrap_err();
    }
}
