//! Records a second of the runtime with a sink that does nothing, beside a bare loop: a stream and concurrent acks.
//!
//! `cargo bench -p danube-sink-tests` runs both in turn against the same embedded broker, or the one that
//! `DANUBE_TEST_URL` names, and prints the ratio of each pair. `RECORDS` sets how many records a run has.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use danube_client::{DanubeClient, SubType};
use danube_core::proto::{AckRequest, consumer_service_client::ConsumerServiceClient};
use danube_sink::{
    ConnectorConfig, ConnectorResult, ConsumerConfig, SinkConnector, SinkRecord, SinkRuntime,
    SubscriptionType::Exclusive, dev::BrokerOptions,
};
use danube_sink_tests::{Broker, flood, topic};
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinHandle,
};

const PAIRS: usize = 5;

fn main() {
    let records = std::env::var("RECORDS").ok().and_then(|count| count.parse().ok()).unwrap_or(40_000);
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    tokio.block_on(async {
        for window in [10, 1_000] {
            let mut ratios = Vec::new();
            let records = if window == 10 { records / 4 } else { records };
            for pair in 0..=PAIRS {
                let options = BrokerOptions { max_unacked_messages: window, ..BrokerOptions::default() };
                let broker = Broker::start_with(options).await;
                // Each goes first in turn, so that neither profits from a machine that warms up or slows down.
                let (bare, runtime) = if pair % 2 == 0 {
                    let bare = bare(&broker, records).await;
                    (bare, runtime(&broker, records).await)
                } else {
                    let runtime = runtime(&broker, records).await;
                    (bare(&broker, records).await, runtime)
                };
                // The first pair warms up.
                if pair > 0 {
                    println!("window {window}: bare {bare:.0}/s, runtime {runtime:.0}/s, ratio {:.3}", runtime / bare);
                    ratios.push(runtime / bare);
                }
            }
            ratios.sort_by(f64::total_cmp);
            println!("window {window}: median ratio {:.3} of {records} records", ratios[PAIRS / 2]);
        }
    });
}

/// The smallest program that reads a stream and acknowledges concurrently.
async fn bare(broker: &Broker, records: usize) -> f64 {
    let topic = topic("bare");
    drop(broker.producer(&topic, "creator", None).await);
    let client = DanubeClient::builder().service_url(broker.url()).build().await.expect("a client");
    let consumer = client.new_consumer().with_topic(&topic).with_consumer_name("bare").with_subscription("bare");
    let mut consumer = consumer.with_subscription_type(SubType::Exclusive).build().expect("a consumer");
    consumer.subscribe().await.expect("a subscription");
    let mut messages = consumer.receive().await.expect("a stream");
    let channel = client.get_service_channel().await.expect("a channel");
    let publishing = publish(broker, &topic, records);
    let started = Instant::now();
    let permits = Arc::new(Semaphore::new(256));
    for _ in 0..records {
        let message = messages.recv().await.expect("a message");
        let permit = Arc::clone(&permits).acquire_owned().await.expect("an open semaphore");
        let mut service = ConsumerServiceClient::new(channel.clone());
        tokio::spawn(async move {
            let ack = AckRequest {
                request_id: message.request_id,
                msg_id: Some(message.msg_id.into()),
                subscription_name: "bare".into(),
            };
            service.ack(ack).await.expect("an answer");
            drop(permit);
        });
    }
    drop(permits.acquire_many(256).await.expect("an open semaphore"));
    let speed = records as f64 / started.elapsed().as_secs_f64();
    publishing.await.expect("the publishers end");
    consumer.close().await;
    speed
}

/// The runtime, with everything that it does for a connector.
async fn runtime(broker: &Broker, records: usize) -> f64 {
    let topic = topic("runtime");
    drop(broker.producer(&topic, "creator", None).await);
    let counter = Arc::new(Counter { left: AtomicUsize::new(records), all: Notify::new() });
    let mut config = ConnectorConfig::new(broker.url(), "runtime");
    config.metrics_port = 0;
    let sink = Nothing { topic: topic.clone(), counter: Arc::clone(&counter) };
    let runtime = SinkRuntime::new(sink, config).await.expect("a free port");
    let handle = runtime.handle();
    let running = tokio::spawn(runtime.run());
    handle.ready().await;
    let publishing = publish(broker, &topic, records);
    let started = Instant::now();
    counter.all.notified().await;
    // The end waits for every acknowledgement.
    handle.shutdown();
    running.await.expect("no panic").expect("a clean end");
    let speed = records as f64 / started.elapsed().as_secs_f64();
    publishing.await.expect("the publishers end");
    speed
}

fn publish(broker: &Broker, topic: &str, records: usize) -> JoinHandle<()> {
    let (url, topic) = (broker.url().to_owned(), topic.to_owned());
    tokio::spawn(async move {
        let confirmed = flood(&url, &topic, 0..records as u64).await;
        assert_eq!(confirmed.len(), records);
    })
}

struct Counter {
    left: AtomicUsize,
    all: Notify,
}

struct Nothing {
    topic: String,
    counter: Arc<Counter>,
}

#[async_trait]
impl SinkConnector for Nothing {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(vec![ConsumerConfig {
            topic: self.topic.clone(),
            consumer_name: "runtime".into(),
            subscription: "runtime".into(),
            subscription_type: Exclusive,
            expected_schema_subject: None,
        }])
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.process_batch(vec![record]).await
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        if self.counter.left.fetch_sub(records.len(), Ordering::Relaxed) == records.len() {
            self.counter.all.notify_one();
        }
        Ok(())
    }
}
