//! Life cycle of a connector: start, shutdown and restart.

use std::time::Duration;

use super::Outcome;
use crate::testing::{fault::Fault::Block, harness::Harness, subject::Subject};

/// A flush interval longer than any scenario.
const NEVER: Duration = Duration::from_secs(3_600);

/// The target stays empty.
pub(super) async fn starts_and_stops<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    let running = harness.start().await?;
    Ok(harness.finish(running).await?)
}

/// A partly filled batch is written and acknowledged in the shutdown.
pub(super) async fn shutdown_with_an_open_batch<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    const IN_HAND: u64 = 7;
    let never = |config: &mut crate::ConnectorConfig| (config.flush_interval, config.ack_timeout) = (NEVER, 4 * NEVER);
    let mut running = harness.start_with(never).await?;
    harness.publish(IN_HAND).await?;
    harness.received(&mut running, IN_HAND).await?;
    Ok(harness.shut_down(running).await?)
}

/// A write in progress is finished and acknowledged.
pub(super) async fn shutdown_during_a_write<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    const IN_HAND: u64 = 7;
    harness.script([Block]);
    let mut running = harness.start().await?;
    harness.publish(IN_HAND).await?;
    harness.received(&mut running, IN_HAND).await?;
    harness.until(&mut running, "a write", |state| state.is_blocked).await?;
    running.shut_down();
    harness.log().change(|state| state.is_released = true);
    Ok(harness.shut_down(running).await?)
}

/// Records published in between are delivered, and none twice.
pub(super) async fn second_start<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    let running = harness.start().await?;
    harness.publish(25).await?;
    harness.finish(running).await?;
    harness.publish(25).await?;
    let running = harness.start().await?;
    Ok(harness.finish(running).await?)
}
