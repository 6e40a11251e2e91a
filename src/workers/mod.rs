//! Work that needs no request: expiring orders, asking providers about orders and taken-back money, sweeping wallets,
//! numbering and delivering events, deleting old data, checking the books, sealing entries,
//! folding days into reports, issuing papers, closing accounts.
//!
//! Each turn of a worker takes a bounded share of the work. Several processes share the work, and an item that fails
//! does not stop the others.

mod turns;
mod webhooks;

pub use turns::{
    ask_about_orders, close_accounts, expire_orders, find_take_backs, fold_reports, issue_papers, number_events, prune,
    seal_entries, sweep_wallets, tell_expiring_grants,
};

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::{App, Error, integrity, refunds};

/// The pause after a turn that found work.
const SHORT_PAUSE: Duration = Duration::from_millis(10);

/// The pause of the worker that numbers events, which is one look-up in an index that is empty most of the time.
const NUMBERING_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy)]
enum Worker {
    ExpireOrders,
    AskAboutOrders,
    AskAboutRefunds,
    FindTakeBacks,
    SweepWallets,
    NumberEvents,
    TellExpiringGrants,
    Prune,
    CheckBooks,
    SealEntries,
    FoldReports,
    IssuePapers,
    CloseAccounts,
}

impl Worker {
    const ALL: [Self; 13] = [
        Self::ExpireOrders,
        Self::AskAboutOrders,
        Self::AskAboutRefunds,
        Self::FindTakeBacks,
        Self::SweepWallets,
        Self::NumberEvents,
        Self::TellExpiringGrants,
        Self::Prune,
        Self::CheckBooks,
        Self::SealEntries,
        Self::FoldReports,
        Self::IssuePapers,
        Self::CloseAccounts,
    ];

    /// Does one turn and returns how many items it found.
    async fn turn(self, app: &App) -> Result<usize, Error> {
        match self {
            Self::ExpireOrders => expire_orders(app).await,
            Self::AskAboutOrders => ask_about_orders(app).await,
            Self::AskAboutRefunds => refunds::ask_due(app).await,
            Self::FindTakeBacks => find_take_backs(app).await,
            Self::SweepWallets => sweep_wallets(app).await,
            Self::NumberEvents => number_events(app).await,
            Self::TellExpiringGrants => tell_expiring_grants(app).await,
            Self::Prune => prune(app).await,
            Self::CheckBooks => Ok(usize::from(integrity::check_if_due(app).await?)),
            Self::SealEntries => seal_entries(app).await,
            Self::FoldReports => fold_reports(app).await,
            Self::IssuePapers => issue_papers(app).await,
            Self::CloseAccounts => close_accounts(app).await,
        }
    }

    /// The name of the worker in metrics and logs.
    fn name(self) -> &'static str {
        match self {
            Self::ExpireOrders => "expire_orders",
            Self::AskAboutOrders => "ask_about_orders",
            Self::AskAboutRefunds => "ask_about_refunds",
            Self::FindTakeBacks => "find_take_backs",
            Self::SweepWallets => "sweep_wallets",
            Self::NumberEvents => "number_events",
            Self::TellExpiringGrants => "tell_expiring_grants",
            Self::Prune => "prune",
            Self::CheckBooks => "check_books",
            Self::SealEntries => "seal_entries",
            Self::FoldReports => "fold_reports",
            Self::IssuePapers => "issue_papers",
            Self::CloseAccounts => "close_accounts",
        }
    }

    /// The pause after a turn that found nothing.
    fn pause(self, every: Duration) -> Duration {
        match self {
            // Readers of the feed wait for it.
            Self::NumberEvents => every.min(NUMBERING_PAUSE),
            _ => every,
        }
    }

    /// Does one turn after the other until the service stops.
    async fn run(self, app: App, every: Duration, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let found_work = match self.turn(&app).await {
                Ok(found) => found > 0,
                Err(error) => {
                    tracing::warn!(worker = self.name(), %error, "A worker's turn failed; the next turn tries again");
                    false
                }
            };
            let pause = if found_work { SHORT_PAUSE } else { self.pause(every) };
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// The running workers.
#[derive(Debug)]
pub struct Workers {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts all workers. `every` is the pause after a turn that found no work. A worker that panics starts again.
    #[must_use]
    pub fn start(app: &App, every: Duration) -> Self {
        let (stop, stopped) = watch::channel(false);
        let start = |worker: Worker| {
            let (app, stopped) = (app.clone(), stopped.clone());
            let supervisor = app.supervisor.clone();
            let run = move || worker.run(app.clone(), every, stopped.clone());
            tokio::spawn(supervisor.keep_running(worker.name(), run))
        };
        let mut tasks: Vec<_> = Worker::ALL.map(start).into();
        let (webhooks, to_stop) = (app.clone(), stopped.clone());
        let deliver = move || webhooks::run(webhooks.clone(), to_stop.clone());
        tasks.push(tokio::spawn(app.supervisor.clone().keep_running("deliver_webhooks", deliver)));
        Self { stop, tasks }
    }

    /// Lets every worker finish its turn and waits for it.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(error = %error, "A worker could not be stopped in order");
            }
        }
    }
}
