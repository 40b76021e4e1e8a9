//! Deduplication of redelivered records, with numbers that the target stores.

mod slot;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    mem,
};

use self::slot::{EMPTY, Marks, Rollover, Slot, offset_of};
use crate::record::SinkRecord;

/// Maximum number of cached names, besides those of the batch.
const CACHE_CAPACITY: usize = 100_000;

/// Deduplication of records: finds those that the target already has, so that none is written twice. For a target that
/// stores numbers by name and changes them in the same transaction as the records, such as a database or a table format with
/// a log.
///
/// ```
/// use std::{collections::HashMap, convert::Infallible};
///
/// use danube_sink::{Deduplication, SinkRecord};
///
/// # #[derive(Default)]
/// # struct Target { rows: Vec<SinkRecord>, numbers: HashMap<String, i64> }
/// # impl Target {
/// #     async fn ask(&self, _names: Vec<String>) -> Result<HashMap<String, i64>, Infallible> { Ok(self.numbers.clone()) }
/// # }
/// # async fn example(mut deduplication: Deduplication, mut target: Target, records: &[&SinkRecord]) -> Result<(), Infallible> {
/// let fresh = deduplication.fresh(records, |names| target.ask(names)).await?;
/// let new = records.iter().zip(&fresh.records).filter(|(_, is_fresh)| **is_fresh);
/// // In one transaction:
/// target.rows.extend(new.map(|(record, _)| SinkRecord::clone(record)));
/// target.numbers.extend(fresh.numbers.clone());
/// // After the commit. Until then the write is in doubt, and the next batch reads the numbers again.
/// deduplication.written(fresh);
/// # Ok(())
/// # }
/// ```
///
/// The target stores:
///
/// ```text
///  danube:<subscription>:<topic or partition>:<producer>           its newest offset in the target
///  danube:<subscription>:<topic or partition>:<producer>:<slot>    <lap>, and a bit for each of 48 offsets
/// ```
///
/// - **No order is needed.** A bit marks one record as written. So a late record is written, whether the subscription is
///   Exclusive or Shared, and so is one that was rejected before and is valid now.
/// - **A batch of several partitions or producers** changes the numbers of all of them, in one transaction.
/// - **Offsets that restart at 0** are not redeliveries. A broker that lost its storage has lost its producers too, and
///   assigns new ids of 64 random bits, whose slots are empty. No clock is involved.
/// - **Several connectors of one subscription** change the same numbers, and each caches them from batch to batch. The target
///   must refuse a write if one of its names has changed since it was read, as a table's log does; the batch is then retried.
///   A target that cannot do this needs [`forget`](Self::forget) before each batch, and must read the names in the
///   transaction that writes: a serializable one, or under a lock that every writer of the subscription takes.
/// - **The slots are a ring** of 256 for each producer, for the last 12 288 offsets, more than a broker sends ahead of
///   acknowledgements. A record that is redelivered from further back is written again.
/// - **Laps** around the ring are numbered modulo 32 768. Each time a producer's offsets pass half of that, 201 326 592
///   offsets, one batch reads all of its slots and sets those unchanged since the last lap to 0, so that lap numbers stay
///   unambiguous.
/// - **Offset 0** is the offset of every record of a non-reliable topic, so there the producer's sequence number is stored
///   instead. The broker redelivers no message of such a topic, but a batch whose write is in doubt may be written twice.
/// - **Producer 0** is the broker itself, which publishes dead letters and MQTT messages. Its id never changes, so its records
///   are written at least once.
#[derive(Debug, Default)]
pub struct Deduplication {
    /// Cached numbers of the target by name; `None` for a name that the target does not have.
    known: HashMap<String, Option<i64>>,
    /// Whether it is unknown if the last batch was written.
    in_doubt: bool,
}

/// Fresh records of a batch, and the numbers to store with them.
#[derive(Debug, Default)]
#[must_use]
pub struct Fresh {
    /// Whether each record is fresh, that is, missing in the target.
    pub records: Vec<bool>,
    /// Numbers to store in the target, by name.
    pub numbers: HashMap<String, i64>,
}

impl Deduplication {
    /// Finds the records that the target does not have. `ask` reads the target's numbers by name, and is called at most
    /// twice. If the previous batch was not confirmed as [`written`](Self::written), the cached numbers are dropped first.
    ///
    /// # Errors
    /// The error of `ask`.
    pub async fn fresh<A, F, E>(&mut self, records: &[&SinkRecord], ask: A) -> Result<Fresh, E>
    where
        A: Fn(Vec<String>) -> F,
        F: Future<Output = Result<HashMap<String, i64>, E>>,
    {
        if mem::take(&mut self.in_doubt) || self.known.len() > CACHE_CAPACITY {
            self.forget();
        }
        let chunks = records.chunk_by(|one, other| Slot::is_shared(one, other));
        let chunks: Vec<_> = chunks.map(|records| (Slot::of(records[0]), records)).collect();
        let slots = || chunks.iter().filter_map(|(slot, records)| Some((slot.as_ref()?, *records)));
        let producers = self.unknown(slots().map(|(slot, _)| slot.producer.clone()));
        self.learn(producers, &ask).await?;
        let rollovers = self.rollovers(slots());
        let in_use = slots().filter(|(slot, _)| self.is_in_use(slot)).map(|(slot, _)| slot.name.clone());
        let in_use = self.unknown(in_use.chain(rollovers.iter().flat_map(Rollover::names)));
        self.learn(in_use, &ask).await?;
        let (mut fresh, mut changes) = (Fresh::default(), Changes::default());
        for (slot, records) in &chunks {
            match slot {
                Some(slot) => self.look_up(slot, records, &mut changes, &mut fresh.records),
                None => fresh.records.extend(records.iter().map(|_| true)),
            }
        }
        fresh.numbers = changes.numbers();
        for name in
            rollovers.iter().flat_map(|rollover| rollover.names().filter(|name| self.is_emptied(rollover, name)))
        {
            fresh.numbers.entry(name).or_insert(EMPTY);
        }
        self.in_doubt = !fresh.numbers.is_empty();
        Ok(fresh)
    }

