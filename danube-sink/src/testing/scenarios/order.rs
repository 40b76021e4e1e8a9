//! Order of writes: a later version of a key replaces an earlier one.

use super::{Abort, Outcome};
use crate::testing::{
    fault::Fault::{After, Before, Block, Cancel, Pass},
    harness::Harness,
    log::Sent,
    markers::FOREIGN,
    subject::Subject,
};

const KEYS: u64 = 4;

/// One key several times in a batch, in later batches, and after failed attempts.
pub(super) async fn last_version<S: Subject>(harness: &mut Harness<S>) -> Outcome {
    harness.allow_redelivery();
    harness.allow_timeouts();
    harness.script([Block, Before, Pass, After, Pass, Cancel]);
    let patience = harness.subject().patience();
    let mut running = harness.start_with(|config| config.write_timeout = patience / 10).await?;
    harness.publish(1).await?;
    harness.until(&mut running, "a write", |state| state.is_blocked).await?;
    let published = Versions::publish(harness, 20).await;
    harness.log().change(|state| state.is_released = true);
    harness.finish(running).await?;
    published?.check(harness).await;
    Ok(())
}

/// Published versions of a few keys.
pub(super) struct Versions {
    last: u64,
}

impl Versions {
    pub(super) async fn publish<S: Subject>(harness: &mut Harness<S>, last: u64) -> Result<Self, Abort> {
        let mut messages = Vec::new();
        for (version, key) in (1..=last).flat_map(|version| (FOREIGN..FOREIGN + KEYS).map(move |key| (version, key))) {
            let Some(payload) = harness.subject().version(key, version) else {
                return Err(Abort::Skipped("the subject does not support versions".to_owned()));
            };
            messages.push(Sent::foreign(payload, key.to_string()));
        }
        harness.send(messages).await?;
        Ok(Self { last })
    }

    /// Checks that the target has the last version of each key.
    pub(super) async fn check<S: Subject>(&self, harness: &Harness<S>) {
        let mut held = harness.subject().versions().await;
        held.sort_unstable();
        let expected: Vec<_> = (FOREIGN..FOREIGN + KEYS).map(|key| (key, self.last)).collect();
        if held != expected {
            let last = self.last;
            harness.log().report(format!("the target has the keys and versions {held:?} instead of version {last}"));
        }
    }
}
