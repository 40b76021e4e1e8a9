//! Each metric has the meaning that its help documents.

use tokio::time::sleep;

use super::{
    bench::{Bench, MS, SECOND, TOPIC, in_time},
    faults::Fault,
    ledger::Order,
    memory::Kind,
    target::Answer,
};
use crate::{config::OnInvalidRecord, observe::Phase};

const FAST: &str = "/default/fast";

#[tokio::test(start_paused = true)]
async fn write_seconds_does_not_contain_the_wait_for_a_connector_instance() {
    let mut bench = Bench::new();
    bench.map(FAST);
    bench.create(FAST);
    bench.target.answers([Answer::Slow(4 * SECOND)]);
    bench.publish(1);
    let pipeline = bench.start();
    sleep(1_500 * MS).await;
    bench.publish_to(FAST, 1, Kind::Plain);
    bench.settled().await;
    assert!(bench.metric("write_seconds_sum", FAST) < 1.0);
    let waited = bench.metric("write_wait_seconds_sum", FAST);
    assert!((2.0..=3.5).contains(&waited), "{waited}");
    assert!(bench.metric("write_seconds_sum", TOPIC) >= 4.0);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn the_counters_agree_with_what_happened() {
    let mut bench = Bench::new();
    bench.mapping().on_invalid_record = OnInvalidRecord::Skip;
    bench.map(FAST);
    bench.create(FAST);
    bench.publish(25);
    bench.publish_to(TOPIC, 5, Kind::Invalid);
    bench.publish_to(FAST, 12, Kind::Plain);
    bench.publish_to(FAST, 3, Kind::Invalid);
    let pipeline = bench.start();
    bench.settled().await;
    bench.broker.end_stream(TOPIC, true);
    bench.broker.begin(Fault::AcksFail, 500 * MS);
    bench.publish(10);
    bench.settled().await;
    sleep(SECOND).await;
    assert_eq!(bench.metric("settle_records_total", ""), 55.0);
    assert_eq!(bench.metric("settle_acks_total", ""), 55.0);
    assert_eq!(bench.metric("settle_skipped_total", ""), 5.0);
    assert_eq!(bench.metric("settle_dead_letters_total", ""), 3.0);
    assert_eq!(bench.metric("intake_messages_total", ""), f64::from(bench.ledger.deliveries()));
    assert_eq!(bench.metric("intake_gap_messages_total", ""), 0.0);
    assert_eq!(bench.metric("in_hand_records", ""), 0.0);
    assert_eq!(bench.metric("acks_in_flight", ""), 0.0);
    assert_eq!(bench.metric("attaches_total", TOPIC), bench.broker.attaches(TOPIC) as f64);
    bench.end(pipeline).await;
}

/// Its messages have no offsets. What is settled early is settled once more with its batch.
#[tokio::test(start_paused = true)]
async fn records_of_a_topic_that_is_not_reliable_are_counted_once() {
    for answer in [Answer::Ok, Answer::Parts(2, Vec::new())] {
        let mut bench = Bench::empty();
        bench.dispatch.behaviour.is_unreliable = true;
        bench.map(TOPIC);
        bench.create(TOPIC);
        bench.target.answers(vec![answer; 2]);
        bench.publish(6);
        let pipeline = bench.start();
        in_time(bench.ledger.delivered_all()).await;
        bench.publish(3);
        in_time(bench.ledger.delivered_all()).await;
        in_time(pipeline.drain()).await.unwrap();
        assert_eq!(bench.metric("settle_records_total", ""), 9.0);
        assert_eq!(bench.metric("delivery_seconds_count", ""), 9.0);
        assert_eq!(bench.metric("in_hand_seconds_count", ""), 9.0);
        assert_eq!(bench.metric("in_hand_records", ""), 0.0);
    }
}

#[tokio::test(start_paused = true)]
async fn in_hand_seconds_begin_when_a_record_was_received_for_the_first_time() {
    let bench = Bench::new();
    bench.target.answers([Answer::Slow(14 * SECOND), Answer::Ok]);
    bench.publish(1);
    let pipeline = bench.start();
    sleep(10 * SECOND).await;
    bench.broker.end_stream(TOPIC, true);
    bench.settled().await;
    assert_eq!(bench.metric("intake_redelivered_total", TOPIC), 1.0);
    let in_hand = bench.metric("in_hand_seconds_sum", TOPIC);
    assert!(in_hand >= 14.0, "{in_hand}");
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn the_range_of_offsets_is_that_of_all_messages_in_whatever_order_they_arrive() {
    let bench = Bench::new();
    bench.broker.begin(Fault::ChunksAreReversed, 60 * SECOND);
    bench.ledger.order(Order::None);
    bench.publish(10);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.metric("intake_first_offset", TOPIC), 0.0);
    assert_eq!(bench.metric("intake_last_offset", TOPIC), 9.0);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_counts_as_failed_once_it_is_given_up() {
    let bench = Bench::new();
    let pipeline = bench.start();
    for given_up in [0, 3] {
        bench.broker.begin(Fault::AcksFail, 4 * SECOND);
        bench.publish(3);
        in_time(bench.ledger.delivered_all()).await;
        sleep(2 * SECOND).await;
        assert!(bench.metric("errors_total", "stage=\"ack\"") > 3.0, "each attempt");
        if given_up > 0 {
            bench.broker.end_stream(TOPIC, true);
        }
        bench.settled().await;
        assert_eq!(bench.metric("settle_acks_failed_total", ""), f64::from(given_up));
    }
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_given_back_is_no_gap() {
    let bench = Bench::new();
    bench.target.fail(TOPIC);
    bench.publish(30);
    let pipeline = bench.start();
    sleep(120 * SECOND).await;
    bench.target.recover(TOPIC);
    bench.settled().await;
    assert_eq!(bench.metric("intake_gap_messages_total", TOPIC), 0.0);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_connector_is_ready_again_after_an_outage_that_outlasted_the_ack_timeout() {
    for fault in [Fault::RegistryFails, Fault::PublishFails] {
        let bench = Bench::new();
        bench.observer.phase(Phase::Running);
        let pipeline = bench.start();
        sleep(SECOND).await;
        bench.broker.begin(fault, 100 * SECOND);
        bench.publish_to(TOPIC, 3, Kind::Invalid);
        sleep(60 * SECOND).await;
        assert!(!bench.observer.is_ready(), "{fault:?}");
        bench.settled().await;
        sleep(60 * SECOND).await;
        assert!(bench.observer.is_ready(), "{fault:?}");
        bench.end(pipeline).await;
    }
}

/// Fewer may be a moment's. The reason is shown before the records are overdue.
#[tokio::test(start_paused = true)]
async fn a_target_that_fails_three_times_in_a_row_is_reported_until_it_takes_records() {
    for failures in [2, 3] {
        let bench = Bench::new();
        bench.observer.phase(Phase::Running);
        let mut answers = vec![Answer::Retryable; failures];
        answers.push(Answer::Slow(SECOND));
        bench.target.answers(answers);
        bench.publish(2);
        let pipeline = bench.start();
        in_time(async {
            while bench.target.calls().len() <= failures {
                sleep(MS).await;
            }
        })
        .await;
        assert_eq!(bench.observer.is_ready(), failures < 3, "{failures}");
        bench.settled().await;
        assert!(bench.observer.is_ready(), "{failures}");
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_hand_is_shown_while_a_consumer_is_detached() {
    let bench = Bench::new();
    bench.target.fail(TOPIC);
    bench.publish(10);
    let pipeline = bench.start();
    sleep(60 * SECOND).await;
    assert_eq!(bench.metric("in_hand_records", TOPIC), 1.0, "the others went back");
    bench.target.recover(TOPIC);
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_back_hides_no_target_that_fails() {
    let mut bench = Bench::new();
    bench.observer.phase(Phase::Running);
    bench.mapping().batch_size = 1;
    bench.config.max_backoff = 10 * SECOND;
    bench.target.answers([Answer::Retryable, Answer::Retryable, Answer::RetryAfter(10 * SECOND)]);
    bench.broker.begin(Fault::RegistryFails, 3 * SECOND);
    bench.publish(1);
    bench.publish_to(TOPIC, 1, Kind::WithSchema);
    let pipeline = bench.start();
    in_time(async {
        while bench.target.calls().len() < 3 {
            sleep(MS).await;
        }
    })
    .await;
    for _ in 0..90 {
        sleep(100 * MS).await;
        assert!(bench.reasons().iter().any(|reason| reason.contains("takes no records")), "{:?}", bench.reasons());
    }
    bench.settled().await;
    assert!(bench.observer.is_ready());
    bench.end(pipeline).await;
}
