//! Which records a target has already, as the target itself says it.

mod slot;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    mem,
};

use self::slot::{EMPTY, Marks, Slot, Turn, offset_of};
use crate::record::SinkRecord;

/// How many names are known at most, but for those of the batch.
const KNOWN: usize = 100_000;

/// Finds the records that a target has already, so that none is written twice: for a target that keeps numbers under names,
/// and changes them in one transaction with what it writes, such as a database or a table format with a log.
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
/// // When it is known to have happened. Until then it is in doubt, and the next batch asks the target again.
/// deduplication.written(fresh);
/// # Ok(())
/// # }
/// ```
///
/// What the target keeps:
///
/// ```text
///  danube:<subscription>:<topic or partition>:<producer>           its newest offset in the target
///  danube:<subscription>:<topic or partition>:<producer>:<slot>    <lap>, and a bit for each of 48 offsets
/// ```
///
/// - **No order is needed.** A bit says of one record that the target has it. So a late record is written, whether the
///   subscription is Exclusive or Shared, as is one that was rejected before and is valid now.
/// - **A batch of several partitions or producers** changes the numbers of all of them, in one transaction.
/// - **Offsets that start again at 0** are no redelivery. A broker that lost its storage has lost its producers too, and draws
///   new numbers for them, of 64 random bits, which begin without a bit. Clocks play no part.
/// - **Several connectors of one subscription** change the same numbers, and each caches what it knows of them from batch to
///   batch. The target must refuse a write if one of its names has changed since it was asked for, as a table's log does; the
///   batch is then tried again. Where it cannot, [`forget`](Self::forget) comes before each batch, and the names are asked for
///   in the transaction that writes: a serializable one, or under a lock that every writer of the subscription takes.
/// - **The slots are a ring**: 256 of them for each producer, the last 12 288 offsets, more than a broker sends ahead of
///   acknowledgements. A record that is redelivered from before them is written again.
/// - **Laps** are numbered modulo 32 768. Each time that a producer's offsets pass half of that, 201 326 592 offsets, one
///   batch asks for all of its slots and sets those that were not changed in the last lap to 0: no lap is mistaken for another.
/// - **Offset 0** is what every record of a topic that is not reliable has, so there the producer's own count is kept instead.
///   The broker redelivers nothing of such a topic, but a batch whose write was not answered may be written twice.
/// - **Producer 0** is the broker itself, which publishes dead letters and MQTT messages. Its number never changes, so its
///   records are written at least once.
#[derive(Debug, Default)]
pub struct Deduplication {
    /// The numbers that the target has under these names; `None` where it has none.
    known: HashMap<String, Option<i64>>,
    /// Whether the last batch may or may not have been written.
    in_doubt: bool,
}

/// What is new in a batch.
#[derive(Debug, Default)]
#[must_use]
pub struct Fresh {
    /// For each record, whether the target does not have it.
    pub records: Vec<bool>,
    /// What the target is to keep from then on, under which name.
    pub numbers: HashMap<String, i64>,
}

impl Deduplication {
    /// Which of the records the target does not have. `ask` gives the numbers that the target has under these names; it is
    /// called twice at most. Of a batch that was not [`written`](Self::written) nothing is taken for granted.
    ///
    /// # Errors
    ///
    /// What `ask` returns.
    pub async fn fresh<A, F, E>(&mut self, records: &[&SinkRecord], ask: A) -> Result<Fresh, E>
    where
        A: Fn(Vec<String>) -> F,
        F: Future<Output = Result<HashMap<String, i64>, E>>,
    {
        if mem::take(&mut self.in_doubt) || self.known.len() > KNOWN {
            self.forget();
        }
        let chunks = records.chunk_by(|one, other| Slot::is_shared(one, other));
        let chunks: Vec<_> = chunks.map(|records| (Slot::of(records[0]), records)).collect();
        let slots = || chunks.iter().filter_map(|(slot, records)| Some((slot.as_ref()?, *records)));
        let producers = self.unknown(slots().map(|(slot, _)| slot.producer.clone()));
        self.learn(producers, &ask).await?;
        let turns = self.turns(slots());
        let begun = slots().filter(|(slot, _)| self.has_begun(slot)).map(|(slot, _)| slot.name.clone());
        let begun = self.unknown(begun.chain(turns.iter().flat_map(Turn::names)));
        self.learn(begun, &ask).await?;
        let (mut fresh, mut changes) = (Fresh::default(), Changes::default());
        for (slot, records) in &chunks {
            match slot {
                Some(slot) => self.look_up(slot, records, &mut changes, &mut fresh.records),
                None => fresh.records.extend(records.iter().map(|_| true)),
            }
        }
        fresh.numbers = changes.numbers();
        for name in turns.iter().flat_map(|turn| turn.names().filter(|name| self.is_emptied(turn, name))) {
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

    /// Drops the cached numbers, so that the target is asked again. Call it when the connector reads the target's state anew,
    /// such as the newest version of a table, which others may have written.
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

    /// The producers whose slots are to be emptied if the batch is written. A producer that the target does not know has no
    /// slots there.
    fn turns<'r>(&self, slots: impl Iterator<Item = (&'r Slot, &'r [&'r SinkRecord])>) -> Vec<Turn> {
        let mut reached: HashMap<&str, i64> = HashMap::new();
        for (slot, records) in slots {
            let newest = reached.entry(&slot.producer).or_default();
            *newest = records.iter().map(|record| offset_of(record)).fold(*newest, i64::max);
        }
        let turn = |(producer, after)| Turn::of(producer, self.number(producer)?, after);
        reached.into_iter().filter_map(turn).collect()
    }

    fn is_emptied(&self, turn: &Turn, name: &str) -> bool {
        self.number(name).is_some_and(|number| turn.empties(number))
    }

    /// Whether the target's slot can say something of this lap.
    fn has_begun(&self, slot: &Slot) -> bool {
        self.number(&slot.producer).is_some_and(|newest| newest >= slot.begin)
    }

    /// For records of one slot.
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
            None if self.has_begun(slot) => {
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

/// What a batch changes.
#[derive(Default)]
struct Changes<'r> {
    /// The newest offset of each producer of which a record is fresh.
    newest: HashMap<&'r str, i64>,
    /// By the name of a slot: its producer, and what it says.
    marks: HashMap<&'r str, (&'r str, Marks)>,
}

impl Changes<'_> {
    fn numbers(self) -> HashMap<String, i64> {
        let Self { newest, marks } = self;
        // The number of a lap too long ago would be read as one of a later lap.
        let is_kept = |(_, (producer, marks)): &(_, (&str, Marks))| marks.are_readable(newest[*producer]);
        let slots = marks.into_iter().filter(is_kept).map(|(name, (_, marks))| (name, marks.number()));
        slots
            .chain(newest.iter().map(|(name, newest)| (*name, *newest)))
            .map(|(name, n)| (name.to_owned(), n))
            .collect()
    }
}
