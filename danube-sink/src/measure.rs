//! Cost of the framework per record, measured with the pipeline over a broker in memory.
//!
//! Used by benchmarks and by the tests of allocations and instructions, never by a connector.

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
        AckAnswers, AckToken, Attachment, Broker, BrokerFailure, CHUNK_MESSAGES, Consumer, DeadLetter, FailureKind,
        Message, Pipeline, Session, Writer, WriterPool,
    },
    record::MessageSource,
    schema::SchemaInfo,
};

/// A run of the pipeline over a broker in memory that has every message ready and accepts every acknowledgement immediately.
///
/// Choose `records` as a multiple of `mappings` times `batch_size`: a partly filled last batch waits for its flush interval.
/// All windows together must fit into `max_buffered_bytes`: the broker redelivers no message.
#[derive(Debug, Clone)]
pub struct MemoryRun {
    /// Number of topics, each with its own mapping.
    pub mappings: usize,
    /// Number of messages of all topics together.
    pub records: usize,
    /// Payload of each message.
    pub payload: Bytes,
    /// Schema of each message, if any.
    pub schema: Option<SchemaInfo>,
    /// Type of the subscriptions.
    pub subscription_type: SubscriptionType,
    /// Maximum number of records in a batch.
    pub batch_size: usize,
    /// Maximum number of unacknowledged messages of a topic.
    pub window: usize,
    /// The filter of each mapping, if any.
    pub filter: Option<String>,
}

impl MemoryRun {
    /// Creates a run with one mapping, an Exclusive subscription, a window of 1 000, no schema and the default batch size.
    pub fn new(records: usize, payload: impl Into<Bytes>) -> Self {
        Self {
            mappings: 1,
            records,
            payload: payload.into(),
            schema: None,
            subscription_type: SubscriptionType::Exclusive,
            batch_size: config().batch_size,
            window: 1_000,
            filter: None,
        }
    }

    /// Runs the pipeline with these connector instances, and returns the time from the start to the last acknowledgement.
    ///
    /// # Errors
    /// The error that ended the pipeline before every message was acknowledged.
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
        mapping.filter.clone_from(&self.filter);
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

/// Unacknowledged messages of all topics.
struct Total {
    unacked: AtomicUsize,
    done: watch::Sender<bool>,
}

/// Subscription of one topic.
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
            offset,
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
            let count = subscription.credit(window).await.min(CHUNK_MESSAGES).min(each - first);
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
    /// Waits until messages may be sent, and returns how many.
    async fn credit(&self, window: usize) -> usize {
        loop {
            match window.saturating_sub(self.in_flight.load(Ordering::Relaxed)) {
                0 => self.acked.notified().await,
                credit => return credit,
            }
        }
    }
}

#[async_trait]
impl Session for Subscription {
    async fn ack(&self, tokens: Vec<AckToken>) -> AckAnswers {
        self.in_flight.fetch_sub(tokens.len(), Ordering::Relaxed);
        self.acked.notify_one();
        if self.total.unacked.fetch_sub(tokens.len(), Ordering::Relaxed) == tokens.len() {
            self.total.done.send_replace(true);
        }
        AckAnswers { acked: tokens, failed: Vec::new() }
    }

    async fn health(&self) -> Result<(), BrokerFailure> {
        Ok(())
    }
}
