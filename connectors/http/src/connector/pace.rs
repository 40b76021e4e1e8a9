//! How many requests are sent: a rate limit, and a concurrency that follows what the API can take.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// A rate limit: requests start at equal distances.
#[derive(Debug)]
pub(super) struct RateLimit {
    distance: Duration,
    next: Mutex<Instant>,
}

impl RateLimit {
    pub(super) fn new(requests_per_second: u32) -> Self {
        Self { distance: Duration::from_secs(1) / requests_per_second.max(1), next: Mutex::new(Instant::now()) }
    }

    /// Waits until the next request may start. False if that is not before `until`: nothing waits then.
    pub(super) async fn wait(&self, until: Instant) -> bool {
        let start = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let start = (*next).max(Instant::now());
            if start > until {
                return false;
            }
            *next = start + self.distance;
            start
        };
        sleep_until(start).await;
        true
    }
}

/// The number of concurrent requests: half as many when the API is busy, one more after each batch that it has taken.
#[derive(Debug)]
pub(super) struct AdaptiveConcurrency {
    most: usize,
    current: AtomicUsize,
}

impl AdaptiveConcurrency {
    pub(super) fn new(most: usize) -> Self {
        Self { most, current: AtomicUsize::new(most) }
    }

    pub(super) fn current(&self) -> usize {
        self.current.load(Ordering::Relaxed)
    }

    /// Adapts after a batch.
    pub(super) fn follow(&self, is_busy: bool) {
        let current = self.current();
        let next = if is_busy { (current / 2).max(1) } else { (current + 1).min(self.most) };
        self.current.store(next, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_start_at_equal_distances_however_many_wait() {
        let limit = RateLimit::new(10);
        let (start, until) = (Instant::now(), Instant::now() + Duration::from_secs(60));
        for number in 0..25 {
            assert!(limit.wait(until).await);
            assert_eq!(start.elapsed(), Duration::from_millis(100) * number);
        }
        assert!(!limit.wait(Instant::now()).await, "no one waits in vain");
    }

    #[test]
    fn a_busy_api_gets_half_as_many_and_recovers_one_by_one() {
        let concurrency = AdaptiveConcurrency::new(8);
        let after = |is_busy| {
            concurrency.follow(is_busy);
            concurrency.current()
        };
        assert_eq!([true; 4].map(after), [4, 2, 1, 1]);
        assert_eq!([false; 8].map(after), [2, 3, 4, 5, 6, 7, 8, 8]);
    }
}
