//! What is decoded counts against `max_buffered_bytes` and `batch_bytes`.

use apache_avro::{Codec, Schema, Writer, types::Record};
use async_trait::async_trait;
use danube_client::{DanubeClient, Producer, SchemaType};
use danube_sink::{ConnectorConfig, ConnectorResult, ConsumerConfig, SinkConnector, SinkRecord, dev::BrokerOptions};
use danube_sink_tests::{Broker, labelled, mapping, metric, topic, until, within};
use futures_util::future::join_all;
use tokio::sync::mpsc;

use crate::Running;

const SCHEMA: &str = r#"{"type": "record", "name": "Page", "fields": [{"name": "text", "type": "string"}]}"#;

/// The bytes of a text, which are a few thousand when they are compressed.
const TEXT: usize = 5 * 1024 * 1024;

/// Sink that hands its batches to the test.
struct BatchesSink {
    consumers: Vec<ConsumerConfig>,
    batches: mpsc::Sender<Vec<SinkRecord>>,
}

#[async_trait]
impl SinkConnector for BatchesSink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(self.consumers.clone())
    }

    async fn process(&mut self, _: SinkRecord) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        self.batches.send(records).await.expect("the test receives");
        Ok(())
    }
}

/// A producer of payloads with the schema, for the topic.
async fn producer(broker: &Broker, topic: &str) -> Producer {
    let client = DanubeClient::builder().service_url(broker.url()).build().await.expect("a client");
    let subject = topic[1..].replace('/', "-");
    let registry = client.schema();
    let registration = registry.register_schema(&subject).with_type(SchemaType::Avro).with_schema_data(SCHEMA);
    registration.execute().await.expect("the registry accepts the schema");
    let producer = client.new_producer().with_topic(topic).with_name("pages").with_reliable_dispatch();
    let mut producer = producer.with_schema_subject(&subject).build().expect("a producer");
    producer.create().await.expect("a topic");
    producer
}

fn container(text: &str) -> Vec<u8> {
    let schema = Schema::parse_str(SCHEMA).expect("a schema");
    let mut writer = Writer::with_codec(&schema, Vec::new(), Codec::Deflate(Default::default())).expect("a writer");
    let mut record = Record::new(writer.schema()).expect("a record");
    record.put("text", text);
    writer.append_value(record).expect("it matches");
    writer.into_inner().expect("a buffer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decompressed_payload_counts_for_the_budget_and_the_batch_and_is_freed_with_its_batch() {
    const COUNT: usize = 8;
    let broker = Broker::start().await;
    let topic = topic("inflated");
    let producer = producer(&broker, &topic).await;
    let (batches, mut received) = mpsc::channel(1);
    let settings = mapping(&topic, &ConnectorConfig::new(broker.url(), "test"));
    let sink = BatchesSink { consumers: vec![settings.consumer.clone()], batches };
    let running = Running::start(broker.url(), sink, |config| config.mappings = vec![settings]).await.ready().await;
    let address = running.handle.metrics_address();
    let payload = container(&"x".repeat(TEXT));
    assert!(payload.len() < TEXT / 100);
    for _ in 0..COUNT {
        producer.send(payload.clone(), None).await.expect("a confirmation");
    }
    for number in 0..COUNT {
        let batch = within("a batch", received.recv()).await.expect("a batch");
        assert_eq!(batch.len(), 1, "batch {number}");
        let text = batch[0].payload()["text"].as_str().map(str::len);
        assert_eq!(text, Some(TEXT));
        let buffered = metric(address, "danube_sink_buffered_bytes").await;
        // This one, one in the channel, one being written, and the next one, each decoded in advance.
        assert!(buffered >= TEXT as f64 && buffered < (10 * TEXT) as f64, "{buffered} bytes");
    }
    until("all is free", || async { metric(address, "danube_sink_buffered_bytes").await < TEXT as f64 / 10.0 }).await;
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn avro_that_is_sent_as_json_counts_for_the_batch_as_it_was_sent() {
    const COUNT: usize = 10;
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 10, ..BrokerOptions::default() }).await;
    let topic = topic("as-json");
    let producer = producer(&broker, &topic).await;
    let (batches, mut received) = mpsc::channel(1);
    let settings = mapping(&topic, &ConnectorConfig::new(broker.url(), "test"));
    let sink = BatchesSink { consumers: vec![settings.consumer.clone()], batches };
    let running = Running::start(broker.url(), sink, |config| {
        config.mappings = vec![settings];
        config.mappings[0].batch_bytes = 15_000;
    });
    let running = running.await.ready().await;
    let payload = format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000));
    for _ in 0..10 {
        let sent = join_all((0..COUNT).map(|_| producer.send(payload.clone().into_bytes(), None))).await;
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
        let mut count = 0;
        while count < COUNT {
            let batch = within("a batch", received.recv()).await.expect("a batch");
            // Read as a value, so that the next ones are decoded before their batch is closed.
            assert!(batch.iter().all(|record| record.payload()["text"].is_string()));
            count += batch.len();
        }
    }
    let closed = labelled(running.handle.metrics_address(), "danube_sink_batch_closed_total", "reason=\"Bytes\"").await;
    assert_eq!(closed, 0.0, "a batch has 10 kB");
    running.stop().await.expect("a clean end");
}
