//! The operating system user that PostgreSQL runs as, and how child processes are started as that user.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User};

use super::EmbeddedError;

/// The environment variables that a child process receives. All others are withheld: they contain the keys of the
/// payment providers, and `PG*` variables would point initdb and postgres at another cluster.
const PASSED_ON: [&str; 4] = ["PATH", "TZDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// The operating system user that PostgreSQL runs as. That is our own user, except for root: PostgreSQL refuses root,
/// so root starts it as a user with fewer rights.
#[derive(Debug, Clone)]
pub(super) struct SystemAccount {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) name: String,
    /// Whether we are root, so that child processes must change to this user.
    pub(super) dropped: bool,
}

impl SystemAccount {
    pub(super) fn of_this_process() -> Result<Self, EmbeddedError> {
        let uid = Uid::effective();
        if !uid.is_root() {
            return match User::from_uid(uid) {
                Ok(Some(user)) => Ok(Self::of(user, false)),
                _ => Err(EmbeddedError::NoAccount(format!("user id {uid} has no name on this machine"))),
            };
        }
        ["postgres", "nobody"]
            .iter()
            .filter_map(|name| User::from_name(name).ok().flatten())
            .find(|user| !user.uid.is_root())
            .map(|user| Self::of(user, true))
            .ok_or_else(|| {
                EmbeddedError::NoAccount("PostgreSQL refuses root, and there is no user postgres or nobody".into())
            })
    }

    /// The user for a folder. As root that is the owner of the folder if it has one, because PostgreSQL only opens data
    /// that its own user owns.
    pub(super) fn for_folder(folder: &Path) -> Result<Self, EmbeddedError> {
        let account = Self::of_this_process()?;
        let owner = fs::symlink_metadata(folder)
            .ok()
            .map(|meta| Uid::from_raw(meta.uid()))
            .filter(|owner| account.dropped && !owner.is_root());
        Ok(match owner.map(User::from_uid) {
            Some(Ok(Some(user))) => Self::of(user, true),
            _ => account,
        })
    }

    fn of(user: User, dropped: bool) -> Self {
        Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name: user.name, dropped }
    }

    /// A command that runs as this user. It has a process group of its own, so that Ctrl-C on our terminal does not
    /// reach it, and works in `/`, because this user may not be allowed to enter our working folder.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .env("LC_ALL", "C")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null());
        if self.dropped {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Whether the user can enter the folder. The operating system tries it, because mode bits do not show access lists
    /// and mounts.
    pub(super) fn can_enter(&self, folder: &Path) -> bool {
        self.command("/bin/sh")
            .args(["-c", "cd \"$1\""])
            .arg("sh")
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}
