//! The pipeline without a network: what the framework itself costs a record.
//!
//! Benchmarks and the tests of allocations and instructions run it; no connector does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::{Notify, watch};

use crate::{
    config::{ConnectorConfig, ConsumerConfig, MappingSettings, SubscriptionType},
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult},
    observe::Observer,
    pipeline::{
        AckToken, Attachment, Broker, BrokerFailure, CHUNK_MESSAGES, Consumer, DeadLetter, FailureKind, Message,
        Pipeline, Session, Writer, WriterPool,
    },
    record::MessageSource,
    schema::SchemaInfo,
};

/// A run of the pipeline over a broker in memory that has every message at hand, and takes every acknowledgement at once.
///
/// `records` is best a multiple of `mappings` times `batch_size`: a last batch that is not full waits for its flush interval.
/// What all windows hold has to fit into `max_buffered_bytes`: the broker sends no message twice.
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
    /// Messages of a topic that are unacknowledged at most.
    pub window: usize,
}

impl MemoryRun {
    /// One mapping with an Exclusive subscription, a window of 1 000, messages without a schema, and the default batch size.
    pub fn new(records: usize, payload: impl Into<Bytes>) -> Self {
        Self {
            mappings: 1,
            records,
            payload: payload.into(),
            schema: None,
            subscription_type: SubscriptionType::Exclusive,
            batch_size: config().batch_size,
            window: 1_000,
        }
    }

    /// The time from the start to the last acknowledgement, with these instances of a connector.
    ///
    /// # Errors
    /// What ended the pipeline before every message was acknowledged.
    pub async fn time(&self, connectors: Vec<impl SinkConnector + 'static>) -> ConnectorResult<Duration> {
        let config = config();
        let (done, mut finished) = watch::channel(false);
        let total = Arc::new(Total { unacked: AtomicUsize::new(self.records / self.mappings * self.mappings), done });
        let broker: Arc<dyn Broker> = Arc::new(MemoryBroker { run: self.clone(), total });
        let mappings = (0..self.mappings).map(|number| self.mapping(number, &config)).collect();
        let writers = connectors.into_iter().map(|connector| Writer::new(Box::new(connector))).collect();
        let pool = WriterPool::new(writers, config.write_timeout);
        let started = Instant::now();
        let mut pipeline = Pipeline::start(&broker, &pool, mappings, &config, &Observer::new("measure"));
        tokio::select! {
            _ = finished.wait_for(|done| *done) => {}
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
    total: Arc<Total>,
}

/// What is left to acknowledge, over all topics.
struct Total {
    unacked: AtomicUsize,
    done: watch::Sender<bool>,
}

/// The subscription of one topic.
struct Subscription {
    in_flight: AtomicUsize,
    acked: Notify,
    total: Arc<Total>,
}

#[async_trait]
impl Broker for MemoryBroker {
    async fn partitions(&self, topic: &str) -> Result<Vec<String>, BrokerFailure> {
        Ok(vec![topic.to_owned()])
    }

    async fn attach(&self, consumer: &Consumer) -> Result<Attachment, BrokerFailure> {
        let (payload, schema) = (self.run.payload.clone(), self.run.schema.as_ref().map(|_| (1, Some(1))));
        let source = MessageSource { producer_id: 1, schema, ..MessageSource::of_topic(consumer.topic.clone()) };
        let source = Arc::new(source);
        let message = move |offset| Message {
            payload: payload.clone(),
            publish_time: 1_700_000_000_000,
            attributes: None,
            key: None,
            token: AckToken { offset, sequence: offset, source: Arc::clone(&source) },
        };
        let subscription = Arc::new(Subscription {
            in_flight: AtomicUsize::new(0),
            acked: Notify::new(),
            total: Arc::clone(&self.total),
        });
        let session = Arc::clone(&subscription) as Arc<dyn Session>;
        let (each, window) = (self.run.records / self.run.mappings, self.run.window);
        let chunks = stream::unfold((0, message, subscription), move |(first, message, subscription)| async move {
            let count = subscription.room(window).await.min(CHUNK_MESSAGES).min(each - first);
            if count == 0 {
                return std::future::pending().await;
            }
            subscription.in_flight.fetch_add(count, Ordering::Relaxed);
            let chunk = (first as u64..(first + count) as u64).map(&message).collect();
            Some((Ok(chunk), (first + count, message, subscription)))
        });
        Ok(Attachment { chunks: chunks.boxed(), session })
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

impl Subscription {
    /// How many messages may be sent, once one may.
    async fn room(&self, window: usize) -> usize {
        loop {
            match window.saturating_sub(self.in_flight.load(Ordering::Relaxed)) {
                0 => self.acked.notified().await,
                room => return room,
            }
        }
    }
}

#[async_trait]
impl Session for Subscription {
    async fn ack(&self, tokens: Vec<AckToken>) -> Vec<(AckToken, BrokerFailure)> {
        self.in_flight.fetch_sub(tokens.len(), Ordering::Relaxed);
        self.acked.notify_one();
        if self.total.unacked.fetch_sub(tokens.len(), Ordering::Relaxed) == tokens.len() {
            self.total.done.send_replace(true);
        }
        Vec::new()
    }

    async fn health(&self) -> Result<(), BrokerFailure> {
        Ok(())
    }
}
