//! From `initialize` to `shutdown`.

use std::time::Duration;

use super::Play;
use crate::testing::{probe::Fault::Gate, stage::Stage, subject::Subject};

/// A flush interval that no scenario lives to see.
const NEVER: Duration = Duration::from_secs(3_600);

/// The target, which is empty, stays so.
pub(super) async fn opens_and_closes<S: Subject>(stage: &mut Stage<S>) -> Play {
    let running = stage.start().await?;
    Ok(stage.finish(running).await?)
}

/// Records that wait for company are written and acknowledged in the shutdown.
pub(super) async fn shutdown_with_an_open_batch<S: Subject>(stage: &mut Stage<S>) -> Play {
    const IN_HAND: u64 = 7;
    let never = |config: &mut crate::ConnectorConfig| (config.flush_interval, config.ack_timeout) = (NEVER, 4 * NEVER);
    let mut running = stage.start_with(never).await?;
    stage.publish(IN_HAND).await?;
    stage.received(&mut running, IN_HAND).await?;
    Ok(stage.shut_down(running).await?)
}

/// A write that is under way is finished and acknowledged.
pub(super) async fn shutdown_during_a_write<S: Subject>(stage: &mut Stage<S>) -> Play {
    const IN_HAND: u64 = 7;
    stage.script([Gate]);
    let mut running = stage.start().await?;
    stage.publish(IN_HAND).await?;
    stage.received(&mut running, IN_HAND).await?;
    stage.until(&mut running, "a write", |state| state.at_gate).await?;
    running.shut_down();
    stage.log().change(|state| state.gate_open = true);
    Ok(stage.shut_down(running).await?)
}

/// What was published between the two is delivered, and nothing again.
pub(super) async fn second_start<S: Subject>(stage: &mut Stage<S>) -> Play {
    let running = stage.start().await?;
    stage.publish(25).await?;
    stage.finish(running).await?;
    stage.publish(25).await?;
    let running = stage.start().await?;
    Ok(stage.finish(running).await?)
}
