//! Delivery: every confirmed record reaches the target once, in order, also after retries, errors and restarts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use danube_sink::{
    ConnectorConfig, SinkRecord,
    SubscriptionType::{self, Exclusive, Failover, Shared},
};
use danube_sink_tests::{Answer, Broker, Ledger, Target, TestSink, topic};

use crate::Running;

#[tokio::test(flavor = "multi_thread")]
async fn records_arrive_once_at_full_publishing_speed() {
    let broker = Broker::start().await;
    for subscription_type in [Exclusive, Failover, Shared] {
        for partitions in [None, Some(3)] {
            let topic = topic("all");
            drop(broker.producer(&topic, "creator", partitions).await);
            let target = Target::default();
            let sink = TestSink::new(&target, &[&topic], subscription_type);
            let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
            let confirmed = broker.publish(&topic, partitions, 0..4_000, &target).await;
            target.holds(confirmed.len()).await;
            running.stop().await.expect("a clean end");
            let what = format!("{subscription_type:?}, {partitions:?} partitions");
            assert_eq!(Ledger::compare(&what, &confirmed, &target.numbers()), Ledger::CLEAN);
            assert!(target.is_shut_down());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_subscription_keeps_the_order_through_retries() {
    let broker = Broker::start().await;
    let topic = topic("order");
    let producer = broker.producer(&topic, "p", None).await;
    let target = Target::with_script([Answer::Retry, Answer::Retry, Answer::RetryNumbers(vec![3, 5])]);
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let running = Running::start(broker.url(), sink, |config| config.batch_size = 7).await.ready().await;
    for number in 0..50 {
        producer.send(danube_sink_tests::payload(number), None).await.expect("a confirmation");
    }
    target.holds(50).await;
    running.stop().await.expect("a clean end");
    let numbers = target.numbers();
    assert_eq!(Ledger::compare("order", &(0..50).collect::<Vec<_>>(), &numbers), Ledger::CLEAN);
    let after_the_partial_batch: Vec<_> = numbers.iter().copied().filter(|number| *number >= 7).collect();
    assert!(after_the_partial_batch.is_sorted(), "{numbers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_redelivers_only_unacknowledged_records() {
    let broker = Broker::start().await;
    tokio::join!(restart(&broker, Exclusive), restart(&broker, Failover));
}

async fn restart(broker: &Broker, subscription_type: SubscriptionType) {
    let topic = topic("restart");
    drop(broker.producer(&topic, "creator", None).await);
    let first = Target::default();
    let sink = TestSink::new(&first, &[&topic], subscription_type);
    let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
    let confirmed = broker.publish(&topic, None, 0..200, &first).await;
    first.holds(confirmed.len()).await;
    running.stop().await.expect("a clean end");

    let second = Target::default();
    let more = broker.publish(&topic, None, 200..400, &second).await;
    let sink = TestSink::new(&second, &[&topic], subscription_type);
    let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
    second.holds(more.len()).await;
    running.stop().await.expect("a clean end");
    assert_eq!(
        Ledger::compare(&format!("{subscription_type} after the restart"), &more, &second.numbers()),
        Ledger::CLEAN
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fatal_error_or_a_panic_ends_the_connector_without_loss() {
    let broker = Broker::start().await;
    for (answer, text) in
        [(Answer::Fatal, "a scripted answer"), (Answer::Panic, "the connector panicked in process_batch")]
    {
        let topic = topic("fatal");
        drop(broker.producer(&topic, "creator", None).await);
        let target = Target::with_script([answer]);
        let sink = TestSink::new(&target, &[&topic], Exclusive);
        let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
        let confirmed = broker.publish(&topic, None, 0..5, &target).await;
        let error = running.end().await.expect_err("a fatal end");
        assert!(error.to_string().contains(text), "{error}");
        assert!(target.is_shut_down());
        assert!(target.numbers().is_empty());

        let sink = TestSink::new(&target, &[&topic], Exclusive);
        let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
        target.holds(confirmed.len()).await;
        running.stop().await.expect("a clean end");
        assert_eq!(Ledger::compare("after a fatal end", &confirmed, &target.numbers()), Ledger::CLEAN);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_with_the_same_prefix_are_not_consumed() {
    let broker = Broker::start().await;
    let ours = topic("e");
    let neighbour = format!("{ours}1");
    drop(broker.producer(&ours, "creator", Some(2)).await);
    drop(broker.producer(&neighbour, "creator", None).await);
    let target = Target::default();
    let sink = TestSink::new(&target, &[&ours], Exclusive);
    let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
    broker.publish(&neighbour, None, 1000..1020, &target).await;
    let confirmed = broker.publish(&ours, Some(2), 0..20, &target).await;
    target.holds(confirmed.len()).await;
    running.stop().await.expect("a clean end");
    assert_eq!(Ledger::compare("neighbours", &confirmed, &target.numbers()), Ledger::CLEAN);
    assert!(target.records().iter().all(|record| record.topic() == ours && record.partition().is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_share_a_topic_and_keep_the_order_of_each_partition() {
    let broker = Broker::start().await;
    for (subscription_type, partitions) in [(Exclusive, Some(4)), (Exclusive, None), (Shared, Some(2)), (Shared, None)]
    {
        let topic = topic("tasks");
        drop(broker.producer(&topic, "creator", partitions).await);
        let targets: Vec<_> = (0..3).map(|_| Target::default()).collect();
        let order = Arc::new(Mutex::new(Vec::new()));
        // Slow enough that batches are ready while others are written: an instance that is quick writes them all.
        let slow = |target| {
            let order = Arc::clone(&order);
            TestSink::new(target, &[&topic], subscription_type).answering(move |numbers| {
                order.lock().expect("no panic").extend_from_slice(numbers);
                Answer::WriteAfter(Duration::from_millis(20))
            })
        };
        let sinks = targets.iter().map(slow).collect();
        let small = |config: &mut ConnectorConfig| config.batch_size = 2;
        let running = Running::start_tasks(broker.url(), sinks, small).await.ready().await;
        let confirmed = broker.publish(&topic, partitions, 0..200, &targets[0]).await;
        let arrived = || async { targets.iter().map(Target::len).sum::<usize>() >= confirmed.len() };
        let what = format!("all records, {subscription_type:?}, {partitions:?}");
        danube_sink_tests::until(&what, arrived).await;
        running.stop().await.expect("a clean end");
        let numbers: Vec<_> = targets.iter().flat_map(Target::numbers).collect();
        let shares: Vec<_> = targets.iter().map(Target::len).collect();
        let what = format!("{subscription_type:?}, {partitions:?} partitions, {shares:?}");
        assert_eq!(Ledger::compare(&what, &confirmed, &numbers), Ledger::CLEAN);
        // A real broker now and then sends messages of concurrent producers in another order than their offsets'.
        if subscription_type == Exclusive && broker.embedded.is_some() {
            let position = |record: SinkRecord| (record.partition().unwrap_or_default(), record.offset());
            let positions: HashMap<_, _> =
                numbers.iter().copied().zip(targets.iter().flat_map(Target::records).map(position)).collect();
            for partition in 0..4 {
                let written = order.lock().expect("no panic");
                let of_it = written.iter().map(|number| positions[number]).filter(|(of, _)| *of == partition);
                let offsets: Vec<_> = of_it.map(|(_, offset)| offset).collect();
                assert!(offsets.is_sorted(), "{what}: {offsets:?}");
            }
        }
        let at_work = shares.iter().filter(|share| **share > 0).count();
        // An ordered partition is written by one instance at a time, always the same one; the others are idle.
        assert_eq!(at_work, if (subscription_type, partitions) == (Exclusive, None) { 1 } else { 3 }, "{what}");
    }
}
