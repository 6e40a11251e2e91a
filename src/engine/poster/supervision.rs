//! The thread of the poster: runs the lanes and the workers of the full path.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Shared, lane, leftovers};
use crate::engine::Supervisor;

/// Starts the thread. It ends when the poster is closed and every job is answered.
pub(super) fn start(shared: &Arc<Shared>, supervisor: &Supervisor) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let end = End { shared: Arc::clone(shared), supervisor: supervisor.clone() };
    std::thread::Builder::new().name("poster".to_owned()).spawn(move || {
        let End { shared, supervisor } = &end;
        runtime.block_on(async {
            for _ in 0..shared.settings.lanes {
                let lane = Arc::clone(shared);
                tokio::spawn(supervisor.clone().keep_running("lane", move || lane::run(Arc::clone(&lane))));
                for _ in 0..shared.settings.pipeline {
                    let worker = Arc::clone(shared);
                    let run = move || leftovers::run(Arc::clone(&worker));
                    tokio::spawn(supervisor.clone().keep_running("full_path", run));
                }
            }
            shared.done().await;
        });
        drop(end);
    })?;
    Ok(())
}

/// After the thread has ended, in whatever way, no caller waits for it.
struct End {
    shared: Arc<Shared>,
    supervisor: Supervisor,
}

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("The thread of the poster failed; this process no longer books usage");
        }
        if !self.shared.closed.load(Ordering::SeqCst) {
            self.supervisor.give_up();
        }
        self.shared.queue.clear();
        self.shared.leftovers.clear();
    }
}
