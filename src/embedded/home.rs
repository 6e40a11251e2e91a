//! The folder of a cluster: where it is, who owns it, and which files are in it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown};
use std::path::{Path, PathBuf};

use nix::libc::O_NOFOLLOW;
use sha2::{Digest, Sha256};

use super::EmbeddedError;
use super::account::SystemAccount;

/// Where root keeps a cluster whose configured folder cannot be entered by the user that PostgreSQL runs as.
const REACHABLE: &str = "/var/lib/topup";
/// The path of the socket must fit into the smallest `sun_path` in use: on macOS 104 bytes with the final nul.
const LONGEST_SOCKET: usize = 103;
/// A log that is larger than this many bytes is renamed at the next start. One older log is kept.
const LONGEST_LOG: u64 = 16 << 20;
const LOG: &str = "postgres.log";
const OLDER_LOG: &str = "postgres.log.1";
/// The names that may be in the folder of a cluster.
const OURS: [&str; 9] =
    ["data", "data.new", "run", LOG, OLDER_LOG, "start.lock", "users.lock", "postmaster.lock", "lost+found"];

/// The folder of one cluster. It holds PostgreSQL's data and log, our locks, and the socket if the path is short
/// enough. Its mode is 0700, and the account that PostgreSQL runs as owns it.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) dir: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) account: SystemAccount,
}

impl Home {
    /// Finds or creates the folder for a configured path. That is the path itself, unless we are root and the user that
    /// PostgreSQL runs as cannot get there. The same path always leads to the same folder.
    pub(super) fn prepare(asked: &Path) -> Result<Self, EmbeddedError> {
        let asked = std::path::absolute(asked).map_err(EmbeddedError::io("resolve", asked))?;
        let (Some(parent), Some(name)) = (asked.parent(), asked.file_name()) else {
            return Err(unusable(&asked, "it is not a folder of its own"));
        };
        fs::create_dir_all(parent).map_err(EmbeddedError::io("create", parent))?;
        let asked = match fs::canonicalize(&asked) {
            Ok(existing) => existing,
            Err(_) => fs::canonicalize(parent).map_err(EmbeddedError::io("resolve", parent))?.join(name),
        };
        let account = SystemAccount::for_folder(&asked)?;
        let dir = if account.dropped { reachable(asked, &account)? } else { asked };
        if dir.to_str().is_none() {
            return Err(unusable(&dir, "its name is not UTF-8"));
        }
        let account = SystemAccount::for_folder(&dir)?;
        refuse_what_is_not_ours(&dir)?;
        private_dir(&dir, &account)?;
        if !account.can_enter(&dir) {
            let why = format!("user {} cannot enter it", account.name);
            return Err(unusable(&dir, &why));
        }
        let mut socket_dir = dir.join("run");
        if socket_in(&socket_dir).as_os_str().len() > LONGEST_SOCKET {
            socket_dir = PathBuf::from(format!("/tmp/topup-{}", fingerprint(&dir)));
        }
        private_dir(&socket_dir, &account)?;
        Ok(Self { dir, socket_dir, account })
    }

    pub(super) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub(super) fn socket(&self) -> PathBuf {
        socket_in(&self.socket_dir)
    }

    /// Opens a file of the cluster for appending. A missing file is created, and the account owns it.
    pub(super) fn open(&self, name: &str) -> Result<File, EmbeddedError> {
        let path = self.dir.join(name);
        let open = || {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .read(true)
                .mode(0o600)
                // The folder belongs to a user with fewer rights, who must not lead root to another file by a link.
                .custom_flags(O_NOFOLLOW)
                .open(&path)?;
            if self.account.dropped {
                fchown(&file, Some(self.account.uid), Some(self.account.gid))?;
            }
            Ok(file)
        };
        open().map_err(EmbeddedError::io("open", &path))
    }

    /// Replaces the text of a file that initdb wrote.
    pub(super) fn rewrite(&self, path: &Path, text: &str) -> Result<(), EmbeddedError> {
        OpenOptions::new()
            .write(true)
            .truncate(true)
            .custom_flags(O_NOFOLLOW)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(EmbeddedError::io("write", path))
    }

    /// Opens the log for a new postmaster. A long log is renamed first.
    pub(super) fn open_log(&self) -> Result<File, EmbeddedError> {
        let path = self.dir.join(LOG);
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.len() > LONGEST_LOG) {
            fs::rename(&path, self.dir.join(OLDER_LOG)).map_err(EmbeddedError::io("rename", &path))?;
        }
        self.open(LOG)
    }

    /// The last 20 lines of the log, without the lines about our own connections that PostgreSQL refused during its
    /// start.
    pub(super) fn last_words(&self) -> String {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(self.dir.join(LOG))?;
            let end = file.metadata()?.len();
            file.seek(SeekFrom::Start(end.saturating_sub(1 << 16)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let text = read().unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut lines: Vec<&str> =
            text.lines().filter(|line| !line.contains("FATAL:  the database system is ")).rev().take(20).collect();
        lines.reverse();
        lines.join("\n")
    }
}

/// The configured path if the account can get there, else a folder for it under [`REACHABLE`]. A cluster that was
/// created there stays there, even if the configured path becomes accessible later.
fn reachable(asked: PathBuf, account: &SystemAccount) -> Result<PathBuf, EmbeddedError> {
    let substitute = Path::new(REACHABLE).join(fingerprint(&asked));
    let open = asked.parent().is_some_and(|parent| account.can_enter(parent));
    if open && !substitute.exists() {
        return Ok(asked);
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(REACHABLE)
        .map_err(EmbeddedError::io("create", Path::new(REACHABLE)))?;
    Ok(substitute)
}

fn refuse_what_is_not_ours(dir: &Path) -> Result<(), EmbeddedError> {
    let foreign = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| !OURS.iter().any(|name| entry.file_name() == *name));
    if foreign {
        return Err(EmbeddedError::NotACluster(dir.to_path_buf()));
    }
    Ok(())
}

/// Creates a folder that the account owns and that is closed to all other users, or makes an existing one so. A folder
/// of a third user is refused, because that user could listen there in PostgreSQL's place.
fn private_dir(dir: &Path, account: &SystemAccount) -> Result<(), EmbeddedError> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(EmbeddedError::io("create", dir)(error));
        }
        _ => {}
    }
    let meta = fs::symlink_metadata(dir).map_err(EmbeddedError::io("read", dir))?;
    if !meta.is_dir() {
        return Err(unusable(dir, "it is not a folder"));
    }
    if meta.uid() != account.uid {
        if !(account.dropped && meta.uid() == 0) {
            return Err(unusable(dir, "it belongs to another user"));
        }
        lchown(dir, Some(account.uid), Some(account.gid)).map_err(EmbeddedError::io("hand over", dir))?;
    }
    fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(EmbeddedError::io("close to others", dir))
}

fn socket_in(dir: &Path) -> PathBuf {
    dir.join(format!(".s.PGSQL.{}", super::settings::PORT))
}

fn fingerprint(path: &Path) -> String {
    let mut name = hex::encode(Sha256::digest(path.as_os_str().as_encoded_bytes()));
    name.truncate(16);
    name
}

fn unusable(path: &Path, why: &str) -> EmbeddedError {
    EmbeddedError::UnusableFolder { path: path.to_path_buf(), why: why.to_owned() }
}
