//! Decodes payloads by the schema that each message names.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::yield_now,
    time::{Instant, sleep_until},
};

use super::{
    backoff::Backoff,
    batch::Batch,
    broker::{Broker, BrokerFailure, FailureKind},
    budget::Budget,
    mapping::{Cause, Failing, Mapping},
    partition::Partition,
    pending::PendingRun,
};
use crate::{
    config::{ConnectorConfig, OnInvalidRecord},
    filter::Filter,
    observe::{Closed, Stage},
    record::SinkRecord,
    schema::{DecodeOptions, Decoder, ExpectedSchema, Opened, Problem, SchemaCache},
};

/// Decoders that a stripe remembers in front of the shared schema cache.
const REMEMBERED: usize = 8;
/// Decoding yields to other tasks after so many records or bytes.
const RECORDS_AT_ONCE: usize = 256;
const BYTES_AT_ONCE: usize = 1024 * 1024;
/// Decompressed bytes beyond which a record has a chunk of its own. What is decoded of others is freed with their neighbours.
const LARGE: usize = 64 * 1024;

/// The schema id and version that a message names; `None` where it names none.
type SchemaKey = Option<(u64, Option<u32>)>;

/// Decodes the records of one stripe.
pub(crate) struct Decoding {
    broker: Arc<dyn Broker>,
    schemas: Arc<SchemaCache>,
    mapping: Arc<Mapping>,
    budget: Budget,
    options: Arc<DecodeOptions>,
    expected: ExpectedSchema,
    /// The filter; an invalid one makes every record invalid.
    filter: Option<Result<Filter, String>>,
    /// Most recently used first.
    remembered: Vec<Remembered>,
    /// The run in decoding.
    current: Option<PendingRun>,
    outage: Option<Outage>,
    max_retries: u32,
    /// Records and bytes since the last yield.
    records: usize,
    bytes: usize,
}

#[derive(Clone)]
struct Remembered {
    key: SchemaKey,
    decoder: Arc<Decoder>,
    /// Why messages with this schema are rejected.
    mismatch: Option<String>,
}

/// Records that follow each other and are all kept, or all not.
struct Segment {
    is_kept: bool,
    len: usize,
    decompressed: usize,
}

#[derive(Default)]
struct Segments(Vec<Segment>);

impl Segments {
    fn push(&mut self, is_kept: bool, decompressed: usize) {
        match self.0.last_mut() {
            Some(last) if last.is_kept == is_kept => {
                last.len += 1;
                last.decompressed += decompressed;
            }
            _ => self.0.push(Segment { is_kept, len: 1, decompressed }),
        }
    }
}

/// An outage of the registry: the schema of the next record cannot be looked up.
struct Outage {
    backoff: Backoff,
    next: Instant,
    /// Look-ups that did not find the schema.
    missed: u32,
    _failing: Failing,
}

impl Decoding {
    pub(crate) fn new(
        broker: Arc<dyn Broker>,
        schemas: Arc<SchemaCache>,
        mapping: Arc<Mapping>,
        config: &ConnectorConfig,
        budget: Budget,
    ) -> Self {
        let options = Arc::new(mapping.settings.decoding.clone());
        let expected = ExpectedSchema::of(&mapping.settings);
        let filter = mapping.settings.filter.as_deref().map(Filter::of);
        Self {
            broker,
            schemas,
            mapping,
            budget,
            options,
            expected,
            filter,
            remembered: Vec::new(),
            current: None,
            outage: None,
            max_retries: config.max_retries,
            records: 0,
            bytes: 0,
        }
    }

    /// Fills the batch from `next`, until it is full, `next` is empty, or a schema cannot be looked up.
    pub(crate) async fn fill(&mut self, batch: &mut Batch, mut next: impl FnMut() -> Option<PendingRun>) {
        while self.outage.as_ref().is_none_or(|outage| Instant::now() >= outage.next)
            && let Some(remaining) = batch.remaining(&self.mapping.settings)
            && let Some(mut run) = self.current.take().or_else(&mut next)
        {
            self.decode(&mut run, remaining, batch).await;
            if !run.is_empty() {
                self.current = Some(run);
            }
            if self.records >= RECORDS_AT_ONCE || self.bytes >= BYTES_AT_ONCE {
                (self.records, self.bytes) = (0, 0);
                yield_now().await;
            }
        }
    }

    /// Whether no run is half decoded.
    pub(crate) fn is_empty(&self) -> bool {
        self.current.is_none()
    }

    /// Waits until the missing schema is due for another look-up.
    pub(crate) async fn registry(&self) {
        match &self.outage {
            Some(outage) => sleep_until(outage.next).await,
            None => std::future::pending().await,
        }
    }

    /// Gives back undecoded records of some detached partitions, except the one that waits for the registry. That one goes back
    /// too after a record that precedes it, of this batch or of one in delivery, to keep the order.
    pub(crate) fn release_some(&mut self, goes_back: impl Fn(&Partition) -> bool) {
        let Some(mut run) = self.current.take_if(|run| goes_back(&run.partition)) else { return };
        if run.partition.has_released() {
            self.end_outage();
        } else if self.outage.is_some() {
            self.current = Some(run.split_first(&self.budget));
        }
    }

