//! From the messages of a lane to batches of records.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    batch::Batch,
    broker::{Broker, BrokerFailure, FailureKind, Letter},
    lane::{Held, Lane, Message},
};
use crate::{
    config::ConnectorConfig,
    observe::Closed,
    record::{SinkRecord, microseconds},
    schema::{SchemaCache, SchemaInfo, decode},
};

/// Makes the batches of one lane.
pub(crate) struct Collect {
    broker: Arc<dyn Broker>,
    schemas: Arc<SchemaCache>,
    lane: Arc<Lane>,
    /// A message whose schema could not be looked up yet.
    waiting: Option<Message>,
    /// An invalid record behind a batch that was closed for it.
    invalid: Option<Invalid>,
    registry: Backoff,
    /// Whether `waiting` was told of as held up.
    held_up: bool,
    /// Look-ups of the schema of `waiting` that found none.
    missed: u32,
    max_retries: u32,
    stop: CancellationToken,
}

/// A record that goes no further.
pub(crate) struct Invalid {
    pub(crate) held: Held,
    pub(crate) reason: String,
}

enum Refused {
    Invalid(Box<Invalid>),
    Registry(Box<Message>, BrokerFailure),
}

impl Collect {
    pub(crate) fn new(
        broker: Arc<dyn Broker>,
        schemas: Arc<SchemaCache>,
        lane: Arc<Lane>,
        config: &ConnectorConfig,
        stop: CancellationToken,
    ) -> Self {
        let registry = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        let max_retries = config.max_retries;
        Self {
            broker,
            schemas,
            lane,
            waiting: None,
            invalid: None,
            registry,
            held_up: false,
            missed: 0,
            max_retries,
            stop,
        }
    }

    /// The next batch, or a record that is not valid; `None` when the lane is closed and empty.
    pub(crate) async fn next(&mut self) -> Option<Result<Vec<Held>, Invalid>> {
        if let Some(invalid) = self.invalid.take() {
            return Some(Err(invalid));
        }
        let mut open: Option<Batch> = None;
        loop {
            while let Some(message) = self.waiting.take().or_else(|| self.lane.pop()) {
                match self.decode(message).await {
                    Ok(held) => {
                        let batch = match open.take() {
                            None => Batch::open(held, &self.lane.settings),
                            Some(mut batch) => {
                                batch.push(held);
                                batch
                            }
                        };
                        if let Some(reason) = batch.full(&self.lane.settings) {
                            return self.close(batch, reason);
                        }
                        open = Some(batch);
                    }
                    Err(Refused::Invalid(invalid)) => match open.take() {
                        None => return Some(Err(*invalid)),
                        Some(batch) => {
                            self.invalid = Some(*invalid);
                            return self.close(batch, Closed::Invalid);
                        }
                    },
                    Err(Refused::Registry(message, failure)) => {
                        self.waiting = Some(*message);
                        if let Some(batch) = open.take() {
                            return self.close(batch, Closed::Registry);
                        }
                        tracing::warn!(topic = %self.lane.topic, "a schema cannot be looked up and is tried again: {failure}");
                        if let Some(Message { place, .. }) = &self.waiting {
                            self.held_up = true;
                            self.lane.held_up(&place.partition, format!("a schema cannot be looked up: {failure}"));
                        }
                        let pause = sleep(self.registry.next().unwrap_or_default());
                        // What was not decoded when the connector stops stays with the broker.
                        self.stop.run_until_cancelled(pause).await?;
                    }
                }
            }
            let deadline = match open.take() {
                None if self.lane.is_closed() => return None,
                None => None,
                Some(batch) => {
                    let (deadline, reason) = batch.deadline(self.lane.settings.flush_interval);
                    if self.lane.is_closed() {
                        return self.close(batch, Closed::Drain);
                    } else if Instant::now() >= deadline {
                        return self.close(batch, reason);
                    }
                    open = Some(batch);
                    Some(deadline)
                }
            };
            self.lane.changed(deadline).await;
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "every caller returns it as it is")]
    fn close(&self, batch: Batch, reason: Closed) -> Option<Result<Vec<Held>, Invalid>> {
        let records = batch.into_records();
        self.lane.observer.batch(records.len(), reason);
        Some(Ok(records))
    }

    async fn decode(&mut self, message: Message) -> Result<Held, Refused> {
        let schema = match message.delivery.schema {
            None => None,
            Some((id, version)) => match self.schemas.get(&*self.broker, id, version).await {
                Ok(schema) => {
                    self.registry.reset();
                    self.missed = 0;
                    self.goes_on(&message);
                    Some(schema)
                }
                // The registry answers so when it has trouble of its own too: once is not enough.
                Err(failure) if failure.kind == FailureKind::Missing && self.missed >= self.max_retries => {
                    self.missed = 0;
                    self.goes_on(&message);
                    let reason = format!("its schema {id} version {version:?} cannot be had: {failure}");
                    let held = self.hold(message, None, None);
                    return Err(Refused::Invalid(Box::new(Invalid { held, reason })));
                }
                Err(failure) => {
                    self.missed += u32::from(failure.kind == FailureKind::Missing);
                    return Err(Refused::Registry(Box::new(message), failure));
                }
            },
        };
        let settings = &self.lane.settings;
        let payload = &message.delivery.payload;
        let value = wrong_subject(settings.consumer.expected_schema_subject.as_deref(), schema.as_deref())
            .map_or_else(|| decode(payload, schema.as_deref(), settings.payload_format), Err);
        let (value, problem) = match value {
            Ok(value) => (value, None),
            Err(reason) => (None, Some(reason)),
        };
        let held = self.hold(message, schema, value);
        match problem {
            None => Ok(held),
            Some(reason) => Err(Refused::Invalid(Box::new(Invalid { held, reason }))),
        }
    }

    fn goes_on(&mut self, message: &Message) {
        if std::mem::take(&mut self.held_up) {
            self.lane.goes_on(&message.place.partition);
        }
    }

    fn hold(
        &self,
        Message { delivery, place }: Message,
        schema: Option<Arc<SchemaInfo>>,
        value: Option<serde_json::Value>,
    ) -> Held {
        let partition = &place.partition;
        let mut record = SinkRecord::builder(Arc::clone(&self.lane.topic))
            .subscription(Arc::clone(&self.lane.subscription))
            .partition(partition.number, Arc::clone(&partition.topic))
            .offset(delivery.receipt.offset)
            .producer(delivery.producer, delivery.receipt.producer_id, delivery.receipt.sequence)
            .publish_time(microseconds(delivery.publish_time))
            .attributes(delivery.attributes)
            .schema(schema)
            .payload(delivery.payload);
        if let Some(key) = delivery.key {
            record = record.key(key);
        }
        if let Some(value) = value {
            record = record.value(value);
        }
        Held { record: record.build(), schema: delivery.schema, receipt: delivery.receipt, place }
    }
}

impl Held {
    /// The copy of the record for the dead-letter topic, payload and attributes as they came.
    pub(crate) fn letter(&self) -> Letter {
        Letter {
            payload: self.record.bytes().clone(),
            attributes: self.record.attributes().clone(),
            key: self.record.key().map(str::to_owned),
            schema: self.schema,
        }
    }
}

fn wrong_subject(expected: Option<&str>, schema: Option<&SchemaInfo>) -> Option<String> {
    let expected = expected?;
    match schema {
        Some(schema) if schema.subject == expected => None,
        Some(schema) => Some(format!("schema subject {} where {expected} is expected", schema.subject)),
        None => Some(format!("no schema where subject {expected} is expected")),
    }
}
