//! Schemas: every schema type is decoded on its way from the producer to the connector.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use danube_client::{DanubeClient, SchemaType};
use danube_sink::{
    ConnectorConfig, ConnectorResult, ConsumerConfig, MappingSettings, OnInvalidRecord, SinkConnector, SinkRecord,
    schema::NumberEncoding,
};
use danube_sink_tests::{Broker, topic};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::Running;

/// Sink that forwards its records to the test.
struct ForwardingSink {
    mappings: Vec<MappingSettings>,
    records: mpsc::Sender<SinkRecord>,
}

#[async_trait]
impl SinkConnector for ForwardingSink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(self.mappings.iter().map(|mapping| mapping.consumer.clone()).collect())
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.records.send(record).await.expect("the test receives");
        Ok(())
    }
}

async fn start(broker: &Broker, mappings: Vec<MappingSettings>) -> (Running, mpsc::Receiver<SinkRecord>) {
    let (records, receiver) = mpsc::channel(1_000);
    let sink = ForwardingSink { mappings: mappings.clone(), records };
    let running = Running::start(broker.url(), sink, |config| config.mappings = mappings).await.ready().await;
    (running, receiver)
}

fn mapping(topic: &str) -> MappingSettings {
    danube_sink_tests::mapping(topic, &ConnectorConfig::new("http://localhost:6650", "test"))
}

/// Registers a schema under a subject.
async fn register(client: &DanubeClient, subject: &str, schema_type: SchemaType, definition: &str) {
    let registry = client.schema();
    let registration = registry.register_schema(subject).with_type(schema_type).with_schema_data(definition);
    registration.execute().await.expect("the registry accepts the schema");
}

