//! Long outages and slow targets: a subscription is detached in time, and each message is delivered only a few times.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    behaviour::{Behaviour, Reading},
    bench::{Bench, MS, SECOND, TOPIC, in_time},
    faults::Fault,
    log::Dispatch,
    memory::Kind,
    target::Answer,
};

const WELL: &str = "/default/well";

/// As the broker's default settings block a subscription.
const STRICT: Behaviour = Behaviour {
    counts_attaches: true,
    max_redelivery_count: Some(5),
    is_unreliable: false,
    hangs: true,
    reading: Reading::All,
    keeps_cursor: false,
};

fn strict(window: usize) -> Bench {
    let mut bench = Bench::empty();
    bench.dispatch.window = window;
    bench.dispatch.behaviour = STRICT;
    bench.map(TOPIC);
    bench.create(TOPIC);
    bench
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_hours_blocks_no_subscription() {
    for window in [1, 10, 200] {
        let bench = strict(window);
        bench.target.fail(TOPIC);
        bench.publish(300);
        let pipeline = bench.start();
        sleep(2 * 3_600 * SECOND).await;
        assert!(bench.ledger.most_deliveries() <= 1, "detached before any redelivery");
        bench.target.recover(TOPIC);
        bench.settled().await;
        assert!(bench.ledger.most_deliveries() <= 3, "{}", bench.ledger.most_deliveries());
        bench.end(pipeline).await;
        assert_eq!(bench.broker.overtakings(TOPIC), 0);
    }
}

/// A record that waits for the registry is kept while the target fails, unless records before it go back.
#[tokio::test(start_paused = true)]
async fn order_holds_when_target_and_registry_fail_at_once() {
    let bench = Bench::new();
    bench.broker.begin(Fault::RegistryFails, 40 * SECOND);
    bench.target.fail_for(TOPIC, 20 * SECOND);
    bench.publish(3);
    bench.publish_to(TOPIC, 2, Kind::WithSchema);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.ledger.confirmations(), [0, 1, 2, 3, 4]);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_and_goes_blocks_no_subscription() {
    let bench = strict(50);
    bench.publish(2_000);
    let pipeline = bench.start();
    for _ in 0..10 {
        bench.target.fail(TOPIC);
        sleep(100 * SECOND).await;
        bench.target.recover(TOPIC);
        sleep(300 * MS).await;
    }
    bench.settled().await;
    bench.end(pipeline).await;
}

/// 3 000 records, ten a second: a window of 1 000 takes longer than the broker waits for an acknowledgement.
#[tokio::test(start_paused = true)]
async fn a_large_window_on_a_slow_target_sends_no_record_often() {
    for (window, batch) in [(10, 100), (100, 100), (1_000, 100), (1_000, 10)] {
        let mut bench = strict(window);
        bench.mapping().batch_size = batch;
        bench.target.takes(100 * MS);
        bench.config.write_timeout = 100 * SECOND;
        bench.publish(3_000);
        let pipeline = bench.start();
        bench.settled().await;
        let (most, all) = (bench.ledger.most_deliveries(), bench.ledger.deliveries());
        assert!(most <= 2 && all <= 7_000, "window {window}: {all} deliveries, {most} of one record");
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_smaller_than_the_window_blocks_no_subscription() {
    let mut bench = strict(100);
    bench.config.max_buffered_bytes = 20_000;
    bench.target.takes(10 * MS);
    for _ in 0..500 {
        bench.broker.publish(TOPIC, 1_000, Kind::Plain, false);
    }
    let pipeline = bench.start();
    bench.settled().await;
    assert!(bench.ledger.most_deliveries() <= 5, "{}", bench.ledger.most_deliveries());
    let status = bench.observer.status().to_string();
    assert!(status.contains("waiting: messages that were refused for lack of memory"), "{status}");
    bench.end(pipeline).await;
}

/// With a deadline of two seconds, what waits for its flush interval or for a slow write is soon too late.
#[tokio::test(start_paused = true)]
async fn a_budget_for_one_message_of_the_window_blocks_no_subscription() {
    for (budget, each) in [(600, 1), (600, 200), (4_000, 1), (4_000, 200)] {
        let mut bench = Bench::empty();
        bench.dispatch = Dispatch { window: 46, ack_timeout: 2 * SECOND, behaviour: STRICT };
        bench.map(TOPIC);
        bench.create(TOPIC);
        bench.config.max_buffered_bytes = budget;
        bench.target.takes(each * MS);
        for _ in 0..100 {
            bench.broker.publish(TOPIC, 100, Kind::Plain, false);
        }
        let pipeline = bench.start();
        bench.settled().await;
        assert!(bench.ledger.most_deliveries() <= 5, "{}", bench.ledger.most_deliveries());
        bench.end(pipeline).await;
    }
}

/// Each time that it answers, the whole window is redelivered, and one record of it is written.
#[tokio::test(start_paused = true)]
async fn a_target_that_takes_one_record_now_and_then_blocks_no_subscription() {
    let mut bench = strict(20);
    bench.mapping().batch_size = 1;
    bench.target.fails_after_each_write(600 * SECOND);
    bench.publish(40);
    let pipeline = bench.start();
    bench.settled().await;
    bench.end(pipeline).await;
}

/// What arrives during a drain is given back, and redelivered after each attach.
#[tokio::test(start_paused = true)]
async fn a_drain_that_waits_for_one_mapping_sends_no_record_of_another_often() {
    let mut bench = strict(10);
    bench.map(WELL);
    bench.create(WELL);
    bench.target.fail(TOPIC);
    bench.publish(5);
    let pipeline = bench.start();
    sleep(SECOND).await;
    let drained = tokio::spawn(pipeline.drain());
    sleep(SECOND).await;
    bench.publish_to(WELL, 5, Kind::Plain);
    sleep(1_800 * SECOND).await;
    assert_eq!(bench.ledger.most_deliveries(), 1);
    bench.target.recover(TOPIC);
    in_time(drained).await.unwrap().unwrap();
    assert_eq!(bench.ledger.acks(), 5);
    bench.lawful();
}

#[tokio::test(start_paused = true)]
async fn the_detachment_comes_before_the_ack_timeout() {
    for seconds in [2, 30, 300] {
        let mut bench = Bench::empty();
        bench.dispatch.ack_timeout = Duration::from_secs(seconds);
        bench.dispatch.behaviour = STRICT;
        bench.map(TOPIC);
        bench.create(TOPIC);
        bench.target.hang(TOPIC);
        bench.config.write_timeout = Duration::from_secs(seconds * 10);
        bench.publish(10);
        let pipeline = bench.start();
        sleep(Duration::from_secs(seconds * 5)).await;
        assert_eq!(bench.ledger.most_deliveries(), 1, "ack timeout of {seconds} s");
        drop(pipeline);
    }
}

/// The pause after a failed write ends when the partition is found overdue: records of its batch go back, and the target answers
/// at once.
#[tokio::test(start_paused = true)]
async fn order_holds_when_the_target_recovers_in_the_instant_of_the_detachment() {
    for _ in 0..100 {
        let mut bench = Bench::new();
        bench.config.retry_backoff = MS;
        bench.mapping().batch_size = 2;
        bench.target.answers([14_500, 500].map(|pause| Answer::RetryAfter(pause * MS)));
        bench.publish(4);
        let pipeline = bench.start();
        bench.settled().await;
        assert_eq!(bench.ledger.confirmations(), [0, 1, 2, 3]);
        bench.end(pipeline).await;
    }
}
