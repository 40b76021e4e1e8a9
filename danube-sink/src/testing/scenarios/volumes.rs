//! One record, many records, and batches.

use super::{Play, SMALL_WINDOW};
use crate::testing::{
    probe::Fault::{Gate, Look},
    stage::{BATCH, Stage},
    subject::Subject,
};

/// Written and acknowledged; the target has it before the connector answers.
pub(super) async fn one<S: Subject>(stage: &mut Stage<S>) -> Play {
    stage.script([Look]);
    let running = stage.start().await?;
    stage.publish(1).await?;
    Ok(stage.finish(running).await?)
}

/// More than a broker's window, as fast as they come.
pub(super) async fn thousand<S: Subject>(stage: &mut Stage<S>) -> Play {
    stage.batches_of(10 * SMALL_WINDOW.window);
    stage.script([Look; 3]);
    let running = stage.start().await?;
    stage.publish(1_000).await?;
    Ok(stage.finish(running).await?)
}

/// Full ones and a rest, of records that wait for a write.
pub(super) async fn batches<S: Subject>(stage: &mut Stage<S>) -> Play {
    let count = 5 * BATCH as u64 + 3;
    stage.script([Gate]);
    let mut running = stage.start().await?;
    stage.publish(1).await?;
    stage.until(&mut running, "a write", |state| state.at_gate).await?;
    stage.publish(count).await?;
    stage.received(&mut running, count + 1).await?;
    stage.log().change(|state| state.gate_open = true);
    stage.finish(running).await?;
    let full = stage.log().read(|state| state.tries.iter().filter(|size| **size == BATCH).count());
    if full == 0 {
        stage.log().find(format!("{count} records were waiting, and no batch had {BATCH} of them"));
    }
    Ok(())
}
