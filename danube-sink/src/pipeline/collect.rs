//! From the messages of a lane to batches of records.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    batch::Batch,
    broker::{Broker, BrokerFailure, DeadLetter, FailureKind},
    lane::{Held, Lane, QueuedMessage},
};
use crate::{
    config::ConnectorConfig,
    observe::Closed,
    record::{SinkRecord, microseconds},
    schema::{DecodeOptions, Decoder, ExpectedSchema, Opened, Problem, SchemaCache},
};

/// Makes the batches of one lane.
pub(crate) struct Collect {
    broker: Arc<dyn Broker>,
    schemas: Arc<SchemaCache>,
    lane: Arc<Lane>,
    options: Arc<DecodeOptions>,
    expected: ExpectedSchema,
    /// For the messages that name no schema.
    schemaless: Arc<Decoder>,
    /// A message whose schema could not be looked up yet.
    waiting: Option<QueuedMessage>,
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
    Registry(Box<QueuedMessage>, BrokerFailure),
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
        let options = Arc::new(lane.settings.decoding.clone());
        let expected = ExpectedSchema::of(&lane.settings);
        let schemaless = Arc::new(Decoder::without_schema(lane.settings.payload_format));
        Self {
            broker,
            schemas,
            lane,
            options,
            expected,
            schemaless,
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
                        if let Some(QueuedMessage { place, .. }) = &self.waiting {
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
        self.lane.observer.batch_closed(records.len(), reason);
        Some(Ok(records))
    }

    async fn decode(&mut self, message: QueuedMessage) -> Result<Held, Refused> {
        let decoder = match message.delivery.schema {
            None => Arc::clone(&self.schemaless),
            Some((id, version)) => match self.schemas.get(&*self.broker, id, version, &self.options).await {
                Ok(decoder) => {
                    self.registry.reset();
                    self.missed = 0;
                    self.goes_on(&message);
                    decoder
                }
                // The registry answers so when it has trouble of its own too: once is not enough.
                Err(failure) if failure.kind == FailureKind::Missing && self.missed >= self.max_retries => {
                    self.missed = 0;
                    self.goes_on(&message);
                    let reason = format!("its schema {id} version {version:?} cannot be had: {failure}");
                    return Err(self.invalid(message, Arc::clone(&self.schemaless), reason));
                }
                Err(failure) => {
                    self.missed += u32::from(failure.kind == FailureKind::Missing);
                    return Err(Refused::Registry(Box::new(message), failure));
                }
            },
        };
        let opened = self.expected.check(decoder.info()).and_then(|()| {
            decoder.open(&message.delivery.payload).map_err(|problem| match decoder.info() {
                None => problem.to_string(),
                Some(schema) => format!("{problem} (schema {} version {})", schema.subject, schema.version),
            })
        });
        match opened {
            Ok(opened) => Ok(self.hold(message, decoder, opened)),
            Err(reason) => Err(self.invalid(message, decoder, reason)),
        }
    }

    fn goes_on(&mut self, message: &QueuedMessage) {
        if std::mem::take(&mut self.held_up) {
            self.lane.goes_on(&message.place.partition);
        }
    }

    fn invalid(&self, message: QueuedMessage, decoder: Arc<Decoder>, mut reason: String) -> Refused {
        if self.lane.settings.show_payload_in_errors {
            reason = format!("{reason}; the payload: {}", excerpt(&message.delivery.payload));
        }
        let opened = Opened::broken(Problem::new(reason.as_str()));
        let held = self.hold(message, decoder, opened);
        Refused::Invalid(Box::new(Invalid { held, reason }))
    }

    fn hold(&self, QueuedMessage { delivery, place }: QueuedMessage, decoder: Arc<Decoder>, opened: Opened) -> Held {
        let partition = &place.partition;
        let mut record = SinkRecord::builder(Arc::clone(&self.lane.topic))
            .subscription(Arc::clone(&self.lane.subscription))
            .partition(partition.number, Arc::clone(&partition.topic))
            .offset(delivery.token.offset)
            .producer(delivery.producer, delivery.token.producer_id, delivery.token.sequence)
            .publish_time(microseconds(delivery.publish_time))
            .attributes(delivery.attributes)
            .payload(delivery.payload)
            .opened_by(decoder, opened);
        if let Some(key) = delivery.key {
            record = record.key(key);
        }
        Held { record: record.build(), schema: delivery.schema, token: delivery.token, place }
    }
}

impl Held {
    /// The copy of the record for the dead-letter topic, payload and attributes as they came.
    pub(crate) fn letter(&self) -> DeadLetter {
        DeadLetter {
            payload: self.record.bytes().clone(),
            attributes: self.record.attributes().clone(),
            key: self.record.key().map(str::to_owned),
            schema: self.schema,
        }
    }
}

/// The beginning of a payload, as text where it is text.
fn excerpt(payload: &[u8]) -> String {
    const LONGEST: usize = 200;
    let (beginning, more) = payload.split_at(payload.len().min(LONGEST));
    let text = String::from_utf8_lossy(beginning).replace(char::is_control, " ");
    if more.is_empty() { text } else { format!("{text} and {} bytes more", more.len()) }
}
