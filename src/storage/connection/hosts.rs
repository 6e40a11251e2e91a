//! Which server of `DATABASE_URL` is used.
//!
//! With several hosts, each is asked, and the writable one with the highest timeline is taken: a
//! server starts a new timeline when it is promoted, so an old primary that comes back writable has a lower one. The
//! highest timeline that this process has seen stays in [`Timeline`]; a server with a lower one is refused from then
//! on. A process that starts while only the old primary answers cannot detect it: fencing is the task of the software
//! that promotes servers (Patroni).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config};

use super::stream::{ConnectionHealth, Socket, TlsBelow, WatchedStream};
use super::{PATIENCE, unreachable};
use crate::storage::StorageError;

/// The highest timeline that a process has seen on any writable server; 0 before the first one. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Timeline(Arc<AtomicU32>);

impl Timeline {
    /// Records a server's timeline. Returns false if a higher one was seen: the server is an old primary.
    fn admits(&self, timeline: u32) -> bool {
        self.0.fetch_max(timeline, Ordering::AcqRel) <= timeline
    }

    /// The highest timeline so far.
    #[must_use]
    pub fn highest(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

/// A server that answered.
struct AnsweringHost {
    client: Client,
    health: Arc<ConnectionHealth>,
    /// `None` where the server cannot be written to.
    timeline: Option<u32>,
}

/// Connects to the server of the URL that is to be used. Returns its timeline if there were several hosts.
///
/// # Errors
/// [`StorageError::Unreachable`], with the reason for each host.
pub(super) async fn connect(
    url: &str,
    seen: &Timeline,
) -> Result<(Client, Arc<ConnectionHealth>, Option<u32>), StorageError> {
    let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| unreachable(&error))?;
    give_up_on_silence(&mut config);
    let places = places(&config);
    if let [only] = places.as_slice() {
        let (client, health) = open(&config, only).await?;
        return Ok((client, health, None));
    }
    let asked = places.iter().map(async |place| {
        let (client, health) = open(&config, place).await?;
        let timeline = timeline(&client).await?;
        Ok::<_, StorageError>(AnsweringHost { client, health, timeline })
    });
    let answers = futures_util::future::join_all(asked).await;
    let mut why = Vec::new();
    let mut best: Option<AnsweringHost> = None;
    for (answer, (host, port)) in answers.into_iter().zip(&places) {
        match answer {
            Err(error) => why.push(format!("{}:{port}: {error}", shown(host))),
            Ok(AnsweringHost { timeline: None, .. }) => why.push(format!("{}:{port} is read-only", shown(host))),
            Ok(found) if best.as_ref().is_none_or(|best| best.timeline < found.timeline) => best = Some(found),
            Ok(_) => {}
        }
    }
    let Some(AnsweringHost { client, health, timeline: Some(timeline) }) = best else {
        return Err(StorageError::Unreachable(why.join("; ")));
    };
    if !seen.admits(timeline) {
        let highest = seen.highest();
        return Err(StorageError::Unreachable(format!(
            "the writable server has timeline {timeline}, but {highest} was seen before: it is an old primary"
        )));
    }
    Ok((client, health, Some(timeline)))
}

type HostAddress = (Host, u16);

/// The hosts of a URL with their ports. An address (`hostaddr`) replaces the name at the same place of the list.
fn places(config: &Config) -> Vec<HostAddress> {
    let ports = config.get_ports();
    let port = |n: usize| ports.get(n).or_else(|| ports.first()).copied().unwrap_or(5432);
    let hosts = config.get_hosts();
    let addresses = config.get_hostaddrs();
    (0..hosts.len().max(addresses.len()))
        .filter_map(|n| {
            let named = hosts.get(n).cloned();
            let host = match (addresses.get(n), named) {
                (Some(address), None) => Host::Tcp(address.to_string()),
                (_, Some(host)) => host,
                (None, None) => return None,
            };
            Some((host, port(n)))
        })
        .collect()
}

async fn open(config: &Config, (host, port): &HostAddress) -> Result<(Client, Arc<ConnectionHealth>), StorageError> {
    let wait = config.get_connect_timeout().copied().unwrap_or(PATIENCE);
    let socket = tokio::time::timeout(wait, socket(config, host, *port))
        .await
        .map_err(|_| StorageError::Unreachable(format!("{} does not answer", shown(host))))?
        .map_err(|error| unreachable(&error))?;
    let health = Arc::new(ConnectionHealth::default());
    let name = match host {
        Host::Tcp(name) => name.as_str(),
        Host::Unix(_) => "",
    };
    let mut tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls_settings()?);
    let Ok(tls) = MakeTlsConnect::<Socket>::make_tls_connect(&mut tls, name);
    let opening = config.connect_raw(WatchedStream::new(socket, Arc::clone(&health)), TlsBelow(tls));
    let (client, connection) = tokio::time::timeout(wait, opening)
        .await
        .map_err(|_| StorageError::Unreachable(format!("{} does not start a session", shown(host))))?
        .map_err(|error| {
            // The error's own text is "error connecting to server"; the reason is its cause.
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            StorageError::Unreachable(format!("{error}{cause}"))
        })?;
    let of_connection = Arc::clone(&health);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "A connection to the database has ended");
        }
        of_connection.end();
    });
    Ok((client, health))
}

