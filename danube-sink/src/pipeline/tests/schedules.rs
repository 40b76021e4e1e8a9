//! The laws of the delivery engine under random schedules.
//!
//! 1. A message is acknowledged only after its settlement, and what is dropped without one is delivered later: the ledger.
//! 2. The newest acknowledgement overtakes none, so that a broker that hangs then never does.
//! 3. A subscription is detached in time and attached rarely: a broker with its poison policy never blocks it.
//! 4. Every mapping ends, whatever becomes of the others: each schedule ends.
//! 5. Memory stays within `max_buffered_bytes` and one chunk of what the broker must not send once more.
//! 6. Order holds within a partition or a key, with several connector instances too: the ledger.
//! 7. A drain ends, whatever fails meanwhile.
//! 8. Counters equal what happened.
//!
//! What no consumer can keep, since the broker says neither how often it has sent a message nor whether an acknowledgement
//! counted:
//! - 2 and 3 where the mapping takes the broker's ack timeout for another, or acknowledgements fail for a while: what is
//!   acknowledged in time here is late there, and is sent again.
//! - 3 over processes: the limit grows by one for each end of a stream that the schedule causes and for the next pipeline,
//!   since each attach counts as a delivery, and a new process counts from nothing.
//! - 8, what was settled, acknowledged and skipped, over a broker that begins its offsets anew or sends again from its cursor.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{TestCaseError, TestCaseResult},
};
use tokio::{
    runtime,
    time::{sleep, timeout},
};

use super::{
    behaviour::{Behaviour, Reading},
    bench::{Bench, MS, SECOND, in_time},
    faults::Fault,
    ledger::Order,
    log::Dispatch,
    memory::Kind,
    target::{Answer, Call, Fate, Part},
};
use crate::config::{OnInvalidRecord, OnMassRefusal, OnRetriesExhausted, SubscriptionType};

/// How long a schedule may take.
const HOURS: usize = 12;
/// Longer than all outages and answers of a schedule.
const DRAIN_PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Clone)]
struct Schedule {
    settings: Settings,
    /// Each with the milliseconds since the one before.
    events: Vec<(u64, Event)>,
    answers: Vec<Answer>,
}

#[derive(Debug, Clone)]
struct Settings {
    /// The number of partitions of each mapping.
    mappings: Vec<usize>,
    dispatch: Dispatch,
    /// What the mapping takes the broker's ack timeout for.
    ack_timeout: Duration,
    batch_size: usize,
    batch_bytes: usize,
    flush_interval: Duration,
    budget: usize,
    skips: bool,
    subscription_type: SubscriptionType,
    tasks: usize,
    single_writer: bool,
    goes_on: bool,
    /// `None` waits.
    retries_to_dead_letter: Option<u32>,
}

