//! The requests that an API may still work on, since an earlier try had no answer.

use std::{sync::Arc, time::Duration};

use danube_sink::Recent;
use tokio::time::Instant;

use crate::reqwest::StatusCode;

/// Number of requests that are remembered.
const MOST: usize = 4 * 1024;
/// How long an API may work on a request, at most.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Requests without an answer, by their idempotency keys: an API that still works on one answers its retries with 409.
#[derive(Debug)]
pub(super) struct Unanswered(Recent<Instant>);

/// A try of a request.
pub(super) struct Try<'u> {
    all: &'u Unanswered,
    key: String,
    /// When the last try without an answer began.
    earlier: Option<Arc<Instant>>,
}

impl Default for Unanswered {
    fn default() -> Self {
        Self(Recent::new(MOST))
    }
}

impl Unanswered {
    /// Begins a try, which has no answer until [`Try::answered`] says so.
    pub(super) fn begin(&self, key: String) -> Try<'_> {
        let earlier = self.0.get(&key);
        self.0.insert(&key, Instant::now());
        Try { all: self, key, earlier }
    }
}

impl Try<'_> {
    /// Whether the answer means that the API still works on an earlier try.
    pub(super) fn answered(self, status: StatusCode, is_cut_off: bool) -> bool {
        let Self { all: Unanswered(all), key, earlier } = self;
        match (status, earlier) {
            (StatusCode::CONFLICT, Some(earlier)) if earlier.elapsed() < LONGEST => {
                all.insert(&key, earlier);
                true
            }
            // A gateway has no answer of the API.
            (StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT, _) => false,
            _ if is_cut_off => false,
            _ => {
                all.remove(&key);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_conflict_is_of_an_earlier_try_for_as_long_as_an_api_may_work_on_it() {
        let all = Unanswered::default();
        let is_in_progress = |status, is_cut_off| all.begin("k".to_owned()).answered(status, is_cut_off);
        assert!(!is_in_progress(StatusCode::CONFLICT, false), "the first try");
        drop(all.begin("k".to_owned()));
        assert!(is_in_progress(StatusCode::CONFLICT, false) && is_in_progress(StatusCode::CONFLICT, false));
        assert!(!is_in_progress(StatusCode::SERVICE_UNAVAILABLE, false), "an answer");
        assert!(!is_in_progress(StatusCode::CONFLICT, false));
        for (status, is_cut_off) in
            [(StatusCode::BAD_GATEWAY, false), (StatusCode::GATEWAY_TIMEOUT, false), (StatusCode::OK, true)]
        {
            assert!(!is_in_progress(status, is_cut_off) && is_in_progress(StatusCode::CONFLICT, false), "{status}");
        }
        tokio::time::advance(LONGEST).await;
        assert!(!is_in_progress(StatusCode::CONFLICT, false), "a conflict with something else");
    }
}
