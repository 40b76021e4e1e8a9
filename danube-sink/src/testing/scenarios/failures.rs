//! Attempts that fail while the target is available.

use std::time::Duration;

use super::Outcome;
use crate::testing::{
    fault::Fault::{self, After, Before, Cancel, Half, Hang, Pass},
    harness::Harness,
    subject::Subject,
};

/// Shortest timeout of an attempt in scenarios with hanging attempts.
const MIN_TIMEOUT: Duration = Duration::from_secs(1);
/// Part of the subject's patience that is its timeout, since a slower target needs more.
const TIMEOUTS_IN_PATIENCE: u32 = 30;
const RECORDS: u64 = 60;

/// The batch is retried, and in the target once.
pub(super) async fn before_the_write<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    run(harness, &[Pass, Before, Pass, Before, Before]).await
}

/// The batch is retried although the target has it.
pub(super) async fn after_the_write<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    harness.allow_redelivery();
    run(harness, &[Pass, After, Pass, After, After]).await
}

/// Only the records that were not written are retried.
pub(super) async fn in_part<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    run(harness, &[Pass, Half, Half, Pass, Half]).await
}

/// The attempt times out after `write_timeout_ms`, and the batch is retried.
pub(super) async fn hangs<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    run(harness, &[Pass, Hang]).await
}

/// The connector's future is dropped while it writes; its remains must not prevent the next attempt.
pub(super) async fn cancelled_halfway<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    run(harness, &[Pass, Cancel, Pass, Cancel]).await
}

async fn run<S: Subject>(harness: &mut Harness<S>, script: &[Fault]) -> Outcome {
    harness.script(script.iter().copied());
    let timeout = if script.iter().any(|fault| matches!(fault, Hang | Cancel)) {
        harness.allow_timeouts();
        MIN_TIMEOUT.max(harness.subject().patience() / TIMEOUTS_IN_PATIENCE)
    } else {
        harness.subject().patience()
    };
    let running = harness.start_with(|config| config.write_timeout = timeout).await?;
    harness.publish(RECORDS).await?;
    Ok(harness.finish(running).await?)
}