async fn socket(config: &Config, host: &Host, port: u16) -> std::io::Result<Socket> {
    let name = match host {
        Host::Unix(folder) => {
            return UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await.map(Socket::Unix);
        }
        Host::Tcp(name) => name,
    };
    let by_address = name.parse::<IpAddr>().ok();
    let stream = match by_address {
        Some(address) => TcpStream::connect((address, port)).await?,
        None => TcpStream::connect((name.as_str(), port)).await?,
    };
    stream.set_nodelay(true)?;
    let settings = SockRef::from(&stream);
    settings.set_tcp_user_timeout(config.get_tcp_user_timeout().copied())?;
    if config.get_keepalives() {
        let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
        if let Some(interval) = config.get_keepalives_interval() {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(retries) = config.get_keepalives_retries() {
            keepalive = keepalive.with_retries(retries);
        }
        settings.set_tcp_keepalive(&keepalive)?;
    }
    Ok(Socket::Tcp(stream))
}

fn tls_settings() -> Result<rustls::ClientConfig, StorageError> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unreachable(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The timeline of a server that can be written to: the first eight digits of the name of the log file that it writes.
async fn timeline(client: &Client) -> Result<Option<u32>, StorageError> {
    let row = client.query_one(include_str!("../sql/timeline.sql"), &[]).await.map_err(|error| unreachable(&error))?;
    let file: Option<String> = row.try_get(0).map_err(|error| unreachable(&error))?;
    let digits = file.as_deref().and_then(|file| file.get(..8));
    Ok(digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()))
}

fn shown(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    }
}

/// Limits how long a host may be silent. By themselves TCP and its keepalives give up after a quarter of an hour and
/// after two hours. A limit that the URL sets is kept.
fn give_up_on_silence(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(PATIENCE);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(PATIENCE);
    }
    let usual: Duration = Config::new().get_keepalives_idle();
    if config.get_keepalives_idle() == usual {
        config.keepalives_idle(PATIENCE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(PATIENCE / 4);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(4);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_silent_host_is_given_up_unless_the_url_says_how() {
        let mut config: Config = "postgres://u@h/d".parse().unwrap();
        give_up_on_silence(&mut config);
        assert_eq!(config.get_connect_timeout(), Some(&PATIENCE));
        assert_eq!(config.get_tcp_user_timeout(), Some(&PATIENCE));
        assert_eq!(config.get_keepalives_idle(), PATIENCE);
        let url = "postgres://u@h/d?connect_timeout=3&tcp_user_timeout=4&keepalives_idle=5";
        let mut told: Config = url.parse().unwrap();
        give_up_on_silence(&mut told);
        assert_eq!(told.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(told.get_tcp_user_timeout(), Some(&Duration::from_secs(4)));
        assert_eq!(told.get_keepalives_idle(), Duration::from_secs(5));
    }

    #[test]
    fn a_lower_timeline_is_refused_once_a_higher_one_was_seen() {
        let seen = Timeline::default();
        assert!(seen.admits(1) && seen.admits(3) && seen.admits(3));
        assert!(!seen.admits(2));
        assert_eq!(seen.highest(), 3);
    }

    #[test]
    fn hosts_and_ports_go_together() {
        let config: Config = "postgres://u@one:5433,two:5434/d".parse().unwrap();
        let places: Vec<String> =
            places(&config).iter().map(|(host, port)| format!("{}:{port}", shown(host))).collect();
        assert_eq!(places, ["one:5433", "two:5434"]);
        let config: Config = "host=/run/postgresql user=u".parse().unwrap();
        assert_eq!(super::places(&config), [(Host::Unix("/run/postgresql".into()), 5432)]);
    }
}
