use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Instant;

use super::EmbeddedError;
use super::home::Home;
use super::wait::until;

/// Two advisory locks in a cluster's folder. The kernel drops them with their holder, however it
/// dies, so neither can be left behind.
#[derive(Debug)]
pub(super) struct Locks {
    /// Held alone by whoever starts or stops the cluster.
    change: File,
    /// Shared by every process that uses the cluster; who gets it alone is the only one.
    users: File,
    dir: PathBuf,
}

impl Locks {
    pub(super) fn open(home: &Home) -> Result<Self, EmbeddedError> {
        Ok(Self { change: home.open("start.lock")?, users: home.open("users.lock")?, dir: home.dir.clone() })
    }

    /// Waits until nobody else is starting or stopping the cluster.
    pub(super) fn begin_change(&self, deadline: Instant) -> Result<(), EmbeddedError> {
        let free = until(deadline, || match self.change.try_lock() {
            Ok(()) => Some(Ok(())),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(error)) => Some(Err(error)),
        });
        free.ok_or_else(|| EmbeddedError::Locked(self.dir.clone()))?.map_err(EmbeddedError::io("lock", &self.dir))
    }

    /// For the standard input of a child, which then holds the lock as well.
    pub(super) fn copy_of_change(&self) -> Result<File, EmbeddedError> {
        self.change.try_clone().map_err(EmbeddedError::io("copy the lock of", &self.dir))
    }

    pub(super) fn end_change(&self) -> Result<(), EmbeddedError> {
        self.change.unlock().map_err(EmbeddedError::io("unlock", &self.dir))
    }

    /// Whether no other process uses the cluster. Only while [`Self::begin_change`] holds, and it
    /// gives up our own share: [`Self::share`] takes it again.
    pub(super) fn alone(&self) -> Result<bool, EmbeddedError> {
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
    /// Closing is not enough: a child that another thread is just about to start holds copies of
    /// our files for a moment, and would keep the locks.
    fn drop(&mut self) {
        let _ = self.users.unlock();
        let _ = self.change.unlock();
    }
}
