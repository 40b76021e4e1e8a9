//! The history of every message, and the law: none is acknowledged before it is done, none is written twice.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::Notify;

/// The history of all messages of one test. Clones share it.
///
/// It records violations of the law instead of panicking: a panic in a task of the pipeline would be lost.
#[derive(Clone, Default)]
pub(super) struct Ledger(Arc<Shared>);

#[derive(Default)]
struct Shared {
    book: Mutex<Book>,
    changed: Notify,
}

#[derive(Default)]
struct Book {
    entries: Vec<Entry>,
    /// Messages in the order of their confirmations, for the current pipeline.
    confirmations: Vec<usize>,
    broken: Vec<String>,
    /// Records that were refused one by one are retried.
    refusals_wait: bool,
    /// Neither acknowledged nor lost by the broker.
    open: usize,
    order: Order,
    /// Records whose retries are exhausted become dead letters.
    exhausted_to_dead_letters: bool,
    /// Messages are acknowledged when the spool has them.
    is_spooled: bool,
    /// Processes are killed or taken over: records that are written once more are counted, and order holds for the first
    /// time that each is written.
    repeats: Option<usize>,
    /// The filter of the mapping keeps these messages, and no others.
    keeps: Option<fn(usize) -> bool>,
}

/// The domain in which records are written in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    #[default]
    Partition,
    /// The partition and the key of a message.
    Key,
    None,
}

/// One message.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// The partition's own topic name.
    pub(super) topic: String,
    /// The routing key.
    pub(super) key: Option<String>,
    /// It cannot be decoded.
    pub(super) invalid: bool,
    /// The policy for invalid records: skip, else dead letter.
    pub(super) skips: bool,
    pub(super) deliveries: u32,
    pub(super) confirmed: u32,
    pub(super) dead_letters: u32,
    pub(super) acked: bool,
    /// The connector rejected it.
    rejected: bool,
    /// The connector asked to retry it, so that others may overtake it.
    retried: bool,
    /// The broker lost it with its storage.
    pub(super) lost: bool,
    /// The broker never sent it.
    pub(super) skipped: bool,
    /// Since its last delivery an acknowledgement failed or did not count, or its stream ended: the broker redelivers it.
    awaits_redelivery: bool,
}

impl Entry {
    pub(super) fn new(topic: &str, key: Option<&str>, invalid: bool, skips: bool) -> Self {
        Self { topic: topic.to_owned(), key: key.map(str::to_owned), invalid, skips, ..Self::default() }
    }
}

impl Ledger {
    pub(super) fn exhausted_to_dead_letters(&self) {
        self.book().exhausted_to_dead_letters = true;
    }

    /// The filter of the mapping keeps these messages, and no others.
    #[cfg(feature = "cel")]
    pub(super) fn filters(&self, keeps: fn(usize) -> bool) {
        self.book().keeps = Some(keeps);
    }

    pub(super) fn spooled(&self) {
        self.book().is_spooled = true;
    }

    pub(super) fn counts_repeats(&self) {
        self.book().repeats = Some(0);
    }

    /// Records that were written or became dead letters once more.
    pub(super) fn repeats(&self) -> usize {
        self.book().repeats.unwrap_or_default()
    }

    pub(super) fn refusals_wait(&self) {
        self.book().refusals_wait = true;
    }

    pub(super) fn order(&self, order: Order) {
        self.book().order = order;
    }

    /// The most deliveries of one message.
    pub(super) fn most_deliveries(&self) -> u32 {
        self.book().entries.iter().map(|entry| entry.deliveries).max().unwrap_or_default()
    }

    pub(super) fn deliveries(&self) -> u32 {
        self.book().entries.iter().map(|entry| entry.deliveries).sum()
    }

    /// Messages that are neither acknowledged nor lost.
    pub(super) fn open(&self) -> Vec<(usize, Entry)> {
        let book = self.book();
        let entries = book.entries.iter().enumerate().filter(|(_, entry)| !entry.acked && !entry.lost);
        entries.map(|(number, entry)| (number, entry.clone())).collect()
    }

    /// The number of messages skipped after one of their partition was sent: skips before the first show no gap.
    pub(super) fn gaps(&self) -> usize {
        let book = self.book();
        let mut first: HashMap<&str, usize> = HashMap::new();
        for (number, entry) in book.entries.iter().enumerate().filter(|(_, entry)| entry.deliveries > 0) {
            first.entry(&entry.topic).or_insert(number);
        }
        let after = |entry: &Entry, number| first.get(entry.topic.as_str()).is_some_and(|first| *first < number);
        book.entries.iter().enumerate().filter(|(number, entry)| entry.skipped && after(entry, *number)).count()
    }

