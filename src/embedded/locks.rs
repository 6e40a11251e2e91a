//! The advisory locks by which several processes share one cluster.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Instant;

use super::EmbeddedError;
use super::home::Home;
use super::wait::until;

/// Two advisory locks in the folder of a cluster. The kernel releases a lock when its holder ends, even by a kill, so
/// no lock is ever left behind.
#[derive(Debug)]
pub(super) struct Locks {
    /// Held exclusively by the process that starts or stops the cluster.
    change: File,
    /// Held by all processes that use the cluster, shared. If a process can get it exclusively, no other process uses
    /// the cluster.
    users: File,
    dir: PathBuf,
}

impl Locks {
    pub(super) fn open(home: &Home) -> Result<Self, EmbeddedError> {
        Ok(Self { change: home.open("start.lock")?, users: home.open("users.lock")?, dir: home.dir.clone() })
    }

    /// Waits until no other process starts or stops the cluster.
    pub(super) fn begin_change(&self, deadline: Instant) -> Result<(), EmbeddedError> {
        let free = until(deadline, || match self.change.try_lock() {
            Ok(()) => Some(Ok(())),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(error)) => Some(Err(error)),
        });
        free.ok_or_else(|| EmbeddedError::Locked(self.dir.clone()))?.map_err(EmbeddedError::io("lock", &self.dir))
    }

    /// A copy of the lock for the standard input of a child process, which then holds the lock as well.
    pub(super) fn copy_of_change(&self) -> Result<File, EmbeddedError> {
        self.change.try_clone().map_err(EmbeddedError::io("copy the lock of", &self.dir))
    }

    pub(super) fn end_change(&self) -> Result<(), EmbeddedError> {
        self.change.unlock().map_err(EmbeddedError::io("unlock", &self.dir))
    }

    /// Whether no other process uses the cluster. Call it only between [`Self::begin_change`] and [`Self::end_change`].
    /// It gives up our own share, so call [`Self::share`] afterwards.
    pub(super) fn is_only_user(&self) -> Result<bool, EmbeddedError> {
        match self.users.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(EmbeddedError::io("lock", &self.dir)(error)),
        }
    }

    pub(super) fn share(&self) -> Result<(), EmbeddedError> {
        self.users.lock_shared().map_err(EmbeddedError::io("lock", &self.dir))
    }
}

impl Drop for Locks {
    /// Closing the files is not enough: a child process that another thread starts at this moment holds copies of them
    /// for a short time, and would keep the locks.
    fn drop(&mut self) {
        let _ = self.users.unlock();
        let _ = self.change.unlock();
    }
}
