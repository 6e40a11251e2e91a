//! The arguments and configuration files that make a cluster private, and durable if it must be.

use std::path::Path;

use super::account::SystemAccount;

/// The database role, a superuser. Peer authentication admits only the account and root as this role.
pub(super) const ROLE: &str = "topup";
/// A part of the name of the socket in its private folder. No TCP port is opened.
pub(super) const PORT: u16 = 5432;

/// The options of `initdb` after the data folder. A durable cluster has checksums and is synced; another one has small
/// WAL segments, which are quicker to create.
pub(super) fn initdb_arguments(durable: bool) -> Vec<&'static str> {
    let mut arguments = vec![
        "--username=topup",
        "--encoding=UTF8",
        "--locale=C",
        "--auth-local=peer",
        "--auth-host=reject",
        "--no-instructions",
    ];
    arguments.extend(if durable {
        ["--data-checksums"].as_slice()
    } else {
        ["--no-sync", "--wal-segsize=1"].as_slice()
    });
    arguments
}

/// The options of `postgres` after the data folder: ours, then the caller's, then the ones that keep the cluster
/// private. Later options win, so the caller cannot override privacy.
pub(super) fn postgres_arguments(durable: bool, socket_dir: &Path, extra: &[(String, String)]) -> Vec<String> {
    let switch = if durable { "on" } else { "off" };
    let mut settings: Vec<(&str, &str)> = vec![
        ("fsync", switch),
        ("synchronous_commit", switch),
        ("full_page_writes", switch),
        ("shared_buffers", if durable { "256MB" } else { "128MB" }),
        ("max_connections", "200"),
        ("max_wal_size", if durable { "4GB" } else { "1GB" }),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        // The client receives the error of a failed statement. In the log it would only repeat the data of the
        // statement, and fill the disk.
        ("log_min_messages", "log"),
        ("log_min_error_statement", "panic"),
        ("log_checkpoints", "off"),
    ];
    if !durable {
        settings.extend([("wal_level", "minimal"), ("max_wal_senders", "0")]);
    }
    settings.extend(extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let port = PORT.to_string();
    // The value is a list of folders, so a folder with a comma or a space needs quotes.
    let folder = format!("\"{}\"", socket_dir.display().to_string().replace('"', "\"\""));
    settings.extend([
        ("listen_addresses", ""),
        ("port", port.as_str()),
        ("unix_socket_directories", folder.as_str()),
        ("unix_socket_permissions", "0700"),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
    ]);
    settings.into_iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]).collect()
}

/// `pg_hba.conf`: connections over the socket only, and the operating system says who connects.
pub(super) const ACCESS: &str = "local all all peer map=topup\n";

/// `pg_ident.conf`: the operating system users that may connect as the role.
pub(super) fn identities(account: &SystemAccount) -> String {
    format!("topup \"{}\" {ROLE}\ntopup root {ROLE}\n", account.name.replace('"', "\"\""))
}

/// The URL of a database, for libpq and tokio-postgres. The folder of the socket takes the place of the host, with all
/// characters escaped that have a meaning in a URL.
pub(super) fn url(socket_dir: &Path, database: &str) -> String {
    format!("postgresql://{ROLE}@{}:{PORT}/{}", escaped(&socket_dir.display().to_string()), escaped(database))
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::path::PathBuf;
    use std::str::FromStr;
    use tokio_postgres::config::{Config, Host};

    #[test]
    fn a_url_is_read_back_as_it_was_meant() {
        let folder = PathBuf::from("/tmp/a b/ü%/run");
        let config = Config::from_str(&url(&folder, "te/st?")).unwrap();
        assert_eq!(config.get_hosts(), [Host::Unix(folder)]);
        assert_eq!(config.get_dbname(), Some("te/st?"));
        assert_eq!(config.get_user(), Some(ROLE));
        assert_eq!(config.get_ports(), [PORT]);
    }

    #[test]
    fn privacy_cannot_be_overridden() {
        let extra = [("listen_addresses".to_owned(), "*".to_owned())];
        let arguments = postgres_arguments(true, Path::new("/tmp/x"), &extra);
        let last = arguments.iter().rfind(|argument| argument.starts_with("listen_addresses="));
        assert_eq!(last.unwrap(), "listen_addresses=");
    }
}
