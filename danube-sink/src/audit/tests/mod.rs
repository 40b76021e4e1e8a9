//! Losses of a broker that behaves like the real one, as operators see them: with the real runtime over sockets.

mod gaps;
mod readers;
mod restarts;
mod takeovers;

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
};

use crate::{
    config::{ConnectorConfig, ConsumerConfig, MappingSettings, SubscriptionType},
    connector::SinkConnector,
    danube::DanubeBroker,
    dev::{BrokerOptions, DispatchStatus, EmbeddedBroker, Partitions, Realism},
    error::ConnectorResult,
    pipeline::{Broker, DeadLetter},
    record::SinkRecord,
    runtime::{RuntimeHandle, SinkRuntime},
};

const TOPIC: &str = "/default/orders";
const SUBSCRIPTION: &str = "billing";
const INTERVAL: Duration = Duration::from_millis(300);

async fn broker(realism: Realism, max_unacked_messages: usize) -> EmbeddedBroker {
    let metrics = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let options = BrokerOptions { realism, metrics, max_unacked_messages, ..BrokerOptions::default() };
    let broker = EmbeddedBroker::start(options).await.unwrap();
    broker.create_topic(TOPIC, Partitions::Unpartitioned, true).unwrap();
    broker
}

fn dispatched(broker: &EmbeddedBroker) -> DispatchStatus {
    broker.dispatch_status(TOPIC, SUBSCRIPTION).remove(0)
}

/// Publishes `count` messages at full speed.
async fn publish(broker: &EmbeddedBroker, count: usize) {
    let message = DeadLetter { payload: "{}".into(), attributes: HashMap::new(), key: None, schema: None };
    let client = DanubeBroker::new(&ConnectorConfig::new(broker.url(), "shop"));
    let answers = client.publish(TOPIC, vec![message; count]).await;
    assert_eq!(answers, vec![Ok(()); count]);
}

async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), holds).await.unwrap_or_else(|_| panic!("waited too long: {what}"));
}

/// A target that accepts everything while it is open, and blocks the writer while it is not.
#[derive(Debug, Clone)]
struct Target {
    is_open: Arc<watch::Sender<bool>>,
    offsets: Arc<watch::Sender<Vec<u64>>>,
}

impl Default for Target {
    fn default() -> Self {
        Self { is_open: Arc::new(watch::Sender::new(true)), offsets: Arc::default() }
    }
}

impl Target {
    fn offsets(&self) -> Vec<u64> {
        self.offsets.borrow().clone()
    }

    async fn holds(&self, count: usize) {
        until(&format!("{count} records"), || async { self.offsets.borrow().len() >= count }).await;
    }
}

struct Sink {
    target: Target,
    consumer: ConsumerConfig,
}

#[async_trait]
impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(vec![self.consumer.clone()])
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.process_batch(vec![record]).await
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mut is_open = self.target.is_open.subscribe();
        let _ = is_open.wait_for(|is_open| *is_open).await;
        self.target.offsets.send_modify(|offsets| offsets.extend(records.iter().map(SinkRecord::offset)));
        Ok(())
    }
}

/// Configuration of a connector that audits this broker.
fn config(broker: &EmbeddedBroker, subscription_type: SubscriptionType, sole_consumer: bool) -> ConnectorConfig {
    let mut config = ConnectorConfig::new(broker.url(), "test");
    config.metrics_port = 0;
    config.flush_interval = Duration::from_millis(10);
    config.broker_metrics_urls = vec![format!("http://{}/metrics", broker.metrics_address().unwrap())];
    config.danube_admin_url = Some(broker.url());
    let consumer = ConsumerConfig {
        topic: TOPIC.to_owned(),
        consumer_name: "one".to_owned(),
        subscription: SUBSCRIPTION.to_owned(),
        subscription_type,
        expected_schema_subject: None,
    };
    config.mappings = vec![MappingSettings::new(consumer, &config)];
    config.mappings[0].sole_consumer = sole_consumer;
    config
}

struct Running {
    handle: RuntimeHandle,
    outcome: JoinHandle<ConnectorResult<()>>,
}

impl Running {
    /// Starts a connector, and waits until it is attached and the audit, if any, has a baseline.
    async fn start(config: &ConnectorConfig, target: &Target) -> Self {
        let consumer = config.mappings[0].consumer.clone();
        let is_audited = super::is_only_reader(&config.mappings[0]) && !config.broker_metrics_urls.is_empty();
        let sink = Sink { target: target.clone(), consumer };
        let runtime = SinkRuntime::new(sink, config.clone()).await.unwrap().with_audit_interval(INTERVAL);
        let handle = runtime.handle();
        let running = Self { handle, outcome: tokio::spawn(runtime.run()) };
        assert!(running.handle.ready().await);
        if is_audited {
            until("the audit", || async { running.metric("audit_missing_messages").await.is_some() }).await;
        }
        running
    }

    async fn stop(self) {
        self.handle.shutdown();
        self.outcome.await.unwrap().unwrap();
    }

    async fn get(&self, path: &str) -> String {
        let address = (Ipv4Addr::LOCALHOST, self.handle.metrics_address().port());
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// The value of the partition's metric with this name, without the prefix `danube_sink_`.
    async fn metric(&self, name: &str) -> Option<u64> {
        let text = self.get("/metrics").await;
        let line = text.lines().find(|line| line.starts_with(&format!("danube_sink_{name}{{")))?;
        line.rsplit(' ').next()?.parse::<f64>().ok().map(|value| value as u64)
    }

    /// Waits until the metric has the value.
    async fn shows(&self, name: &str, value: u64) {
        let shows = async {
            while self.metric(name).await != Some(value) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(30), shows).await.is_err() {
            panic!("{name} is {:?} and not {value}; {}", self.metric(name).await, self.get("/status").await);
        }
    }

    /// Number of events of the partition that start with this text.
    async fn events(&self, start: &str) -> usize {
        let status: Value = serde_json::from_str(&self.get("/status").await).unwrap();
        let events = status["mappings"][0]["partitions"][0]["events"].as_array().unwrap().clone();
        events.iter().filter(|event| event["event"].as_str().unwrap().starts_with(start)).count()
    }

    /// Waits for `count` checks of the audit that start from now on.
    async fn checks(&self, count: u64) {
        let checks = || async {
            let status: Value = serde_json::from_str(&self.get("/status").await).unwrap();
            status["mappings"][0]["partitions"][0]["audit_checks"].as_u64().unwrap()
        };
        // One may be in progress.
        let end = checks().await + count + 1;
        until("the audit's checks", || async { checks().await >= end }).await;
    }
}
