//! The attempt that a batch belongs to: its deadline, and whether every batch got its outcome.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::error::{ConnectorError, ConnectorResult};

/// Time of a write outside an attempt, as in a unit test: the default of `write_timeout_ms`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);

tokio::task_local! {
    static ATTEMPT: Attempt;
}

/// What the batches of an attempt share.
#[derive(Clone)]
struct Attempt {
    deadline: Instant,
    unfinished: Arc<AtomicBool>,
}

impl Attempt {
    fn new(timeout: Duration) -> Self {
        // The rest is for what follows the write. An attempt that the runtime has to cancel is reported without its cause.
        Self { deadline: Instant::now() + timeout * 9 / 10, unfinished: Arc::default() }
    }
}

/// Makes one attempt to write: batches within it have its deadline, and each must get its outcome.
///
/// # Errors
/// Those of the call; [`ConnectorError::Fatal`] if the call claims success for a batch that never got its outcome.
pub(crate) async fn attempt(timeout: Duration, call: impl Future<Output = ConnectorResult<()>>) -> ConnectorResult<()> {
    let attempt = Attempt::new(timeout);
    let unfinished = Arc::clone(&attempt.unfinished);
    checked(ATTEMPT.scope(attempt, call).await, &unfinished)
}

/// The result of a write, unless it counts records as delivered while one of its batches has no outcome.
pub(super) fn checked(result: ConnectorResult<()>, unfinished: &AtomicBool) -> ConnectorResult<()> {
    match result {
        Ok(()) | Err(ConnectorError::Partial(_)) if unfinished.load(Ordering::Relaxed) => Err(ConnectorError::fatal(
            "a `Batch` was dropped without an outcome, so no record of it is acknowledged: end `process_batch` with its \
             `done`, `finish`, `answered` or `concurrently`",
        )),
        result => result,
    }
}

/// Guard that notices a batch without an outcome.
#[derive(Debug, Default)]
pub(super) struct Open {
    unfinished: Arc<AtomicBool>,
    is_closed: bool,
}

impl Open {
    /// The deadline of the current attempt, and the guard of a batch in it.
    pub(super) fn in_attempt() -> (Instant, Self) {
        let Attempt { deadline, unfinished } =
            ATTEMPT.try_with(Attempt::clone).unwrap_or_else(|_| Attempt::new(DEFAULT_TIMEOUT));
        (deadline, Self { unfinished, is_closed: false })
    }

    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    pub(super) fn unfinished(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.unfinished)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.is_closed {
            self.unfinished.store(true, Ordering::Relaxed);
        }
    }
}