    /// Gives back every undecoded record.
    pub(crate) fn release(&mut self) {
        self.current = None;
        self.outage = None;
    }

    /// Decodes records at the front of the run into the batch: valid ones, or a single invalid one. Settles those that the
    /// filter does not keep.
    async fn decode(&mut self, run: &mut PendingRun, (records, bytes): (usize, usize), batch: &mut Batch) {
        let Some(first) = run.entries().first() else { return };
        let decisions = Some(&self.mapping.decisions).filter(|decisions| !decisions.is_empty());
        if let Some(decision) = decisions.and_then(|decisions| decisions.take(&first.id)) {
            batch.push_decided(run.split_to(1), decision);
            return self.close_before_stop(batch);
        }
        // Whatever the schema of a record is that is not kept.
        let dropped = self.dropped(run);
        if dropped > 0 {
            return self.settle_filtered(run.split_to(dropped));
        }
        let key = first.source().schema;
        let known = match self.decoder(key).await {
            Ok(known) => known,
            // The registry answers so during its own failures too: once is not enough.
            Err(failure) if self.is_missing_for_good(key, &failure) => {
                self.end_outage();
                let (id, version) = key.unwrap_or_default();
                self.schemas.set_missing((id, version), &failure);
                let version = version.map_or_else(String::new, |version| format!(" version {version}"));
                let reason = format!("schema {id}{version} cannot be used: {failure}");
                return self.invalid(run, None, reason, batch);
            }
            Err(failure) => return self.wait(run, batch, &failure),
        };
        self.end_outage();
        if let Some(mismatch) = &known.mismatch {
            return self.invalid(run, Some(&known.decoder), mismatch.clone(), batch);
        }
        let needs_no_look = known.decoder.fixed_content().is_some_and(|content| run.share(&known.decoder, content));
        let decisions = Some(&self.mapping.decisions).filter(|decisions| !decisions.is_empty());
        if needs_no_look
            && self.filter.is_none()
            && decisions.is_none()
            && run.has_one_source
            && run.len() <= records
            && run.bytes() <= bytes
        {
            self.records += run.len();
            self.bytes += run.bytes();
            return batch.push(run.split_to(run.len()));
        }
        let is_decided = |id| decisions.is_some_and(|decisions| decisions.is_known(id));
        let (mut kept, mut size, mut looked_at, mut segments) = (0, 0, 0, Segments::default());
        let (mut invalid, mut large, mut decoded) = (None, None, 0);
        for entry in run.entries().iter().take_while(|entry| entry.source().schema == key && !is_decided(&entry.id)) {
            if kept == records || size >= bytes || looked_at == RECORDS_AT_ONCE.max(records) {
                break;
            }
            let mut decompressed = 0;
            if !needs_no_look {
                let opened = match known.decoder.open(&entry.bytes) {
                    Err(_) if entry.is_tombstone() => Ok(Opened::tombstone()),
                    opened => opened,
                };
                match opened {
                    Ok(opened) if opened.content.decompressed_bytes() > LARGE => {
                        large = Some(opened);
                        break;
                    }
                    Ok(opened) => {
                        decompressed = opened.content.decompressed_bytes();
                        decoded += opened.own_bytes();
                        run.decode(looked_at, &known.decoder, opened);
                    }
                    Err(problem) => {
                        invalid = Some(problem.to_string());
                        break;
                    }
                }
            }
            match self.keeps(run, looked_at) {
                Ok(keeps) => {
                    segments.push(keeps, decompressed);
                    let entry_bytes = entry.bytes.len() + decompressed;
                    looked_at += 1;
                    kept += usize::from(keeps);
                    size += if keeps { entry_bytes } else { 0 };
                    self.bytes += entry_bytes;
                }
                Err(reason) => {
                    invalid = Some(reason);
                    break;
                }
            }
        }
        self.records += looked_at + 1;
        run.charge(decoded);
        for Segment { is_kept, len, decompressed } in segments.0 {
            let mut segment = run.split_to(len);
            segment.add_decompressed(decompressed);
            if is_kept { batch.push(segment) } else { self.settle_filtered(segment) }
        }
        let mut alone = None;
        if let Some(opened) = large {
            let mut large = run.split_first(&self.budget);
            large.add_decompressed(opened.content.decompressed_bytes());
            large.charge(opened.own_bytes());
            self.bytes += large.bytes();
            large.decode(0, &known.decoder, opened);
            match self.keeps(&large, 0) {
                Ok(true) => batch.push(large),
                Ok(false) => self.settle_filtered(large),
                Err(reason) => (invalid, alone) = (Some(reason), Some(large)),
            }
        }
        if let Some(problem) = invalid {
            let reason = match known.decoder.info() {
                None => problem,
                Some(schema) => format!("{problem} (schema {} version {})", schema.subject, schema.version),
            };
            self.invalid(alone.as_mut().unwrap_or(run), Some(&known.decoder), reason, batch);
        }
    }

