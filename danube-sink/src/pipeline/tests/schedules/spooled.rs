//! The laws of two pipelines with a spool between them, under random schedules.
//!
//! 1. Every message that the broker does not lose is acknowledged, and written or a dead letter in the end.
//! 2. The first write of each record is in order, over restarts, takeovers and killed processes too.
//! 3. A record is written once more only after its process was killed or taken over, and then only if it was being written
//!    or received; or after a start that lacked its mapping, if its acknowledgement had not arrived before; or if the broker
//!    ignored its acknowledgement and redelivers it after more messages than are remembered, published or skipped.
//! 4. In the end, nothing is left in the spool, and nothing hangs.

use std::{fs::OpenOptions, io::Write, time::Duration};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{TestCaseError, TestCaseResult},
};
use tokio::{
    runtime,
    time::{sleep, timeout},
};

use super::{
    super::{
        behaviour::Reading,
        bench::{Bench, SECOND, in_time},
        faults::Fault,
        log::Dispatch,
        spooled::{Process, start},
    },
    Ending, Event, Schedule, cases,
    generate::{answer, event, settings},
};
use crate::{
    config::{MappingSettings, SubscriptionType},
    spool::tests::{Folder, files},
};

/// How long another process is waited for while faults last.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
enum Step {
    Happens(Event),
    /// Many messages to one partition.
    Burst(usize, usize),
    /// The process is killed, and garbage is behind the last record.
    Kill {
        garbage: Vec<u8>,
        is_alone: bool,
    },
    /// The process drains; the next one may lack a mapping.
    Restart {
        is_alone: bool,
    },
    /// Another process takes over; it leaves before the first one continues.
    TakeOver {
        leaves: bool,
    },
    /// Another process takes over and is killed at once.
    TakeOverAndDie,
}

#[derive(Debug, Clone)]
struct SpooledSchedule {
    schedule: Schedule,
    steps: Vec<(u64, Step)>,
    max_bytes: u64,
}

fn step() -> impl Strategy<Value = Step> {
    let burst = (0..6_usize, 20..300_usize).prop_map(|(partition, count)| Step::Burst(partition, count));
    let kill = (vec(any::<u8>(), 0..60), prop::bool::weighted(0.2));
    let kill = kill.prop_map(|(garbage, is_alone)| Step::Kill { garbage, is_alone });
    let restart = prop::bool::weighted(0.2).prop_map(|is_alone| Step::Restart { is_alone });
    let take_over = any::<bool>().prop_map(|leaves| Step::TakeOver { leaves });
    prop_oneof![
        8 => event().prop_map(Step::Happens),
        4 => burst,
        2 => kill,
        1 => restart,
        1 => take_over,
        1 => Just(Step::TakeOverAndDie)
    ]
}

fn spooled_schedule() -> impl Strategy<Value = SpooledSchedule> {
    let gap = prop_oneof![2 => Just(0), 6 => 0..1_500_u64, 1 => 0..15_000_u64];
    let max_bytes = prop_oneof![1 => Just(3_000), 1 => Just(30_000), 4 => Just(1 << 30)];
    let all = (settings(), vec((gap, step()), 1..14), vec(answer(), 0..14), max_bytes);
    all.prop_map(|(mut settings, steps, answers, max_bytes)| {
        if settings.subscription_type == SubscriptionType::KeyShared {
            settings.subscription_type = SubscriptionType::Exclusive;
        }
        // What the broker does to a reader that attaches often is not the spool's subject.
        settings.dispatch.behaviour.max_redelivery_count = None;
        if settings.subscription_type == SubscriptionType::Exclusive {
            // One process gives a record up, and is killed before its dead letter is published: the next one writes it.
            settings.retries_to_dead_letter = None;
        }
        // The settlement of a skipped record cannot be seen.
        settings.skips = false;
        let events = steps.iter().filter_map(|(gap, step)| match step {
            Step::Happens(event) => Some((*gap, event.clone())),
            _ => None,
        });
        let events = events.collect();
        SpooledSchedule { schedule: Schedule { settings, events, answers }, steps, max_bytes }
    })
}

/// The processes of a schedule.
struct Run<'s> {
    spooled: &'s SpooledSchedule,
    bench: Bench,
    mappings: Vec<MappingSettings>,
    topics: Vec<String>,
    folder: Folder,
    process: Option<Process>,
    /// Records that may be written once more.
    may_repeat: usize,
}

