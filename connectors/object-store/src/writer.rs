//! Writes the batches of a topic mapping.

use std::{
    collections::{BTreeMap, HashSet},
    iter::repeat,
    mem,
    sync::Arc,
};

use danube_sink::{PartialFailure, prelude::*};
use danube_sink_arrow::store::fill_path;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::Attributes;
use tokio::{sync::Mutex, task::spawn_blocking};

use super::{
    failure,
    format::{Encoded, Encoder},
    journal::{Announced, AnnouncedObject, Journal, Unreadable},
    mapping::Target,
    path,
    plan::{self, Destination, Part},
    store::{Expected, Store},
};

/// Objects of a batch that are encoded or written at once.
const AT_ONCE: usize = 8;

/// Writes the batches of a topic mapping.
#[derive(Debug)]
pub(crate) struct Writer {
    store: Store,
    encoder: Arc<Encoder>,
    extension: String,
    attributes: Attributes,
    /// The journals as of the last batch, by topic or partition. One whose state is in doubt is not among them.
    known: Mutex<BTreeMap<String, Known>>,
    /// Whether this is the only instance that writes.
    is_alone: bool,
}

/// A journal of this process, and what it replaces in the store.
#[derive(Debug)]
struct Known {
    journal: Journal,
    expected: Expected,
}

/// Where the records of a batch go.
enum Destinations {
    One(Destination),
    /// One for each record.
    Each(Vec<Destination>),
}

/// An object to write.
struct Object {
    name: String,
    content: bytes::Bytes,
}

