//! The pipeline without a network: what the framework itself costs a record.
//!
//! Benchmarks and the tests of allocations and instructions run it; no connector does.

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
use tokio::sync::watch;

use crate::{
    config::{ConnectorConfig, ConsumerConfig, MappingSettings, SubscriptionType},
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult},
    observe::Observer,
    pipeline::{
        AckToken, Attachment, Broker, BrokerFailure, CHUNK_MESSAGES, Consumer, DeadLetter, FailureKind, Message,
        Pipeline, Session, Writer, WriterPool,
    },
    schema::SchemaInfo,
};

/// A run of the pipeline over a broker in memory that has every message at hand.
///
/// Its window is never full, and it takes every acknowledgement at once. `records` is best a multiple of `mappings` times
/// `batch_size`: a last batch that is not full waits for its flush interval.
#[derive(Debug, Clone)]
pub struct MemoryRun {
    /// Topics, each with a mapping of its own.
    pub mappings: usize,
    /// Messages of all topics together.
    pub records: usize,
    /// What each message carries.
    pub payload: Bytes,
    /// The schema that each message names, if it names one.
    pub schema: Option<SchemaInfo>,
    /// How the topics are subscribed to.
    pub subscription_type: SubscriptionType,
    /// Records in a batch at most.
    pub batch_size: usize,
}

impl MemoryRun {
    /// One mapping with an Exclusive subscription, messages without a schema, and the default batch size.
    pub fn new(records: usize, payload: impl Into<Bytes>) -> Self {
        Self {
            mappings: 1,
            records,
            payload: payload.into(),
            schema: None,
            subscription_type: SubscriptionType::Exclusive,
            batch_size: config().batch_size,
        }
    }

    /// The time from the start to the last acknowledgement, with these instances of a connector.
    ///
    /// # Errors
    /// What ended the pipeline before every message was acknowledged.
    pub async fn time(&self, connectors: Vec<impl SinkConnector + 'static>) -> ConnectorResult<Duration> {
        let config = config();
        let unacked = Arc::new(Unacked::new(self.records / self.mappings * self.mappings));
        let mut done = unacked.done.subscribe();
        let broker: Arc<dyn Broker> = Arc::new(MemoryBroker { run: self.clone(), unacked });
        let mappings = (0..self.mappings).map(|number| self.mapping(number, &config)).collect();
        let writers = connectors.into_iter().map(|connector| Writer::new(Box::new(connector))).collect();
        let pool = WriterPool::new(writers, config.write_timeout);
        let started = Instant::now();
        let mut pipeline = Pipeline::start(&broker, &pool, mappings, &config, &Observer::new("measure"));
        tokio::select! {
            _ = done.wait_for(|done| *done) => {}
            ended = pipeline.ended() => {
                return ended.and(Err(ConnectorError::fatal("the pipeline ended before its messages were acknowledged")));
            }
        }
        let took = started.elapsed();
        pipeline.drain().await?;
        Ok(took)
    }

    fn mapping(&self, number: usize, config: &ConnectorConfig) -> MappingSettings {
        let consumer = ConsumerConfig {
            topic: format!("/default/topic{number}"),
            consumer_name: "measure".to_owned(),
            subscription: "measure".to_owned(),
            subscription_type: self.subscription_type,
            expected_schema_subject: None,
        };
        let mut mapping = MappingSettings::new(consumer, config);
        mapping.batch_size = self.batch_size;
        mapping
    }
}

fn config() -> ConnectorConfig {
    ConnectorConfig::new("http://memory", "measure")
}

struct MemoryBroker {
    run: MemoryRun,
    unacked: Arc<Unacked>,
}

struct Unacked {
    count: AtomicUsize,
    done: watch::Sender<bool>,
}

impl Unacked {
    fn new(count: usize) -> Self {
        Self { count: AtomicUsize::new(count), done: watch::Sender::new(count == 0) }
    }
}

#[async_trait]
impl Broker for MemoryBroker {
    async fn partitions(&self, topic: &str) -> Result<Vec<String>, BrokerFailure> {
        Ok(vec![topic.to_owned()])
    }

    async fn attach(&self, _: &Consumer) -> Result<Attachment, BrokerFailure> {
        let (payload, schema) = (self.run.payload.clone(), self.run.schema.as_ref().map(|_| (1, Some(1))));
        let (producer, address) = (Arc::<str>::from("p"), Arc::<str>::from(""));
        let message = move |offset| Message {
            payload: payload.clone(),
            publish_time: 1_700_000_000_000,
            producer: Arc::clone(&producer),
            attributes: HashMap::new(),
            key: None,
            schema,
            token: AckToken { offset, producer_id: 1, sequence: offset, broker_address: Arc::clone(&address) },
        };
        let each = (self.run.records / self.run.mappings) as u64;
        let chunks = stream::iter((0..each).step_by(CHUNK_MESSAGES))
            .map(move |first| Ok((first..each.min(first + CHUNK_MESSAGES as u64)).map(&message).collect()));
        let chunks = chunks.chain(stream::pending()).boxed();
        Ok(Attachment { chunks, session: Arc::clone(&self.unacked) as Arc<dyn Session> })
    }

    async fn schema(&self, _: u64, _: Option<u32>) -> Result<SchemaInfo, BrokerFailure> {
        self.run.schema.clone().ok_or_else(|| missing("no message names a schema"))
    }

    async fn create_topic(&self, _: &str, _: Option<u32>) -> Result<(), BrokerFailure> {
        Err(missing("every topic exists"))
    }

    async fn publish(&self, _: &str, dead_letters: Vec<DeadLetter>) -> Vec<Result<(), BrokerFailure>> {
        dead_letters.iter().map(|_| Ok(())).collect()
    }
}

fn missing(message: &str) -> BrokerFailure {
    BrokerFailure::new(FailureKind::Missing, message)
}

#[async_trait]
impl Session for Unacked {
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
