//! What is written later replaces what was written before.

use super::{End, FOREIGN, Play};
use crate::testing::{
    log::Sent,
    probe::Fault::{After, Before, Cut, Gate, Pass},
    stage::Stage,
    subject::Subject,
};

const KEYS: u64 = 4;

/// One key several times in a batch, in later batches, and after attempts that fail.
pub(super) async fn last_version<S: Subject>(stage: &mut Stage<S>) -> Play {
    stage.records_may_come_again();
    stage.script([Gate, Before, Pass, After, Pass, Cut]);
    let patience = stage.subject().patience();
    let mut running = stage.start_with(|config| config.write_timeout = patience / 10).await?;
    stage.publish(1).await?;
    stage.until(&mut running, "a write", |state| state.at_gate).await?;
    let published = Versions::publish(stage, 20).await;
    stage.log().change(|state| state.gate_open = true);
    stage.finish(running).await?;
    published?.look(stage).await;
    Ok(())
}

/// Versions of a few keys that were published.
pub(super) struct Versions {
    last: u64,
}

impl Versions {
    pub(super) async fn publish<S: Subject>(stage: &mut Stage<S>, last: u64) -> Result<Self, End> {
        let mut messages = Vec::new();
        for (version, key) in (1..=last).flat_map(|version| (FOREIGN..FOREIGN + KEYS).map(move |key| (version, key))) {
            let Some(payload) = stage.subject().version(key, version) else {
                return Err(End::LeftOut("the subject has no versions of a key".to_owned()));
            };
            messages.push(Sent::strange(payload, key.to_string()));
        }
        stage.send(messages).await?;
        Ok(Self { last })
    }

    /// Whether the target holds the last one of each key.
    pub(super) async fn look<S: Subject>(&self, stage: &Stage<S>) {
        let mut held = stage.subject().versions().await;
        held.sort_unstable();
        let expected: Vec<_> = (FOREIGN..FOREIGN + KEYS).map(|key| (key, self.last)).collect();
        if held != expected {
            let last = self.last;
            stage.log().find(format!("the target holds the keys and versions {held:?}, and the last was {last}"));
        }
    }
}
