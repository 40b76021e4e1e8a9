//! Volumes: one record, many records, and batches.

use super::{Outcome, SMALL_WINDOW};
use crate::testing::{
    fault::Fault::{Block, Check},
    harness::{BATCH, Harness},
    subject::Subject,
};

/// One record is written and acknowledged; the target has it when the connector returns `Ok`.
pub(super) async fn one<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    harness.script([Check]);
    let running = harness.start().await?;
    harness.publish(1).await?;
    Ok(harness.finish(running).await?)
}

/// More records than a broker's window, at full speed.
pub(super) async fn thousand<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    harness.batches_of(10 * SMALL_WINDOW.window);
    harness.script([Check; 3]);
    let running = harness.start().await?;
    harness.publish(1_000).await?;
    Ok(harness.finish(running).await?)
}

/// Records that wait during a write fill batches up to `batch_size`.
pub(super) async fn batches<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    let count = 5 * BATCH as u64 + 3;
    harness.script([Block]);
    let mut running = harness.start().await?;
    harness.publish(1).await?;
    harness.until(&mut running, "a write", |state| state.is_blocked).await?;
    harness.publish(count).await?;
    harness.received(&mut running, count + 1).await?;
    harness.log().change(|state| state.is_released = true);
    harness.finish(running).await?;
    let full = harness.log().read(|state| state.attempts.iter().filter(|size| **size == BATCH).count());
    if full == 0 {
        harness.log().report(format!("{count} records were waiting, and no batch had {BATCH} records"));
    }
    Ok(())
}
