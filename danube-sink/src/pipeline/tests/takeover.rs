//! Another consumer of the same name takes the subscription.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::bench::{Bench, SECOND, TOPIC, in_time};
use crate::{
    config::SubscriptionType,
    pipeline::{Pipeline, consumer::FIRST_TAKEOVER_WAIT},
};

/// A pipeline that reads the one topic, and has read some of it.
async fn reading() -> (Bench, Pipeline) {
    let bench = Bench::new();
    let pipeline = bench.start();
    bench.publish(3);
    bench.settled().await;
    (bench, pipeline)
}

#[tokio::test(start_paused = true)]
async fn one_that_dies_before_it_reads_is_waited_for_no_longer_than_some_minutes() {
    let (bench, pipeline) = reading().await;
    bench.broker.take_over(TOPIC);
    bench.publish(3);
    let waited = bench.settled().await;
    assert!(waited >= FIRST_TAKEOVER_WAIT && waited < FIRST_TAKEOVER_WAIT + 30 * SECOND, "{waited:?}");
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn the_remedy_is_one_that_the_type_of_the_subscription_allows() {
    for (kind, remedy) in [
        (SubscriptionType::Exclusive, "set another subscription_type"),
        (SubscriptionType::Shared, "give each its own consumer_name"),
    ] {
        let mut bench = Bench::new();
        bench.mapping().consumer.subscription_type = kind;
        let pipeline = bench.start();
        bench.publish(3);
        bench.settled().await;
        bench.broker.take_over(TOPIC);
        sleep(SECOND).await;
        let reasons = bench.reasons();
        assert!(reasons[0].contains(remedy), "{reasons:?}");
        bench.end(pipeline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_leaves_is_followed_within_seconds() {
    let (bench, pipeline) = reading().await;
    bench.broker.take_over(TOPIC);
    bench.publish(3);
    sleep(60 * SECOND).await;
    bench.broker.leave(TOPIC);
    let waited = bench.settled().await;
    assert!(waited < 30 * SECOND, "{waited:?}");
    bench.end(pipeline).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_back_is_disturbed_ever_more_rarely() {
    let (bench, pipeline) = reading().await;
    let mut waits = Vec::new();
    for _ in 0..6 {
        bench.broker.take_over(TOPIC);
        let started = Instant::now();
        in_time(bench.broker.attached(TOPIC)).await;
        waits.push(started.elapsed());
    }
    for (wait, minutes) in waits.iter().zip([5, 10, 20, 40, 60, 60]) {
        let turn = Duration::from_secs(60 * minutes);
        assert!(*wait >= turn && *wait < turn + 30 * SECOND, "{waits:?}");
    }
    bench.publish(3);
    bench.settled().await;
    bench.end(pipeline).await;
}
