//! Tries that fail, with the target there.

use std::time::Duration;

use super::Play;
use crate::testing::{
    probe::Fault::{self, After, Before, Cut, Half, Hang, Pass},
    stage::Stage,
    subject::Subject,
};

/// The shortest limit of one try where tries hang.
const SHORTEST_LIMIT: Duration = Duration::from_secs(1);
/// A subject with more patience has a slower target.
const TRIES_IN_PATIENCE: u32 = 30;
const RECORDS: u64 = 60;

/// The batch comes again and is held once.
pub(super) async fn before_the_write<S: Subject>(stage: &mut Stage<S>) -> Play {
    play(stage, &[Pass, Before, Pass, Before, Before]).await
}

/// The batch comes again although the target has it.
pub(super) async fn after_the_write<S: Subject>(stage: &mut Stage<S>) -> Play {
    stage.records_may_come_again();
    play(stage, &[Pass, After, Pass, After, After]).await
}

/// Only the records that were not written come again.
pub(super) async fn in_part<S: Subject>(stage: &mut Stage<S>) -> Play {
    play(stage, &[Pass, Half, Half, Pass, Half]).await
}

/// The try is given up at `write_timeout_ms`, and the batch comes again.
pub(super) async fn hangs<S: Subject>(stage: &mut Stage<S>) -> Play {
    play(stage, &[Pass, Hang]).await
}

/// The connector's future is dropped while it writes; what it leaves behind must not keep the next try from writing.
pub(super) async fn given_up_halfway<S: Subject>(stage: &mut Stage<S>) -> Play {
    stage.records_may_come_again();
    play(stage, &[Pass, Cut, Pass, Cut]).await
}

async fn play<S: Subject>(stage: &mut Stage<S>, script: &[Fault]) -> Play {
    stage.script(script.iter().copied());
    let limit = if script.iter().any(|fault| matches!(fault, Hang | Cut)) {
        SHORTEST_LIMIT.max(stage.subject().patience() / TRIES_IN_PATIENCE)
    } else {
        stage.subject().patience()
    };
    let running = stage.start_with(|config| config.write_timeout = limit).await?;
    stage.publish(RECORDS).await?;
    Ok(stage.finish(running).await?)
}
