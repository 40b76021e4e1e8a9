//! Writes the batches of a topic mapping.

use std::{collections::HashSet, iter::repeat, sync::Arc};

use danube_sink::{PartialFailure, RecordId, prelude::*};
use danube_sink_arrow::store::{fill_path, reject_tombstone};
use futures_util::{StreamExt, TryStreamExt, future::try_join, stream};
use object_store::Attributes;
use tokio::{sync::Mutex, task::spawn_blocking, time::Instant};

use super::{
    content::{Complete, Content},
    failure,
    format::Encoder,
    journals::{Journals, Shared},
    mapping::Target,
    path,
    plan::{self, Destination, Part},
    store::Store,
};

/// Objects of a batch that are encoded or written at once.
pub(crate) const AT_ONCE: usize = 8;
/// How often abandoned files are looked for; and how long, beyond the time of a write, no process has written to them.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// Writes the batches of a topic mapping.
#[derive(Debug)]
pub(crate) struct Writer {
    store: Store,
    encoder: Arc<Encoder>,
    extension: String,
    attributes: Attributes,
    journals: Arc<Shared>,
    /// When abandoned files were last looked for.
    swept: Mutex<Option<Instant>>,
}

/// Where the records of a batch go.
enum Destinations {
    One(Destination),
    /// One for each record.
    Each(Vec<Destination>),
}

/// The content of an object.
struct Encoded {
    content: Complete,
    /// Without the rejected records. The others are in the content, and are given back.
    part: Part,
    rejected: PartialFailure,
}

impl Encoded {
    fn new(
        mut part: Part,
        mut content: Content,
        encoder: &Encoder,
        store: &Store,
        staging: &str,
    ) -> Result<Self, Failure> {
        let rejected = encoder.encode(&part.records, &mut content)?;
        if !rejected.is_empty() {
            let is_rejected: HashSet<_> = rejected.rejected().map(|(id, _)| id).collect();
            part.records.retain(|record| !is_rejected.contains(record.id()));
            part.offsets = part.records.iter().map(SinkRecord::offset).collect();
        }
        if part.epoch.is_none() {
            part.id = RecordId::of_batch(&part.records).chars().take(16).collect();
        }
        // Before the end of the content: its disk is busy meanwhile.
        part.records = Vec::new();
        let content = content.complete().map_err(|error| store.failed(&error, "write", staging))?;
        Ok(Self { content, part, rejected })
    }
}

/// A part of a write, which ends before the runtime would cancel all of it.
#[derive(Debug, Clone, Copy)]
struct InTime(Instant);

impl InTime {
    /// Small requests, which take long only if the store does not answer.
    async fn answered<T>(self, part: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        self.run(part, "the store did not answer within `write_timeout_ms`: it hangs, or is too slow").await
    }

    /// Work that takes longer for larger batches.
    async fn of_size<T>(self, part: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let text = "the objects of a batch were not written within `write_timeout_ms`: the store does not answer or is slow; for large \
                    files raise it, or lower `batch_bytes`";
        self.run(part, text).await
    }

    async fn run<T>(self, part: impl Future<Output = Result<T, Failure>>, text: &str) -> Result<T, Failure> {
        tokio::time::timeout_at(self.0, part).await.unwrap_or_else(|_| Err(failure::away(text)))
    }
}

impl Writer {
    pub(crate) fn new(store: Store, target: &Target, journals: Arc<Shared>) -> Self {
        Self {
            store,
            encoder: Arc::new(Encoder::new(target)),
            extension: target.extension(),
            attributes: target.attributes(),
            journals,
            swept: Mutex::default(),
        }
    }

    /// Writes the records that the store does not have.
    ///
    /// # Errors
    /// The error of the failure's class, after which the batch is written again; a partial failure with the rejected records.
    pub(crate) async fn write(&self, batch: &mut Batch<'_, Target>) -> ConnectorResult<()> {
        let constant: Option<Arc<str>> = match batch.records().first() {
            Some(record) if !batch.own().path.is_filled_in() => Some(fill_path(&batch.own().path, record)?.into()),
            _ => None,
        };
        let destinations = match constant {
            Some(folder) if !self.encoder.has_groups() => {
                Destinations::One(Destination { group: Arc::clone(&folder), folder })
            }
            constant => {
                let destination = |target: &Target, record: &SinkRecord| {
                    // It has no fields, which the path may name.
                    reject_tombstone(record)?;
                    self.destination(target, record, constant.as_ref())
                };
                Destinations::Each(batch.each(destination)?)
            }
        };
        let subscription = batch.settings().consumer.subscription.clone();
        let in_time = InTime(batch.deadline().into());
        in_time.answered(self.sweep(&subscription, in_time)).await?;
        let written = self.write_parts(batch.records(), &destinations, batch.order(), &subscription, in_time).await;
        let written = match batch.own().path.is_filled_in() {
            true => written.map_err(failure::with_names_of_records),
            false => written,
        };
        written?.into_result()
    }

