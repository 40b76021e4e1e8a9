//! Connectors that wait for a missing broker, target or topic, and report it in `/ready`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use async_trait::async_trait;
use danube_sink::{
    ConnectorConfig, ConnectorError, ConnectorResult, ConsumerConfig, SinkConnector, SinkRecord,
    SubscriptionType::Exclusive,
    TargetFailure,
    dev::{BrokerOptions, Keep},
};
use danube_sink_tests::{Broker, Ledger, Target, TestSink, free_port, get, topic, until};

use crate::Running;

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_waits_for_a_broker_that_starts_late() {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let topic = topic("late");
    let target = Target::default();
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let running = Running::start(&format!("http://{address}"), sink, |_| {}).await;
    let probe = running.handle.metrics_address();
    let reported = || async { get(probe, "/ready").await.1.contains(&format!("no broker at http://{address}")) };
    until("the missing broker in /ready", reported).await;
    assert_eq!(get(probe, "/ready").await.0, 503);
    assert_eq!(get(probe, "/live").await.0, 200);

    let broker = Broker::embedded(BrokerOptions { address, ..BrokerOptions::default() }).await;
    drop(broker.producer(&topic, "creator", None).await);
    let running = running.ready().await;
    let confirmed = broker.publish(&topic, None, 0..100, &target).await;
    target.holds(confirmed.len()).await;
    running.stop().await.expect("a clean end");
    assert_eq!(Ledger::compare("late broker", &confirmed, &target.numbers()), Ledger::CLEAN);
}

/// Sink whose `initialize` fails with these errors before it succeeds.
struct StartsLate {
    outcomes: Vec<ConnectorError>,
    sink: TestSink,
}

#[async_trait]
impl SinkConnector for StartsLate {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        match self.outcomes.pop() {
            Some(error) => Err(error),
            None => self.sink.initialize(config).await,
        }
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        self.sink.consumer_configs().await
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.sink.process(record).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_waits_for_a_target_that_starts_late() {
    let broker = Broker::start().await;
    let topic = topic("late-target");
    drop(broker.producer(&topic, "creator", None).await);
    let target = Target::default();
    let sink = |outcomes| StartsLate { outcomes, sink: TestSink::new(&target, &[&topic], Exclusive) };
    let busy = |_| TargetFailure::Busy.at_start("connect: connection refused");
    let running = Running::start(broker.url(), sink((0..3).map(busy).collect()), |config| {
        config.retry_backoff = Duration::from_millis(400);
    });
    let running = running.await;
    let probe = running.handle.metrics_address();
    let reported = || async { get(probe, "/ready").await.1.contains("connection refused") };
    until("the unreachable target in /ready", reported).await;
    assert_eq!((get(probe, "/ready").await.0, get(probe, "/live").await.0), (503, 200));
    let running = running.ready().await;
    assert!(!get(probe, "/ready").await.1.contains("connection refused"));
    let confirmed = broker.publish(&topic, None, 0..20, &target).await;
    target.holds(confirmed.len()).await;
    running.stop().await.expect("a clean end");

    let missing = TargetFailure::NotReady.at_start("read table t: it does not exist");
    let running = Running::start(broker.url(), sink(vec![missing]), |_| {}).await;
    let error = running.end().await.expect_err("a missing table is not waited for");
    assert!(error.report().contains("read table t"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_waits_for_a_topic_that_is_created_late() {
    let broker = Broker::start().await;
    let (early, late) = (topic("early"), topic("late"));
    drop(broker.producer(&early, "creator", None).await);
    let target = Target::default();
    let sink = TestSink::new(&target, &[&early, &late], Exclusive);
    let running = Running::start(broker.url(), sink, |_| {}).await;
    let probe = running.handle.metrics_address();
    let reported = || async {
        let status: serde_json::Value = serde_json::from_str(&get(probe, "/ready").await.1).expect("JSON");
        // Before it has started, not every topic is listed.
        let state = |topic: &str| {
            let all = status["subscriptions"].as_array().expect("a list");
            all.iter().find(|subscription| subscription["topic"] == topic).cloned().unwrap_or_default()
        };
        let reason = state(&late)["reason"].as_str().unwrap_or_default().to_owned();
        state(&early)["attached"] == true && reason.contains("does not exist")
    };
    until("the missing topic named", reported).await;

    drop(broker.producer(&late, "creator", None).await);
    let running = running.ready().await;
    let confirmed = broker.publish(&late, None, 0..50, &target).await;
    target.holds(confirmed.len()).await;
    running.stop().await.expect("a clean end");
    assert_eq!(Ledger::compare("late topic", &confirmed, &target.numbers()), Ledger::CLEAN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_reconnects_after_a_broker_outage() {
    let mut broker = Broker::embedded(BrokerOptions::default()).await;
    let topic = topic("back");
    drop(broker.producer(&topic, "creator", None).await);
    let target = Target::default();
    let sink = TestSink::new(&target, &[&topic], Exclusive);
    let running = Running::start(broker.url(), sink, |_| {}).await.ready().await;
    let mut confirmed = broker.publish(&topic, None, 0..100, &target).await;
    target.holds(100).await;

    let embedded = broker.embedded.as_mut().expect("an embedded broker");
    embedded.go_down().await;
    let probe = running.handle.metrics_address();
    until("the outage noticed", || async { get(probe, "/ready").await.0 == 503 }).await;
    embedded.restart(Keep::Everything).await.expect("the same port");
    let running = running.ready().await;

    confirmed.extend(broker.publish(&topic, None, 100..200, &target).await);
    target.holds(200).await;
    running.stop().await.expect("a clean end");
    let ledger = Ledger::compare("broker back", &confirmed, &target.numbers());
    assert_eq!(ledger, Ledger::CLEAN);
}
