//! Which records a target has already, as the target itself says it.

mod slot;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    mem,
};

use self::slot::{Mark, Place};
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
/// - **No order is needed.** A bit says of one record that the target has it, so one that comes late is written, whether the
///   subscription is Exclusive or Shared, and so is one that was rejected before and is valid now.
/// - **A batch of several partitions or producers** changes the numbers of all of them, in one transaction.
/// - **Offsets that start again at 0** are no redelivery. A broker that lost its storage has lost its producers too, and draws
///   new numbers for them, of 64 random bits, which begin without a bit. Clocks play no part.
/// - **Several connectors of one subscription** change the same numbers, and each keeps what it knows of them from batch to
///   batch. The target must refuse a write if one of its names has changed since it was asked for, as a table's log does; the
///   batch is then tried again. Where it cannot, [`forget`](Self::forget) comes before each batch, and the names are asked for
///   in the transaction that writes: a serializable one, or under a lock that every writer of the subscription takes.
/// - **The slots are a ring**: 256 of them for each producer, the last 12 288 offsets, more than a broker sends ahead of
///   acknowledgements. What comes again from before them is written again.
/// - **Offset 0** is what every record of a topic that is not reliable has, so there the producer's own count is kept instead.
///   Such a topic sends nothing again, but a batch whose write was not answered may be written twice.
/// - **Producer 0** is the broker itself, which publishes dead letters and what came over MQTT. It keeps its number for ever,
///   so its records are written at least once.
#[derive(Debug, Default)]
pub struct Deduplication {
    /// The numbers that the target has under these names; `None` where it has none.
    known: HashMap<String, Option<i64>>,
    /// Whether nobody has said yet what became of the last batch.
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
        let chunks = records.chunk_by(|one, other| Place::is_shared(one, other));
        let chunks: Vec<_> = chunks.map(|records| (Place::of(records[0]), records)).collect();
        let places = || chunks.iter().filter_map(|(place, _)| place.as_ref());
        let producers = self.unknown(places().map(|place| &place.producer));
        self.learn(producers, &ask).await?;
        let slots = self.unknown(places().filter(|place| self.has_begun(place)).map(|place| &place.slot));
        self.learn(slots, &ask).await?;
        let mut fresh = Fresh::default();
        for (place, records) in &chunks {
            match place {
                Some(place) => self.look_up(place, records, &mut fresh),
                None => fresh.records.extend(records.iter().map(|_| true)),
            }
        }
        self.in_doubt = !fresh.numbers.is_empty();
        Ok(fresh)
    }

    /// The target has written the records and the numbers.
    pub fn written(&mut self, fresh: Fresh) {
        self.in_doubt = false;
        self.known.extend(fresh.numbers.into_iter().map(|(name, number)| (name, Some(number))));
    }

    /// What the target has may be something else now: it is asked again. Call it when what the connector knows of the target
    /// is read anew, such as the newest version of a table, which others may have written.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    fn unknown<'n>(&self, names: impl Iterator<Item = &'n String>) -> BTreeSet<String> {
        names.filter(|name| !self.known.contains_key(*name)).cloned().collect()
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

    /// Whether the target's slot can say something of this lap.
    fn has_begun(&self, place: &Place) -> bool {
        self.number(&place.producer).is_some_and(|newest| newest >= place.begin)
    }

    /// For records of one place.
    fn look_up(&self, place: &Place, records: &[&SinkRecord], fresh: &mut Fresh) {
        let known = match fresh.numbers.get(&place.slot) {
            Some(slot) => Some(*slot),
            None if self.has_begun(place) => self.number(&place.slot),
            None => None,
        };
        let (mut slot, mut newest) = (known, self.number(&place.producer).unwrap_or_default());
        for record in records {
            let mark = Mark::of(record);
            let is_fresh = !slot.is_some_and(|slot| mark.is_in(slot));
            if is_fresh {
                slot = Some(mark.put_in(slot));
                newest = newest.max(record.offset().cast_signed());
            }
            fresh.records.push(is_fresh);
        }
        if let Some(slot) = slot.filter(|_| slot != known) {
            fresh.numbers.insert(place.slot.clone(), slot);
            let reached = fresh.numbers.entry(place.producer.clone()).or_insert(newest);
            *reached = newest.max(*reached);
        }
    }
}
