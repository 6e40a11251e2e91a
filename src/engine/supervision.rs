//! Runs the parts that live as long as the service: one that panics is started again, counted, and seen by readiness.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The pause before a part is started again.
const PAUSE: Duration = Duration::from_millis(200);

/// Watches the parts of one process. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    /// Parts that have failed and do not run now.
    down: Arc<AtomicUsize>,
}

impl Supervisor {
    /// Whether every part runs.
    #[must_use]
    pub fn all_run(&self) -> bool {
        self.down.load(Ordering::SeqCst) == 0
    }

    /// Runs a part until it returns, and starts it again after each panic. The jobs of the part are dropped. Their
    /// callers get the error that the outcome is not known.
    pub async fn keep_running<F, Fut>(self, part: &'static str, run: F)
    where
        F: Fn() -> Fut + Send,
        Fut: Future<Output = ()> + Send + 'static,
    {
        while let Err(error) = tokio::spawn(run()).await {
            if error.is_cancelled() {
                return;
            }
            self.down.fetch_add(1, Ordering::SeqCst);
            metrics::counter!("topup_restarts_total", "part" => part).increment(1);
            tracing::error!(%error, part, "A part of the service failed; it starts again");
            tokio::time::sleep(PAUSE).await;
            self.down.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Records that a part has failed and cannot be started again: the process is no longer ready.
    pub fn give_up(&self) {
        self.down.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::sync::Notify;

    use super::*;

    /// A part that panics on its first run, and says that it runs on its second.
    #[tokio::test]
    async fn a_part_that_panics_is_started_again_and_is_not_ready_meanwhile() {
        let supervisor = Supervisor::default();
        assert!(supervisor.all_run());
        let (runs, second, finish) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let part = {
            let (runs, second, finish) = (Arc::clone(&runs), Arc::clone(&second), Arc::clone(&finish));
            move || {
                let (runs, second, finish) = (Arc::clone(&runs), Arc::clone(&second), Arc::clone(&finish));
                async move {
                    assert!(runs.fetch_add(1, Ordering::SeqCst) > 0, "the first run");
                    second.notify_one();
                    finish.notified().await;
                }
            }
        };
        let supervised = tokio::spawn(supervisor.clone().keep_running("test", part));
        while supervisor.all_run() {
            tokio::task::yield_now().await;
        }
        second.notified().await;
        assert!(supervisor.all_run());
        finish.notify_one();
        supervised.await.unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn what_cannot_be_started_again_is_never_ready() {
        let supervisor = Supervisor::default();
        supervisor.give_up();
        supervisor.clone().keep_running("test", async || ()).await;
        assert!(!supervisor.all_run());
    }
}
