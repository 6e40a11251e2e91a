//! The reasons why an embedded cluster cannot be found, started or stopped.

use std::io;
use std::path::{Path, PathBuf};

/// Why an embedded cluster could not be found, started or stopped. Each text is a sentence that an operator can act on.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error("PostgreSQL is not installed on this machine: install it with `{install}`.")]
    NotInstalled { install: &'static str },
    #[error("TOPUP_PG_BIN is {}, but that folder does not hold the programs initdb and postgres.", .0.display())]
    NotInNamedFolder(PathBuf),
    #[error(
        "The data in {} were written by PostgreSQL {version}, which is not installed on this machine.",
        data.display()
    )]
    OtherVersion { data: PathBuf, version: String },
    #[error("There is no operating system user that PostgreSQL can run as: {0}.")]
    NoAccount(String),
    #[error("{} is not empty and does not hold a cluster of topup, so nothing was changed there.", .0.display())]
    NotACluster(PathBuf),
    #[error("{} cannot be used: {why}.", path.display())]
    UnusableFolder { path: PathBuf, why: String },
    #[error("Could not {doing} {}: {source}.", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("initdb failed:\n{0}")]
    Initdb(String),
    #[error("PostgreSQL ended during its start; the last lines of its log are:\n{log}")]
    EndedAtStart { log: String },
    #[error("PostgreSQL did not accept connections within {seconds} s ({why}); the last lines of its log are:\n{log}")]
    NotReady { seconds: u64, why: String, log: String },
    #[error(
        "Another process runs the cluster in {} without durable commits.",
        .0.display()
    )]
    NotDurable(PathBuf),
    #[error("Another process has been starting or stopping the cluster in {} for too long.", .0.display())]
    Locked(PathBuf),
    #[error("PostgreSQL in {} did not stop.", .0.display())]
    DidNotStop(PathBuf),
    #[error("PostgreSQL refused a statement: {0}.")]
    Statement(#[from] tokio_postgres::Error),
    #[error("PostgreSQL did not answer within {seconds} s.")]
    NoAnswer { seconds: u64 },
    #[error("The thread that manages PostgreSQL failed: {0}.")]
    Thread(String),
}

impl EmbeddedError {
    /// An error of the operating system, with the action and the path that it concerns.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_path_buf(), source }
    }
}
