//! Delivers events to partners' endpoints. Each endpoint has a task of its own, so a slow or dead one slows no other.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::app::App;
use crate::app::webhook_endpoints::deliver;

/// How many endpoints one process delivers to at the same time.
const ENDPOINTS: usize = 256;
/// The pause between two looks for endpoints with something to deliver.
const EVERY: Duration = Duration::from_millis(200);

/// Delivers until the service stops. Deliveries in flight are then cut off, and the next process sends them again.
pub(super) async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let holder = Uuid::now_v7();
    let mut tasks = JoinSet::new();
    while !*stop.borrow() {
        while let Some(ended) = tasks.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "The deliveries to an endpoint failed; they are tried again");
            }
        }
        let room = ENDPOINTS.saturating_sub(tasks.len());
        match deliver::claim(&app, holder, room).await {
            Ok(claimed) => {
                for endpoint in claimed {
                    let app = app.clone();
                    tasks.spawn(async move {
                        if let Err(error) = deliver::work(&app, holder, endpoint).await {
                            tracing::warn!(%error, %endpoint, "Deliveries were interrupted; they are tried again");
                        }
                    });
                }
            }
            Err(error) => tracing::warn!(%error, "Endpoints with deliveries were not found; the next look tries again"),
        }
        tokio::select! {
            _ = stop.changed() => break,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    tasks.shutdown().await;
    if let Err(error) = deliver::release_all(&app, holder).await {
        tracing::warn!(%error, "Leases of endpoints were not given back; they end by the clock");
    }
}