    /// How many records at the front of a run the filter does not keep, if it needs no payload.
    fn dropped(&self, run: &PendingRun) -> usize {
        let Some(Ok(filter)) =
            self.filter.as_ref().filter(|filter| matches!(filter, Ok(filter) if !filter.reads_payload()))
        else {
            return 0;
        };
        let decisions = &self.mapping.decisions;
        let is_dropped = |record: &SinkRecord| filter.keeps(record) == Ok(false) && !decisions.is_known(record.id());
        run.records().take_while(is_dropped).count()
    }

    /// Whether the filter keeps a record whose payload is decoded.
    fn keeps(&self, run: &PendingRun, index: usize) -> Result<bool, String> {
        match &self.filter {
            None => Ok(true),
            Some(filter) => filter.as_ref().map_err(Clone::clone)?.keeps(&run.record(index)),
        }
    }

    /// Settles records that the filter does not keep. They need no write, and so wait for none.
    fn settle_filtered(&self, run: PendingRun) {
        self.mapping.observer.filtered(run.len());
        run.settle();
    }

    /// Rejects the first record of the run as invalid.
    fn invalid(&self, run: &mut PendingRun, decoder: Option<&Arc<Decoder>>, mut reason: String, batch: &mut Batch) {
        let run = run.split_to(1);
        self.mapping.observer.error(Stage::Decode, "invalid");
        if let Some(entry) = run.entries().first() {
            if self.mapping.settings.show_payload_in_errors {
                reason = format!("{reason}; the payload: {}", excerpt(&entry.bytes));
            }
            if let Some(decoder) = decoder {
                run.decode(0, decoder, Opened::invalid(Problem::new(reason.as_str())));
            }
        }
        batch.push_invalid(run, reason);
        self.close_before_stop(batch);
    }

    /// Closes a batch whose invalid record stops the connector: nothing behind that record is written.
    fn close_before_stop(&self, batch: &mut Batch) {
        if self.mapping.settings.on_invalid_record == OnInvalidRecord::Stop && !batch.invalid.is_empty() {
            batch.close(Closed::Invalid);
        }
    }

    async fn decoder(&mut self, key: SchemaKey) -> Result<Remembered, BrokerFailure> {
        if let Some(index) = self.remembered.iter().position(|known| known.key == key) {
            self.remembered[..=index].rotate_right(1);
            return Ok(self.remembered[0].clone());
        }
        let decoder = match key {
            None => Arc::new(Decoder::without_schema(self.mapping.settings.payload_format)),
            Some((id, version)) => self.schemas.get(&*self.broker, id, version, &self.options).await?,
        };
        let mismatch = self.expected.check(decoder.info()).err();
        let known = Remembered { key, decoder, mismatch };
        // A look-up by id alone returns the latest version, which changes: the cache knows for how long it counts.
        if !matches!(key, Some((_, None))) {
            self.remembered.truncate(REMEMBERED - 1);
            self.remembered.insert(0, known.clone());
        }
        Ok(known)
    }

    fn is_missing_for_good(&self, key: SchemaKey, failure: &BrokerFailure) -> bool {
        let missed = self.outage.as_ref().map_or(0, |outage| outage.missed);
        let is_missing = || key.is_some_and(|key| self.schemas.is_missing(key));
        failure.kind == FailureKind::Missing && (missed >= self.max_retries || is_missing())
    }

    fn wait(&mut self, run: &PendingRun, batch: &mut Batch, failure: &BrokerFailure) {
        let mapping = &self.mapping;
        tracing::warn!(topic = %mapping.topic, "a schema lookup failed and is retried: {failure}");
        mapping.observer.error(Stage::Decode, failure.kind.name());
        mapping.block(Cause::Schema, &run.partition, format!("a schema lookup failed: {failure}"));
        if !batch.is_empty() {
            batch.close(Closed::Registry);
        }
        let outage = self.outage.get_or_insert_with(|| Outage {
            backoff: Backoff::new(Duration::from_millis(200), Duration::from_secs(10)),
            next: Instant::now(),
            missed: 0,
            _failing: mapping.fails(),
        });
        outage.missed += u32::from(failure.kind == FailureKind::Missing);
        outage.next = Instant::now() + outage.backoff.delay();
    }

    fn end_outage(&mut self) {
        if self.outage.take().is_some() {
            self.mapping.unblock(&Cause::Schema);
        }
    }
}

/// An excerpt of a payload: its first bytes as text.
fn excerpt(payload: &[u8]) -> String {
    const LONGEST: usize = 200;
    let (beginning, more) = payload.split_at(payload.len().min(LONGEST));
    let text = String::from_utf8_lossy(beginning).replace(char::is_control, " ");
    if more.is_empty() { text } else { format!("{text} and {} bytes more", more.len()) }
}
