//! Limits how many requests a caller may send per minute.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::principal::Credential;

/// The window of a limit, and the time for which a caller without requests is remembered.
const WINDOW_SECONDS: u64 = 60;

/// The decision about one request, with the values for the headers `RateLimit` and `RateLimit-Policy`
/// (draft-ietf-httpapi-ratelimit-headers) and `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateDecision {
    pub allowed: bool,
    /// The requests per minute, which is also the largest burst (`q`, with the window `w` of 60).
    pub limit: u32,
    /// The requests that are still allowed now (`r`).
    pub remaining: u32,
    /// Seconds until the whole limit is available again, rounded up (`t`).
    pub reset_after_seconds: u64,
    /// Seconds until one more request is allowed, rounded up; `None` if this one is allowed.
    pub retry_after_seconds: Option<u64>,
}

/// Counts requests per credential with the GCRA algorithm of `governor`: a burst of the whole limit is allowed, then an
/// even flow.
///
/// Once a minute, credentials that have their full limit again are forgotten, so memory holds at most the callers of
/// the last two minutes. Only verified callers have a credential, so unknown callers cannot fill the memory.
pub struct Limiter<C: Clock = DefaultClock>(Option<RequestCounts<C>>);

struct RequestCounts<C: Clock> {
    limit: NonZeroU32,
    counts: RateLimiter<Credential, DashMapStateStore<Credential>, C, StateInformationMiddleware>,
    start: C::Instant,
    /// When credentials were last forgotten, in seconds after `start`.
    swept_at: AtomicU64,
}

impl Limiter {
    /// `per_minute` is the limit of each credential; `None` means no limit.
    #[must_use]
    pub fn new(per_minute: Option<NonZeroU32>) -> Self {
        Self::with_clock(per_minute, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limiter<C> {
    fn with_clock(per_minute: Option<NonZeroU32>, clock: C) -> Self {
        Self(per_minute.map(|limit| {
            let start = clock.now();
            let counts = RateLimiter::new(Quota::per_minute(limit), DashMapStateStore::default(), clock);
            RequestCounts { limit, counts, start, swept_at: AtomicU64::new(0) }
        }))
    }

    /// Counts one request of a caller. Returns `None` when there is no limit.
    #[must_use]
    pub fn check(&self, credential: &Credential) -> Option<RateDecision> {
        self.0.as_ref().map(|counted| counted.check(credential))
    }
}

impl<C: Clock> RequestCounts<C> {
    fn check(&self, credential: &Credential) -> RateDecision {
        let now = self.counts.clock().now();
        self.sweep(now);
        let limit = self.limit.get();
        let (remaining, wait) = match self.counts.check_key(credential) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(refused) => (0, Some(whole_seconds(refused.wait_time_from(now)).max(1))),
        };
        let used = u64::from(limit.saturating_sub(remaining));
        RateDecision {
            allowed: wait.is_none(),
            limit,
            remaining,
            reset_after_seconds: used.saturating_mul(WINDOW_SECONDS).div_ceil(u64::from(limit)),
            retry_after_seconds: wait,
        }
    }

    fn sweep(&self, now: C::Instant) {
        let seconds = Duration::from(now.duration_since(self.start)).as_secs();
        let swept_at = self.swept_at.load(Ordering::Relaxed);
        let due = seconds.saturating_sub(swept_at) >= WINDOW_SECONDS;
        // The thread that moves the time does the work. The others continue.
        if due && self.swept_at.compare_exchange(swept_at, seconds, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.counts.retain_recent();
            self.counts.shrink_to_fit();
        }
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limiter(per_minute: u32) -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Limiter::with_clock(NonZeroU32::new(per_minute), clock.clone()), clock)
    }

    fn caller(name: &str) -> Credential {
        Credential::of(None, name)
    }

    #[test]
    fn the_burst_is_spent_and_comes_back_evenly() {
        let (limiter, clock) = limiter(3);
        let alice = caller("alice");
        let answers: Vec<_> = (0..3).map(|_| limiter.check(&alice).unwrap()).collect();
        assert_eq!(answers.iter().map(|a| a.remaining).collect::<Vec<_>>(), [2, 1, 0]);
        assert_eq!(answers.iter().map(|a| a.reset_after_seconds).collect::<Vec<_>>(), [20, 40, 60]);
        assert!(answers.iter().all(|a| a.allowed && a.limit == 3 && a.retry_after_seconds.is_none()));

        let refused = limiter.check(&alice).unwrap();
        assert_eq!(
            refused,
            RateDecision {
                allowed: false,
                limit: 3,
                remaining: 0,
                reset_after_seconds: 60,
                retry_after_seconds: Some(20)
            }
        );
        clock.advance(Duration::from_millis(19_500));
        assert_eq!(limiter.check(&alice).unwrap().retry_after_seconds, Some(1), "rounded up, never 0");
        clock.advance(Duration::from_millis(500));
        assert!(limiter.check(&alice).unwrap().allowed);
        assert!(!limiter.check(&alice).unwrap().allowed);
    }

    #[test]
    fn callers_do_not_share() {
        let (limiter, _clock) = limiter(1);
        assert!(limiter.check(&caller("alice")).unwrap().allowed);
        assert!(!limiter.check(&caller("alice")).unwrap().allowed);
        assert!(limiter.check(&caller("bob")).unwrap().allowed);
    }

    #[test]
    fn without_a_limit_there_is_nothing_to_tell() {
        let limiter = Limiter::new(None);
        assert!((0..10_000).all(|_| limiter.check(&caller("service")).is_none()));
    }

    #[test]
    fn callers_who_stopped_are_forgotten() {
        let (limiter, clock) = limiter(60);
        for n in 0..1000 {
            assert!(limiter.check(&caller(&format!("c{n}"))).unwrap().allowed);
        }
        let kept = || limiter.0.as_ref().unwrap().counts.len();
        assert_eq!(kept(), 1000);
        clock.advance(Duration::from_secs(61));
        assert!(limiter.check(&caller("late")).unwrap().allowed);
        assert_eq!(kept(), 1);
    }

    #[test]
    fn forgetting_gives_nobody_a_fresh_limit() {
        let (limiter, clock) = limiter(2);
        let alice = caller("alice");
        clock.advance(Duration::from_secs(59));
        assert!(limiter.check(&alice).unwrap().allowed);
        assert!(limiter.check(&alice).unwrap().allowed);
        clock.advance(Duration::from_secs(1));
        assert!(!limiter.check(&alice).unwrap().allowed, "the sweep of this second keeps her");
    }
}
