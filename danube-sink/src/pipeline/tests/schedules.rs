//! The promises under random schedules: whatever fails, nothing is lost, nothing is acknowledged too early, nothing is
//! written twice by one pipeline, and order is kept.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestCaseResult};
use tokio::{runtime, time::sleep};

use super::{
    bench::{Bench, MS, SECOND, in_time},
    faults::Fault,
    log::Dispatch,
    memory::Kind,
    target::{Answer, Call, Fate},
};
use crate::config::{OnInvalidRecord, OnRetriesExhausted};

#[derive(Debug, Clone)]
struct Schedule {
    settings: Settings,
    /// Each with the milliseconds since the one before.
    events: Vec<(u64, Event)>,
    answers: Vec<Answer>,
}

#[derive(Debug, Clone)]
struct Settings {
    /// The number of partitions of each lane.
    lanes: Vec<usize>,
    dispatch: Dispatch,
    /// What the mapping takes the broker's ack timeout for.
    ack_timeout: Duration,
    batch_size: usize,
    batch_bytes: usize,
    flush_interval: Duration,
    budget: usize,
    skips: bool,
    /// `None` waits.
    retries_to_dead_letter: Option<u32>,
}

/// Partitions are counted over all lanes, and over again.
#[derive(Debug, Clone)]
enum Event {
    Publish {
        partition: usize,
        count: usize,
        bytes: usize,
        kind: Kind,
    },
    EndStream {
        partition: usize,
        failed: bool,
    },
    Begin(Fault, u64),
    /// Without its storage: offsets start at 0 again.
    Restart {
        partition: usize,
    },
}

/// How a pipeline ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// All is delivered, then it drains.
    Settled,
    /// It drains with messages in hand; the next pipeline delivers the rest.
    Drained,
    /// It is dropped; the next pipeline delivers the rest.
    Dropped,
}

const FAULTS: [Fault; 8] = [
    Fault::AcksFail,
    Fault::AcksAreLost,
    Fault::AttachFails,
    Fault::AttachHangs,
    Fault::HealthHangs,
    Fault::LookUpFails,
    Fault::RegistryFails,
    Fault::PublishFails,
];

