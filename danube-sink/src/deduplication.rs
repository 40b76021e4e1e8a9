//! Which records a target has already, as the target itself says it.

use std::{
    collections::{BTreeSet, HashMap},
    mem,
};

use crate::record::SinkRecord;

/// Offsets in a slot.
const BITS: u64 = 48;
const SLOTS: u64 = 256;
/// Laps are told apart by so many bits.
const LAPS: u64 = 1 << 15;
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

/// Where the target says whether it has a record.
struct Place {
    /// The name of the producer's newest offset.
    producer: String,
    /// The name of the slot.
    slot: String,
    /// The first offset that the slot can say something of in this lap.
    begin: i64,
}

impl Place {
    /// `None` where the target cannot say it.
    fn of(record: &SinkRecord) -> Option<Self> {
        let (id, part) = (record.id(), record.offset() / BITS);
        if id.producer_id() == 0 {
            return None;
        }
        let producer = format!("danube:{}:{}:{:x}", record.subscription(), id.topic(), id.producer_id());
        let slot = match record.offset() {
            0 => format!("{producer}:first"),
            _ => format!("{producer}:{}", part % SLOTS),
        };
        Some(Self { producer, slot, begin: (part * BITS).cast_signed() })
    }

    /// Whether both records have the same.
    fn is_shared(one: &SinkRecord, other: &SinkRecord) -> bool {
        let slot = |record: &SinkRecord| (record.offset() / BITS, record.offset() == 0);
        let (id, other_id) = (one.id(), other.id());
        slot(one) == slot(other)
            && id.producer_id() == other_id.producer_id()
            && (id.topic(), one.subscription()) == (other_id.topic(), other.subscription())
    }
}

/// What a slot says of a record that the target has.
enum Mark {
    Bit { lap: i64, bit: i64 },
    Count(i64),
}

impl Mark {
    fn of(record: &SinkRecord) -> Self {
        match record.offset() {
            0 => Self::Count(record.id().sequence().cast_signed()),
            offset => Self::Bit { lap: (offset / BITS / SLOTS % LAPS).cast_signed(), bit: 1 << (offset % BITS) },
        }
    }

    /// Whether the slot says that the target has the record.
    fn is_in(&self, slot: i64) -> bool {
        match self {
            Self::Bit { lap, bit } => slot >> BITS == *lap && slot & bit != 0,
            Self::Count(count) => slot == *count,
        }
    }

