//! When a batch closes.

use tokio::time::{Instant, sleep};

use super::{
    bench::{Bench, MS, SECOND, TOPIC},
    memory::Kind,
    target::Answer,
};

/// A budget for two messages with all that is counted for them, and not for three.
const TWO_MESSAGES: usize = 1_400;

#[tokio::test(start_paused = true)]
async fn the_flush_interval_counts_from_the_first_record_of_a_batch() {
    let bench = Bench::new();
    let pipeline = bench.start();
    sleep(300 * MS).await;
    let first = Instant::now();
    bench.publish(1);
    sleep(600 * MS).await;
    bench.publish(1);
    bench.settled().await;
    assert_eq!(bench.target.sizes(), [2]);
    assert_eq!(bench.target.calls()[0].at - first, SECOND);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_closes_at_batch_size_without_waiting() {
    let mut bench = Bench::new();
    bench.mapping().batch_size = 3;
    bench.publish(7);
    let pipeline = bench.start();
    sleep(MS).await;
    assert_eq!(bench.target.sizes(), [3, 3]);
    bench.settled().await;
    assert_eq!(bench.target.sizes(), [3, 3, 1]);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_closes_with_the_record_that_reaches_batch_bytes() {
    let mut bench = Bench::new();
    bench.mapping().batch_bytes = 20;
    bench.publish(6);
    let pipeline = bench.start();
    sleep(MS).await;
    assert_eq!(bench.target.sizes(), [3, 3], "three of 8 bytes are the first that reach 20");
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn once_the_window_is_known_a_batch_closes_when_it_is_in_hand() {
    let bench = Bench::with_window(10);
    bench.publish(100);
    let pipeline = bench.start();
    assert!(bench.settled().await < 1_100 * MS, "only the first batch waits for the flush interval");
    assert_eq!(bench.target.sizes(), [10; 10]);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_burst_waits_no_flush_interval_and_a_trickle_after_it_does() {
    let bench = Bench::with_window(10);
    let pipeline = bench.start();
    bench.publish(10);
    bench.settled().await;
    for _ in 0..3 {
        sleep(MS).await;
        bench.publish(1);
    }
    assert!(bench.settled().await < 50 * MS, "{:?}", bench.target.sizes());
    for _ in 0..3 {
        sleep(50 * MS).await;
        bench.publish(1);
    }
    bench.settled().await;
    assert_eq!(bench.target.sizes(), [10, 3, 3]);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_window_over_two_partitions_is_no_reason_to_wait_either() {
    let mut bench = Bench::empty();
    bench.map("/default/wide");
    for partition in ["/default/wide-part-0", "/default/wide-part-1"] {
        bench.create(partition);
        bench.publish_to(partition, 200, Kind::Plain);
    }
    let pipeline = bench.start();
    let took = bench.settled().await;
    assert!(took < 2_500 * MS, "{took:?}: {:?}", bench.target.sizes());
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_waited_for_a_slow_write_waits_no_flush_interval_more() {
    let bench = Bench::with_window(100);
    bench.target.answers([Answer::Slow(5 * SECOND)]);
    let pipeline = bench.start();
    bench.publish(1);
    sleep(2 * SECOND).await;
    bench.publish(1);
    bench.settled().await;
    let calls = bench.target.calls();
    assert_eq!(calls[1].at - calls[0].at, 5 * SECOND);
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_small_budget_delays_and_loses_nothing() {
    let mut bench = Bench::with_window(50);
    bench.config.max_buffered_bytes = TWO_MESSAGES;
    bench.publish(40);
    let pipeline = bench.start();
    bench.settled().await;
    assert_eq!(
        bench.target.sizes()[..3],
        [2, 2, 36],
        "a message delivered three times is kept, with memory for it or without"
    );
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_the_budget_is_delivered() {
    let mut bench = Bench::new();
    bench.config.max_buffered_bytes = TWO_MESSAGES;
    bench.publish(2);
    bench.broker.publish(TOPIC, 10_000, Kind::Plain, false);
    bench.publish(2);
    let pipeline = bench.start();
    bench.settled().await;
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn a_window_in_hand_is_written_as_soon_as_an_instance_is_idle() {
    const OTHER: &str = "/default/other";
    let mut bench = Bench::new();
    bench.map(OTHER);
    bench.create(OTHER);
    bench.target.answers([Answer::Slow(100 * MS)]);
    let pipeline = bench.start();
    bench.publish(10);
    sleep(10 * MS).await;
    bench.publish_to(OTHER, 10, Kind::Plain);
    bench.settled().await;
    let calls = bench.target.calls();
    assert_eq!(calls[1].at - calls[0].at, 100 * MS);
    bench.end(pipeline).await;
}