fn settings() -> impl Strategy<Value = Settings> {
    let dispatch = (1..=20_usize, select(vec![2_u64, 5, 30]), select(vec![2_u64, 30]));
    let batch = (1..=20_usize, 1..=400_usize, select(vec![1_u64, 50, 1_000]));
    let policy = (any::<bool>(), proptest::option::of(0..4_u32), select(vec![600_usize, 4_000, 1 << 20]));
    (vec(1..=3_usize, 1..=2), dispatch, batch, policy).prop_map(|(lanes, dispatch, batch, policy)| Settings {
        lanes,
        dispatch: Dispatch { window: dispatch.0, ack_timeout: Duration::from_secs(dispatch.1), ..Dispatch::default() },
        ack_timeout: Duration::from_secs(dispatch.2),
        batch_size: batch.0,
        batch_bytes: batch.1,
        flush_interval: Duration::from_millis(batch.2),
        budget: policy.2,
        skips: policy.0,
        retries_to_dead_letter: policy.1,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![6 => Just(Kind::Plain), 2 => Just(Kind::WithSchema), 1 => Just(Kind::Invalid)];
    let publish = (0..6_usize, 1..=12_usize, 8..=100_usize, kind)
        .prop_map(|(partition, count, bytes, kind)| Event::Publish { partition, count, bytes, kind });
    let end = (0..6_usize, any::<bool>()).prop_map(|(partition, failed)| Event::EndStream { partition, failed });
    let restart = (0..6_usize).prop_map(|partition| Event::Restart { partition });
    let begin = (select(FAULTS.to_vec()), 1..20_000_u64).prop_map(|(fault, lasts)| Event::Begin(fault, lasts));
    prop_oneof![5 => publish, 2 => end, 3 => begin, 1 => restart]
}

fn answer() -> impl Strategy<Value = Answer> {
    let fate = prop_oneof![
        3 => Just(Fate::Written),
        1 => Just(Fate::Retried),
        1 => Just(Fate::Again),
        1 => Just(Fate::Rejected),
    ];
    prop_oneof![
        4 => Just(Answer::Ok),
        2 => (0..3_000_u64).prop_map(|time| Answer::Slow(Duration::from_millis(time))),
        2 => Just(Answer::Retryable),
        1 => (0..8_000_u64).prop_map(|time| Answer::RetryAfter(Duration::from_millis(time))),
        3 => vec(fate, 1..6).prop_map(Answer::Partial),
        1 => any::<u8>().prop_map(|index| Answer::Invalid(index.into())),
        2 => Just(Answer::Refused),
        1 => Just(Answer::Hang),
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    // Most gaps are short, so that events meet; some outlast deadlines.
    let gap = prop_oneof![2 => Just(0), 6 => 0..1_500_u64, 1 => 0..15_000_u64];
    (settings(), vec((gap, event()), 1..14), vec(answer(), 0..14)).prop_map(|(settings, events, answers)| Schedule {
        settings,
        events,
        answers,
    })
}

fn lane(number: usize) -> String {
    format!("/default/lane{number}")
}

impl Schedule {
    fn run(&self, ending: Ending) -> TestCaseResult {
        let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(self.play(ending))
    }

    fn bench(&self) -> (Bench, Vec<String>) {
        let Settings { dispatch, .. } = self.settings;
        let mut bench = Bench::empty();
        bench.dispatch = dispatch;
        bench.config.write_timeout = 2 * SECOND;
        bench.config.max_buffered_bytes = self.settings.budget;
        if let Some(retries) = self.settings.retries_to_dead_letter {
            bench.config.on_retries_exhausted = OnRetriesExhausted::DeadLetter;
            bench.config.max_retries = retries;
            bench.ledger.exhausted_to_dead_letters();
        }
        let mut topics = Vec::new();
        for (number, partitions) in self.settings.lanes.iter().enumerate() {
            let mapping = bench.map(&lane(number));
            mapping.ack_timeout = self.settings.ack_timeout;
            mapping.batch_size = self.settings.batch_size;
            mapping.batch_bytes = self.settings.batch_bytes;
            mapping.flush_interval = self.settings.flush_interval;
            if self.settings.skips {
                mapping.on_invalid_record = OnInvalidRecord::Skip;
            }
            for partition in 0..*partitions {
                let topic = format!("{}-part-{partition}", lane(number));
                bench.create(&topic);
                topics.push(topic);
            }
        }
        bench.target.answers(self.answers.clone());
        (bench, topics)
    }

    async fn play(&self, ending: Ending) -> TestCaseResult {
        let (bench, topics) = self.bench();
        let pipeline = bench.start();
        for (gap, event) in &self.events {
            sleep(Duration::from_millis(*gap)).await;
            self.happen(&bench, &topics, event);
        }
        bench.broker.heal();
        match ending {
            Ending::Settled => {
                bench.settled().await;
                let drained = in_time(pipeline.drain()).await;
                prop_assert!(drained.is_ok(), "{drained:?}");
            }
            Ending::Drained => {
                let drained = in_time(pipeline.drain()).await;
                prop_assert!(drained.is_ok(), "{drained:?}");
                prop_assert_eq!(bench.ledger.unacknowledged(), Vec::<usize>::new());
            }
            Ending::Dropped => drop(pipeline),
        }
        self.check(&bench)?;
        if ending != Ending::Settled {
            // Acknowledgements that are on their way out leave.
            sleep(10 * SECOND).await;
            bench.ledger.next_pipeline();
            let pipeline = bench.start();
            bench.settled().await;
            in_time(pipeline.drain()).await.unwrap();
            self.check(&bench)?;
        }
        Ok(())
    }

    fn happen(&self, bench: &Bench, topics: &[String], event: &Event) {
        match *event {
            Event::Publish { partition, count, bytes, kind } => {
                for _ in 0..count {
                    bench.broker.publish(&topics[partition % topics.len()], bytes, kind, self.settings.skips);
                }
            }
            Event::EndStream { partition, failed } => {
                bench.broker.end_stream(&topics[partition % topics.len()], failed);
            }
            Event::Begin(fault, lasts) => bench.broker.begin(fault, MS * u32::try_from(lasts).unwrap()),
            Event::Restart { partition } => bench.broker.restart(&topics[partition % topics.len()]),
        }
    }

    fn check(&self, bench: &Bench) -> TestCaseResult {
        prop_assert_eq!(bench.ledger.broken(), Vec::<String>::new());
        for Call { numbers, bytes, topic, .. } in bench.target.calls() {
            let but_one: usize = bytes[..bytes.len() - 1].iter().sum();
            prop_assert!(numbers.len() <= self.settings.batch_size, "{} records", numbers.len());
            prop_assert!(but_one < self.settings.batch_bytes, "{bytes:?}");
            for number in numbers {
                prop_assert!(bench.ledger.entry(number).topic.starts_with(&topic), "a batch is of one mapping");
            }
        }
        Ok(())
    }
}

fn cases(number: u32) -> ProptestConfig {
    ProptestConfig { cases: number, failure_persistence: None, max_shrink_iters: 4_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(750))]

    #[test]
    fn every_message_is_delivered_once_and_acknowledged_after_it(schedule in schedule()) {
        schedule.run(Ending::Settled)?;
    }

    #[test]
    fn a_drain_acknowledges_what_was_written_and_the_next_pipeline_delivers_the_rest(schedule in schedule()) {
        schedule.run(Ending::Drained)?;
    }

    #[test]
    fn a_pipeline_that_is_dropped_loses_nothing(schedule in schedule()) {
        schedule.run(Ending::Dropped)?;
    }
}