    /// The number of entries for which `holds` is true.
    pub(super) fn count(&self, holds: impl FnMut(&&Entry) -> bool) -> usize {
        self.book().entries.iter().filter(holds).count()
    }

    /// Opens an entry, and returns its number.
    pub(super) fn published(&self, entry: Entry) -> usize {
        let mut book = self.book();
        book.entries.push(entry);
        book.open += 1;
        book.entries.len() - 1
    }

    pub(super) fn delivered(&self, number: usize) {
        let mut book = self.book();
        book.entries[number].deliveries += 1;
        book.entries[number].awaits_redelivery = false;
    }

    pub(super) fn confirmed(&self, number: usize) {
        let mut book = self.book();
        if book.repeated(number) {
            return;
        }
        book.confirmations.push(number);
        book.entries[number].confirmed += 1;
        let Entry { invalid, rejected, dead_letters, confirmed, acked, .. } = book.entries[number];
        // It may be newer than a record that was refused with all others.
        let follows_refused = || book.refusals_wait && book.entries[..number].iter().any(|entry| entry.rejected);
        let may_repeat = confirmed == 1 || follows_refused();
        book.holds(number, may_repeat, "was written twice");
        let is_kept = !book.drops(number);
        book.holds(number, is_kept, "was written although the filter does not keep it");
        let may_be_acked = book.is_spooled;
        book.holds(number, !acked || may_be_acked, "was written although it was acknowledged");
        let is_final = rejected && !book.refusals_wait && book.repeats.is_none();
        book.holds(number, !invalid && !is_final && dead_letters == 0, "was written although it was refused");
        self.0.changed.notify_waiters();
    }

    pub(super) fn retried(&self, number: usize) {
        self.book().entries[number].retried = true;
    }

    pub(super) fn rejected(&self, number: usize) {
        self.book().entries[number].rejected = true;
    }

    pub(super) fn dead_lettered(&self, number: usize) {
        let mut book = self.book();
        if book.repeated(number) {
            return;
        }
        book.entries[number].dead_letters += 1;
        let Entry { invalid, rejected, dead_letters, confirmed, skips, .. } = book.entries[number];
        let by_policy = book.exhausted_to_dead_letters || (!skips && (invalid || rejected));
        let by_policy = by_policy && !book.drops(number);
        book.holds(number, by_policy && confirmed == 0, "became a dead letter without a reason");
        book.holds(number, dead_letters == 1, "became a dead letter twice");
        self.0.changed.notify_waiters();
    }

    pub(super) fn acked(&self, number: usize) {
        let mut book = self.book();
        let Entry { invalid, rejected, dead_letters, confirmed, skips, acked, lost, .. } = book.entries[number];
        let done = confirmed > 0 || dead_letters > 0 || (skips && (invalid || rejected)) || book.drops(number);
        let done = done || book.is_spooled;
        book.holds(number, done, "was acknowledged before it was done");
        book.entries[number].acked = true;
        book.open -= usize::from(!acked && !lost);
        self.0.changed.notify_waiters();
    }

    pub(super) fn awaits_redelivery(&self, number: usize) {
        self.book().entries[number].awaits_redelivery = true;
    }

    pub(super) fn lost(&self, number: usize) {
        let mut book = self.book();
        let Entry { acked, lost, .. } = book.entries[number];
        book.entries[number].lost = true;
        book.open -= usize::from(!acked && !lost);
        self.0.changed.notify_waiters();
    }

    /// The broker skips it.
    pub(super) fn skipped(&self, number: usize) {
        self.book().entries[number].skipped = true;
        self.lost(number);
    }

    /// The broker redelivers it although it took its acknowledgement.
    pub(super) fn redelivers(&self, number: usize) {
        let mut book = self.book();
        let Entry { acked, lost, .. } = book.entries[number];
        book.open += usize::from(acked && !lost);
        (book.entries[number].acked, book.entries[number].awaits_redelivery) = (false, true);
    }

    /// The broker blocks the subscription for a poison message: the rest of the topic is lost.
    pub(super) fn poisoned(&self, topic: &str, number: usize) {
        let mut book = self.book();
        let text = format!("message {number} was sent so often that {topic} is blocked: {:?}", book.entries[number]);
        book.broken.push(text);
        let numbers: Vec<_> = (0..book.entries.len()).filter(|number| book.entries[*number].topic == topic).collect();
        drop(book);
        numbers.into_iter().for_each(|number| self.lost(number));
    }

    /// Another pipeline takes over: it may write records once more.
    pub(super) fn next_pipeline(&self) {
        let mut book = self.book();
        let overtaken = book.overtaken();
        book.broken.extend(overtaken);
        book.confirmations.clear();
        for entry in &mut book.entries {
            if !entry.acked {
                (entry.confirmed, entry.dead_letters, entry.rejected, entry.retried) = (0, 0, false, false);
            }
        }
    }

