//! What has to be so at the end of a scenario. What is not is written down, and the look goes on.

use super::{
    ledger::compare,
    numbers::Numbers,
    running::Running,
    scenarios::{FOREIGN, SECRET},
    stage::Stage,
    subject::Subject,
};
use crate::config::OnInvalidRecord;

impl<S: Subject> Stage<S> {
    /// Waits until everything is acknowledged, looks at the target and at every count, and ends the connector.
    pub(super) async fn finish(&mut self, mut running: Running) -> Result<(), String> {
        let settled = self.settled(&mut running).await;
        if settled.is_ok() {
            // Before the shutdown: what is written only then was acknowledged too early.
            self.look_into_target("when everything was acknowledged").await;
            self.until(&mut running, "the answer to the last try", |state| state.under_way == 0).await?;
            self.count(&mut running).await?;
        }
        let stopped = running.stop(self.subject().patience()).await;
        settled?;
        stopped?;
        self.look_into_target("after the shutdown").await;
        self.look_at_lives();
        Ok(())
    }

    /// Ends a connector that has records in hand, and looks at what became of them.
    pub(super) async fn shut_down(&mut self, running: Running) -> Result<(), String> {
        running.stop(self.subject().patience()).await?;
        let status = self.status();
        let left = status.backlog + status.in_flight;
        if left > 0 {
            let of = status.published;
            self.log().find(format!("{left} of {of} records were in hand and not acknowledged in the shutdown"));
        }
        self.look_into_target("after the shutdown").await;
        self.look_at_lives();
        Ok(())
    }

    async fn look_into_target(&self, when: &str) {
        let mut held = self.subject().held().await;
        held.retain(|number| *number < FOREIGN);
        for finding in compare(&self.numbers(), self.next_number(), &held, self.once) {
            self.log().find(format!("{when}: {finding}"));
        }
    }

    fn look_at_lives(&self) {
        let (initialized, closed) = self.log().read(|state| (state.initialized, state.closed));
        for (method, calls) in [("initialize", initialized), ("shutdown", closed)] {
            if calls != self.lives() {
                self.log().find(format!("{method} was called {calls} times in {} lives", self.lives()));
            }
        }
    }

    async fn count(&self, running: &mut Running) -> Result<(), String> {
        self.look_at_batches();
        self.look_at_rejections();
        if self.disturbed {
            return Ok(());
        }
        let published = self.log().read(|state| state.sent.len() as u64);
        let expected = self.expected(running);
        // A broker's count is ahead of its answer, and early acknowledgements are ahead of the batch's; the metrics count both
        // answers.
        let counted = |_, numbers: Numbers| numbers.acks >= expected.acks && numbers.retries >= expected.retries;
        let waited = self.wait(running, counted).await;
        let numbers = running.numbers().await?;
        for (what, found, expected) in [
            ("acknowledgements at the broker", self.status().acked, published),
            ("acknowledgements in /metrics", numbers.acks, expected.acks),
            ("settled records in /metrics", numbers.settled, expected.settled),
            ("retries in /metrics", numbers.retries, expected.retries),
            ("dead letters in /metrics", numbers.dead_letters, expected.dead_letters),
            ("skipped records in /metrics", numbers.skipped, expected.skipped),
        ] {
            if found != expected {
                self.log().find(format!("{found} {what} instead of {expected}"));
            }
        }
        waited
    }

    /// What the metrics of this run must say.
    fn expected(&self, running: &Running) -> Numbers {
        let before = running.before();
        let (now, published) = self.log().read(|state| (state.tally(0), state.sent.len() as u64));
        let settled = published - before.acked;
        let rejected = settled.saturating_sub(now.delivered - before.delivered);
        let (dead_letters, skipped) = match self.on_invalid {
            OnInvalidRecord::DeadLetter => (rejected, 0),
            OnInvalidRecord::Skip | OnInvalidRecord::Stop => (0, rejected),
        };
        let retries = now.failed - before.failed;
        Numbers { received: settled, settled, acks: settled, retries, dead_letters, skipped }
    }

    fn look_at_batches(&self) {
        let largest = self.log().read(|state| state.tries.iter().copied().max().unwrap_or_default());
        if largest > self.batch_size {
            self.log().find(format!("a batch of {largest} records where batch_size is {}", self.batch_size));
        }
    }

    /// Nothing of the connector's own is rejected, and the dead letters are what was.
    fn look_at_rejections(&self) {
        let (own, mut rejected) = self.log().read(|state| {
            let own = state.undelivered().filter(|sent| sent.number.is_some()).count();
            (own, state.undelivered().map(|sent| sent.payload.clone()).collect::<Vec<_>>())
        });
        if own > 0 {
            self.log().find(format!("{own} records were rejected although their payloads are of the connector's own"));
        }
        if self.on_invalid != OnInvalidRecord::DeadLetter {
            rejected.clear();
        }
        let dead_letters = self.dead_letters();
        let reasons = dead_letters.iter().filter_map(|letter| letter.attributes.get("x-failure-reason"));
        if reasons.filter(|reason| reason.contains(SECRET)).count() > 0 {
            self.log().find("the reason of a dead letter repeats a value of its record".to_owned());
        }
        let mut letters: Vec<_> = dead_letters.into_iter().map(|letter| letter.payload.to_vec()).collect();
        letters.sort();
        rejected.sort();
        if letters != rejected {
            let (found, of) = (letters.len(), rejected.len());
            self.log().find(format!("the {found} dead letters are not the {of} records that were rejected"));
        }
    }
}