/// A part of a write, which ends before the runtime would cancel all of it.
#[derive(Debug, Clone, Copy)]
struct InTime(tokio::time::Instant);

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
    /// `is_alone`: whether no other instance writes, so that journals are read once.
    pub(crate) fn new(store: Store, target: &Target, is_alone: bool) -> Self {
        Self {
            store,
            encoder: Arc::new(Encoder::new(target)),
            extension: target.extension(),
            attributes: target.attributes(),
            known: Mutex::default(),
            is_alone,
        }
    }

    /// Whether objects can be written and read.
    pub(crate) async fn check(&self) -> Result<(), Failure> {
        self.store.probe().await
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
                Destinations::Each(batch.each(|target, record| self.destination(target, record, constant.as_ref()))?)
            }
        };
        let subscription = batch.settings().consumer.subscription.clone();
        let in_time = InTime(batch.deadline().into());
        let written = self.write_parts(batch.records(), &destinations, batch.order(), &subscription, in_time).await;
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

    async fn write_parts(
        &self,
        records: &[SinkRecord],
        destinations: &Destinations,
        order: SubscriptionType,
        subscription: &str,
        in_time: InTime,
    ) -> Result<PartialFailure, Failure> {
        // Taken out: after a failure or an abort, the journals are read again.
        let mut known = mem::take(&mut *self.known.lock().await);
        in_time.answered(self.read_journals(&mut known, records, order, subscription)).await?;
        let mut journals: BTreeMap<_, _> =
            known.iter().map(|(topic, known)| (topic.clone(), known.journal.clone())).collect();
        let parts = match destinations {
            Destinations::One(destination) => plan::parts(records, repeat(destination), order, &mut journals),
            Destinations::Each(destinations) => plan::parts(records, destinations, order, &mut journals),
        };
        let (objects, rejected) = in_time.of_size(self.encode(parts, subscription, &mut journals)).await?;
        let announced: Vec<_> = journals.iter().filter(|(_, journal)| !journal.in_doubt().is_empty()).collect();
        let replace = async |(topic, journal): (&String, &Journal)| {
            let expected = known.get(topic).map_or(&Expected::Nothing, |known| &known.expected);
            let name = path::journal(subscription, topic);
            let expected = self.store.replace(&name, journal.to_json().into(), expected).await?;
            Ok::<_, Failure>((topic.clone(), expected))
        };
        let replaced = stream::iter(announced).map(replace).buffer_unordered(AT_ONCE).try_collect::<Vec<_>>();
        let replaced = in_time.answered(replaced).await?;
        let write = async |Object { name, content }| self.store.write(&name, content, self.attributes.clone()).await;
        in_time.of_size(stream::iter(objects).map(write).buffer_unordered(AT_ONCE).try_collect::<()>()).await?;
        if self.is_alone {
            for (topic, mut journal) in journals {
                journal.written();
                if let Some(known) = known.get_mut(&topic) {
                    known.journal = journal;
                }
            }
            for (topic, expected) in replaced {
                if let Some(known) = known.get_mut(&topic) {
                    known.expected = expected;
                }
            }
            *self.known.lock().await = known;
        }
        Ok(rejected)
    }

    /// Reads the journals of the records' topics or partitions that are not known, and looks which announced objects exist.
    async fn read_journals(
        &self,
        known: &mut BTreeMap<String, Known>,
        records: &[SinkRecord],
        order: SubscriptionType,
        subscription: &str,
    ) -> Result<(), Failure> {
        let mut topics: Vec<_> = records
            .chunk_by(|one, other| one.id().topic() == other.id().topic())
            .filter(|records| records.iter().any(|record| plan::is_recognizable(record, order)))
            .map(|records| records[0].id().topic())
            .filter(|topic| !known.contains_key(*topic))
            .collect();
        topics.sort_unstable();
        topics.dedup();
        let read =
            async |topic: &str| Ok::<_, Failure>((topic.to_owned(), self.read_journal(subscription, topic).await?));
        let read: Vec<_> = stream::iter(topics).map(read).buffer_unordered(AT_ONCE).try_collect().await?;
        known.extend(read);
        Ok(())
    }

    async fn read_journal(&self, subscription: &str, topic: &str) -> Result<Known, Failure> {
        let name = path::journal(subscription, topic);
        let (content, expected) = self.store.read(&name).await?;
        let Some(content) = content else { return Ok(Known { journal: Journal::default(), expected }) };
        let mut journal = Journal::parse(&content).map_err(|unreadable| {
            let what = self.store.what("read", &name);
            failure::journal(match unreadable {
                Unreadable::NoJournal => {
                    format!("{what}: it is damaged; restore it, or remove it and accept duplicates")
                }
                Unreadable::Later(version) => {
                    format!("{what}: version {version} is of a later version of the connector")
                }
            })
        })?;
        let exists = async |name: String| Ok::<_, Failure>((self.store.exists(&name).await?, name));
        let objects: Vec<_> =
            stream::iter(journal.in_doubt()).map(exists).buffer_unordered(AT_ONCE).try_collect().await?;
        journal.resolve(|name| objects.iter().any(|(exists, found)| *exists && found == name));
        Ok(Known { journal, expected })
    }

    /// Encodes the objects in threads of their own, and announces them.
    async fn encode(
        &self,
        parts: Vec<Part>,
        subscription: &str,
        journals: &mut BTreeMap<String, Journal>,
    ) -> Result<(Vec<Object>, PartialFailure), Failure> {
        let encode = async |part: Part| {
            let encoder = Arc::clone(&self.encoder);
            let encoded = spawn_blocking(move || Ok((encoder.encode(&part.records)?, part))).await;
            encoded.map_err(|_| failure::data("encode records"))?
        };
        let encoded: Vec<_> = stream::iter(parts).map(encode).buffered(AT_ONCE).try_collect().await?;
        let (mut objects, mut rejected) = (Vec::new(), PartialFailure::default());
        let mut announced: BTreeMap<(String, usize), Announced> = BTreeMap::new();
        for (Encoded { content, rejected: of_part }, mut part) in encoded {
            if !of_part.is_empty() {
                let is_rejected: HashSet<_> = of_part.rejected().map(|(id, _)| id).collect();
                part.records.retain(|record| !is_rejected.contains(record.id()));
            }
            rejected.merge(of_part);
            let written = part.records;
            if written.is_empty() {
                continue;
            }
            let epoch = part.epoch.zip(journals.get(&part.topic));
            let file =
                path::file(&written, subscription, epoch.map(|(epoch, journal)| journal.id(epoch)), &self.extension);
            let name = path::join(&part.destination.folder, &file);
            if let Some(epoch) = part.epoch {
                let batch = announced.entry((part.topic, epoch)).or_default();
                written.iter().for_each(|record| batch.offsets.insert(record.offset()));
                batch.objects.push(AnnouncedObject { name: name.clone(), group: part.destination.group.to_string() });
            }
            objects.push(Object { name, content });
        }
        for ((topic, epoch), batch) in announced {
            if let Some(journal) = journals.get_mut(&topic) {
                journal.announce(epoch, batch);
            }
        }
        Ok((objects, rejected))
    }
}
