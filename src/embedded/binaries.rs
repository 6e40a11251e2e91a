//! Finds the folder of `initdb` and `postgres` on this machine, in the version that an existing data folder needs.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::EmbeddedError;

/// The places where packages install one PostgreSQL per version: the parent folder, the text before the version, the
/// folder after it.
const VERSIONED: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
];

/// The folder that holds `initdb` and `postgres`. If `TOPUP_PG_BIN` is set, only that folder counts. Else the first
/// match counts, in this order: `PATH`, `pg_config --bindir`, and the folders of packages, newest version first.
///
/// # Errors
/// [`EmbeddedError::NotInstalled`] names the command that installs PostgreSQL. [`EmbeddedError::NotInNamedFolder`]
/// means that the folder in `TOPUP_PG_BIN` does not hold both programs.
pub fn find_binaries() -> Result<PathBuf, EmbeddedError> {
    choose(named(), candidates(), |_| true)
}

/// As [`find_binaries`], but of the major version that wrote an existing data folder, because no other version can read
/// the folder.
pub(super) fn find_binaries_for(data: &Path) -> Result<PathBuf, EmbeddedError> {
    let Ok(version) = fs::read_to_string(data.join("PG_VERSION")) else {
        return find_binaries();
    };
    let version = version.trim();
    match choose(named(), candidates(), |bin| major_version(bin).as_deref() == Some(version)) {
        Err(EmbeddedError::NotInstalled { .. }) if find_binaries().is_ok() => {
            Err(EmbeddedError::OtherVersion { data: data.to_path_buf(), version: version.to_owned() })
        }
        chosen => chosen,
    }
}

fn named() -> Option<PathBuf> {
    std::env::var_os("TOPUP_PG_BIN").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

fn choose(
    named: Option<PathBuf>,
    candidates: impl Iterator<Item = PathBuf>,
    fits: impl Fn(&Path) -> bool,
) -> Result<PathBuf, EmbeddedError> {
    if let Some(folder) = named {
        return with_binaries(&folder).ok_or(EmbeddedError::NotInNamedFolder(folder));
    }
    candidates
        .filter_map(|folder| with_binaries(&folder))
        .find(|folder| fits(folder))
        .ok_or(EmbeddedError::NotInstalled { install: install_command() })
}

fn candidates() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    on_path
        .into_iter()
        .chain(std::iter::once_with(bin_folder_of_pg_config).flatten())
        .chain(VERSIONED.iter().flat_map(|(parent, before, after)| versions_in(parent, before, after)))
        .chain([PathBuf::from("/usr/local/pgsql/bin")])
}

fn bin_folder_of_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(folder.trim()))
}

fn versions_in(parent: &str, before: &str, after: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(before)?.parse();
            Some((version.ok()?, entry.path().join(after)))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// The folder, if it holds both programs. If its `initdb` is only a link, this is the folder that the link leads to:
/// that one also holds psql and pgbench, and the libraries that the programs look for relative to themselves.
fn with_binaries(folder: &Path) -> Option<PathBuf> {
    let has_both = |folder: &Path| ["initdb", "postgres"].iter().all(|name| is_executable(&folder.join(name)));
    if !folder.is_absolute() || !has_both(folder) {
        return None;
    }
    let real = fs::canonicalize(folder.join("initdb")).ok()?;
    match real.parent() {
        Some(home) if real.file_name() == Some(OsStr::new("initdb")) && has_both(home) => Some(home.to_path_buf()),
        _ => Some(folder.to_path_buf()),
    }
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The major version of the programs in a folder. Example: `postgres --version` prints
/// "postgres (PostgreSQL) 15.14 (Debian …)", so this is "15".
fn major_version(bin: &Path) -> Option<String> {
    let output =
        Command::new(bin.join("postgres")).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    Some(version.chars().take_while(char::is_ascii_digit).collect::<String>())
}

fn install_command() -> &'static str {
    if cfg!(target_os = "macos") { "brew install postgresql@17" } else { "apt-get install postgresql" }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn absent_binaries_are_one_sentence_with_the_command() {
        let empty = std::env::temp_dir();
        let error = choose(None, [empty, PathBuf::from("relative")].into_iter(), |_| true).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(install_command()), "{said}");
        assert_eq!(said.matches(". ").count(), 0, "{said}");
        assert!(said.ends_with('.') && !said.contains('\n'), "{said}");
    }

    #[test]
    fn a_named_folder_is_the_only_one_looked_at() {
        let error = choose(Some("/nonexistent".into()), candidates(), |_| true).unwrap_err();
        assert!(error.to_string().contains("TOPUP_PG_BIN is /nonexistent"));
    }

    #[test]
    fn the_folder_found_is_of_the_version_it_says() {
        let bin = find_binaries().unwrap();
        assert!(bin.join("initdb").exists());
        let major: u32 = major_version(&bin).unwrap().parse().unwrap();
        assert!(major >= 13, "{major}");
    }

    #[test]
    fn data_of_a_version_that_is_not_here_is_said_so() {
        let data = std::env::temp_dir().join(format!("topup-version-{}", std::process::id()));
        fs::create_dir(&data).unwrap();
        fs::write(data.join("PG_VERSION"), "9\n").unwrap();
        let error = find_binaries_for(&data).unwrap_err();
        fs::remove_dir_all(&data).unwrap();
        assert!(error.to_string().contains("PostgreSQL 9"), "{error}");
    }
}