    /// Where a record goes, in a folder that all records have, or in its own.
    fn destination(
        &self,
        target: &Target,
        record: &SinkRecord,
        constant: Option<&Arc<str>>,
    ) -> ConnectorResult<Destination> {
        let folder = match constant {
            Some(folder) => Arc::clone(folder),
            None => fill_path(&target.path, record)?.into(),
        };
        let group = match self.encoder.group(record)? {
            Some(version) => format!("{folder}#{version}").into(),
            None => Arc::clone(&folder),
        };
        Ok(Destination { folder, group })
    }

    /// Removes what killed processes have begun, once in a while. Where others write at the same time, no journal tells what that is.
    async fn sweep(&self, subscription: &str, InTime(deadline): InTime) -> Result<(), Failure> {
        let now = Instant::now();
        let mut swept = self.swept.lock().await;
        if swept.is_some_and(|swept| now - swept < ABANDONED) {
            return Ok(());
        }
        *swept = Some(now);
        // The probe is staged beside the folders of the subscriptions.
        for folder in [path::own_folder(subscription), path::DANUBE.to_owned()] {
            self.store.sweep_abandoned(&folder, ABANDONED + (deadline - now)).await?;
        }
        Ok(())
    }

    async fn write_parts(
        &self,
        records: &[SinkRecord],
        destinations: &Destinations,
        order: SubscriptionType,
        subscription: &str,
        in_time: InTime,
    ) -> Result<PartialFailure, Failure> {
        let mut journals = Journals::new(&self.journals);
        let (parts, tombstones) = loop {
            let parts = match destinations {
                Destinations::One(destination) => plan::parts(records, repeat(destination), order, &mut journals),
                Destinations::Each(destinations) => plan::parts(records, destinations, order, &mut journals),
            };
            match parts {
                Ok(parts) => break parts,
                Err(topics) => in_time.answered(journals.read(&self.store, subscription, topics)).await?,
            }
        };
        journals.announce(&parts, subscription, &self.extension);
        // A store that lets them wait gets them once, when it is known which records are rejected.
        let is_slow = !self.store.interval().is_zero();
        // The journals first: they are small, and their disk is not busy yet.
        let announced = async {
            if is_slow { Ok(()) } else { in_time.answered(journals.replace(&self.store, subscription)).await }
        };
        let encoded = in_time.of_size(self.encode(parts, subscription));
        let ((), encoded) = try_join(announced, encoded).await?;
        let (mut parts, mut contents, mut rejected) = (Vec::new(), Vec::new(), PartialFailure::default());
        for Encoded { content, part, rejected: of_part } in encoded {
            rejected.merge(of_part);
            parts.push(part);
            contents.push(content);
        }
        if is_slow || !rejected.is_empty() {
            journals.announce(&parts, subscription, &self.extension);
            in_time.answered(journals.replace(&self.store, subscription)).await?;
        }
        let objects = parts.iter().zip(contents);
        let write = async |(part, content): (&Part, Complete)| match part.name(subscription, &self.extension) {
            Some(name) => self.store.write(&name, content, self.attributes.clone()).await,
            None => Ok(()),
        };
        in_time.of_size(stream::iter(objects).map(write).buffer_unordered(AT_ONCE).try_collect::<()>()).await?;
        journals.written();
        rejected.merge(tombstones);
        Ok(rejected)
    }

    /// Encodes the objects in threads of their own. Those of a folder are then on its disk, without their names.
    async fn encode(&self, parts: Vec<Part>, subscription: &str) -> Result<Vec<Encoded>, Failure> {
        let encode = async |part: Part| {
            let (encoder, store) = (Arc::clone(&self.encoder), self.store.clone());
            let staging = path::staging(subscription, &part.topic);
            let content = store.content(&staging).await?;
            let encoded = spawn_blocking(move || Encoded::new(part, content, &encoder, &store, &staging)).await;
            encoded.map_err(|_| failure::data("encode records"))?
        };
        stream::iter(parts).map(encode).buffered(AT_ONCE).try_collect().await
    }
}