async fn produce(client: &DanubeClient, topic: &str, subject: Option<&str>, payloads: Vec<Vec<u8>>) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("producer-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut producer = client.new_producer().with_topic(topic).with_name(name).with_reliable_dispatch();
    if let Some(subject) = subject {
        producer = producer.with_schema_subject(subject);
    }
    let mut producer = producer.build().expect("a producer");
    producer.create().await.expect("a topic");
    for payload in payloads {
        producer.send(payload, None).await.expect("a confirmation");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_schema_fixture_is_decoded_to_its_expected_value() {
    let broker = Broker::start().await;
    let client = DanubeClient::builder().service_url(broker.url()).build().await.expect("a client");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schema");
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut expected = HashMap::new();
    let mut mappings = Vec::new();
    for path in files {
        let fixture: Value = serde_json::from_slice(&fs::read(path).expect("a file")).expect("a fixture");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let topic = topic(&text(&fixture["name"]).expect("a name"));
        let mut mapping = mapping(&topic);
        mapping.decoding.avro_reader_schema = text(&fixture["options"]["avro_reader_schema"]);
        mapping.decoding.protobuf_message = text(&fixture["options"]["protobuf_message"]);
        if fixture["options"]["number_encoding"] == "float_le" {
            mapping.decoding.number_encoding = NumberEncoding::FloatLe;
        }
        mapping.consumer.expected_schema_subject = Some(topic[1..].replace('/', "-"));
        mapping.expected_schema_version = Some(1);
        let schema_type = match fixture["schema_type"].as_str().expect("a type") {
            "avro" => SchemaType::Avro,
            "json_schema" => SchemaType::JsonSchema,
            "protobuf" => SchemaType::Protobuf,
            "string" => SchemaType::String,
            "number" => SchemaType::Number,
            _ => SchemaType::Bytes,
        };
        let subject = mapping.consumer.expected_schema_subject.clone().expect("a subject");
        register(&client, &subject, schema_type, fixture["definition"].as_str().expect("a definition")).await;
        produce(&client, &topic, Some(&subject), Vec::new()).await;
        expected.insert(topic, (subject, fixture));
        mappings.push(mapping);
    }
    let (running, mut receiver) = start(&broker, mappings).await;
    for (topic, (subject, fixture)) in &expected {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let payload = STANDARD.decode(fixture["payload"].as_str().expect("a payload")).expect("base64");
        produce(&client, topic, Some(subject), vec![payload.clone(), payload]).await;
    }
    // The second record of a topic is decoded eagerly, because the connector read the first one's value.
    for _ in 0..2 * expected.len() {
        let record = receiver.recv().await.expect("a record");
        let (subject, fixture) = &expected[record.topic()];
        let schema = record.schema().expect("a schema");
        assert_eq!((schema.subject.as_str(), schema.version), (subject.as_str(), 1));
        assert_eq!(record.payload(), &fixture["value"], "{}", fixture["name"]);
        if fixture["name"] != "bytes" {
            assert_eq!(&record.as_type::<Value>().expect("a value"), &fixture["value"], "{}", fixture["name"]);
        }
    }
    running.stop().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_an_unexpected_schema_are_dead_letters_with_a_reason() {
    let broker = Broker::embedded(danube_sink::dev::BrokerOptions::default()).await;
    let client = DanubeClient::builder().service_url(broker.url()).build().await.expect("a client");
    let (topic, dead) = (topic("expected"), topic("letters"));
    let order = r#"{"type":"object","properties":{"total":{"minimum":0}}}"#;
    register(&client, "orders", SchemaType::JsonSchema, order).await;
    produce(&client, &topic, None, Vec::new()).await;
    let mut mapping = mapping(&topic);
    mapping.consumer.expected_schema_subject = Some("orders".to_owned());
    mapping.on_invalid_record = OnInvalidRecord::DeadLetter;
    mapping.dead_letter_topic = Some(dead.clone());
    mapping.decoding.validate_json_schema = true;
    let (running, mut receiver) = start(&broker, vec![mapping.clone()]).await;
    produce(&client, &topic, None, vec![b"{}".to_vec()]).await;
    produce(&client, &topic, Some("orders"), vec![br#"{"total":-77}"#.to_vec(), br#"{"total":77}"#.to_vec()]).await;
    assert_eq!(receiver.recv().await.expect("a record").payload()["total"], 77);
    running.stop().await.expect("a clean end");

    let reasons = || -> Vec<String> {
        let letters = broker.embedded.as_ref().expect("an embedded broker").messages(&dead);
        letters.iter().map(|letter| letter.attributes["x-failure-reason"].clone()).collect()
    };
    let mut found = reasons();
    // Dead letters are published concurrently, in no order.
    found.sort();
    let [invalid, schemaless] = &found[..] else { panic!("{found:?}") };
    assert_eq!(schemaless, "no schema where subject orders is expected");
    assert!(invalid.contains("/total") && invalid.contains("orders version 1") && !invalid.contains("77"), "{invalid}");

    mapping.show_payload_in_errors = true;
    mapping.min_schema_version = Some(2);
    let (running, mut receiver) = start(&broker, vec![mapping]).await;
    produce(&client, &topic, Some("orders"), vec![br#"{"total":5}"#.to_vec()]).await;
    register(&client, "orders", SchemaType::JsonSchema, r#"{"type":"object"}"#).await;
    produce(&client, &topic, Some("orders"), vec![br#"{"total":6}"#.to_vec()]).await;
    assert_eq!(receiver.recv().await.expect("a record").payload()["total"], 6);
    running.stop().await.expect("a clean end");
    let found = reasons();
    assert!(found[2].contains("version 2 or a later one") && found[2].ends_with(r#"{"total":5}"#), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_is_delivered_with_any_schema() {
    let broker = Broker::start().await;
    let client = DanubeClient::builder().service_url(broker.url()).build().await.expect("a client");
    let topic = topic("tombstones");
    let subject = topic[1..].replace('/', "-");
    register(&client, &subject, SchemaType::JsonSchema, "{}").await;
    produce(&client, &topic, Some(&subject), vec![]).await;
    let mut mapping = mapping(&topic);
    mapping.on_invalid_record = OnInvalidRecord::Skip;
    let (running, mut receiver) = start(&broker, vec![mapping]).await;
    let producer = client.new_producer().with_topic(topic.as_str()).with_name("deleter").with_reliable_dispatch();
    let mut producer = producer.with_schema_subject(&subject).build().expect("a producer");
    producer.create().await.expect("a topic");
    for (payload, key) in [("{}", "a"), ("", "a"), ("{", "a"), ("[1]", "a")] {
        producer.send_with_key(payload.into(), None, key).await.expect("a confirmation");
    }
    producer.send(Vec::new(), None).await.expect("a confirmation");
    producer.send(b"2".to_vec(), None).await.expect("a confirmation");
    let mut received = Vec::new();
    while received.len() < 4 {
        let record = danube_sink_tests::within("a record", receiver.recv()).await.expect("the sink runs");
        received.push((record.is_tombstone(), record.json().into_owned(), record.as_json().is_ok()));
    }
    let expected = [(false, "{}", true), (true, "null", false), (false, "[1]", true), (false, "2", true)];
    assert_eq!(received, expected.map(|(tombstone, json, valid)| (tombstone, json.to_owned(), valid)));
    running.stop().await.expect("a clean end");
}
