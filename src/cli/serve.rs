//! `topup serve`: runs the service until SIGTERM or Ctrl-C.

use std::pin::pin;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::{CommandOutcome, welcome};
use crate::config::Config;
use crate::server::{self, Database, Server};

pub async fn run(config: Config) -> CommandOutcome {
    server::log(&config)?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let embedded = Database::is_embedded_by(&config);
    let mut starting = pin!(Server::start(config));
    let mut stop_requested = false;
    let mut server = loop {
        tokio::select! {
            started = &mut starting => break started?,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // An embedded PostgreSQL that is still starting cannot be stopped cleanly, so the first signal waits for it.
        if stop_requested || !embedded {
            std::process::exit(130);
        }
        stop_requested = true;
        tracing::info!("The service stops as soon as its start is done; a second signal ends it at once");
    };
    if stop_requested {
        server.stop().await?;
        return Ok(ExitCode::SUCCESS);
    }
    if server.is_embedded() {
        println!("{}", welcome::text(&server)?);
    }
    tracing::info!(
        url = server.base_url,
        environment = %server.environment,
        sandbox = server.sandbox_url().unwrap_or("off"),
        "The service accepts requests"
    );
    let stop_requested = tokio::select! {
        _ = interrupt.recv() => true,
        _ = terminate.recv() => true,
        () = server.ended() => false,
    };
    tracing::info!("The service stops: open requests may finish; a second signal ends it at once");
    tokio::select! {
        stopped = server.stop() => stopped?,
        // An embedded PostgreSQL keeps running in this case. The next start adopts it.
        _ = interrupt.recv() => std::process::exit(130),
        _ = terminate.recv() => std::process::exit(143),
    }
    if stop_requested { Ok(ExitCode::SUCCESS) } else { Err("the HTTP server ended by itself: see the log".into()) }
}