    /// Waits until every message is acknowledged, or lost by the broker.
    pub(super) async fn settled(&self) {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.book().open == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Waits until every message is written, or a dead letter, or lost by the broker.
    pub(super) async fn delivered_all(&self) {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let skipped = |entry: &Entry| entry.skips && (entry.invalid || entry.rejected);
            let is_done = |entry: &Entry| entry.confirmed + entry.dead_letters > 0 || entry.lost || skipped(entry);
            let is_done = |book: &Book| {
                book.entries.iter().enumerate().all(|(number, entry)| is_done(entry) || book.drops(number))
            };
            if is_done(&self.book()) {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn entry(&self, number: usize) -> Entry {
        self.book().entries[number].clone()
    }

    pub(super) fn acks(&self) -> usize {
        self.book().entries.iter().filter(|entry| entry.acked).count()
    }

    /// Messages in the order of their confirmations.
    pub(super) fn confirmations(&self) -> Vec<usize> {
        self.book().confirmations.clone()
    }

    /// The violations of the law so far, those of the order included.
    pub(super) fn broken(&self) -> Vec<String> {
        let book = self.book();
        let mut broken = book.broken.clone();
        let mut last = HashMap::new();
        // The connector asked for them once more, and another process may be the one that does.
        let is_late = |entry: &Entry| entry.retried || (book.repeats.is_some() && entry.rejected);
        // The last write of a record counts.
        let mut seen = HashSet::new();
        let mut confirmations: Vec<_> =
            book.confirmations.iter().rev().filter(|number| seen.insert(**number)).collect();
        confirmations.reverse();
        for &number in confirmations.into_iter().filter(|number| !is_late(&book.entries[**number])) {
            let Some(domain) = book.domain(&book.entries[number]) else { continue };
            if let Some(before) = last.insert(domain, number).filter(|before| *before > number) {
                broken.push(format!("message {number} was written after {before} of {domain:?}"));
            }
        }
        broken
    }

    /// Messages that are done and not acknowledged, although nothing failed since their last delivery.
    pub(super) fn unacknowledged(&self) -> Vec<usize> {
        let book = self.book();
        let done = |entry: &Entry| entry.confirmed + entry.dead_letters > 0 && !entry.acked && !entry.lost;
        let owed = |entry: &Entry| done(entry) && !entry.awaits_redelivery;
        book.entries.iter().enumerate().filter(|(_, entry)| owed(entry)).map(|(number, _)| number).collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap()
    }
}

impl Book {
    /// The domain in which an entry is written in order.
    fn domain<'e>(&self, entry: &'e Entry) -> Option<(&'e str, Option<&'e str>)> {
        match self.order {
            Order::Partition => Some((&entry.topic, None)),
            Order::Key => Some((&entry.topic, entry.key.as_deref())),
            Order::None => None,
        }
    }

    /// Messages that the connector received and did not write, although it wrote a newer one.
    fn overtaken(&self) -> Vec<String> {
        let mut newest = HashMap::new();
        for number in &self.confirmations {
            let newest = newest.entry(self.domain(&self.entries[*number])).or_default();
            *newest = (*number).max(*newest);
        }
        let is_done = |entry: &Entry| entry.confirmed + entry.dead_letters > 0 || entry.lost || entry.acked;
        let may_wait =
            |entry: &Entry| entry.invalid || entry.rejected || entry.retried || self.exhausted_to_dead_letters;
        let entries = self.entries.iter().enumerate().filter(|(_, entry)| entry.deliveries > 0);
        let left = entries.filter(|(_, entry)| !is_done(entry) && !may_wait(entry));
        let overtaken = left.filter_map(|(number, entry)| {
            let domain = self.domain(entry)?;
            let by = newest.get(&Some(domain)).filter(|newest| **newest > number)?;
            Some(format!("message {by} of {domain:?} was written before {number}, which the next pipeline writes"))
        });
        overtaken.collect()
    }

    /// Whether the filter of the mapping does not keep a message.
    fn drops(&self, number: usize) -> bool {
        self.keeps.is_some_and(|keeps| !keeps(number))
    }

    /// Counts a record that was settled before, if such are counted.
    fn repeated(&mut self, number: usize) -> bool {
        let Entry { confirmed, dead_letters, .. } = self.entries[number];
        let Some(repeats) = self.repeats.as_mut().filter(|_| confirmed + dead_letters > 0) else { return false };
        *repeats += 1;
        true
    }

    fn holds(&mut self, number: usize, law: bool, otherwise: &str) {
        if !law {
            self.broken.push(format!("message {number} {otherwise}: {:?}", self.entries[number]));
        }
    }
}
