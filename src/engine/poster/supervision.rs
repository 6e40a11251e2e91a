//! The thread of the poster: runs the lanes and the workers, and starts one again that has panicked.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Shared, lane, leftovers};

/// The pause before a part is started again.
const PAUSE: Duration = Duration::from_millis(200);

/// Starts the thread. It ends when the poster is closed and every job is answered.
pub(super) fn start(shared: &Arc<Shared>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shared = Arc::clone(shared);
    std::thread::Builder::new().name("poster".to_owned()).spawn(move || {
        let _end = End(Arc::clone(&shared));
        runtime.block_on(async {
            for _ in 0..shared.settings.lanes {
                tokio::spawn(supervise(Arc::clone(&shared), "lane", lane::run));
                for _ in 0..shared.settings.pipeline {
                    tokio::spawn(supervise(Arc::clone(&shared), "full_path", leftovers::run));
                }
            }
            shared.done().await;
        });
    })?;
    Ok(())
}

/// Runs a part, again after each panic. The jobs that it had are dropped, which tells their callers that the outcome is
/// not known.
async fn supervise<F, Fut>(shared: Arc<Shared>, part: &'static str, run: F)
where
    F: Fn(Arc<Shared>) -> Fut + Send,
    Fut: Future<Output = ()> + Send + 'static,
{
    while let Err(error) = tokio::spawn(run(Arc::clone(&shared))).await {
        if error.is_cancelled() {
            return;
        }
        shared.running.fetch_sub(1, Ordering::SeqCst);
        metrics::counter!("topup_poster_restarts_total", "part" => part).increment(1);
        tracing::error!(%error, part, "A part of the poster failed; it starts again");
        tokio::time::sleep(PAUSE).await;
        shared.running.fetch_add(1, Ordering::SeqCst);
    }
}

/// Whatever ends the thread, nobody waits for it afterwards.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("The thread of the poster failed; this process books no usage any more");
        }
        if !self.0.closed.load(Ordering::SeqCst) {
            self.0.running.store(0, Ordering::SeqCst);
        }
        self.0.queue.clear();
        self.0.leftovers.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Notify;

    use super::*;
    use crate::engine::{Poster, PosterSettings};
    use crate::storage::pool::Pool;

    /// A part that panics on its first run, and says that it runs on its second.
    #[tokio::test]
    async fn a_part_that_panics_is_started_again_and_is_not_ready_meanwhile() {
        let pool = Pool::new(&"postgres://u@127.0.0.1:1/d".into(), 1).unwrap();
        let settings = PosterSettings { lanes: 1, pipeline: 1, ..PosterSettings::default() };
        let shared = Arc::new(Shared::new(&pool, settings));
        let poster = Poster { shared: Arc::clone(&shared) };
        assert!(poster.is_running());
        let (runs, second, finish) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let part = {
            let (runs, second, finish) = (Arc::clone(&runs), Arc::clone(&second), Arc::clone(&finish));
            move |_: Arc<Shared>| {
                let (runs, second, finish) = (Arc::clone(&runs), Arc::clone(&second), Arc::clone(&finish));
                async move {
                    assert!(runs.fetch_add(1, Ordering::SeqCst) > 0, "the first run");
                    second.notify_one();
                    finish.notified().await;
                }
            }
        };
        let supervised = tokio::spawn(supervise(shared, "test", part));
        while poster.is_running() {
            tokio::task::yield_now().await;
        }
        second.notified().await;
        assert!(poster.is_running());
        finish.notify_one();
        supervised.await.unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }
}
