//! Batches: full ones, partly filled ones after the flush interval, and the last one at shutdown.

use std::time::Duration;

use danube_sink::{
    SubscriptionType::{Exclusive, Shared},
    dev::BrokerOptions,
};
use danube_sink_tests::{Broker, Ledger, Target, TestSink, labelled, metric, topic, until};

use crate::Running;

/// With a window of 10 no batch of 100 can fill. Waiting for the flush interval each time would take 200 intervals.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_a_small_window_does_not_wait_for_the_flush_interval() {
    let broker = Broker::start().await;
    for subscription_type in [Exclusive, Shared] {
        let topic = topic("window");
        drop(broker.producer(&topic, "creator", None).await);
        let target = Target::default();
        let sink = TestSink::new(&target, &[&topic], subscription_type);
        let running = Running::start(broker.url(), sink, |config| {
            config.batch_size = 100;
            config.flush_interval = Duration::from_millis(1_000);
        });
        let running = running.await.ready().await;
        let confirmed = broker.publish(&topic, None, 0..2_000, &target).await;
        target.holds(confirmed.len()).await;
        let of_subscription = "danube_sink_batch_closed_total";
        let probe = running.handle.metrics_address();
        let by_time = labelled(probe, of_subscription, "reason=\"Time\"").await;
        let all = metric(probe, of_subscription).await;
        running.stop().await.expect("a clean end");
        assert_eq!(Ledger::compare("window of 10", &confirmed, &target.numbers()), Ledger::CLEAN);
        println!("{subscription_type:?}: {by_time} of {all} batches waited for the flush interval");
        assert!(all > 0.0 && by_time <= 20.0, "{by_time} of {all} batches waited for the flush interval");
    }
}

/// Once the window is known, from its key or from the messages in flight, a batch waits until it is full.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_window_fills_batches() {
    let options = BrokerOptions { max_unacked_messages: 1_000, ..BrokerOptions::default() };
    let broker = Broker::embedded(options).await;
    let topic = topic("size");
    drop(broker.producer(&topic, "creator", None).await);
    let target = Target::default();
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let set = |config: &mut danube_sink::ConnectorConfig| {
        config.max_unacked_messages = Some(1_000);
        config.batch_size = 50;
        config.flush_interval = Duration::from_secs(600);
    };
    let running = Running::start(broker.url(), sink, set).await.ready().await;
    broker.publish(&topic, None, 0..200, &target).await;
    target.holds(200).await;
    running.stop().await.expect("a clean end");
    assert_eq!(target.batch_sizes(), [50, 50, 50, 50]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_writes_the_open_batch_and_acknowledges_it() {
    let broker = Broker::start().await;
    let topic = topic("drain");
    drop(broker.producer(&topic, "creator", None).await);
    let target = Target::default();
    let patient = |config: &mut danube_sink::ConnectorConfig| config.flush_interval = Duration::from_secs(600);
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let running = Running::start(broker.url(), sink, patient).await.ready().await;
    broker.publish(&topic, None, 0..5, &target).await;
    let received =
        || async { metric(running.handle.metrics_address(), "danube_sink_intake_messages_total").await == 5.0 };
    until("five received messages", received).await;
    assert_eq!(target.batch_sizes(), [0; 0]);
    running.stop().await.expect("a clean end");
    assert_eq!(target.batch_sizes(), [5]);

    let again = Target::default();
    let sink = TestSink::new(&again, &[&topic], Exclusive);
    let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
    broker.publish(&topic, None, 5..6, &again).await;
    again.holds(1).await;
    running.stop().await.expect("a clean end");
    assert_eq!(again.numbers(), [5]);
}
