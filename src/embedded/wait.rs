//! Waits for a condition by checking it again and again.

use std::thread;
use std::time::{Duration, Instant};

/// There is no event for the release of another process's lock, or for a postmaster that becomes ready, so we poll.
/// After two seconds we poll less often, because postgres logs every connection that it refuses.
const EVERY: Duration = Duration::from_millis(10);
const LATER: Duration = Duration::from_millis(200);

/// Calls `ask` until it returns a value, and at least once. Returns `None` if the deadline passes first.
pub(super) fn until<T>(deadline: Instant, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        let slow = begin.elapsed() > Duration::from_secs(2);
        thread::sleep(if slow { LATER } else { EVERY });
    }
}
