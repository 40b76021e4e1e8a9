//! Redeliveries of the broker.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    behaviour::Reading,
    bench::{Bench, MS, SECOND, TOPIC},
    faults::Fault,
    memory::Kind,
    target::Answer,
};

/// A mapping whose `ack_timeout_ms` is above the broker's keeps its records too long.
const NEVER: Duration = Duration::from_secs(100 * 3_600);

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_again_while_it_is_in_hand_is_written_once() {
    let mut bench = Bench::new();
    bench.mapping().ack_timeout = NEVER;
    bench.target.answers([Answer::RetryAfter(100 * SECOND)]);
    bench.publish(3);
    let pipeline = bench.start();
    bench.settled().await;
    assert!(bench.ledger.entry(0).deliveries > 1, "the deadline of 30 s has passed");
    assert_eq!(bench.ledger.confirmations(), [0, 1, 2]);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_again_after_it_was_written_is_acknowledged_again_without_a_write() {
    let bench = Bench::new();
    bench.broker.begin(Fault::AcksAreLost, 10 * SECOND);
    bench.publish(3);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(bench.ledger.entry(0).deliveries, 2);
    assert_eq!(bench.target.sizes(), [3]);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_came_while_the_broker_waited_to_redeliver_is_made_good() {
    let mut bench = Bench::new();
    bench.mapping().ack_timeout = NEVER;
    // Written 500 ms after the deadline of 30 s, when the broker waits a second before it redelivers.
    bench.target.answers([Answer::RetryAfter(29_500 * MS)]);
    bench.publish(1);
    let pipeline = bench.start();
    sleep(30_600 * MS).await;
    assert_eq!(bench.ledger.confirmations(), [0]);
    assert!(!bench.ledger.entry(0).acked);
    bench.settled().await;
    assert_eq!(bench.ledger.confirmations(), [0]);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn acks_that_fail_are_sent_again() {
    let bench = Bench::new();
    bench.broker.begin(Fault::AcksFail, 1_010 * MS);
    bench.publish(3);
    let pipeline = bench.start();
    assert!(bench.settled().await < 5 * SECOND, "long before the redelivery");
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_is_taken_up_again_and_nothing_is_written_twice() {
    for failed in [false, true] {
        let bench = Bench::new();
        bench.target.answers([Answer::RetryAfter(5 * SECOND)]);
        bench.publish(10);
        let pipeline = bench.start();
        for _ in 0..5 {
            sleep(900 * MS).await;
            bench.broker.end_stream(TOPIC, failed);
        }
        bench.publish(10);
        bench.settled().await;
        assert_eq!(bench.ledger.confirmations(), (0..20).collect::<Vec<_>>());
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_does_not_answer_for_long_is_waited_for() {
    for fault in [Fault::AttachFails, Fault::AttachHangs, Fault::LookUpFails] {
        let bench = Bench::new();
        bench.broker.begin(fault, Duration::from_secs(600));
        bench.publish(3);
        let pipeline = bench.start();
        let took = bench.settled().await;
        assert!(took < Duration::from_secs(615), "{fault:?}: {took:?}");
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_does_not_exist_yet_is_waited_for() {
    let mut bench = Bench::empty();
    bench.map(TOPIC);
    let pipeline = bench.start();
    sleep(60 * SECOND).await;
    bench.create(TOPIC);
    bench.publish(3);
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_consumer_whose_health_check_hangs_attaches_anew() {
    let bench = Bench::new();
    let pipeline = bench.start();
    sleep(SECOND).await;
    bench.broker.begin(Fault::HealthHangs, 12 * SECOND);
    sleep(20 * SECOND).await;
    bench.publish(3);
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn offsets_that_start_again_are_new_records() {
    let bench = Bench::new();
    bench.publish(5);
    let pipeline = bench.start();
    bench.settled().await;
    bench.broker.restart(TOPIC);
    bench.publish(5);
    bench.settled().await;
    assert_eq!(bench.ledger.confirmations(), (0..10).collect::<Vec<_>>());
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn thousands_of_messages_that_come_again_after_they_were_written_are_read_while_they_are_acknowledged() {
    let mut bench = Bench::with_window(10_000);
    bench.mapping().batch_size = 5_000;
    bench.broker.begin(Fault::AcksAreLost, 5 * SECOND);
    bench.publish(5_000);
    let pipeline = bench.start();
    sleep(6 * SECOND).await;
    // More than the acknowledgements that may wait: a broker without a reading consumer takes none.
    bench.broker.end_stream(TOPIC, true);
    assert!(bench.settled().await < 100 * SECOND);
    assert_eq!(bench.target.sizes(), [5_000]);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_in_hand_from_before_a_restart_acknowledges_none_of_the_new_offsets() {
    let bench = Bench::new();
    bench.target.answers([Answer::RetryAfter(5 * SECOND), Answer::Ok, Answer::RetryAfter(5 * SECOND)]);
    bench.publish(5);
    let pipeline = bench.start();
    sleep(2 * SECOND).await;
    bench.broker.restart(TOPIC);
    bench.publish(5);
    bench.settled().await;
    bench.end(pipeline).await;
}

/// A broker whose newest message is acknowledged while an older one is out waits for the next to be published, and does
/// nothing else meanwhile; if the consumer leaves then, publishers hang.
#[tokio::test(start_paused = true)]
async fn the_acknowledgement_of_the_newest_message_overtakes_no_other() {
    let bench = Bench::new();
    bench.broker.begin(Fault::AcksOvertake, 60 * SECOND);
    let pipeline = bench.start();
    for _ in 0..5 {
        bench.publish(7);
        bench.settled().await;
    }
    assert_eq!(bench.broker.overtakings(TOPIC), 0);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_of_records_that_were_written_late_count_in_the_end() {
    let bench = Bench::new();
    bench.target.answers([Answer::Slow(16 * SECOND)]);
    bench.publish(3);
    let pipeline = bench.start();
    bench.settled().await;
    sleep(600 * SECOND).await;
    assert_eq!(bench.metric("settle_acks_total", ""), 3.0);
    bench.end(pipeline).await;
}

/// The first offsets are those of messages that the consumer never received: only the sixth shows that the broker restarted.
#[tokio::test(start_paused = true)]
async fn messages_below_the_first_known_offset_are_settled_once_after_offsets_start_again() {
    let mut bench = Bench::empty();
    bench.dispatch.behaviour.reading = Reading::Tail(20);
    bench.map(TOPIC);
    bench.create(TOPIC);
    bench.publish(25);
    let pipeline = bench.start();
    bench.settled().await;
    bench.broker.restart(TOPIC);
    bench.publish_to(TOPIC, 3, Kind::Plain);
    bench.publish_to(TOPIC, 5, Kind::Invalid);
    bench.settled().await;
    assert_eq!(bench.broker.dead_letters().len(), 5);
    bench.end(pipeline).await;
}
