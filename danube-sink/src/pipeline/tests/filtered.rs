//! Records that the filter of a mapping does not keep.

use tokio::time::sleep;

use super::{
    bench::{Bench, MS, SECOND, TOPIC},
    faults::Fault,
    ledger::Order,
    memory::Kind,
    spooled,
    target::Answer,
};
use crate::{config::SubscriptionType, spool::tests::Folder};

const FILTERED: &str = "filtered_records_total";

/// Expressions that keep every tenth message: without the payload, and with it.
const EVERY_TENTH: [&str; 2] = ["offset % 10 == 0", "payload != null && offset % 10 == 0"];

fn filtered_by(bench: &mut Bench, expression: &str) {
    bench.mapping().filter = Some(expression.to_owned());
    bench.ledger.filters(|number| number % 10 == 0);
}

#[tokio::test(start_paused = true)]
async fn records_that_are_not_kept_are_acknowledged_and_counted() {
    for expression in EVERY_TENTH {
        let mut bench = Bench::with_window(10);
        filtered_by(&mut bench, expression);
        bench.publish(1_000);
        let pipeline = bench.start();
        bench.settled().await;
        assert_eq!(bench.ledger.confirmations(), (0..1_000).step_by(10).collect::<Vec<_>>());
        assert_eq!(bench.metric(FILTERED, TOPIC), 900.0);
        assert_eq!((bench.metric("settle_records_total", TOPIC), bench.broker.dead_letters().len()), (1_000.0, 0));
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_are_not_kept_wait_for_no_write() {
    for expression in ["offset < 0", "payload == 'other'"] {
        let mut bench = Bench::with_window(10);
        bench.mapping().filter = Some(expression.to_owned());
        bench.ledger.filters(|_| false);
        bench.target.answers([Answer::Hang]);
        bench.publish(5_000);
        let pipeline = bench.start();
        let took = bench.settled().await;
        assert!(took < SECOND && bench.target.calls().is_empty(), "{took:?}");
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_target_does_not_hold_back_records_that_are_not_kept() {
    let mut bench = Bench::with_window(10);
    filtered_by(&mut bench, EVERY_TENTH[0]);
    bench.target.answers([Answer::Slow(5 * SECOND)]);
    bench.publish(20);
    let pipeline = bench.start();
    sleep(4 * SECOND).await;
    assert!(bench.ledger.acks() >= 9, "{}", bench.ledger.acks());
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_filter_without_the_payload_needs_no_schema() {
    let mut bench = Bench::new();
    filtered_by(&mut bench, EVERY_TENTH[0]);
    bench.broker.begin(Fault::RegistryFails, 60 * SECOND);
    bench.publish_to(TOPIC, 1, Kind::Plain);
    bench.publish_to(TOPIC, 9, Kind::Invalid);
    let pipeline = bench.start();
    assert!(bench.settled().await < 10 * SECOND);
    assert_eq!((bench.metric(FILTERED, TOPIC), bench.broker.dead_letters().len()), (9.0, 0));
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_for_which_the_expression_fails_is_invalid() {
    let mut bench = Bench::new();
    bench.mapping().filter = Some("offset % 2 == 0 || payload.total > 1".to_owned());
    bench.publish(10);
    (0..10).filter(|number| number % 2 == 1).for_each(|number| bench.ledger.rejected(number));
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.ledger.confirmations(), [0, 2, 4, 6, 8]);
    let letters = bench.broker.dead_letters();
    assert_eq!(letters.len(), 5);
    assert!(
        letters.iter().all(|(_, letter)| letter.attributes.values().any(|value| value.contains("`where` failed: ")))
    );
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn redeliveries_and_lost_streams_change_nothing() {
    for expression in EVERY_TENTH {
        let mut bench = Bench::with_window(10);
        filtered_by(&mut bench, expression);
        bench.target.answers([Answer::Retryable, Answer::Slow(40 * SECOND), Answer::Retryable]);
        bench.publish(200);
        let pipeline = bench.start();
        for _ in 0..5 {
            sleep(700 * MS).await;
            bench.broker.end_stream(TOPIC, true);
        }
        bench.settled().await;
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn records_of_a_shared_subscription_are_filtered_by_every_task() {
    let mut bench = Bench::with_window(50);
    filtered_by(&mut bench, EVERY_TENTH[1]);
    bench.mapping().consumer.subscription_type = SubscriptionType::Shared;
    bench.ledger.order(Order::None);
    bench.tasks = 4;
    bench.publish(500);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!((bench.ledger.confirmations().len(), bench.metric(FILTERED, TOPIC)), (50, 450.0));
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn records_of_a_spool_are_filtered_when_they_are_delivered() {
    let mut bench = Bench::new();
    let folder = Folder::new();
    filtered_by(&mut bench, EVERY_TENTH[1]);
    bench.publish(300);
    let process = spooled::start(&bench, &folder, 1 << 30);
    bench.settled().await;
    bench.ledger.delivered_all().await;
    process.end().await;
    assert_eq!(bench.ledger.confirmations(), (0..300).step_by(10).collect::<Vec<_>>());
    assert_eq!(bench.metric(FILTERED, TOPIC), 270.0);
    bench.lawful();
}
