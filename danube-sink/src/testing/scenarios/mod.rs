//! What is played. Each scenario leaves its findings in the stage's log, or ends with the one that it cannot go on after.

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
    report::{Report, Scenario, Verdict},
    stage::{Setup, Stage},
    subject::Subject,
};
use crate::{config::SubscriptionType, dev::Partitions};

/// Stands in values of records that are not to be repeated in an error.
pub(super) const SECRET: &str = "c0nf1dent1al";
/// Numbers from here on are of payloads whose rows are looked at apart.
pub(super) const FOREIGN: u64 = 9_000;

/// What a broker has that nobody configured.
const SMALL_WINDOW: Setup =
    Setup { window: 10, partitions: Partitions::Unpartitioned, subscription_type: None, tasks: 1 };
/// Batches are closed by size or time, and not by the window.
const LARGE_WINDOW: Setup = Setup { window: 1_000, ..SMALL_WINDOW };

/// Why the others are not played if the first one fails.
const CLOSED: &str = "the connector does not open and close";

/// Why a scenario ends early.
enum End {
    /// It cannot be played with this subject.
    LeftOut(String),
    Failed(String),
}

impl From<String> for End {
    fn from(finding: String) -> Self {
        Self::Failed(finding)
    }
}

type Play = Result<(), End>;

/// Plays one after the other, all with one target: those that are wanted, or all if none is named.
pub(super) async fn play<S: Subject>(subject: S, wanted: &[&'static str]) -> Report {
    let mut playbill = Playbill { subject: Arc::new(subject), wanted, next_number: 0, played: Vec::new() };
    playbill.play("opens and closes without a record", SMALL_WINDOW, life::opens_and_closes).await;
    playbill.play("one record", SMALL_WINDOW, volumes::one).await;
    playbill.play("1 000 records", SMALL_WINDOW, volumes::thousand).await;
    playbill.play("batches up to batch_size", LARGE_WINDOW, volumes::batches).await;
    playbill.play("a try fails before the write", LARGE_WINDOW, failures::before_the_write).await;
    playbill.play("a try fails after the write", LARGE_WINDOW, failures::after_the_write).await;
    playbill.play("a batch fails in part", LARGE_WINDOW, failures::in_part).await;
    playbill.play("a write hangs", LARGE_WINDOW, failures::hangs).await;
    playbill.play("a write is given up halfway", LARGE_WINDOW, failures::given_up_halfway).await;
    playbill.play("an outage of many tries", LARGE_WINDOW, outages::many_tries).await;
    playbill.play("the target is away", LARGE_WINDOW, outages::target_away).await;
    playbill.play("the broker loses its connections and restarts", SMALL_WINDOW, outages::broker).await;
    playbill.play("shutdown with an open batch", LARGE_WINDOW, life::shutdown_with_an_open_batch).await;
    playbill.play("shutdown during a write", LARGE_WINDOW, life::shutdown_during_a_write).await;
    playbill.play("a second start goes on where the first ended", SMALL_WINDOW, life::second_start).await;
    playbill.play("the target refuses everything", LARGE_WINDOW, outages::target_refuses).await;
    playbill.play("payloads of every type, to dead letters", LARGE_WINDOW, payloads::dead_letters).await;
    playbill.play("payloads of every type, skipped", LARGE_WINDOW, payloads::skipped).await;
    playbill.play("hostile values in every field", LARGE_WINDOW, payloads::hostile_values).await;
    playbill.play("hostile keys and attributes", LARGE_WINDOW, payloads::hostile_names).await;
    playbill.play("many invalid records in a batch", LARGE_WINDOW, payloads::many_invalid).await;
    playbill.play("the last version of a key stays", LARGE_WINDOW, order::last_version).await;
    let partitions = Partitions::Of(3);
    let partitioned = Setup { partitions, subscription_type: Some(SubscriptionType::Exclusive), ..LARGE_WINDOW };
    playbill.play("a topic with partitions", partitioned, readers::every_record).await;
    let tasks = Setup { tasks: 3, ..partitioned };
    playbill.play("three tasks", tasks, readers::every_record).await;
    let key_shared = Setup { subscription_type: Some(SubscriptionType::KeyShared), tasks: 3, ..LARGE_WINDOW };
    playbill.play("a KeyShared subscription and three tasks", key_shared, readers::every_record).await;
    playbill.report()
}

struct Playbill<'a, S> {
    subject: Arc<S>,
    wanted: &'a [&'static str],
    next_number: u64,
    played: Vec<Scenario>,
}

impl<S: Subject> Playbill<'_, S> {
    async fn play(&mut self, name: &'static str, setup: Setup, scenario: impl AsyncFnOnce(&mut Stage<S>) -> Play) {
        // The first one is played in any case: without it the others say little.
        if !self.played.is_empty() && !self.wanted.is_empty() && !self.wanted.contains(&name) {
            return;
        }
        let started = Instant::now();
        let verdict =
            if self.opens() { self.verdict(setup, scenario).await } else { Verdict::LeftOut(CLOSED.to_owned()) };
        self.played.push(Scenario { name, verdict, took: started.elapsed() });
    }

    /// A name that fits no scenario must not pass for one that was played.
    fn report(mut self) -> Report {
        for name in self.wanted {
            if !self.played.iter().any(|scenario| scenario.name == *name) {
                let verdict = Verdict::Failed(vec!["there is no scenario of this name".to_owned()]);
                self.played.push(Scenario { name, verdict, took: Duration::ZERO });
            }
        }
        Report::new(self.played)
    }

    /// A connector that does not even open would fail everywhere for the same reason.
    fn opens(&self) -> bool {
        self.played.first().is_none_or(|first| first.verdict == Verdict::Passed)
    }

    async fn verdict(&mut self, setup: Setup, scenario: impl AsyncFnOnce(&mut Stage<S>) -> Play) -> Verdict {
        match Stage::new(&self.subject, self.next_number, setup).await {
            Ok(mut stage) => {
                let end = scenario(&mut stage).await;
                self.next_number = stage.next_number();
                verdict(end, stage.findings())
            }
            Err(error) => Verdict::Failed(vec![format!("the kit cannot start: {error}")]),
        }
    }
}

fn verdict(end: Play, mut findings: Vec<String>) -> Verdict {
    match end {
        Err(End::LeftOut(reason)) if findings.is_empty() => return Verdict::LeftOut(reason),
        Err(End::Failed(finding)) => findings.push(finding),
        Ok(()) | Err(End::LeftOut(_)) => {}
    }
    if findings.is_empty() { Verdict::Passed } else { Verdict::Failed(findings) }
}
