//! Conformance scenarios. Each reports findings in the harness's log, or aborts with one.

mod failures;
mod life;
mod order;
mod outages;
mod payloads;
mod readers;
mod volumes;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    harness::{Harness, Setup},
    report::{Report, Scenario, ScenarioResult},
    subject::Subject,
};
use crate::{config::SubscriptionType, dev::Partitions};

/// A broker with its default window.
const SMALL_WINDOW: Setup =
    Setup { window: 10, partitions: Partitions::Unpartitioned, subscription_type: None, tasks: 1 };
/// Batches are closed by size or time, and not by the window.
const LARGE_WINDOW: Setup = Setup { window: 1_000, ..SMALL_WINDOW };

/// Number of the first payload. Hostile values that are small numbers are below it, so that none is taken for a payload.
const FIRST_NUMBER: u64 = 2_000;

/// Reason for skipping the others if the first one fails.
const DOES_NOT_START: &str = "the connector does not start and stop";

/// Reason for aborting a scenario.
enum Abort {
    /// The subject does not support the scenario.
    Skipped(String),
    Failed(String),
}

impl From<String> for Abort {
    fn from(finding: String) -> Self {
        Self::Failed(finding)
    }
}

type Outcome = Result<(), Abort>;

/// Runs the selected scenarios, or all if none is selected, one after the other with the same target.
pub(super) async fn run<S: Subject>(subject: S, selected: &[&'static str]) -> Report {
    let mut runner = Runner { subject: Arc::new(subject), selected, next_number: FIRST_NUMBER, finished: Vec::new() };
    runner.run("starts and stops without a record", SMALL_WINDOW, life::starts_and_stops).await;
    runner.run("one record", SMALL_WINDOW, volumes::one).await;
    runner.run("1 000 records", SMALL_WINDOW, volumes::thousand).await;
    runner.run("batches up to batch_size", LARGE_WINDOW, volumes::batches).await;
    runner.run("an attempt fails before the write", LARGE_WINDOW, failures::before_the_write).await;
    runner.run("an attempt fails after the write", LARGE_WINDOW, failures::after_the_write).await;
    runner.run("a batch fails partially", LARGE_WINDOW, failures::in_part).await;
    runner.run("a write hangs", LARGE_WINDOW, failures::hangs).await;
    runner.run("a write is cancelled halfway", LARGE_WINDOW, failures::cancelled_halfway).await;
    runner.run("an outage of many attempts", LARGE_WINDOW, outages::many_attempts).await;
    runner.run("the target is unavailable", LARGE_WINDOW, outages::target_unavailable).await;
    runner.run("the broker loses its connections and restarts", SMALL_WINDOW, outages::broker).await;
    runner.run("shutdown with an open batch", LARGE_WINDOW, life::shutdown_with_an_open_batch).await;
    runner.run("shutdown during a write", LARGE_WINDOW, life::shutdown_during_a_write).await;
    runner.run("a second start continues where the first ended", SMALL_WINDOW, life::second_start).await;
    runner.run("the target refuses everything", LARGE_WINDOW, outages::target_refuses).await;
    runner.run("payloads of every type, to dead letters", LARGE_WINDOW, payloads::dead_letters).await;
    runner.run("payloads of every type, skipped", LARGE_WINDOW, payloads::skipped).await;
    runner.run("hostile values in every field", LARGE_WINDOW, payloads::hostile_values).await;
    runner.run("hostile keys and attributes", LARGE_WINDOW, payloads::hostile_names).await;
    runner.run("many invalid records in a batch", LARGE_WINDOW, payloads::many_invalid).await;
    runner.run("the last version of a key stays", LARGE_WINDOW, order::last_version).await;
    let partitions = Partitions::Of(3);
    let partitioned = Setup { partitions, subscription_type: Some(SubscriptionType::Exclusive), ..LARGE_WINDOW };
    runner.run("a topic with partitions", partitioned, readers::every_record).await;
    let tasks = Setup { tasks: 3, ..partitioned };
    runner.run("three tasks", tasks, readers::every_record).await;
    let key_shared = Setup { subscription_type: Some(SubscriptionType::KeyShared), tasks: 3, ..LARGE_WINDOW };
    runner.run("a KeyShared subscription and three tasks", key_shared, readers::every_record).await;
    runner.report()
}

struct Runner<'a, S> {
    subject: Arc<S>,
    selected: &'a [&'static str],
    next_number: u64,
    finished: Vec<Scenario>,
}

impl<S: Subject> Runner<'_, S> {
    async fn run(&mut self, name: &'static str, setup: Setup, scenario: impl AsyncFnOnce(&mut Harness<S>) -> Outcome) {
        // The first one always runs: the others depend on it.
        if !self.finished.is_empty() && !self.selected.is_empty() && !self.selected.contains(&name) {
            return;
        }
        let started = Instant::now();
        let (result, notes) = if self.starts() {
            self.result(setup, scenario).await
        } else {
            (ScenarioResult::Skipped(DOES_NOT_START.to_owned()), Vec::new())
        };
        self.finished.push(Scenario { name, result, notes, took: started.elapsed() });
    }

    /// The report, in which an unknown name is a failure.
    fn report(mut self) -> Report {
        for name in self.selected {
            if !self.finished.iter().any(|scenario| scenario.name == *name) {
                let result = ScenarioResult::Failed(vec!["there is no scenario with this name".to_owned()]);
                self.finished.push(Scenario { name, result, notes: Vec::new(), took: Duration::ZERO });
            }
        }
        Report::new(self.finished)
    }

    /// Whether the first scenario passed: a connector that does not start would fail everywhere for the same reason.
    fn starts(&self) -> bool {
        self.finished.first().is_none_or(|first| first.result == ScenarioResult::Passed)
    }

    /// The result, and the notes.
    async fn result(
        &mut self,
        setup: Setup,
        scenario: impl AsyncFnOnce(&mut Harness<S>) -> Outcome,
    ) -> (ScenarioResult, Vec<String>) {
        match Harness::new(&self.subject, self.next_number, setup).await {
            Ok(mut harness) => {
                let end = scenario(&mut harness).await;
                self.next_number = harness.next_number();
                (result(end, harness.findings()), harness.notes())
            }
            Err(error) => (ScenarioResult::Failed(vec![format!("the kit cannot start: {error}")]), Vec::new()),
        }
    }
}

fn result(end: Outcome, mut findings: Vec<String>) -> ScenarioResult {
    match end {
        Err(Abort::Skipped(reason)) if findings.is_empty() => return ScenarioResult::Skipped(reason),
        Err(Abort::Failed(finding)) => findings.push(finding),
        Ok(()) | Err(Abort::Skipped(_)) => {}
    }
    if findings.is_empty() { ScenarioResult::Passed } else { ScenarioResult::Failed(findings) }
}