    /// Confirms that the target has written the records and the numbers.
    pub fn written(&mut self, fresh: Fresh) {
        self.in_doubt = false;
        self.known.extend(fresh.numbers.into_iter().map(|(name, number)| (name, Some(number))));
    }

    /// Drops the cached numbers, so that they are read from the target again. Call it when the connector reloads the
    /// target's state, such as the newest version of a table, which other writers may have changed.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    fn unknown(&self, names: impl Iterator<Item = String>) -> BTreeSet<String> {
        names.filter(|name| !self.known.contains_key(name)).collect()
    }

    async fn learn<F, E>(&mut self, names: BTreeSet<String>, ask: impl Fn(Vec<String>) -> F) -> Result<(), E>
    where
        F: Future<Output = Result<HashMap<String, i64>, E>>,
    {
        if !names.is_empty() {
            let numbers = ask(names.iter().cloned().collect()).await?;
            for name in names {
                let number = numbers.get(&name).copied();
                self.known.insert(name, number);
            }
        }
        Ok(())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.known.get(name).copied().flatten()
    }

    /// The rollovers of the batch: producers whose old slots are emptied when it is written. A producer that is unknown to
    /// the target has no slots there.
    fn rollovers<'r>(&self, slots: impl Iterator<Item = (&'r Slot, &'r [&'r SinkRecord])>) -> Vec<Rollover> {
        let mut newest_offsets: HashMap<&str, i64> = HashMap::new();
        for (slot, records) in slots {
            let newest = newest_offsets.entry(&slot.producer).or_default();
            *newest = records.iter().map(|record| offset_of(record)).fold(*newest, i64::max);
        }
        let rollover = |(producer, after)| Rollover::of(producer, self.number(producer)?, after);
        newest_offsets.into_iter().filter_map(rollover).collect()
    }

    fn is_emptied(&self, rollover: &Rollover, name: &str) -> bool {
        self.number(name).is_some_and(|number| rollover.empties(number))
    }

    /// Whether the target's slot may have marks of this lap.
    fn is_in_use(&self, slot: &Slot) -> bool {
        self.number(&slot.producer).is_some_and(|newest| newest >= slot.begin)
    }

    /// Looks up the records of one slot.
    fn look_up<'r>(
        &self,
        slot: &'r Slot,
        records: &[&SinkRecord],
        changes: &mut Changes<'r>,
        is_fresh: &mut Vec<bool>,
    ) {
        let mut newest = self.number(&slot.producer).unwrap_or_default();
        let mut marks = match changes.marks.get(&*slot.name) {
            Some((_, marks)) => Some(*marks),
            None if self.is_in_use(slot) => {
                self.number(&slot.name).and_then(|number| Marks::of(records[0]).read(number, newest))
            }
            None => None,
        };
        let mut is_changed = false;
        for record in records {
            let own = Marks::of(record);
            let is_new = !marks.is_some_and(|marks| own.are_in(marks));
            if is_new {
                marks = Some(marks.map_or(own, |marks| own.with(marks)));
                newest = newest.max(offset_of(record));
                is_changed = true;
            }
            is_fresh.push(is_new);
        }
        if let Some(marks) = marks.filter(|_| is_changed) {
            changes.marks.insert(&slot.name, (&slot.producer, marks));
            let reached = changes.newest.entry(&slot.producer).or_default();
            *reached = newest.max(*reached);
        }
    }
}

/// Changes of a batch to the target's numbers.
#[derive(Default)]
struct Changes<'r> {
    /// The newest offset of each producer with a fresh record.
    newest: HashMap<&'r str, i64>,
    /// The producer and the marks of each changed slot, by name.
    marks: HashMap<&'r str, (&'r str, Marks)>,
}

impl Changes<'_> {
    fn numbers(self) -> HashMap<String, i64> {
        let Self { newest, marks } = self;
        // The number of a lap too far back would be read as a later lap.
        let is_kept = |(_, (producer, marks)): &(_, (&str, Marks))| marks.are_readable(newest[*producer]);
        let slots = marks.into_iter().filter(is_kept).map(|(name, (_, marks))| (name, marks.number()));
        slots
            .chain(newest.iter().map(|(name, newest)| (*name, *newest)))
            .map(|(name, n)| (name.to_owned(), n))
            .collect()
    }
}
