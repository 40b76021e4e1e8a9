//! Two pipelines with a spool between them.

use std::{sync::Arc, time::Duration};

use super::{
    bench::{Bench, MS, SECOND, TOPIC, in_time},
    target::Answer,
};
use crate::{
    config::{SpoolSync, SubscriptionType},
    pipeline::{Broker, Pipeline, Writer, WriterPool},
    spool::{LogKey, Spool, SpooledMapping, tests::Folder},
};

/// A running process.
struct Process {
    spool: Arc<Spool>,
    intake: Pipeline,
    delivery: Pipeline,
}

fn start(bench: &Bench, folder: &Folder, max_bytes: u64) -> Process {
    bench.ledger.spooled();
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
    let spool = Arc::new(Spool::open(&folder.0, "test", max_bytes, SpoolSync::Os, &mappings).unwrap());
    let writers = (0..bench.tasks).map(|_| Writer::new(Box::new(bench.target.clone()))).collect();
    let pool = WriterPool::new(writers, bench.config.write_timeout);
    let broker: Arc<dyn Broker> = Arc::new(bench.broker.clone());
    let (mappings, config, observer) = (&bench.mappings, &bench.config, &bench.observer);
    let delivery = Pipeline::delivery(&broker, &spool, &pool, mappings.clone(), config, observer);
    let intake = Pipeline::intake(&broker, &spool, mappings.clone(), config, observer);
    Process { spool, intake, delivery }
}

impl Process {
    async fn end(self) {
        in_time(async { tokio::join!(self.intake.drain(), self.delivery.drain()) }).await.0.unwrap();
        self.spool.close();
    }

    /// The process is killed: nothing of it is drained.
    fn kill(self) {}
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
        tokio::time::sleep(60 * SECOND).await;
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
    tokio::time::sleep(120 * SECOND).await;
    let acks = bench.ledger.acks();
    assert!(acks > 50 && acks < 1_000, "{acks}");
    in_time(bench.ledger.delivered_all()).await;
    bench.settled().await;
    process.end().await;
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn a_killed_process_repeats_only_what_was_being_written() {
    let bench = Bench::new();
    let folder = Folder::new();
    bench.target.answers([Answer::Ok, Answer::Ok, Answer::Slow(10 * SECOND)]);
    let process = start(&bench, &folder, 1 << 30);
    bench.publish(1_000);
    tokio::time::sleep(2 * SECOND).await;
    process.kill();
    bench.ledger.next_pipeline();
    let before = bench.ledger.acks();
    let process = start(&bench, &folder, 1 << 30);
    bench.target.takes(MS);
    in_time(bench.ledger.delivered_all()).await;
    process.end().await;
    assert!(before >= 200, "{before}");
}
