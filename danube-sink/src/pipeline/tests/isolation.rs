//! A failing mapping costs another nothing but the wait for a connector instance.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{
    bench::{Bench, MS, SECOND, TOPIC, in_time},
    faults::Fault,
    memory::Kind,
    target::Answer,
};
use crate::config::{MappingSettings, OnRetriesExhausted, SubscriptionType};

const WELL: &str = "/default/well";
const BACK: &str = "/default/back";
/// A budget for so many messages of the dead mappings as the default one holds of 410 kilobytes.
const BUDGET: usize = 1_340_000;
const LARGE: usize = 4_100;

/// So many mappings whose target is down, with twenty messages each.
fn with_dead(count: usize) -> Bench {
    let mut bench = Bench::empty();
    bench.config.max_buffered_bytes = BUDGET;
    for topic in [WELL, BACK] {
        bench.map(topic);
        bench.create(topic);
    }
    for number in 0..count {
        let topic = format!("/default/dead{number}-");
        bench.map(&topic);
        bench.create(&topic);
        bench.target.fail(&topic);
        for _ in 0..20 {
            bench.broker.publish(&topic, LARGE, Kind::Plain, false);
        }
    }
    bench
}

#[tokio::test(start_paused = true)]
async fn dead_mappings_do_not_starve_a_healthy_one_of_memory() {
    for dead in [34, 40] {
        let bench = with_dead(dead);
        let pipeline = bench.start();
        gets_its_records(&bench, 100).await;
        assert!(timeout(SECOND, pipeline.drain()).await.is_err(), "the dead ones are waited for");
        bench.lawful();
    }
}

/// The healthy mapping gets its records of so many bytes for ten minutes.
async fn gets_its_records(bench: &Bench, bytes: usize) {
    let mut numbers = Vec::new();
    for _ in 0..60 {
        numbers.push(bench.broker.publish(WELL, bytes, Kind::Plain, false));
        sleep(10 * SECOND).await;
    }
    let late = numbers.iter().filter(|number| !bench.ledger.entry(**number).acked).count();
    assert!(late <= 1, "{late} of 60 are not acknowledged");
}

