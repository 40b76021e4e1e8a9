//! Two pipelines with a spool between them.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    behaviour::Reading,
    bench::{Bench, MS, SECOND, TOPIC, in_time},
    faults::Fault,
    ledger::Order,
    pending::{partition, run},
    target::Answer,
};
use crate::{
    config::{SpoolSync, SubscriptionType},
    pipeline::{
        Broker, Pipeline, Writer, WriterPool,
        budget::Budget,
        mapping::{Mapping, Role},
        pending::PendingRecords,
        signals::Signals,
        spooler::Spooler,
    },
    spool::{LogKey, Spool, SpooledMapping, tests::Folder},
};

/// A running process.
pub(super) struct Process {
    pub(super) spool: Arc<Spool>,
    pub(super) intake: Pipeline,
    delivery: Pipeline,
    /// Adopts the spools of other processes.
    watch: JoinSet<()>,
}

/// The spool of a process.
pub(super) fn open(bench: &Bench, folder: &Folder, max_bytes: u64) -> Arc<Spool> {
    let key = |consumer: &crate::config::ConsumerConfig| LogKey {
        topic: consumer.topic.clone(),
        subscription: consumer.subscription.clone(),
    };
    let mappings: Vec<_> = bench
        .mappings
        .iter()
        .map(|mapping| SpooledMapping {
            key: key(&mapping.consumer),
            is_ordered: mapping.consumer.subscription_type != SubscriptionType::Shared,
        })
        .collect();
    Arc::new(Spool::open(&folder.0, "test", max_bytes, SpoolSync::Os, &mappings).unwrap())
}

pub(super) fn start(bench: &Bench, folder: &Folder, max_bytes: u64) -> Process {
    bench.ledger.spooled();
    let spool = open(bench, folder, max_bytes);
    let writers = (0..bench.tasks).map(|_| Writer::new(Box::new(bench.target.clone()))).collect();
    let pool = WriterPool::new(writers, bench.config.write_timeout);
    let broker: Arc<dyn Broker> = Arc::new(bench.broker.clone());
    let (mappings, config, observer) = (&bench.mappings, &bench.config, &bench.observer);
    let delivery = Pipeline::delivery(&broker, &spool, &pool, mappings.clone(), config, observer);
    let intake = Pipeline::intake(&broker, &spool, mappings.clone(), config, observer);
    let mut watch = JoinSet::new();
    watch.spawn(Arc::clone(&spool).watch());
    Process { spool, intake, delivery, watch }
}

impl Process {
    pub(super) async fn end(self) {
        drop(self.watch);
        in_time(async { tokio::join!(self.intake.drain(), self.delivery.drain()) }).await.0.unwrap();
        self.spool.close();
    }

