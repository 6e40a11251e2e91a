//! The limit of open files, and how many connections fit under it.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::config::Config;

/// The files that the process needs besides connections of callers and of the database: its log, its libraries, calls
/// to payment companies, the sandbox.
const OTHERS: usize = 96;
/// The fewest connections of callers. Below it the limit of open files is too low to serve anybody.
const FEWEST: usize = 16;

/// How many connections of callers may be open at a time. First, the limit of open files is raised as far as these
/// connections need it: many systems start a service with 1,024, although it may have more.
pub(super) fn connections(config: &Config) -> usize {
    let wanted = config.connections.get();
    let reserved = config.database_pool_size.get() + config.poster.lanes.get() + OTHERS;
    let files = raised(wanted.saturating_add(reserved));
    let most = files.saturating_sub(reserved).clamp(FEWEST, wanted.max(FEWEST));
    if most < wanted {
        tracing::warn!(
            files,
            most,
            wanted,
            "The limit of open files allows fewer connections than TOPUP_CONNECTIONS; raise it (ulimit -Hn)"
        );
    }
    most
}

/// Raises the soft limit of open files to `needed`, or as far as the system allows it, and returns the new limit.
fn raised(needed: usize) -> usize {
    let needed = u64::try_from(needed).unwrap_or(u64::MAX);
    let now = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if soft < needed => {
            let higher = needed.min(hard);
            setrlimit(Resource::RLIMIT_NOFILE, higher, hard).map_or(soft, |()| higher)
        }
        Ok((soft, _)) => soft,
        Err(error) => {
            tracing::warn!(%error, "The limit of open files cannot be read");
            needed
        }
    };
    usize::try_from(now).unwrap_or(usize::MAX)
}