impl Run<'_> {
    fn new(spooled: &SpooledSchedule) -> Run<'_> {
        let (bench, topics) = spooled.schedule.bench(Ending::Dropped);
        bench.ledger.counts_repeats();
        let mappings = bench.mappings.clone();
        Run { spooled, bench, mappings, topics, folder: Folder::new(), process: None, may_repeat: 0 }
    }

    fn start(&mut self, is_alone: bool) {
        self.bench.mappings.clone_from(&self.mappings);
        if is_alone {
            self.bench.mappings.truncate(1);
        }
        self.process = Some(self.another());
    }

    fn another(&self) -> Process {
        start(&self.bench, &self.folder, self.spooled.max_bytes)
    }

    async fn end(&mut self) {
        if let Some(process) = self.process.take() {
            process.end().await;
        }
    }

    /// What was being written and what was being received may be written once more.
    fn repeats_what_is_in_hand(&mut self) {
        let super::Settings { batch_size, tasks, dispatch: Dispatch { window, .. }, .. } =
            self.spooled.schedule.settings;
        self.may_repeat += self.topics.len() * (batch_size * (tasks + 1) + 2 * window);
    }

    /// Does what the runtime does when another process has taken over: drains, and continues later.
    async fn make_way(&mut self, process: Process) {
        let takeover = process.intake.takeover();
        let _ = timeout(PATIENCE, takeover.reported()).await;
        process.end().await;
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Happens(event) => self.spooled.schedule.happen(&self.bench, &self.topics, event),
            Step::Burst(partition, count) => {
                let topic = &self.topics[partition % self.topics.len()];
                for _ in 0..*count {
                    let skips = self.spooled.schedule.settings.skips;
                    self.bench.broker.publish(topic, 8, super::Kind::Plain, skips);
                }
            }
            Step::Kill { garbage, is_alone } => {
                self.kill();
                if let Some(last) = files(&self.folder, ".segment").pop() {
                    OpenOptions::new().append(true).open(last).unwrap().write_all(garbage).unwrap();
                }
                self.start(*is_alone);
            }
            Step::Restart { is_alone } => {
                self.end().await;
                if *is_alone {
                    // What the spool remembers of a mapping is removed with its last record by a start that lacks the mapping.
                    // Then each message is written once more whose acknowledgement did not arrive before.
                    self.may_repeat += self.topics.len() * self.spooled.schedule.settings.dispatch.window;
                }
                self.start(*is_alone);
            }
            Step::TakeOver { leaves } => {
                let Some(earlier) = self.process.take() else { return };
                let later = self.another();
                self.repeats_what_is_in_hand();
                self.make_way(earlier).await;
                self.process = Some(later);
                if *leaves {
                    self.end().await;
                    self.start(false);
                }
            }
            Step::TakeOverAndDie => {
                let later = self.another();
                sleep(Duration::from_millis(200)).await;
                later.kill();
                self.repeats_what_is_in_hand();
                let takeover = self.process.as_ref().unwrap().intake.takeover();
                if timeout(Duration::ZERO, takeover.reported()).await.is_ok() {
                    self.end().await;
                    self.start(false);
                }
            }
        }
    }

    fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
        self.repeats_what_is_in_hand();
    }

    /// Waits until all is delivered. A process that makes way for another one continues after it.
    async fn finish(&mut self) {
        loop {
            let takeover = self.process.as_ref().unwrap().intake.takeover();
            let done = async {
                self.bench.ledger.settled().await;
                self.bench.ledger.delivered_all().await;
                let spool = &self.process.as_ref().unwrap().spool;
                while spool.mappings().iter().any(|mapping| mapping.share.records() > 0) {
                    sleep(SECOND).await;
                }
            };
            tokio::select! {
                () = done => break,
                () = takeover.reported() => {
                    self.end().await;
                    self.start(false);
                }
                () = sleep(3_600 * SECOND) => self.unhang(),
            }
        }
    }

    /// A broker that hangs continues with the next publish: it hangs where it ignored the acknowledgement of an older message that
    /// it answered, which no consumer can know.
    fn unhang(&self) {
        for topic in self.topics.iter().filter(|topic| self.bench.broker.is_hung(topic)) {
            self.bench.broker.publish(topic, 8, super::Kind::Plain, false);
        }
    }

    async fn play(mut self) -> TestCaseResult {
        self.start(false);
        for (gap, step) in &self.spooled.steps {
            sleep(Duration::from_millis(*gap)).await;
            self.step(step).await;
        }
        self.bench.broker.heal();
        // Acknowledgements in flight arrive.
        sleep(10 * SECOND).await;
        if self.bench.mappings.len() < self.mappings.len() {
            self.end().await;
            self.start(false);
        }
        let finished = timeout(super::HOURS * 3_600 * SECOND, self.finish()).await;
        let left = || {
            let process = self.process.as_ref().unwrap();
            let sizes: Vec<_> = process.spool.mappings().iter().map(|mapping| mapping.size()).collect();
            (self.bench.ledger.open(), sizes)
        };
        prop_assert!(finished.is_ok(), "it hangs: {:?}", left());
        self.end().await;
        self.check()
    }

    fn check(&self) -> TestCaseResult {
        prop_assert_eq!(self.bench.ledger.broken(), Vec::<String>::new());
        let repeats = self.bench.ledger.repeats();
        if !self.has_late_redeliveries() {
            prop_assert!(repeats <= self.may_repeat, "{repeats} written once more, at most {}", self.may_repeat);
        }
        Ok(())
    }

    /// Whether the broker may redeliver a message that was acknowledged before more messages of its partition than are
    /// remembered: 64 where memory is short, as many as a ledger and the spool have at least. A message may be acknowledged too
    /// late where a share is full, and the broker skip more than that meanwhile.
    fn has_late_redeliveries(&self) -> bool {
        let is_late = |event: &Event| {
            matches!(event, Event::Reload { .. } | Event::Restart { .. } | Event::Begin(Fault::AcksAreLost, _))
        };
        let SpooledSchedule { schedule, max_bytes, .. } = self.spooled;
        let is_short = schedule.settings.budget < 1 << 20 && *max_bytes < 1 << 30;
        let skips = matches!(schedule.settings.dispatch.behaviour.reading, Reading::Tail(_));
        schedule.has(is_late) || is_short && skips
    }
}

impl SpooledSchedule {
    fn run(&self) -> Result<(), TestCaseError> {
        let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(in_time(Run::new(self).play()))
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn every_message_is_spooled_and_delivered_in_order_whatever_ends_a_process(schedule in spooled_schedule()) {
        schedule.run()?;
    }
}
