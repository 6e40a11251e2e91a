//! `topup serve`.

use std::pin::pin;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::{Outcome, welcome};
use crate::config::Config;
use crate::server::{self, Server};

pub async fn run(config: Config) -> Outcome {
    server::log(&config)?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let embedded = config.database_url.is_none();
    let mut starting = pin!(Server::start(config));
    let mut asked = false;
    let mut server = loop {
        tokio::select! {
            started = &mut starting => break started?,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // PostgreSQL of our own is let start, and then stopped as it should be.
        if asked || !embedded {
            std::process::exit(130);
        }
        asked = true;
        tracing::info!("stopping once the start is done; a second signal ends at once");
    };
    if asked {
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
        "serving"
    );
    let asked = tokio::select! {
        _ = interrupt.recv() => true,
        _ = terminate.recv() => true,
        () = server.ended() => false,
    };
    tracing::info!("stopping: requests under way may end; a second signal ends at once");
    tokio::select! {
        stopped = server.stop() => stopped?,
        // PostgreSQL, if ours, is left running then: the next start adopts it.
        _ = interrupt.recv() => std::process::exit(130),
        _ = terminate.recv() => std::process::exit(143),
    }
    if asked { Ok(ExitCode::SUCCESS) } else { Err("the HTTP server ended by itself: see the log".into()) }
}
