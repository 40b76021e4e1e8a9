//! The target is away for longer, or the broker is.

use super::{End, Play};
use crate::testing::{
    probe::Fault::{Before, Gate, Pass},
    stage::Stage,
    subject::Subject,
};

/// More tries than `max_retries`: the records are waited for.
pub(super) async fn many_tries<S: Subject>(stage: &mut Stage<S>) -> Play {
    stage.script([Pass, Before, Before, Before, Before, Before, Before]);
    let running = stage.start().await?;
    stage.publish(30).await?;
    Ok(stage.finish(running).await?)
}

/// The connector says of a target that is away that its failure may pass, and writes when the target is back.
pub(super) async fn target_away<S: Subject>(stage: &mut Stage<S>) -> Play {
    stage.records_may_come_again();
    let mut running = stage.start().await?;
    stage.publish(5).await?;
    stage.settled(&mut running).await?;
    if !stage.subject().take_away().await {
        stage.finish(running).await?;
        return Err(End::LeftOut("the subject's take_away does not take the target away".to_owned()));
    }
    let published = stage.publish(20).await;
    let failed =
        stage.until(&mut running, "two failed tries of a target that is away", |state| state.failed >= 2).await;
    stage.subject().give_back().await;
    published?;
    failed?;
    Ok(stage.finish(running).await?)
}

/// A target that refuses everything for a reason of its own is waited for: no record is at fault.
pub(super) async fn target_refuses<S: Subject>(stage: &mut Stage<S>) -> Play {
    stage.records_may_come_again();
    let mut running = stage.start().await?;
    stage.publish(5).await?;
    stage.settled(&mut running).await?;
    if !stage.subject().refuse_all().await {
        stage.finish(running).await?;
        return Err(End::LeftOut("the subject's refuse_all does not make the target refuse".to_owned()));
    }
    let published = stage.publish(100).await;
    let failed = stage.until(&mut running, "two refused tries", |state| state.failed >= 2).await;
    stage.subject().give_back().await;
    published?;
    failed?;
    Ok(stage.finish(running).await?)
}

/// Each time with a batch in hand: streams end, connections break, the broker restarts.
pub(super) async fn broker<S: Subject>(stage: &mut Stage<S>) -> Play {
    stage.records_may_come_again();
    let mut running = stage.start().await?;
    for round in 0..3 {
        stage.log().change(|state| state.gate_open = false);
        stage.script([Gate]);
        stage.publish(30).await?;
        stage.until(&mut running, "a write", |state| state.at_gate).await?;
        match round {
            0 => stage.kick(),
            1 => stage.cut_connections(),
            _ => stage.restart_broker().await?,
        }
        stage.log().change(|state| state.gate_open = true);
        stage.settled(&mut running).await?;
    }
    Ok(stage.finish(running).await?)
}
