use std::thread;
use std::time::{Duration, Instant};

/// Nothing tells us when a lock of another process falls, or a postmaster accepts connections: such
/// conditions are asked for this often, and less often once they take long, for postgres notes
/// every connection that it turns away.
const EVERY: Duration = Duration::from_millis(10);
const LATER: Duration = Duration::from_millis(200);

/// Asks until there is an answer; `None` when the deadline passes first. Always asks once.
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
