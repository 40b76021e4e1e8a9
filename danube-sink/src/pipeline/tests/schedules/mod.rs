//! The laws of the delivery engine under random schedules.
//!
//! 1. A message is acknowledged only after its settlement, and what is dropped without one is delivered later: the ledger.
//! 2. The newest acknowledgement overtakes none, so that a broker that hangs then never does.
//! 3. A subscription is detached in time and attached rarely: a broker with its poison policy never blocks it.
//! 4. Every mapping ends, whatever happens to the others: each schedule ends.
//! 5. Memory stays within `max_buffered_bytes` and one chunk of what the broker must not send once more.
//! 6. Order holds within a partition or a key, with several connector instances too: the ledger.
//! 7. A drain ends, whatever fails meanwhile.
//! 8. Counters equal what happened.
//!
//! What no consumer can guarantee, since the broker reveals neither how often it has sent a message nor whether an
//! acknowledgement counted:
//! - 2 and 3 where the mapping has another ack timeout than the broker, or acknowledgements fail for a while: what is
//!   acknowledged in time here is late there, and is redelivered.
//! - 3 over processes: the limit grows by one for each end of a stream that the schedule causes, and by two for the next
//!   pipeline, since each attach counts as a delivery, and a new process counts from nothing.
//! - 3 after a stop: a runtime ends the pipeline then, which here stays attached for as long as its schedule lasts.
//! - 8, what was settled, acknowledged and skipped, after a broker restarts its offsets or redelivers from its cursor.

mod generate;
mod spooled;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestCaseResult},
};
use tokio::{
    runtime,
    time::{sleep, timeout},
};

use self::generate::{Event, Schedule, Settings, refusing_schedule, schedule};
use super::{
    behaviour::{Behaviour, Reading},
    bench::{Bench, MS, SECOND, in_time},
    faults::Fault,
    ledger::Order,
    memory::Kind,
    target::Call,
};
use crate::config::{OnInvalidRecord, OnMassRefusal, OnRetriesExhausted, SubscriptionType};

/// How long a schedule may take.
const HOURS: u32 = 12;
/// Longer than all outages and answers of a schedule.
const DRAIN_PATIENCE: Duration = Duration::from_secs(600);

/// How a pipeline ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// All is delivered, then it drains.
    Settled,
    /// It drains with messages in hand; the next pipeline delivers the rest.
    Drained,
    /// It drains while faults last; the next pipeline delivers the rest.
    DrainedDuringFaults,
    /// It is dropped; the next pipeline delivers the rest.
    Dropped,
    /// The same, and an invalid record stops it before; the next pipeline has another policy.
    Stopped,
}

fn topic(number: usize) -> String {
    format!("/default/topic{number}")
}

impl Schedule {
    fn run(&self, ending: Ending) -> TestCaseResult {
        let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(self.play(ending))
    }

    fn bench(&self, ending: Ending) -> (Bench, Vec<String>) {
        let Settings { dispatch, tasks, subscription_type, .. } = self.settings;
        let mut bench = Bench::empty();
        bench.dispatch = dispatch;
        bench.dispatch.behaviour = self.behaviour(ending);
        bench.tasks = tasks;
        bench.target.order(subscription_type);
        bench.ledger.order(match subscription_type {
            SubscriptionType::Exclusive | SubscriptionType::Failover => Order::Partition,
            SubscriptionType::KeyShared => Order::Key,
            SubscriptionType::Shared => Order::None,
        });
        if !self.settings.ignores_mass_refusal {
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
            mapping.on_mass_refusal =
                if self.settings.ignores_mass_refusal { OnMassRefusal::GoOn } else { OnMassRefusal::Wait };
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

    /// The broker's behaviour, with room for the redeliveries that the schedule causes.
    fn behaviour(&self, ending: Ending) -> Behaviour {
        let mut behaviour = self.settings.dispatch.behaviour;
        // Each counts an attempt of every message, and the next pipeline two more: a drain that gives records up may have
        // attached once more for the acknowledgements of others.
        let is_attach = |event: &Event| {
            let faults = [Fault::AttachFails, Fault::AttachHangs, Fault::HealthHangs];
            matches!(event, Event::EndStream { .. } | Event::Reload { .. } | Event::Restart { .. })
                || matches!(event, Event::Begin(fault, _) if faults.contains(fault))
        };
        let attaches = self.events.iter().filter(|(_, event)| is_attach(event)).count();
        let attaches = u32::try_from(attaches).unwrap() + 2;
        let is_counted = self.is_in_time() && ending != Ending::Stopped;
        behaviour.max_redelivery_count =
            behaviour.max_redelivery_count.filter(|_| is_counted).map(|most| most + attaches);
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
        let (mut bench, topics) = self.bench(ending);
        let mappings = bench.mappings.clone();
        if ending == Ending::Stopped {
            bench.mappings.iter_mut().for_each(|mapping| mapping.on_invalid_record = OnInvalidRecord::Stop);
        }
        let pipeline = bench.start();
        bench.mappings = mappings;
        let most = most_buffered(&bench);
        for (gap, event) in &self.events {
            sleep(Duration::from_millis(*gap)).await;
            self.happen(&bench, &topics, event);
        }
        if ending != Ending::DrainedDuringFaults {
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
            Ending::DrainedDuringFaults => {
                let drained = timeout(DRAIN_PATIENCE, pipeline.drain()).await;
                prop_assert!(matches!(drained, Ok(Ok(()))), "{drained:?}");
                bench.broker.heal();
            }
            Ending::Dropped | Ending::Stopped => drop(pipeline),
        }
        self.check(&bench, &topics)?;
        if ending != Ending::Settled {
            // Acknowledgements in flight arrive.
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

    /// Waits until every message is acknowledged or lost. A broker that hangs continues with the next publish.
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
        prop_assert_eq!(metric("settle_dead_letters_total"), bench.broker.dead_letters().len(), "dead letters");
        prop_assert_eq!(metric("intake_messages_total"), bench.ledger.deliveries() as usize, "received");
        prop_assert_eq!(metric("in_hand_records") + metric("acks_in_flight"), 0);
        // Messages that a restart loses, or a tail skips after a reload, may have been settled.
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
            // Where memory is short, messages settled long ago are forgotten, and written once more.
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

/// The most that was charged to the budget, sampled.
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

/// So many cases, unless `PROPTEST_CASES` is set.
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
        schedule.run(Ending::DrainedDuringFaults)?;
    }

    #[test]
    fn a_pipeline_that_is_dropped_loses_nothing(schedule in schedule()) {
        schedule.run(Ending::Dropped)?;
    }

    #[test]
    fn a_pipeline_that_an_invalid_record_stops_leaves_no_older_record_to_the_next_one(schedule in refusing_schedule()) {
        schedule.run(Ending::Stopped)?;
    }
}
