//! Delays queries after VNPay has refused one. Its querydr refuses frequent calls with code 94, whatever
//! transaction they are about: VNPay's own sandbox does so for about five minutes after each accepted call.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Pause>);

#[derive(Debug, Default)]
struct Pause {
    until: Option<Instant>,
    last_pause: Duration,
}

impl Throttle {
    /// How long to wait before the next query; `None` if it may be sent now.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.until.and_then(|until| until.checked_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    /// Starts a pause after code 94, and returns its length. Each further refusal in a row doubles it, up to five
    /// minutes.
    pub fn refused(&self, now: Instant) -> Duration {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last_pause = state.last_pause.saturating_mul(2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        state.until = Some(now + state.last_pause);
        state.last_pause
    }

    /// Ends the pause after an accepted query.
    pub fn answered(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Pause::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_in_a_row_pause_longer_and_an_answer_forgets_them() {
        let throttle = Throttle::default();
        let now = Instant::now();
        assert_eq!(throttle.wait(now), None);
        assert_eq!(throttle.refused(now), FIRST_PAUSE);
        assert_eq!(throttle.wait(now), Some(FIRST_PAUSE));
        assert_eq!(throttle.wait(now + FIRST_PAUSE), None);
        assert_eq!(throttle.refused(now), FIRST_PAUSE * 2);
        for _ in 0..10 {
            throttle.refused(now);
        }
        assert_eq!(throttle.wait(now), Some(LONGEST_PAUSE));
        throttle.answered();
        assert_eq!(throttle.wait(now), None);
    }
}