    /// The slot with the record. One that is further on is left as it is.
    fn put_in(&self, slot: Option<i64>) -> i64 {
        match (self, slot) {
            (Self::Count(count), _) => *count,
            (Self::Bit { lap, bit }, Some(slot)) if slot >> BITS == *lap => slot | bit,
            (Self::Bit { lap, .. }, Some(slot)) if slot >> BITS > *lap => slot,
            (Self::Bit { lap, bit }, _) => lap << BITS | bit,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, collections::BTreeMap, convert::Infallible, future::ready};

    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    /// A target with a log, which takes a write only from who knows of the one before.
    #[derive(Default)]
    struct Target {
        writes: usize,
        numbers: HashMap<String, i64>,
        /// How often it has each record: by producer, offset and count.
        rows: BTreeMap<(u64, u64, u64), usize>,
    }

    impl Target {
        async fn ask(&self, names: Vec<String>) -> Result<HashMap<String, i64>, Infallible> {
            let number = |name: String| self.numbers.get(&name).map(|number| (name, *number));
            Ok(names.into_iter().filter_map(number).collect())
        }
    }

    /// A connector, and the last write of the target that it knows of.
    #[derive(Default)]
    struct Writer {
        deduplication: Deduplication,
        knows: usize,
    }

    impl Writer {
        fn fresh(&mut self, target: &Target, records: &[SinkRecord]) -> Fresh {
            let records: Vec<_> = records.iter().collect();
            let fresh = self.deduplication.fresh(&records, |names| target.ask(names)).now_or_never().unwrap().unwrap();
            assert_eq!(fresh.records.len(), records.len());
            fresh
        }

        /// What is written, and how many records; `None` if another one was faster.
        fn commit(&mut self, target: &mut Target, records: &[SinkRecord]) -> Option<(Fresh, usize)> {
            let fresh = self.fresh(target, records);
            if self.knows != target.writes && fresh.records.contains(&true) {
                self.knows = target.writes;
                return None;
            }
            let new = records.iter().zip(&fresh.records).filter(|(_, is_fresh)| **is_fresh);
            let new: Vec<_> = new.map(|(record, _)| name(record)).collect();
            new.iter().for_each(|name| *target.rows.entry(*name).or_default() += 1);
            target.numbers.extend(fresh.numbers.clone());
            if !new.is_empty() {
                target.writes += 1;
                self.knows = target.writes;
            }
            Some((fresh, new.len()))
        }

        /// How many of the records are written.
        fn write(&mut self, target: &mut Target, records: &[SinkRecord]) -> usize {
            let Some((fresh, new)) = self.commit(target, records) else { return 0 };
            self.deduplication.written(fresh);
            new
        }
    }

    fn name(record: &SinkRecord) -> (u64, u64, u64) {
        (record.id().producer_id(), record.offset(), record.id().sequence())
    }

    fn record(producer: u64, offset: u64, sequence: u64) -> SinkRecord {
        SinkRecord::builder("/default/t").subscription("s").producer("p", producer, sequence).offset(offset).build()
    }

    fn records(producer: u64, offsets: impl IntoIterator<Item = u64>) -> Vec<SinkRecord> {
        offsets.into_iter().map(|offset| record(producer, offset, 1_000 + offset)).collect()
    }

    #[test]
    fn each_offset_is_new_once_in_any_order() {
        let (mut target, mut writer) = (Target::default(), Writer::default());
        for offset in (2..9_000).step_by(2).chain((1..9_000).rev()).chain(1..9_000) {
            writer.write(&mut target, &records(7, [offset]));
        }
        assert!(target.rows.values().eq(&[1; 8_999]));
    }

    #[test]
    fn the_ring_remembers_as_many_as_a_broker_sends_ahead() {
        let (mut target, mut writer) = (Target::default(), Writer::default());
        let end = 1_000_000;
        let all: Vec<_> = (1..end).collect();
        for offsets in all.chunks(10_000) {
            assert_eq!(writer.write(&mut target, &records(7, offsets.iter().copied())), offsets.len());
        }
        let newest = records(7, end - 12_000..end);
        assert_eq!(writer.write(&mut target, &newest), 0);
        assert_eq!(writer.write(&mut target, &records(7, [5])), 1, "long forgotten: rather twice than not at all");
        assert_eq!(Writer { knows: target.writes, ..Writer::default() }.write(&mut target, &newest), 0);
        assert!(target.numbers.len() <= 257, "{}", target.numbers.len());
    }

    #[test]
    fn another_producer_begins_without_a_bit() {
        let (mut target, mut writer) = (Target::default(), Writer::default());
        assert_eq!(writer.write(&mut target, &records(7, 0..100)), 100);
        assert_eq!(writer.write(&mut target, &records(8, 0..100)), 100);
        let broker = records(0, [1]);
        assert_eq!((writer.write(&mut target, &broker), writer.write(&mut target, &broker)), (1, 1));
    }

    #[test]
    fn records_without_offsets_are_told_apart_by_their_count() {
        let (mut target, mut writer) = (Target::default(), Writer::default());
        let records: Vec<_> = (0..100).map(|count| record(7, 0, count)).collect();
        assert_eq!(writer.write(&mut target, &records), 100);
        assert_eq!(writer.write(&mut target, &records[99..]), 0);
    }

    #[test]
    fn of_a_write_in_doubt_the_target_says_what_became_of_it() {
        let (mut target, mut writer) = (Target::default(), Writer::default());
        assert_eq!(writer.write(&mut target, &records(7, 1..50)), 49);
        drop(writer.commit(&mut target, &records(7, 50..100)));
        assert_eq!(writer.write(&mut target, &records(7, 50..101)), 1);
    }

    #[test]
    fn a_target_is_asked_for_what_is_not_known_alone() {
        let mut deduplication = Deduplication::default();
        let records = records(7, 100..300);
        let records: Vec<_> = records.iter().collect();
        let mut asked = |expected: usize| {
            let names = Cell::new(0);
            let ask = |unknown: Vec<String>| {
                names.set(names.get() + unknown.len());
                ready(Ok::<_, Infallible>(HashMap::new()))
            };
            let fresh = deduplication.fresh(&records, ask).now_or_never().unwrap().unwrap();
            deduplication.written(fresh);
            assert_eq!(names.get(), expected);
        };
        asked(1);
        asked(0);
    }

    proptest! {
        /// Two connectors, which are killed before and after their writes are answered; batches of several producers, which
        /// come again, in any order and cut anew.
        #[test]
        fn whatever_comes_again_is_written_once(
            steps in prop::collection::vec((0..2usize, 0..4usize, 0..60u64, 1..200u64, any::<bool>(), 0..8u8), 1..60),
        ) {
            let (mut target, mut writers, mut sent) = (Target::default(), [Writer::default(), Writer::default()], [1_u64; 3]);
            for (writer, producer, back, length, backwards, accident) in steps {
                let producers = if producer < sent.len() { producer..producer + 1 } else { 0..sent.len() };
                let mut batch = Vec::new();
                for producer in producers {
                    let begin = sent[producer].saturating_sub(back).max(1);
                    batch.extend(records(producer as u64 + 1, begin..begin + length));
                    sent[producer] = sent[producer].max(begin + length);
                }
                match backwards {
                    true => batch.reverse(),
                    false => batch.sort_by_key(SinkRecord::offset),
                }
                let writer = &mut writers[writer];
                match accident {
                    0 => *writer = Writer { knows: target.writes, ..Writer::default() },
                    1 => drop(writer.fresh(&target, &batch)),
                    2 => drop(writer.commit(&mut target, &batch)),
                    _ => {}
                }
                // It comes again until it is written.
                writer.write(&mut target, &batch);
                writer.write(&mut target, &batch);
                for record in &batch {
                    prop_assert_eq!(target.rows.get(&name(record)), Some(&1));
                }
            }
        }
    }
}
