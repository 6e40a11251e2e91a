//! Loops that need no request: expire orders, ask providers about lost payments and refunds, sweep holds and grants.
//!
//! Each turn takes a bounded share of the work with `SKIP LOCKED`, so that several processes share it, and one
//! item that fails never stops the others.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::{App, Error, chores, refunds};

/// The running loops.
#[derive(Debug)]
pub struct Workers {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts all loops; `every` is the pause after a turn that found nothing to do.
    #[must_use]
    pub fn start(app: &App, every: Duration) -> Self {
        let (stop, stopped) = watch::channel(false);
        let spawn = |name: &'static str, task: JoinHandle<()>| {
            tracing::debug!(worker = name, "started");
            task
        };
        let tasks = vec![
            spawn(
                "expire_orders",
                tokio::spawn(run("expire_orders", every, stopped.clone(), app.clone(), |app| async move {
                    chores::expire_orders(&app).await
                })),
            ),
            spawn(
                "ask_providers",
                tokio::spawn(run("ask_providers", every, stopped.clone(), app.clone(), |app| async move {
                    chores::ask_providers(&app).await
                })),
            ),
            spawn(
                "ask_refunds",
                tokio::spawn(run("ask_refunds", every, stopped.clone(), app.clone(), |app| async move {
                    refunds::ask_due(&app).await
                })),
            ),
            spawn(
                "sweep",
                tokio::spawn(run("sweep", every, stopped, app.clone(), |app| async move {
                    chores::sweep_wallets(&app).await
                })),
            ),
        ];
        Self { stop, tasks }
    }

    /// Lets every loop finish its turn and waits for it.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(error = %error, "a worker did not end properly");
            }
        }
    }
}

async fn run<F, Fut>(name: &'static str, every: Duration, mut stop: watch::Receiver<bool>, app: App, turn: F)
where
    F: Fn(App) -> Fut,
    Fut: Future<Output = Result<usize, Error>>,
{
    loop {
        let busy = match turn(app.clone()).await {
            Ok(done) => done > 0,
            Err(error) => {
                tracing::warn!(worker = name, error = %error, "a turn failed");
                false
            }
        };
        if *stop.borrow() {
            return;
        }
        let pause = if busy { Duration::from_millis(10) } else { every };
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
