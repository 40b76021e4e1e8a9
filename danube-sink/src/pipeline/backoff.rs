//! Retry backoff: exponential, capped, with full jitter.

use std::time::Duration;

use tokio::time::Instant;

/// The delays between retries, each random between zero and a bound that doubles up to a cap.
///
/// Full jitter spreads the retries of many connectors evenly, so that they do not all hit a recovering target at once.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    cap: Duration,
    bound: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, cap: Duration) -> Self {
        let first = first.max(Duration::from_millis(1));
        Self { first, cap, bound: first.min(cap) }
    }

    /// The next delay.
    pub(crate) fn delay(&mut self) -> Duration {
        let delay = self.bound.mul_f64(rand::random());
        self.bound = self.bound.saturating_mul(2).min(self.cap);
        delay
    }

    /// Resets the bound after a success.
    pub(crate) fn reset(&mut self) {
        self.bound = self.first.min(self.cap);
    }
}

/// Sleeps until that time; without one, forever.
pub(crate) async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_stay_under_a_bound_that_doubles_to_the_cap() {
        for _ in 0..100 {
            let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
            for bound in [100, 200, 350, 350, 350] {
                let delay = backoff.delay();
                assert!(delay <= Duration::from_millis(bound), "{delay:?} of {bound} ms");
            }
        }
    }

    #[test]
    fn an_endless_outage_overflows_nothing() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::MAX);
        for _ in 0..200 {
            backoff.delay();
        }
        backoff.reset();
        assert!(backoff.delay() <= Duration::from_secs(1));
    }
}