#[tokio::test(start_paused = true)]
async fn dead_mappings_whose_records_were_delivered_three_times_do_not_starve_a_healthy_one_either() {
    const DEAD: usize = 34;
    let bench = with_dead(DEAD);
    let pipeline = bench.start();
    for _ in 0..2 {
        sleep(2 * SECOND).await;
        (0..DEAD).for_each(|number| bench.broker.end_stream(&format!("/default/dead{number}-"), true));
    }
    gets_its_records(&bench, LARGE).await;
    assert!(bench.ledger.most_deliveries() <= 3, "{}", bench.ledger.most_deliveries());
    for number in 0..DEAD {
        bench.target.recover(&format!("/default/dead{number}-"));
    }
    bench.settled().await;
    assert!(bench.ledger.most_deliveries() <= 6, "{}", bench.ledger.most_deliveries());
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn lack_of_memory_is_not_reported_as_a_slow_target() {
    let mut bench = Bench::new();
    bench.config.max_buffered_bytes = 40_000;
    bench.config.write_timeout = 300 * SECOND;
    bench.map(WELL);
    bench.create(WELL);
    bench.target.answers([Answer::Slow(100 * SECOND)]);
    for _ in 0..10 {
        bench.broker.publish(TOPIC, LARGE, Kind::Plain, false);
    }
    let pipeline = bench.start();
    sleep(5 * SECOND).await;
    bench.broker.publish(WELL, LARGE, Kind::Plain, false);
    sleep(30 * SECOND).await;
    let reasons = bench.reasons();
    assert!(reasons.iter().any(|reason| reason.contains("max_buffered_bytes")), "{reasons:?}");
    bench.settled().await;
    let attaches = |reason| bench.metric("attaches_total", &format!("partition=\"{WELL}\",reason=\"{reason}\""));
    assert_eq!((attaches("out_of_memory"), attaches("target_recovered")), (1.0, 0.0));
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_mapping_that_recovers_beside_dead_ones_gets_its_records() {
    for dead in [25, 30] {
        let bench = with_dead(dead);
        bench.target.fail(BACK);
        bench.publish_to(BACK, 20, Kind::Plain);
        let pipeline = bench.start();
        sleep(120 * SECOND).await;
        bench.target.recover(BACK);
        sleep(90 * SECOND).await;
        let number = bench.broker.publish(WELL, 100, Kind::Plain, false);
        sleep(60 * SECOND).await;
        assert!(bench.ledger.entry(number).acked, "the healthy one beside {dead} dead mappings");
        let acked = bench.ledger.count(|entry| entry.topic == BACK && entry.acked);
        assert_eq!(acked, 20, "the one that is back beside {dead} dead mappings");
        drop(pipeline);
        bench.lawful();
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_mapping_keeps_no_other_detached() {
    let mut bench = Bench::new();
    bench.map(BACK);
    bench.create(BACK);
    for topic in [TOPIC, BACK] {
        bench.target.fail(topic);
        bench.publish_to(topic, 5, Kind::Plain);
    }
    let pipeline = bench.start();
    sleep(300 * SECOND).await;
    bench.target.recover(BACK);
    sleep(60 * SECOND).await;
    assert_eq!(bench.ledger.count(|entry| entry.topic == BACK && entry.acked), 5);
    drop(pipeline);
}

#[tokio::test(start_paused = true)]
async fn a_fatal_health_check_ends_the_connector() {
    let bench = Bench::new();
    bench.target.fail(TOPIC);
    bench.target.health(Some(Answer::Fatal));
    bench.publish(5);
    let mut pipeline = bench.start();
    let ended = timeout(300 * SECOND, pipeline.ended()).await.expect("it ends");
    assert!(ended.unwrap_err().to_string().contains("may not log in"));
}

fn hung(number: u32) -> String {
    format!("/default/hung{number}-")
}

/// So many mappings whose writes hang, with so many messages each, beside one that is well.
fn with_hung(count: u32, messages: usize, mut settings: impl FnMut(&mut MappingSettings)) -> Bench {
    let mut bench = Bench::empty();
    bench.map(WELL);
    bench.create(WELL);
    for number in 0..count {
        let topic = hung(number);
        settings(bench.map(&topic));
        bench.create(&topic);
        bench.target.hang(&topic);
        bench.publish_to(&topic, messages, Kind::Plain);
    }
    bench
}

/// The healthy mapping gets its records a flush interval and one write later, once the others are known to hang.
async fn waits_for_one_write(bench: &Bench, hung: u32, write: Duration) {
    let pipeline = bench.start();
    // Each of them hangs once before it is known to fail.
    sleep(SECOND + hung * write).await;
    for _ in 0..20 {
        let number = bench.broker.publish(WELL, 8, Kind::Plain, false);
        sleep(SECOND + write + 100 * MS).await;
        let tasks = bench.tasks;
        assert!(bench.ledger.entry(number).acked, "beside {hung} mappings that hang, with {tasks} tasks");
    }
    drop(pipeline);
}

#[tokio::test(start_paused = true)]
async fn writes_that_hang_hold_others_for_no_longer_than_the_write_timeout() {
    for (hung, tasks, health) in [(1, 1, None), (5, 1, None), (5, 1, Some(Answer::Hang)), (5, 3, None)] {
        let mut bench = with_hung(hung, 5, |_| {});
        bench.tasks = tasks;
        bench.config.write_timeout = 2 * SECOND;
        bench.target.health(health);
        waits_for_one_write(&bench, hung, 2 * SECOND).await;
    }
}

/// Mappings whose writes hang; each batch of one record is written once, and then given up.
fn with_hung_once(of: SubscriptionType) -> Bench {
    let mut bench = with_hung(5, 100, |mapping| {
        mapping.batch_size = 1;
        mapping.consumer.subscription_type = of;
    });
    bench.config.max_retries = 0;
    bench.config.on_retries_exhausted = OnRetriesExhausted::DeadLetter;
    bench
}

#[tokio::test(start_paused = true)]
async fn batches_that_hang_and_are_given_up_hold_others_for_no_longer_either() {
    for (tasks, of) in [(1, SubscriptionType::Exclusive), (3, SubscriptionType::Shared)] {
        let mut bench = with_hung_once(of);
        bench.tasks = tasks;
        bench.config.write_timeout = 2 * SECOND;
        waits_for_one_write(&bench, 5, 2 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn writes_that_the_connector_gives_up_before_the_write_timeout_hold_others_for_no_longer_either() {
    let mut bench = with_hung_once(SubscriptionType::Exclusive);
    bench.config.write_timeout = 6 * SECOND;
    for number in 0..5 {
        bench.target.gives_up(&hung(number), 2 * SECOND);
    }
    waits_for_one_write(&bench, 5, 2 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_no_write_that_hangs_while_an_instance_is_idle() {
    let mut bench = with_hung(3, 5, |_| {});
    bench.tasks = 2;
    bench.config.write_timeout = 20 * SECOND;
    let pipeline = bench.start();
    // Two of them have an instance each until they are known to hang.
    sleep(61 * SECOND).await;
    for _ in 0..10 {
        bench.target.answers([Answer::Retryable, Answer::Ok]);
        let number = bench.broker.publish(WELL, 8, Kind::Plain, false);
        sleep(SECOND + bench.config.retry_backoff + 100 * MS).await;
        assert!(bench.ledger.entry(number).acked);
    }
    drop(pipeline);
}

#[tokio::test(start_paused = true)]
async fn a_mapping_that_waits_long_for_a_connector_instance_is_live() {
    let mut bench = Bench::empty();
    bench.config.write_timeout = 2 * SECOND;
    bench.target.takes(SECOND);
    for number in 0..30 {
        let topic = format!("/default/busy{number}-");
        bench.map(&topic);
        bench.create(&topic);
        bench.publish_to(&topic, 1, Kind::Plain);
    }
    let pipeline = bench.start();
    for _ in 0..40 {
        sleep(SECOND).await;
        assert_eq!(bench.observer.status()["stuck"], serde_json::Value::Null);
    }
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_waits_for_its_turn_does_not_spin_while_the_registry_is_away() {
    let bench = Bench::new();
    bench.target.answers([Answer::Slow(20 * SECOND)]);
    bench.publish(1);
    let pipeline = bench.start();
    sleep(2 * SECOND).await;
    bench.broker.begin(Fault::RegistryFails, 60 * SECOND);
    bench.publish(1);
    bench.publish_to(TOPIC, 1, Kind::WithSchema);
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_publisher_or_of_an_acknowledgement_ends_the_connector_at_once() {
    for fault in [Fault::PublishPanics, Fault::AcksPanic] {
        for tasks in [1, 3] {
            let mut bench = Bench::new();
            bench.tasks = tasks;
            bench.mapping().consumer.subscription_type = SubscriptionType::Shared;
            bench.broker.begin(fault, 3_600 * SECOND);
            bench.publish(1);
            bench.publish_to(TOPIC, 1, Kind::Invalid);
            let mut pipeline = bench.start();
            let ended = timeout(10 * SECOND, pipeline.ended()).await.expect("at once");
            assert!(ended.is_err(), "{fault:?}");
            let _ = timeout(20 * SECOND, pipeline.drain()).await.expect("the drain ends");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_delay_that_a_target_asks_for_is_bounded_by_max_backoff() {
    let bench = Bench::new();
    bench.target.answers([Answer::RetryAfter(Duration::from_secs(86_400))]);
    bench.publish(2);
    let pipeline = bench.start();
    let took = in_time(bench.settled()).await;
    assert!(took <= bench.config.max_backoff + 5 * SECOND, "{took:?}");
    bench.end(pipeline).await;
}
