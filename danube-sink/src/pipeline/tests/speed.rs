//! What the pipeline itself costs a record, without a network and without a target.
//!
//! `cargo test --release -p danube-sink --lib pipeline::tests::speed -- --ignored --nocapture` prints it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::sync::watch;

use crate::{
    config::{ConnectorConfig, ConsumerConfig, MappingSettings, SubscriptionType},
    connector::SinkConnector,
    error::ConnectorResult,
    observe::Observer,
    pipeline::{
        AckToken, Attachment, Broker, BrokerFailure, CHUNK_MESSAGES, Consumer, DeadLetter, Message, Pipeline, Session,
        Writer, WriterPool,
    },
    record::SinkRecord,
    schema::SchemaInfo,
};

const RECORDS: usize = 1_000_000;
const ROUNDS: usize = 5;
const PAYLOAD: &str = r#"{"id":123456,"name":"a customer of some length","price":12.5,"tags":["red","green"],"address":{"street":"Main Street 1","city":"Springfield","zip":"12345"},"paid":true,"note":"nothing to add"}"#;

#[derive(Deserialize)]
#[allow(dead_code, reason = "what is measured is reading it")]
struct Order {
    id: u64,
    name: String,
    price: f64,
    tags: Vec<String>,
    address: Address,
    paid: bool,
    note: String,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "what is measured is reading it")]
struct Address {
    street: String,
    city: String,
    zip: String,
}

/// A broker that has every message at hand, with a window that is never full, and takes every acknowledgement at once.
struct Firehose {
    each: usize,
    acked: Arc<Acked>,
}

struct Acked {
    count: AtomicUsize,
    done: watch::Sender<bool>,
}

#[async_trait]
impl Broker for Firehose {
    async fn partitions(&self, topic: &str) -> Result<Vec<String>, BrokerFailure> {
        Ok(vec![topic.to_owned()])
    }

    async fn attach(&self, _: &Consumer) -> Result<Attachment, BrokerFailure> {
        let (payload, producer, address) =
            (Bytes::from_static(PAYLOAD.as_bytes()), Arc::<str>::from("p"), Arc::<str>::from(""));
        let message = move |offset| Message {
            payload: payload.clone(),
            publish_time: 1_700_000_000_000_000,
            producer: Arc::clone(&producer),
            attributes: HashMap::new(),
            key: None,
            schema: None,
            token: AckToken { offset, producer_id: 1, sequence: offset, broker_address: Arc::clone(&address) },
        };
        let each = self.each as u64;
        let chunks = stream::iter((0..each).step_by(CHUNK_MESSAGES))
            .map(move |first| Ok((first..each.min(first + CHUNK_MESSAGES as u64)).map(&message).collect()));
        let chunks = chunks.chain(stream::pending()).boxed();
        Ok(Attachment { chunks, session: Arc::clone(&self.acked) as Arc<dyn Session> })
    }

    async fn schema(&self, _: u64, _: Option<u32>) -> Result<SchemaInfo, BrokerFailure> {
        unreachable!("no message names a schema")
    }

    async fn create_topic(&self, _: &str, _: Option<u32>) -> Result<(), BrokerFailure> {
        unreachable!("every topic exists")
    }

    async fn publish(&self, _: &str, _: Vec<DeadLetter>) -> Vec<Result<(), BrokerFailure>> {
        unreachable!("every record is valid")
    }
}

#[async_trait]
impl Session for Acked {
    async fn ack(&self, tokens: Vec<AckToken>) -> Vec<(AckToken, BrokerFailure)> {
        if self.count.fetch_sub(tokens.len(), Ordering::Relaxed) == tokens.len() {
            self.done.send_replace(true);
        }
        Vec::new()
    }

    async fn health(&self) -> Result<(), BrokerFailure> {
        Ok(())
    }
}

/// Reads what it is told to of every record.
struct Reader(fn(&SinkRecord));

#[async_trait]
impl SinkConnector for Reader {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(Vec::new())
    }

    async fn process(&mut self, _: SinkRecord) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        records.iter().for_each(self.0);
        Ok(())
    }
}

/// The time from the start to the last acknowledgement.
async fn pipeline(mappings: usize, read: fn(&SinkRecord)) -> Duration {
    let (done, mut finished) = watch::channel(false);
    let each = RECORDS / mappings;
    let acked = Arc::new(Acked { count: AtomicUsize::new(each * mappings), done });
    let broker: Arc<dyn Broker> = Arc::new(Firehose { each, acked });
    let config = ConnectorConfig::new("http://memory", "speed");
    let mapping = |number: usize| {
        let consumer = ConsumerConfig {
            topic: format!("/default/topic{number}"),
            consumer_name: "speed".to_owned(),
            subscription: "speed".to_owned(),
            subscription_type: SubscriptionType::Exclusive,
            expected_schema_subject: None,
        };
        MappingSettings::new(consumer, &config)
    };
    let mappings = (0..mappings).map(mapping).collect();
    let pool = WriterPool::new(vec![Writer::new(Box::new(Reader(read)))], config.write_timeout);
    let started = Instant::now();
    let pipeline = Pipeline::start(&broker, &pool, mappings, &config, &Observer::new("speed"));
    finished.wait_for(|done| *done).await.unwrap();
    let taken = started.elapsed();
    pipeline.drain().await.unwrap();
    taken
}

fn bare() -> Duration {
    let payload = Bytes::from_static(PAYLOAD.as_bytes());
    let started = Instant::now();
    for _ in 0..RECORDS {
        std::hint::black_box(serde_json::from_slice::<Order>(&payload).unwrap());
    }
    started.elapsed()
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9 / RECORDS as f64
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

#[test]
#[ignore = "a measure, in release: see the top of this file"]
fn what_the_pipeline_costs() {
    for threads in [1, 2] {
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap();
        let measure = |mappings, read: fn(&SinkRecord)| {
            median((0..ROUNDS).map(|_| nanoseconds(tokio.block_on(pipeline(mappings, read)))).collect())
        };
        let bytes = measure(1, |record| {
            std::hint::black_box(record.bytes().len());
        });
        let typed = measure(1, |record| drop(std::hint::black_box(record.as_type::<Order>().unwrap())));
        let bare = median((0..ROUNDS).map(|_| nanoseconds(bare())).collect());
        println!("{threads} threads: raw bytes {bytes:.0} ns a record");
        println!("{threads} threads: typed {typed:.0} ns, bare serde_json {bare:.0} ns, ratio {:.2}", typed / bare);
        for mappings in [1, 10, 100, 1_000] {
            let many = measure(mappings, |record| {
                std::hint::black_box(record.bytes().len());
            });
            println!("{threads} threads: {mappings} mappings {many:.0} ns a record");
        }
    }
}
