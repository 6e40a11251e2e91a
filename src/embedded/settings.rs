use std::path::Path;

use super::account::Account;

/// The database role, its superuser; peer authentication lets only the account and root be it.
pub(super) const ROLE: &str = "topup";
/// Names the socket within its private folder; no TCP port is opened.
pub(super) const PORT: u16 = 5432;

/// `initdb` options after the data folder. Checksums and syncing are for data that must last; small
/// WAL segments are quicker to create.
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

/// `postgres` options after the data folder: ours, then the caller's, then those that keep it
/// private, which nothing may override.
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
        // A refused statement is answered to who sent it; in the log it would only spread what the
        // statement carried, and fill the disk.
        ("log_min_messages", "log"),
        ("log_min_error_statement", "panic"),
        ("log_checkpoints", "off"),
    ];
    if !durable {
        settings.extend([("wal_level", "minimal"), ("max_wal_senders", "0")]);
    }
    settings.extend(extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let port = PORT.to_string();
    // The value is a list of folders: quotes keep a comma or a blank from dividing it.
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

/// `pg_hba.conf`: the socket only, and the operating system says who is calling.
pub(super) const ACCESS: &str = "local all all peer map=topup\n";

/// `pg_ident.conf`: who may be the role.
pub(super) fn identities(account: &Account) -> String {
    format!("topup \"{}\" {ROLE}\ntopup root {ROLE}\n", account.name.replace('"', "\"\""))
}

/// A URL for libpq and tokio-postgres; the folder of the socket stands where a host would, with
/// everything escaped that a URL gives a meaning to.
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
