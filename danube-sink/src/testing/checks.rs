//! Checks at the end of a scenario: of the target, the acknowledgements, the metrics and the dead letters.

use super::{
    harness::Harness,
    ledger::compare,
    markers::{FOREIGN, SECRET},
    numbers::Numbers,
    running::Running,
    subject::Subject,
};
use crate::config::OnInvalidRecord;

impl<S: Subject> Harness<S> {
    /// Waits until everything is acknowledged, checks the target and all counters, and stops the connector.
    pub(super) async fn finish(&mut self, mut running: Running) -> Result<(), String> {
        let settled = self.settled(&mut running).await;
        if settled.is_ok() {
            // Before the shutdown: a record written only then was acknowledged too early.
            self.check_target("when everything was acknowledged").await;
            self.until(&mut running, "the end of the last attempt", |state| state.in_progress == 0).await?;
            self.count(&mut running).await?;
        }
        let stopped = running.stop(self.subject().patience()).await;
        settled?;
        stopped?;
        self.check_target("after the shutdown").await;
        self.check_lifecycle();
        Ok(())
    }

    /// Stops a connector that has records in hand, and checks that they were written and acknowledged.
    pub(super) async fn shut_down(&mut self, running: Running) -> Result<(), String> {
        running.stop(self.subject().patience()).await?;
        let status = self.status();
        let left = status.backlog + status.in_flight;
        if left > 0 {
            let of = status.published;
            self.log().report(format!("{left} of {of} records were in hand and not acknowledged in the shutdown"));
        }
        self.check_target("after the shutdown").await;
        self.check_lifecycle();
        Ok(())
    }

    async fn check_target(&self, when: &str) {
        let mut held = self.subject().held().await;
        held.retain(|number| *number < FOREIGN);
        for finding in compare(&self.numbers(), self.next_number(), &held, self.once) {
            self.log().report(format!("{when}: {finding}"));
        }
    }

    fn check_lifecycle(&self) {
        let (initialized, closed) = self.log().read(|state| (state.initialized, state.closed));
        for (method, calls) in [("initialize", initialized), ("shutdown", closed)] {
            if calls != self.instances_started() {
                self.log()
                    .report(format!("{method} was called {calls} times for {} instances", self.instances_started()));
            }
        }
    }

    async fn count(&self, running: &mut Running) -> Result<(), String> {
        self.check_batches();
        self.check_rejections();
        if self.disturbed {
            return Ok(());
        }
        let published = self.log().read(|state| state.sent.len() as u64);
        let expected = self.expected(running);
        // The broker's counter is ahead of its response, and early acknowledgements are ahead of the batch's; the metrics
        // count after both. On a busy machine the runtime may attach anew: the acknowledgement of a message that was delivered
        // twice counts minutes later, whatever the connector does.
        let waited = self
            .wait(running, |status, numbers| {
                numbers.acks + status.redeliveries >= expected.acks && numbers.retries >= expected.retries
            })
            .await;
        let mut numbers = running.numbers().await?;
        numbers.acks = numbers.acks.max(expected.acks.min(numbers.acks + self.status().redeliveries));
        if self.may_time_out {
            numbers.retries = numbers.retries.min(expected.retries);
        }
        for (what, found, expected) in [
            ("acknowledgements at the broker", self.status().acked, published),
            ("acknowledgements in /metrics", numbers.acks, expected.acks),
            ("settled records in /metrics", numbers.settled, expected.settled),
            ("retries in /metrics", numbers.retries, expected.retries),
            ("dead letters in /metrics", numbers.dead_letters, expected.dead_letters),
            ("skipped records in /metrics", numbers.skipped, expected.skipped),
        ] {
            if found != expected {
                self.log().report(format!("{found} {what} instead of {expected}"));
            }
        }
        waited
    }

    /// The expected metrics of this run.
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

    fn check_batches(&self) {
        let largest = self.log().read(|state| state.attempts.iter().copied().max().unwrap_or_default());
        if largest > self.batch_size {
            self.log().report(format!("a batch of {largest} records where batch_size is {}", self.batch_size));
        }
    }

    /// Checks that no valid record was rejected, and that exactly the rejected ones are dead letters.
    fn check_rejections(&self) {
        let (own, mut rejected) = self.log().read(|state| {
            let own = state.undelivered().filter(|sent| sent.number.is_some()).count();
            (own, state.undelivered().map(|sent| sent.payload.clone()).collect::<Vec<_>>())
        });
        if own > 0 {
            self.log().report(format!("{own} records were rejected although their payloads are valid"));
        }
        if self.on_invalid != OnInvalidRecord::DeadLetter {
            rejected.clear();
        }
        let dead_letters = self.dead_letters();
        let reasons = dead_letters.iter().filter_map(|message| message.attributes.get("x-failure-reason"));
        if reasons.filter(|reason| reason.contains(SECRET)).count() > 0 {
            self.log().report("the reason of a dead letter repeats a value of its record".to_owned());
        }
        let mut dead_letters: Vec<_> = dead_letters.into_iter().map(|message| message.payload.to_vec()).collect();
        dead_letters.sort();
        rejected.sort();
        if dead_letters != rejected {
            let (found, of) = (dead_letters.len(), rejected.len());
            self.log().report(format!("the {found} dead letters are not the {of} rejected records"));
        }
    }
}
