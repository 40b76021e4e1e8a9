//! Outages of the target and of the broker.

use super::{Abort, Outcome};
use crate::testing::{
    fault::Fault::{Before, Block, Pass},
    harness::Harness,
    subject::Subject,
};

/// More attempts than `max_retries`: the records are still retried.
pub(super) async fn many_attempts<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    harness.script([Pass, Before, Before, Before, Before, Before, Before]);
    let running = harness.start().await?;
    harness.publish(30).await?;
    Ok(harness.finish(running).await?)
}

/// The connector returns a temporary failure while the target is unavailable, and writes when it is back.
pub(super) async fn target_unavailable<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    harness.allow_redelivery();
    let mut running = harness.start().await?;
    harness.publish(5).await?;
    harness.settled(&mut running).await?;
    if !harness.subject().take_away().await {
        harness.finish(running).await?;
        return Err(Abort::Skipped("the subject does not support take_away".to_owned()));
    }
    let published = harness.publish(20).await;
    let failed = harness
        .until(&mut running, "two failed attempts while the target is unavailable", |state| state.failed >= 2)
        .await;
    harness.subject().give_back().await;
    published?;
    failed?;
    Ok(harness.finish(running).await?)
}

/// The records are retried while the target refuses everything for a reason that no record caused.
pub(super) async fn target_refuses<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    harness.allow_redelivery();
    let mut running = harness.start().await?;
    harness.publish(5).await?;
    harness.settled(&mut running).await?;
    if !harness.subject().refuse_all().await {
        harness.finish(running).await?;
        return Err(Abort::Skipped("the subject does not support refuse_all".to_owned()));
    }
    let published = harness.publish(100).await;
    let failed = harness.until(&mut running, "two refused attempts", |state| state.failed >= 2).await;
    harness.subject().give_back().await;
    published?;
    failed?;
    Ok(harness.finish(running).await?)
}

/// Streams end, connections break and the broker restarts, each time with a batch in hand.
pub(super) async fn broker<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    harness.allow_redelivery();
    let mut running = harness.start().await?;
    for round in 0..3 {
        harness.log().change(|state| state.is_released = false);
        harness.script([Block]);
        harness.publish(30).await?;
        harness.until(&mut running, "a write", |state| state.is_blocked).await?;
        match round {
            0 => harness.kick(),
            1 => harness.cut_connections(),
            _ => harness.restart_broker().await?,
        }
        harness.log().change(|state| state.is_released = true);
        harness.settled(&mut running).await?;
    }
    Ok(harness.finish(running).await?)
}