    /// The process is killed: nothing of it is drained.
    pub(super) fn kill(self) {
        for mapping in self.spool.mappings() {
            mapping.readable().iter().for_each(|(_, log)| log.kill());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn batches_are_of_the_authors_size_whatever_the_window() {
    let mut bench = Bench::new();
    bench.mapping().batch_size = 500;
    let folder = Folder::new();
    bench.publish(2_000);
    let process = start(&bench, &folder, 1 << 30);
    in_time(bench.ledger.delivered_all()).await;
    assert_eq!(bench.target.sizes(), [500; 4]);
    process.end().await;
    assert_eq!(bench.ledger.acks(), 2_000);
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_target_stops_no_reading_and_a_restart_loses_nothing() {
    let bench = Bench::new();
    let folder = Folder::new();
    bench.target.fail(TOPIC);
    let process = start(&bench, &folder, 1 << 30);
    bench.publish(3_000);
    bench.settled().await;
    assert_eq!(bench.ledger.acks(), 3_000);
    process.end().await;
    bench.target.recover(TOPIC);
    let process = start(&bench, &folder, 1 << 30);
    bench.publish(10);
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    assert_eq!(bench.ledger.confirmations(), (0..3_010).collect::<Vec<_>>());
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_hours_ends_and_the_other_mapping_continues() {
    let mut bench = Bench::new();
    bench.map("/default/other");
    bench.create("/default/other");
    let folder = Folder::new();
    let process = start(&bench, &folder, 1 << 30);
    bench.target.fail_for(TOPIC, 3_600 * SECOND);
    for _ in 0..20 {
        bench.publish(100);
        bench.publish_to("/default/other", 100, super::memory::Kind::Plain);
        sleep(60 * SECOND).await;
    }
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_full_share_stops_acknowledging_and_continues_when_the_target_does() {
    let bench = Bench::new();
    let folder = Folder::new();
    let process = start(&bench, &folder, 20_000);
    bench.target.fail_for(TOPIC, Duration::from_secs(300));
    bench.publish(2_000);
    sleep(120 * SECOND).await;
    let acks = bench.ledger.acks();
    assert!(acks > 50 && acks < 1_000, "{acks}");
    in_time(bench.ledger.delivered_all()).await;
    bench.settled().await;
    process.end().await;
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_redelivers_after_a_restart_is_recognized() {
    let bench = Bench::new();
    let folder = Folder::new();
    bench.broker.begin(Fault::AcksAreLost, 3_600 * SECOND);
    let process = start(&bench, &folder, 1 << 30);
    bench.publish(10);
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    assert_eq!(bench.ledger.acks(), 0);
    bench.broker.heal();
    let process = start(&bench, &folder, 1 << 30);
    bench.settled().await;
    process.end().await;
    assert_eq!(bench.ledger.confirmations(), (0..10).collect::<Vec<_>>());
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acknowledged_before_a_restart_is_recognized_however_much_it_is() {
    let mut bench = Bench::with_window(1_000);
    bench.config.max_buffered_bytes = 600;
    let folder = Folder::new();
    bench.broker.begin(Fault::AcksFail, 3_600 * SECOND);
    let process = start(&bench, &folder, 1 << 30);
    bench.publish(500);
    sleep(SECOND).await;
    process.end().await;
    assert_eq!(bench.ledger.acks(), 0);
    bench.broker.heal();
    let process = start(&bench, &folder, 1 << 30);
    bench.settled().await;
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    assert_eq!(bench.ledger.confirmations(), (0..500).collect::<Vec<_>>());
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_gap_over_a_restart_is_reported() {
    let mut bench = Bench::empty();
    bench.dispatch.behaviour.reading = Reading::Tail(20);
    bench.map(TOPIC);
    bench.create(TOPIC);
    let folder = Folder::new();
    let process = start(&bench, &folder, 1 << 30);
    bench.publish(10);
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    bench.publish(200);
    let process = start(&bench, &folder, 1 << 30);
    bench.settled().await;
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    assert!(bench.ledger.gaps() > 100, "{}", bench.ledger.gaps());
    assert_eq!(bench.metric("intake_gap_messages_total", "") as usize, bench.ledger.gaps());
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn records_that_wait_for_the_target_take_no_memory_of_the_intake() {
    let mut bench = Bench::new();
    bench.config.max_buffered_bytes = 4_000;
    bench.map("/default/other");
    bench.create("/default/other");
    let folder = Folder::new();
    bench.target.fail(TOPIC);
    bench.target.hang("/default/other");
    let process = start(&bench, &folder, 1 << 30);
    bench.publish(1_000);
    bench.publish_to("/default/other", 1_000, super::memory::Kind::Plain);
    let took = bench.settled().await;
    assert!(took < 60 * SECOND, "{took:?}");
    bench.target.recover(TOPIC);
    bench.target.recover("/default/other");
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_while_the_target_fails_keeps_the_order() {
    let mut bench = Bench::new();
    bench.mapping().batch_size = 10;
    bench.target.answers([Answer::Retryable]);
    let folder = Folder::new();
    bench.publish(30);
    let process = start(&bench, &folder, 1 << 30);
    sleep(50 * MS).await;
    process.end().await;
    let process = start(&bench, &folder, 1 << 30);
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    assert_eq!(bench.ledger.confirmations(), (0..30).collect::<Vec<_>>());
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_times_out_leaves_the_rest_to_the_next_process() {
    let bench = Bench::new();
    let folder = Folder::new();
    bench.target.hang(TOPIC);
    let Process { spool, intake, delivery, watch } = start(&bench, &folder, 1 << 30);
    bench.publish(500);
    bench.settled().await;
    drop(watch);
    let drained = timeout(SECOND, async { tokio::join!(intake.drain(), delivery.drain()) }).await;
    assert!(drained.is_err(), "the target hangs");
    spool.close();
    drop(spool);
    bench.target.recover(TOPIC);
    let process = start(&bench, &folder, 1 << 30);
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    assert_eq!(bench.ledger.confirmations(), (0..500).collect::<Vec<_>>());
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_killed_process_repeats_only_what_was_being_written() {
    let bench = Bench::new();
    let folder = Folder::new();
    bench.target.answers([Answer::Ok, Answer::Ok, Answer::Slow(10 * SECOND)]);
    let process = start(&bench, &folder, 1 << 30);
    bench.publish(1_000);
    sleep(2 * SECOND).await;
    process.kill();
    bench.ledger.next_pipeline();
    let before = bench.ledger.acks();
    let process = start(&bench, &folder, 1 << 30);
    bench.target.takes(MS);
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    assert!(before >= 200, "{before}");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_overtook_one_which_a_shutdown_left_is_written_once() {
    let mut bench = Bench::new();
    bench.tasks = 2;
    bench.mapping().batch_size = 1;
    bench.mapping().consumer.subscription_type = SubscriptionType::Shared;
    bench.ledger.order(Order::None);
    bench.target.answers([Answer::Hang, Answer::Ok]);
    let folder = Folder::new();
    bench.publish(2);
    let process = start(&bench, &folder, 1 << 30);
    sleep(SECOND).await;
    process.end().await;
    assert_eq!(bench.ledger.confirmations(), [1]);
    let process = start(&bench, &folder, 1 << 30);
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    assert_eq!(bench.ledger.confirmations(), [1, 0]);
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_batch_does_not_wait_to_be_filled_at_the_end_of_an_older_log() {
    let mut bench = Bench::new();
    (bench.mapping().batch_size, bench.mapping().flush_interval) = (500, 3_600 * SECOND);
    let folder = Folder::new();
    let process = start(&bench, &folder, 1 << 30);
    bench.publish(130);
    bench.settled().await;
    process.kill();
    bench.ledger.next_pipeline();
    let process = start(&bench, &folder, 1 << 30);
    bench.publish(500);
    let started = tokio::time::Instant::now();
    in_time(bench.ledger.delivered_all()).await;
    assert!(started.elapsed() < 60 * SECOND, "{:?}", started.elapsed());
    assert_eq!(bench.target.sizes(), [130, 500]);
    process.end().await;
    bench.lawful();
}

/// Each time that it answers, the window is read anew, and one record of it is written.
#[tokio::test(start_paused = true)]
async fn a_target_that_takes_a_record_now_and_then_keeps_no_spooled_ones_in_memory() {
    const LIMIT: usize = 400_000;
    let mut bench = Bench::new();
    bench.mapping().batch_size = 10;
    bench.config.max_buffered_bytes = LIMIT;
    bench.target.fails_after_each_write(100 * SECOND);
    let folder = Folder::new();
    let process = start(&bench, &folder, 1 << 30);
    for _ in 0..60 {
        bench.broker.publish(TOPIC, 10_000, super::memory::Kind::Plain, false);
    }
    let (buffered, mut full) = (bench.observer.buffered_bytes(), 0);
    for _ in 0..1_000 {
        sleep(SECOND).await;
        full += usize::from(buffered.get() > 60_000);
    }
    assert!(full < 500, "the window is in memory for {full} of 1 000 seconds");
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_connector_is_none_of_a_topic_without_offsets() {
    let mut bench = Bench::empty();
    bench.dispatch.behaviour.is_unreliable = true;
    bench.map(TOPIC);
    bench.create(TOPIC);
    let folder = Folder::new();
    for count in [1, 1, 3, 3] {
        bench.publish(count);
        let process = start(&bench, &folder, 1 << 30);
        in_time(bench.ledger.delivered_all()).await;
        process.end().await;
    }
    assert_eq!(bench.metric("intake_offset_restarts_total", ""), 0.0);
}

/// The consumer has detached, and has not given its queue back yet.
#[tokio::test(start_paused = true)]
async fn what_is_queued_goes_back_with_the_records_before_it() {
    let bench = Bench::new();
    let folder = Folder::new();
    let spool = open(&bench, &folder, 1 << 30);
    let settings = bench.mappings[0].clone();
    let spool = Arc::clone(spool.mapping(TOPIC, &settings.consumer.subscription).unwrap());
    let mapping = Arc::new(Mapping::new(settings, Role::Intake(Arc::clone(&spool)), 1, &bench.observer));
    let budget = Budget::new(1_000_000, bench.observer.buffered_bytes());
    let spooler = Spooler { mapping: Arc::clone(&mapping), spool, budget, signals: Signals::default() };
    let ((partition, mut settlements), (other, _others)) = (partition(), partition());
    let mut records: PendingRecords = [run(&partition, 3)].into_iter().collect();
    [run(&partition, 2), run(&other, 1)].into_iter().for_each(|run| mapping.push(run));
    partition.set_overdue(true);
    spooler.give_back(&mut records);
    let queued = std::iter::from_fn(|| mapping.stripes()[0].pop());
    let queued: Vec<_> = queued.map(|run| (Arc::ptr_eq(&run.partition, &partition), run.len())).collect();
    assert_eq!((records.len(), queued), (1, vec![(false, 1)]));
    let given_back = std::iter::from_fn(|| settlements.try_recv().ok()).map(|given| given.end - given.first);
    assert_eq!(given_back.sum::<u32>(), 4);
}
