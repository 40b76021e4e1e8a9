//! Broker under test: embedded, or the real one of `DANUBE_TEST_URL`; and its producers.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use danube_client::{DanubeClient, Producer, SchemaType};
use danube_sink::dev::{BrokerOptions, EmbeddedBroker};
use futures_util::future::join_all;

use crate::Target;

/// Broker under test.
#[derive(Debug)]
pub struct Broker {
    url: String,
    /// The embedded broker; `None` for a real one.
    pub embedded: Option<EmbeddedBroker>,
}

/// Unique topic name, which no other test uses.
pub fn topic(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("/default/{name}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Broker {
    /// Connects to the real broker of `DANUBE_TEST_URL`, or starts a fresh embedded one.
    pub async fn start() -> Self {
        Self::start_with(BrokerOptions::default()).await
    }

    /// Connects to the real broker of `DANUBE_TEST_URL`, which ignores the options, or starts an embedded one with them.
    pub async fn start_with(options: BrokerOptions) -> Self {
        match std::env::var("DANUBE_TEST_URL") {
            Ok(url) => Self { url, embedded: None },
            Err(_) => Self::embedded(options).await,
        }
    }

    /// A running broker.
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned(), embedded: None }
    }

    /// Starts an embedded broker, for tests that a real one cannot run.
    pub async fn embedded(options: BrokerOptions) -> Self {
        let broker = EmbeddedBroker::start(options).await.expect("a free port");
        Self { url: broker.url(), embedded: Some(broker) }
    }

    /// Service URL of the broker.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Creates a producer, and with it the topic.
    pub async fn producer(&self, topic: &str, name: &str, partitions: Option<usize>) -> Producer {
        producer(&self.url, topic, name, partitions).await
    }

    /// Registers a version of a JSON Schema, and creates a producer whose messages name it.
    pub async fn producer_of_schema(&self, topic: &str, name: &str, subject: &str, definition: &str) -> Producer {
        self.producer_of_type(topic, name, subject, SchemaType::JsonSchema, definition).await
    }

    /// Registers a version of a schema of any type, and creates a producer whose messages name it.
    pub async fn producer_of_type(
        &self,
        topic: &str,
        name: &str,
        subject: &str,
        schema_type: SchemaType,
        definition: &str,
    ) -> Producer {
        let client = DanubeClient::builder().service_url(&self.url).build().await.expect("a client");
        let registry = client.schema();
        let registration = registry.register_schema(subject).with_type(schema_type);
        registration.with_schema_data(definition).execute().await.expect("the registry accepts the schema");
        let producer = client.new_producer().with_topic(topic).with_name(name).with_schema_subject(subject);
        let mut producer = producer.with_reliable_dispatch().build().expect("a producer");
        producer.create().await.expect("a topic");
        producer
    }

    /// Publishes numbered records through eight producers. Returns the confirmed numbers.
    ///
    /// At full speed with the embedded broker. A real one keeps only 256 messages for a new subscription that lags, so the
    /// producers do not get that far ahead of the target.
    pub async fn publish(&self, topic: &str, partitions: Option<usize>, numbers: Range<u64>, to: &Target) -> Vec<u64> {
        let pace = self.embedded.is_none().then_some(to);
        publish(&self.url, topic, partitions, numbers, pace).await
    }
}

/// Publishes numbered records to an unpartitioned topic through eight producers, at full speed. Returns the confirmed
/// numbers.
pub async fn flood(url: &str, topic: &str, numbers: Range<u64>) -> Vec<u64> {
    publish(url, topic, None, numbers, None).await
}

async fn publish(
    url: &str,
    topic: &str,
    partitions: Option<usize>,
    numbers: Range<u64>,
    pace: Option<&Target>,
) -> Vec<u64> {
    const PRODUCERS: u64 = 8;
    const LEAD: usize = 200;
    let before = pace.map_or(0, Target::len);
    let sent = AtomicUsize::new(before);
    let publishing = (0..PRODUCERS).map(|part| {
        let (sent, mine) = (&sent, numbers.clone().filter(move |number| number % PRODUCERS == part));
        async move {
            let producer = producer(url, topic, &format!("producer-{part}"), partitions).await;
            let mut confirmed = Vec::new();
            for number in mine {
                let sent = sent.fetch_add(1, Ordering::Relaxed);
                if let Some(target) = pace.filter(|_| sent >= before + LEAD) {
                    target.holds(sent - LEAD).await;
                }
                producer.send(payload(number), None).await.expect("a confirmation");
                confirmed.push(number);
            }
            confirmed
        }
    });
    join_all(publishing).await.concat()
}

async fn producer(url: &str, topic: &str, name: &str, partitions: Option<usize>) -> Producer {
    let client = DanubeClient::builder().service_url(url).build().await.expect("a client");
    let mut producer = client.new_producer().with_topic(topic).with_name(name).with_reliable_dispatch();
    if let Some(partitions) = partitions {
        producer = producer.with_partitions(partitions);
    }
    let mut producer = producer.build().expect("a producer");
    producer.create().await.expect("the topic");
    producer
}

/// Payload of a numbered record: some 200 bytes of JSON.
pub fn payload(number: u64) -> Vec<u8> {
    format!(r#"{{"number":{number},"text":"{}"}}"#, "x".repeat(170)).into_bytes()
}
