//! The requests that an API may still work on, since an earlier try had no answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use danube_sink::{Recent, TargetFailure::Busy};
use tokio::time::Instant;

use crate::{FilledIn, reqwest::StatusCode, usual};

/// Number of requests that are remembered.
const MOST: usize = 4 * 1024;
/// How long an API may work on a request, at most.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Requests without an answer: an API that still works on one answers its retries with 409.
#[derive(Debug)]
pub(super) struct Unanswered(Recent<Instant>);

/// A try of a request. One that ends without an answer, also because it is dropped, is remembered.
pub(super) struct Try<'u> {
    all: &'u Unanswered,
    request: String,
    began: Instant,
    /// When the last try without an answer began.
    earlier: Option<Arc<Instant>>,
    /// Whether the API may have the request, and has not answered it.
    pub(super) is_out: AtomicBool,
}

impl Default for Unanswered {
    fn default() -> Self {
        Self(Recent::new(MOST))
    }
}

impl Unanswered {
    /// Begins a try of a request: its method, URL and idempotency key.
    pub(super) fn begin(&self, request: String) -> Try<'_> {
        let earlier = self.0.get(&request);
        Try { all: self, request, began: Instant::now(), earlier, is_out: AtomicBool::default() }
    }
}

impl Try<'_> {
    /// Whether the answer means that the API still works on an earlier try.
    pub(super) fn answered(self, status: StatusCode, is_cut_off: bool) -> bool {
        let is_in_progress =
            status == StatusCode::CONFLICT && self.earlier.as_ref().is_some_and(|earlier| earlier.elapsed() < LONGEST);
        // A gateway has no answer of the API.
        let is_of_gateway = matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT);
        let is_out = !is_in_progress && (is_of_gateway || is_cut_off);
        self.is_out.store(is_out, Ordering::Relaxed);
        // A temporary failure, which may be a gateway's, says nothing of the earlier try.
        let is_verdict = status.is_success() || status.is_client_error();
        if !is_in_progress && is_verdict && usual(status, FilledIn::default()) != Err(Busy) {
            self.all.0.remove(&self.request);
        }
        is_in_progress
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        if *self.is_out.get_mut() {
            self.all.0.insert(&self.request, self.began);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_conflict_is_of_an_earlier_try_for_as_long_as_an_api_may_work_on_it() {
        let all = Unanswered::default();
        let begin = || {
            let this_try = all.begin("k".to_owned());
            this_try.is_out.store(true, Ordering::Relaxed);
            this_try
        };
        let is_in_progress = |status, is_cut_off| begin().answered(status, is_cut_off);
        assert!(!is_in_progress(StatusCode::CONFLICT, false), "the first try");
        drop(all.begin("k".to_owned()));
        assert!(!is_in_progress(StatusCode::CONFLICT, false), "a try that has not left");
        drop(begin());
        assert!(is_in_progress(StatusCode::CONFLICT, false) && is_in_progress(StatusCode::CONFLICT, false));
        for status in [408, 423, 425, 429, 500, 503].map(|status| StatusCode::from_u16(status).unwrap()) {
            assert!(!is_in_progress(status, false) && is_in_progress(StatusCode::CONFLICT, false), "{status}");
        }
        for status in [StatusCode::OK, StatusCode::UNPROCESSABLE_ENTITY] {
            drop(begin());
            assert!(!is_in_progress(status, false) && !is_in_progress(StatusCode::CONFLICT, false), "{status}");
        }
        for (status, is_cut_off) in
            [(StatusCode::BAD_GATEWAY, false), (StatusCode::GATEWAY_TIMEOUT, false), (StatusCode::OK, true)]
        {
            assert!(!is_in_progress(status, is_cut_off) && is_in_progress(StatusCode::CONFLICT, false), "{status}");
        }
        tokio::time::advance(LONGEST).await;
        assert!(!is_in_progress(StatusCode::CONFLICT, false), "a conflict with something else");
    }
}
