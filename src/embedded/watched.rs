//! A kept cluster whose postmaster is started again when it ends by itself.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Cluster, ClusterOptions, EmbeddedError, aside, thread};

/// There is no event for the end of a postmaster that another process started, so we look for it.
const EVERY: Duration = Duration::from_millis(500);

/// A cluster with a thread that watches it. Dropping this value ends the watch and leaves the cluster running.
#[derive(Debug)]
pub struct WatchedCluster {
    stop: Sender<()>,
    watch: JoinHandle<Cluster>,
}

impl WatchedCluster {
    /// Watches a cluster that was started with these options.
    ///
    /// # Errors
    /// [`EmbeddedError::Thread`].
    pub fn new(mut cluster: Cluster, options: ClusterOptions) -> Result<Self, EmbeddedError> {
        let (stop, stopped) = channel();
        let watch = thread(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
                match cluster.start_again_if_ended(&options) {
                    Ok(false) => {}
                    Ok(true) => {
                        metrics::counter!("topup_restarts_total", "part" => "postgres").increment(1);
                        tracing::error!("The embedded PostgreSQL had ended by itself; it was started again");
                    }
                    Err(error) => tracing::error!(%error, "The embedded PostgreSQL has ended and does not start"),
                }
            }
            cluster
        })?;
        Ok(Self { stop, watch })
    }

    /// Ends the watch, then stops the cluster: see [`Cluster::stop`].
    ///
    /// # Errors
    /// As [`Cluster::stop`].
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        // A watch that has panicked no longer listens, and the join below reports it.
        let _ = self.stop.send(());
        let watch = self.watch;
        let ended = aside(move || watch.join().map_err(|_| EmbeddedError::Thread("it panicked".into())));
        ended.await?.stop().await
    }
}
