//! Batches that a connector writes in parts, some of which are settled early.

use tokio::time::sleep;

use super::{
    bench::{Bench, MS, SECOND},
    target::{Answer, Part},
};
use crate::config::{OnRetriesExhausted, SubscriptionType};

const TYPES: [SubscriptionType; 3] =
    [SubscriptionType::Exclusive, SubscriptionType::Shared, SubscriptionType::KeyShared];

#[tokio::test(start_paused = true)]
async fn every_record_of_a_batch_in_parts_is_written_once_whatever_its_parts_answer() {
    for order in TYPES {
        for parts in [
            vec![Part::RejectsFirst, Part::Retryable],
            vec![Part::Ok, Part::InvalidFirst, Part::Ok],
            vec![Part::Ok, Part::Retryable],
            vec![Part::Retryable, Part::RejectsFirst, Part::InvalidFirst],
        ] {
            let mut bench = Bench::new();
            bench.mapping().consumer.subscription_type = order;
            bench.target.order(order);
            if order == SubscriptionType::Shared {
                bench.ledger.order(super::ledger::Order::None);
            }
            bench.target.answers([Answer::Parts(2, parts.clone())]);
            bench.publish(6);
            let pipeline = bench.start();
            bench.settled().await;
            let done = bench.ledger.count(|entry| entry.confirmed + entry.dead_letters == 1);
            assert_eq!(done, 6, "{order:?} {parts:?}");
            bench.end(pipeline).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_written_is_acknowledged_before_its_batch_is_answered() {
    let bench = Bench::new();
    // One line of an Exclusive subscription: 10 ms each.
    bench.target.answers([Answer::Parts(2, Vec::new())]);
    bench.publish(10);
    let pipeline = bench.start();
    while bench.target.sizes().is_empty() {
        sleep(MS).await;
    }
    sleep(25 * MS).await;
    assert_eq!(bench.ledger.acks(), 4);
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_settled_early_is_not_written_again_after_the_batch_timed_out() {
    let mut bench = Bench::new();
    bench.config.write_timeout = 25 * MS;
    bench.target.answers([Answer::Parts(2, Vec::new())]);
    bench.publish(10);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.target.sizes()[..2], [10, 6]);
    sleep(SECOND).await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_after_all_of_its_records_were_settled_counts_no_retry() {
    for failure in [Answer::Retryable, Answer::Refused] {
        let mut bench = Bench::new();
        bench.config.on_retries_exhausted = OnRetriesExhausted::Stop;
        bench.config.max_retries = 0;
        bench.target.answers([Answer::PartsThen(2, Box::new(failure))]);
        bench.publish(6);
        let pipeline = bench.start();
        bench.settled().await;
        sleep(SECOND).await;
        assert_eq!((bench.metric("write_retries_total", ""), bench.broker.dead_letters().len()), (0.0, 0));
        assert_eq!(bench.target.sizes(), [6]);
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_were_not_tried_count_no_retry_beside_parts_that_are_written() {
    for part in [Part::Refused, Part::Deferred] {
        let mut bench = Bench::new();
        bench.config.on_retries_exhausted = OnRetriesExhausted::Stop;
        bench.config.max_retries = 0;
        bench.target.answers([Answer::Parts(2, vec![Part::Ok, part])]);
        bench.publish(4);
        let pipeline = bench.start();
        bench.settled().await;
        assert_eq!((bench.metric("write_retries_total", ""), bench.broker.dead_letters().len()), (0.0, 0));
        assert_eq!(bench.target.sizes(), [4, 2], "{part:?}");
        bench.end(pipeline).await;
    }
}