/// Partitions are counted over all mappings, and over again.
#[derive(Debug, Clone)]
enum Event {
    Publish {
        partition: usize,
        count: usize,
        bytes: usize,
        kind: Kind,
        /// Of the first of them; each has another one of three.
        key: usize,
    },
    EndStream {
        partition: usize,
        failed: bool,
    },
    Begin(Fault, u64),
    /// The target takes nothing of one mapping, for so many milliseconds.
    Outage(usize, u64),
    /// Health checks fail, for so many milliseconds.
    Unwell(u64),
    /// The broker loads the topic anew and sends again what is beyond its cursor.
    Reload {
        partition: usize,
    },
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
    /// It drains while whatever fails goes on failing; the next pipeline delivers the rest.
    DrainedInTrouble,
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

/// Everything in an in-memory broker that the real one does, with a short tail, so that schedules reach its end.
fn behaviour() -> impl Strategy<Value = Behaviour> {
    let reading = prop_oneof![4 => Just(Reading::All), 1 => Just(Reading::Tail(20)), 1 => Just(Reading::Cache(30))];
    (reading, any::<[bool; 4]>()).prop_map(|(reading, [hangs, keeps_cursor, counts_attaches, blocks])| Behaviour {
        reading,
        hangs,
        keeps_cursor,
        counts_attaches,
        max_redelivery_count: blocks.then_some(5),
    })
}

fn dispatch() -> impl Strategy<Value = Dispatch> {
    let window = prop_oneof![8 => 1..=50_usize, 1 => Just(1_000)];
    (window, select(vec![2_u64, 5, 30]), behaviour()).prop_map(|(window, seconds, behaviour)| Dispatch {
        window,
        ack_timeout: Duration::from_secs(seconds),
        behaviour,
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let types = vec![SubscriptionType::Exclusive, SubscriptionType::Shared, SubscriptionType::KeyShared];
    let batch = (1..=20_usize, 1..=400_usize, select(vec![1_u64, 50, 1_000]), select(types));
    let budget = select(vec![600_usize, 4_000, 1 << 20]);
    let policy = (any::<[bool; 3]>(), proptest::option::of(0..4_u32), budget, 1..=3_usize);
    // What the mapping takes the broker's ack timeout for.
    let ack_timeout = prop_oneof![4 => Just(None), 1 => select(vec![2_u64, 30]).prop_map(Some)];
    let all = (vec(1..=3_usize, 1..=2), dispatch(), ack_timeout, batch, policy);
    all.prop_map(|(mappings, dispatch, ack_timeout, batch, policy)| Settings {
        mappings,
        dispatch,
        ack_timeout: ack_timeout.map_or(dispatch.ack_timeout, Duration::from_secs),
        batch_size: batch.0,
        batch_bytes: batch.1,
        flush_interval: Duration::from_millis(batch.2),
        subscription_type: batch.3,
        skips: policy.0[0],
        single_writer: policy.0[1],
        goes_on: policy.0[2],
        retries_to_dead_letter: policy.1,
        budget: policy.2,
        tasks: policy.3,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![6 => Just(Kind::Plain), 2 => Just(Kind::WithSchema), 1 => Just(Kind::Invalid)];
    let publish = (0..6_usize, 1..=12_usize, 8..=100_usize, kind, 0..3_usize)
        .prop_map(|(partition, count, bytes, kind, key)| Event::Publish { partition, count, bytes, kind, key });
    let end = (0..6_usize, any::<bool>()).prop_map(|(partition, failed)| Event::EndStream { partition, failed });
    let restart = (0..6_usize).prop_map(|partition| Event::Restart { partition });
    let begin = (select(FAULTS.to_vec()), 1..20_000_u64).prop_map(|(fault, lasts)| Event::Begin(fault, lasts));
    let reload = (0..6_usize).prop_map(|partition| Event::Reload { partition });
    // Most are short; some outlast every ack timeout.
    let outage = (0..2_usize, prop_oneof![3 => 1..5_000_u64, 1 => 1..300_000_u64]);
    let outage = outage.prop_map(|(mapping, lasts)| Event::Outage(mapping, lasts));
    let unwell = (1..60_000_u64).prop_map(Event::Unwell);
    prop_oneof![8 => publish, 2 => end, 3 => begin, 1 => restart, 1 => reload, 1 => outage, 1 => unwell]
}

fn answer() -> impl Strategy<Value = Answer> {
    let fate = prop_oneof![
        3 => Just(Fate::Written),
        1 => Just(Fate::Retried),
        1 => Just(Fate::Again),
        1 => Just(Fate::Rejected),
    ];
    let part = select(vec![Part::Ok, Part::Retryable, Part::RejectsFirst, Part::InvalidFirst]);
    prop_oneof![
        4 => Just(Answer::Ok),
        2 => (0..3_000_u64).prop_map(|time| Answer::Slow(Duration::from_millis(time))),
        2 => Just(Answer::Retryable),
        1 => (0..8_000_u64).prop_map(|time| Answer::RetryAfter(Duration::from_millis(time))),
        3 => vec(fate, 1..6).prop_map(Answer::Partial),
        1 => any::<u8>().prop_map(|index| Answer::Invalid(index.into())),
        2 => Just(Answer::Refused),
        1 => Just(Answer::Hang),
        2 => (1..4_usize, vec(part, 0..4)).prop_map(|(size, parts)| Answer::Parts(size, parts)),
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

fn topic(number: usize) -> String {
    format!("/default/topic{number}")
}

impl Schedule {
    fn run(&self, ending: Ending) -> TestCaseResult {
        let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(self.play(ending))
    }

    fn bench(&self) -> (Bench, Vec<String>) {
        let Settings { dispatch, tasks, subscription_type, .. } = self.settings;
        let mut bench = Bench::empty();
        bench.dispatch = dispatch;
        bench.dispatch.behaviour = self.behaviour();
        bench.tasks = tasks;
        bench.target.order(subscription_type);
        bench.ledger.order(match subscription_type {
            SubscriptionType::Exclusive | SubscriptionType::Failover => Order::Partition,
            SubscriptionType::KeyShared => Order::Key,
            SubscriptionType::Shared => Order::None,
        });
        if !self.settings.goes_on {
            bench.ledger.refusals_wait();
        }
        bench.config.write_timeout = 2 * SECOND;
        bench.config.max_buffered_bytes = self.settings.budget;
        if let Some(retries) = self.settings.retries_to_dead_letter {
            bench.config.on_retries_exhausted = OnRetriesExhausted::DeadLetter;
            bench.config.max_retries = retries;
            bench.ledger.exhausted_to_dead_letters();
        }
        let mut topics = Vec::new();
        for (number, partitions) in self.settings.mappings.iter().enumerate() {
            let mapping = bench.map(&topic(number));
            mapping.ack_timeout = self.settings.ack_timeout;
            mapping.batch_size = self.settings.batch_size;
            mapping.batch_bytes = self.settings.batch_bytes;
            mapping.flush_interval = self.settings.flush_interval;
            mapping.consumer.subscription_type = subscription_type;
            mapping.single_writer = self.settings.single_writer;
            mapping.on_mass_refusal = if self.settings.goes_on { OnMassRefusal::GoOn } else { OnMassRefusal::Wait };
            if self.settings.skips {
                mapping.on_invalid_record = OnInvalidRecord::Skip;
            }
            for partition in 0..*partitions {
                let topic = format!("{}-part-{partition}", topic(number));
                bench.create(&topic);
                topics.push(topic);
            }
        }
        bench.target.answers(self.answers.clone());
        (bench, topics)
    }

    /// What the broker does, where the schedule leaves it to the engine how often a message is sent.
    fn behaviour(&self) -> Behaviour {
        let mut behaviour = self.settings.dispatch.behaviour;
        // Each counts an attempt of every message, and the next pipeline one more.
        let is_attach = |event: &Event| {
            let faults = [Fault::AttachFails, Fault::AttachHangs, Fault::HealthHangs];
            matches!(event, Event::EndStream { .. } | Event::Reload { .. } | Event::Restart { .. })
                || matches!(event, Event::Begin(fault, _) if faults.contains(fault))
        };
        let attaches = self.events.iter().filter(|(_, event)| is_attach(event)).count();
        let attaches = u32::try_from(attaches).unwrap() + 1;
        behaviour.max_redelivery_count =
            behaviour.max_redelivery_count.filter(|_| self.is_in_time()).map(|most| most + attaches);
        behaviour
    }

    /// The mapping knows the ack timeout, and every acknowledgement that the broker answers counts.
    fn is_in_time(&self) -> bool {
        let fails = |event: &Event| matches!(event, Event::Begin(Fault::AcksFail | Fault::AcksAreLost, _));
        self.settings.ack_timeout == self.settings.dispatch.ack_timeout && !self.has(fails)
    }

    fn has(&self, is_such: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(|(_, event)| is_such(event))
    }

    async fn play(&self, ending: Ending) -> TestCaseResult {
        let (bench, topics) = self.bench();
        let pipeline = bench.start();
        let most = most_buffered(&bench);
        for (gap, event) in &self.events {
            sleep(Duration::from_millis(*gap)).await;
            self.happen(&bench, &topics, event);
        }
        if ending != Ending::DrainedInTrouble {
            bench.broker.heal();
        }
        match ending {
            Ending::Settled => {
                self.settled(&bench, &topics).await?;
                let drained = in_time(pipeline.drain()).await;
                prop_assert!(drained.is_ok(), "{drained:?}");
                self.check_counters(&bench)?;
            }
            Ending::Drained => {
                let drained = in_time(pipeline.drain()).await;
                prop_assert!(drained.is_ok(), "{drained:?}");
                if self.is_in_time() {
                    prop_assert_eq!(bench.ledger.unacknowledged(), Vec::<usize>::new());
                }
            }
            Ending::DrainedInTrouble => {
                let drained = timeout(DRAIN_PATIENCE, pipeline.drain()).await;
                prop_assert!(matches!(drained, Ok(Ok(()))), "{drained:?}");
                bench.broker.heal();
            }
            Ending::Dropped => drop(pipeline),
        }
        self.check(&bench, &topics)?;
        if ending != Ending::Settled {
            // Acknowledgements that are on their way out leave.
            sleep(10 * SECOND).await;
            bench.ledger.next_pipeline();
            let pipeline = bench.start();
            self.settled(&bench, &topics).await?;
            in_time(pipeline.drain()).await.unwrap();
            self.check(&bench, &topics)?;
        }
        let most = usize::try_from(most.load(Ordering::Relaxed)).unwrap();
        prop_assert!(most <= self.memory(), "{most} of {} bytes", self.settings.budget);
        Ok(())
    }

    /// Returns when every message is acknowledged or lost. A broker that hangs goes on when something is published.
    async fn settled(&self, bench: &Bench, topics: &[String]) -> TestCaseResult {
        for _ in 0..HOURS {
            if timeout(3_600 * SECOND, bench.settled()).await.is_ok() {
                return Ok(());
            }
            for topic in topics.iter().filter(|topic| bench.broker.is_hung(topic)) {
                bench.broker.publish(topic, 8, Kind::Plain, self.settings.skips);
            }
        }
        let open = bench.ledger.open();
        Err(TestCaseError::fail(format!("not settled after {HOURS} hours: {open:?}")))
    }

    /// The budget, one chunk, a record for each probe, and four windows of each partition remembered.
    fn memory(&self) -> usize {
        const MESSAGE: usize = 700;
        const SLOT: usize = 80;
        let Settings { budget, tasks, mappings, dispatch, .. } = &self.settings;
        let remembered = mappings.iter().sum::<usize>() * 4 * dispatch.window.max(16) * SLOT;
        budget + dispatch.window.min(256) * MESSAGE + tasks * mappings.len() * MESSAGE + remembered
    }

    fn check_counters(&self, bench: &Bench) -> TestCaseResult {
        let metric = |name: &str| bench.metric(name, "") as usize;
        prop_assert_eq!(metric("settle_dead_letters_total"), bench.broker.letters().len(), "dead letters");
        prop_assert_eq!(metric("intake_messages_total"), bench.ledger.deliveries() as usize, "received");
        prop_assert_eq!(metric("in_hand_records") + metric("acks_in_flight"), 0);
        // What a restart loses, or a tail skips after a reload, may have been settled before.
        if self.has(|event| matches!(event, Event::Restart { .. } | Event::Reload { .. })) {
            return Ok(());
        }
        let lost = bench.ledger.count(|entry| entry.lost);
        let all = bench.ledger.count(|_| true);
        prop_assert_eq!(metric("settle_records_total"), all - lost, "settled");
        // One in doubt does not count yet.
        prop_assert!(metric("settle_acks_total") <= bench.ledger.acks() || !self.is_in_time(), "acknowledged");
        if self.settings.subscription_type == SubscriptionType::Exclusive
            && !matches!(self.settings.dispatch.behaviour.reading, Reading::Cache(_))
        {
            prop_assert_eq!(metric("intake_gap_messages_total"), bench.ledger.gaps(), "gaps");
        }
        Ok(())
    }

    fn happen(&self, bench: &Bench, topics: &[String], event: &Event) {
        match *event {
            Event::Publish { partition, count, bytes, kind, key } => {
                for number in key..key + count {
                    let key = ["a", "b", "c"].get(number % 4).copied();
                    let topic = &topics[partition % topics.len()];
                    bench.broker.publish_keyed(topic, key, bytes, kind, self.settings.skips);
                }
            }
            Event::EndStream { partition, failed } => {
                bench.broker.end_stream(&topics[partition % topics.len()], failed);
            }
            Event::Begin(fault, lasts) => bench.broker.begin(fault, MS * u32::try_from(lasts).unwrap()),
            Event::Outage(mapping, lasts) => {
                bench.target.fail_for(&topic(mapping), Duration::from_millis(lasts));
            }
            Event::Unwell(lasts) => bench.target.unwell_for(Duration::from_millis(lasts)),
            // Where memory is short, what was settled long ago is forgotten, and written again.
            Event::Reload { partition } => bench.broker.reload(&topics[partition % topics.len()]),
            Event::Restart { partition } => bench.broker.restart(&topics[partition % topics.len()]),
        }
    }

    fn check(&self, bench: &Bench, topics: &[String]) -> TestCaseResult {
        prop_assert_eq!(bench.ledger.broken(), Vec::<String>::new());
        if self.is_in_time() {
            let overtakings: usize = topics.iter().map(|topic| bench.broker.overtakings(topic)).sum();
            prop_assert_eq!(overtakings, 0, "the newest acknowledgement overtook an older message");
        }
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

/// The most that was counted against the budget, once in a while.
fn most_buffered(bench: &Bench) -> Arc<AtomicU64> {
    let (gauge, most) = (bench.observer.buffered_bytes(), Arc::new(AtomicU64::new(0)));
    let shared = Arc::clone(&most);
    tokio::spawn(async move {
        for _ in 0..2_000 {
            shared.fetch_max(gauge.get(), Ordering::Relaxed);
            sleep(97 * MS).await;
        }
    });
    most
}

/// So many, unless `PROPTEST_CASES` says otherwise.
fn cases(number: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { number };
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 300, ..default }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn every_message_is_delivered_once_and_acknowledged_after_it(schedule in schedule()) {
        schedule.run(Ending::Settled)?;
    }

    #[test]
    fn a_drain_acknowledges_what_was_written_and_the_next_pipeline_delivers_the_rest(schedule in schedule()) {
        schedule.run(Ending::Drained)?;
    }

    #[test]
    fn a_drain_ends_whatever_fails_meanwhile(schedule in schedule()) {
        schedule.run(Ending::DrainedInTrouble)?;
    }

    #[test]
    fn a_pipeline_that_is_dropped_loses_nothing(schedule in schedule()) {
        schedule.run(Ending::Dropped)?;
    }
}
