//! The journals of the topics or partitions of a batch, and the store's copies of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use danube_sink::prelude::*;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep_until};

use super::{
    failure,
    journal::{Announced, AnnouncedObject, Journal, Unreadable},
    path,
    plan::Part,
    store::{Expected, Store},
    writer::AT_ONCE,
};

/// The journals, by topic or partition, that no batch uses, as of the last one. None of them is in doubt. Instances of a process
/// share them, of which one at a time writes records of a partition.
#[derive(Debug, Default)]
pub(crate) struct Shared(Mutex<BTreeMap<String, Known>>);

/// Those of a location and a subscription, while instances have them.
static SHARED: Mutex<BTreeMap<(String, String), Weak<Shared>>> = Mutex::new(BTreeMap::new());

/// The journals of a batch, taken out of the shared ones: after a failure or an abort, they are read again.
#[derive(Debug)]
pub(crate) struct Journals<'s> {
    shared: &'s Shared,
    taken: BTreeMap<String, Known>,
}

/// A journal, and what it replaces in the store.
#[derive(Debug)]
struct Known {
    journal: Journal,
    expected: Expected,
    /// When it was replaced, or may have been.
    replaced: Option<Instant>,
}

impl Shared {
    /// The journals of all instances that write to a location for a subscription.
    pub(crate) fn of(url: &str, subscription: &str) -> Arc<Self> {
        let mut all = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, shared| shared.strong_count() > 0);
        let known = all.entry((url.trim_end_matches('/').to_owned(), subscription.to_owned())).or_default();
        known.upgrade().unwrap_or_else(|| {
            let shared = Arc::default();
            *known = Arc::downgrade(&shared);
            shared
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'s> Journals<'s> {
    pub(crate) fn new(shared: &'s Shared) -> Self {
        Self { shared, taken: BTreeMap::new() }
    }

    pub(crate) fn get_mut(&mut self, topic: &str) -> Option<&mut Journal> {
        if !self.taken.contains_key(topic) {
            let known = self.shared.lock().remove_entry(topic);
            self.taken.extend(known);
        }
        self.taken.get_mut(topic).map(|known| &mut known.journal)
    }

    /// Reads journals, and looks which announced objects exist.
    pub(crate) async fn read(
        &mut self,
        store: &Store,
        subscription: &str,
        topics: impl IntoIterator<Item = &str>,
    ) -> Result<(), Failure> {
        let mut topics: Vec<_> = topics.into_iter().collect();
        topics.sort_unstable();
        topics.dedup();
        let read =
            async |topic: &str| Ok::<_, Failure>((topic.to_owned(), Known::read(store, subscription, topic).await?));
        let read: Vec<_> = stream::iter(topics).map(read).buffer_unordered(AT_ONCE).try_collect().await?;
        self.taken.extend(read);
        Ok(())
    }

    /// Announces the objects that a batch will be, instead of what was announced before.
    pub(crate) fn announce(&mut self, parts: &[Part], subscription: &str, extension: &str) {
        self.taken.values_mut().for_each(|known| known.journal.withdraw());
        let mut announced: BTreeMap<(&str, usize), Announced> = BTreeMap::new();
        for part in parts {
            let Some((epoch, name)) = part.epoch.zip(part.name(subscription, extension)) else { continue };
            let batch = announced.entry((&part.topic, epoch)).or_default();
            batch.offsets.extend(&part.offsets);
            batch.objects.push(AnnouncedObject { name, group: part.destination.group.to_string() });
        }
        for ((topic, epoch), batch) in announced {
            if let Some(known) = self.taken.get_mut(topic) {
                known.journal.announce(epoch, batch);
            }
        }
    }

    /// Replaces those in the store that announce objects.
    pub(crate) async fn replace(&mut self, store: &Store, subscription: &str) -> Result<(), Failure> {
        let announced: Vec<_> =
            self.taken.iter_mut().filter(|(_, known)| !known.journal.in_doubt().is_empty()).collect();
        let replace = async |(topic, known): (&String, &mut Known)| {
            let name = path::journal(subscription, topic);
            if let Some(replaced) = known.replaced {
                sleep_until(replaced + store.interval()).await;
            }
            let appended = match known.journal.line() {
                Some(line) => store.append(&name, line, &known.expected).await?,
                None => None,
            };
            known.expected = match appended {
                Some(expected) => expected,
                None => store.replace(&name, known.journal.to_json().into(), &known.expected).await?,
            };
            known.replaced = Some(Instant::now());
            known.journal.stored();
            Ok::<_, Failure>(())
        };
        stream::iter(announced).map(replace).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Notes that all announced objects are written, and gives the journals back.
    pub(crate) fn written(mut self) {
        self.taken.values_mut().for_each(|known| known.journal.written());
        self.shared.lock().append(&mut self.taken);
    }
}

impl Known {
    async fn read(store: &Store, subscription: &str, topic: &str) -> Result<Self, Failure> {
        let name = path::journal(subscription, topic);
        for staged in [&name, &path::staging(subscription, topic)] {
            store.sweep(staged).await?;
        }
        let (content, expected) = store.read(&name).await?;
        let Some(content) = content else {
            return Ok(Self { journal: Journal::default(), expected, replaced: None });
        };
        // Another process, or an attempt that failed, may have done it just now.
        let replaced = Some(Instant::now());
        let mut journal = Journal::parse(&content).map_err(|unreadable| {
            let what = store.what("read", &name);
            failure::journal(match unreadable {
                Unreadable::NoJournal => {
                    format!("{what}: it is damaged; restore it, or remove it and accept duplicates")
                }
                Unreadable::Later(version) => {
                    format!("{what}: version {version} is of a later version of the connector")
                }
            })
        })?;
        let exists = async |name: String| {
            let exists = store.exists(&name).await?;
            if !exists {
                store.sweep(&name).await?;
            }
            Ok::<_, Failure>((exists, name))
        };
        let objects: Vec<_> =
            stream::iter(journal.in_doubt()).map(exists).buffer_unordered(AT_ONCE).try_collect().await?;
        journal.resolve(|name| objects.iter().any(|(exists, found)| *exists && found == name));
        Ok(Self { journal, expected, replaced })
    }
}
