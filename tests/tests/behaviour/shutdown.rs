//! Shutdown: it ends in time, also after or during failures.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use danube_sink::{
    ConnectorConfig, OnInvalidRecord, OnRetriesExhausted,
    SubscriptionType::Exclusive,
    dev::{Acks, BrokerOptions, EmbeddedBroker, Partitions},
};
use danube_sink_tests::{Answer, Broker, Ledger, Target, TestSink, flood, get, mapping, metric, topic, until};
use tokio::time::sleep;

use crate::Running;

/// Limit of a shutdown without work: it takes milliseconds, while the shortest longer pause of the runtime is five seconds.
const SOON: Duration = Duration::from_secs(3);
/// Time after an attach in which the broker redelivers unacknowledged messages; a connector waits for it.
const REDELIVERY_PATIENCE: Duration = Duration::from_secs(6);

async fn broker_with(topics: &[&str], auto_create_topics: bool) -> EmbeddedBroker {
    let options = BrokerOptions { auto_create_topics, ..BrokerOptions::default() };
    let broker = Broker::embedded(options).await.embedded.expect("an embedded broker");
    for topic in topics {
        broker.create_topic(topic, Partitions::Unpartitioned, true).expect("a topic");
    }
    broker
}

async fn all_acknowledged(broker: &EmbeddedBroker, topic: &str) {
    let settled = || async {
        let status = broker.subscription(topic, "test").expect("the subscription");
        status.in_flight + status.backlog == 0
    };
    until("everything acknowledged", settled).await;
}

async fn stops_soon(what: &str, running: Running) {
    let started = Instant::now();
    running.stop().await.expect("a clean end");
    assert!(started.elapsed() < SOON, "{what}: the shutdown took {:?}", started.elapsed());
}

/// The broker has counted the acknowledgements, but the connector cannot know.
#[tokio::test(flavor = "multi_thread")]
async fn lost_responses_to_acknowledgements_do_not_delay_a_later_shutdown() {
    let topic = topic("answers_lost");
    let broker = broker_with(&[&topic], true).await;
    let target = Target::default();
    let running = Running::start(&broker.url(), TestSink::new(&target, &[&topic], Exclusive), |_| {}).await;
    let running = running.ready().await;
    broker.faults().set_acks(Acks::AnswerLost);
    let mut confirmed = flood(&broker.url(), &topic, 0..5).await;
    let probe = running.handle.metrics_address();
    let failed = || async { metric(probe, "danube_sink_errors_total").await >= 30.0 };
    until("each acknowledgement failed several times", failed).await;
    broker.faults().set_acks(Acks::Taken);
    confirmed.extend(flood(&broker.url(), &topic, 5..50).await);
    target.holds(50).await;
    all_acknowledged(&broker, &topic).await;
    stops_soon("answers lost", running).await;
    assert_eq!(Ledger::compare("answers lost", &confirmed, &target.numbers()), Ledger::CLEAN);
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_that_fail_when_the_stream_ends_do_not_delay_a_later_shutdown() {
    let cells =
        [(100, Acks::AnswerLost), (100, Acks::Refused), (300, Acks::Refused)].map(|(millis, acks)| async move {
            let topic = topic("stream_ends");
            let broker = broker_with(&[&topic], true).await;
            let target = Target::default();
            let running = Running::start(&broker.url(), TestSink::new(&target, &[&topic], Exclusive), |_| {}).await;
            let running = running.ready().await;
            broker.faults().set_acks(acks);
            let mut confirmed = flood(&broker.url(), &topic, 0..5).await;
            target.holds(5).await;
            sleep(Duration::from_millis(millis)).await;
            broker.kick();
            sleep(Duration::from_millis(millis)).await;
            broker.faults().set_acks(Acks::Taken);
            confirmed.extend(flood(&broker.url(), &topic, 5..50).await);
            target.holds(50).await;
            all_acknowledged(&broker, &topic).await;
            sleep(REDELIVERY_PATIENCE).await;
            let what = format!("{acks:?}, stream ended after {millis} ms");
            stops_soon(&what, running).await;
            assert_eq!(Ledger::compare(&what, &confirmed, &target.numbers()), Ledger::CLEAN);
        });
    futures_util::future::join_all(cells).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpublishable_dead_letter_does_not_block_a_shutdown() {
    let (topic, letters) = (topic("letter_held"), topic("no_such_letters"));
    let broker = broker_with(&[&topic], false).await;
    let target = Target::with_script([Answer::RejectNumbers(vec![0])]);
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let set = |config: &mut ConnectorConfig| {
        let mut mapping = mapping(&topic, config);
        mapping.on_invalid_record = OnInvalidRecord::DeadLetter;
        mapping.dead_letter_topic = Some(letters.clone());
        config.mappings.push(mapping);
    };
    let running = Running::start(&broker.url(), sink, set).await.ready().await;
    flood(&broker.url(), &topic, 0..1).await;
    let probe = running.handle.metrics_address();
    let reported = || async { get(probe, "/ready").await.1.contains("dead letters cannot be published to") };
    until("the reason in /ready", reported).await;
    // The shutdown retries for two more seconds, and leaves the record unacknowledged.
    let started = Instant::now();
    running.stop().await.expect("a clean end");
    assert!(started.elapsed() < Duration::from_secs(6), "the shutdown took {:?}", started.elapsed());
    let status = broker.subscription(&topic, "test").expect("the subscription");
    assert_eq!((status.acked, status.backlog + status.in_flight), (0, 1), "{status:?}");
}

/// During a shutdown the runtime retries the write even if the health check fails, in case the target recovers in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_retries_an_unavailable_target_until_its_timeout() {
    const LIMIT: Duration = Duration::from_secs(3);
    let topic = topic("unavailable_in_shutdown");
    let broker = broker_with(&[&topic], true).await;
    let (target, is_unavailable, attempts) =
        (Target::default(), Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&attempts);
    let sink = TestSink::new(&target, &[&topic], Exclusive).unhealthy_while(&is_unavailable).answering(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Answer::Retry
    });
    let set = |config: &mut ConnectorConfig| {
        config.on_retries_exhausted = OnRetriesExhausted::Wait;
        config.max_backoff = Duration::from_secs(60);
        config.retry_backoff = Duration::from_secs(60);
        config.shutdown_timeout = LIMIT;
    };
    let running = Running::start(&broker.url(), sink, set).await.ready().await;
    flood(&broker.url(), &topic, 0..5).await;
    until("the first attempt", || async { attempts.load(Ordering::Relaxed) > 0 }).await;
    let (before, started) = (attempts.load(Ordering::Relaxed), Instant::now());
    running.stop().await.expect("a clean end");
    assert!(started.elapsed() < Duration::from_secs(10), "the shutdown took {:?}", started.elapsed());
    let meanwhile = attempts.load(Ordering::Relaxed) - before;
    assert!(meanwhile >= 2, "{meanwhile} attempts in the shutdown");
    assert_eq!(broker.subscription(&topic, "test").map(|status| status.acked), Some(0));
}
