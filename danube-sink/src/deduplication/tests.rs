//! Fresh and redelivered records.

use std::{cell::Cell, collections::BTreeMap, convert::Infallible, future::ready};

use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;

/// A target with a log, which accepts a write only from a writer that knows the previous one.
#[derive(Default)]
struct Target {
    writes: usize,
    numbers: HashMap<String, i64>,
    /// How often it has each record, by producer, offset and sequence number.
    rows: BTreeMap<(u64, u64, u64), usize>,
}

impl Target {
    async fn ask(&self, names: Vec<String>) -> Result<HashMap<String, i64>, Infallible> {
        let number = |name: String| self.numbers.get(&name).map(|number| (name, *number));
        Ok(names.into_iter().filter_map(number).collect())
    }
}

/// A connector, and the last write of the target that it knows.
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

    /// Writes the fresh records, and returns them and their number; `None` if another writer was faster.
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

    /// Writes and confirms the fresh records, and returns their number.
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
    assert_eq!(
        writer.write(&mut target, &records(7, [5])),
        1,
        "older than the ring: written twice rather than not at all"
    );
    assert_eq!(Writer { knows: target.writes, ..Writer::default() }.write(&mut target, &newest), 0);
    assert!(target.numbers.len() <= 257, "{}", target.numbers.len());
}

/// Number of offsets after which lap numbers repeat.
const AROUND: u64 = 48 * 256 * 32_768;

#[test]
fn offsets_are_recognized_in_every_lap() {
    for base in [AROUND, AROUND / 2, 3 * AROUND, 7 * AROUND / 2] {
        let (mut target, mut writer) = (Target::default(), Writer::default());
        for offset in [base - 12_288 + 5, base - 12_288 + 9, base - 12_088, base - 144, base + 200, base + 5] {
            assert_eq!(writer.write(&mut target, &records(7, [offset])), 1, "{offset}");
        }
        // Less than a whole ring behind the newest.
        for offset in [base + 5, base + 200, base - 144, base + 5] {
            assert_eq!(writer.write(&mut target, &records(7, [offset])), 0, "{offset}");
        }
    }
}

#[test]
fn no_record_is_mistaken_for_one_of_another_lap() {
    for apart in 1..=9 {
        let (mut target, mut writer) = (Target::default(), Writer::default());
        let base = apart * AROUND / 2;
        // The producer sends nothing in between, and one record is late.
        for offset in [5, base + 200, base + 5] {
            assert_eq!(writer.write(&mut target, &records(7, [offset])), 1, "{offset}");
        }
        assert_eq!(writer.write(&mut target, &records(7, [base + 5])), 0);
        // An old redelivery does not hide a new record.
        assert_eq!(writer.write(&mut target, &records(7, [60])), 1);
        assert_eq!(writer.write(&mut target, &records(7, [base + 60])), 1);
        // Both in one batch.
        assert_eq!(writer.write(&mut target, &records(7, [base + 100, 2 * base + 500, 2 * base + 100])), 3);
        assert_eq!(writer.write(&mut target, &records(7, [2 * base + 100, 2 * base + 500])), 0);
    }
}

#[test]
fn redeliveries_are_recognized_on_both_sides_of_a_rollover() {
    for base in [AROUND / 2, AROUND] {
        let (mut target, mut writer) = (Target::default(), Writer::default());
        for offset in (base - 30_000..base + 30_000).step_by(1_000) {
            assert_eq!(writer.write(&mut target, &records(7, offset..offset + 1_000)), 1_000);
            let before = (base - 30_000).max(offset - 11_000);
            assert_eq!(writer.write(&mut target, &records(7, before..offset + 1_000)), 0, "{offset}");
        }
        assert!(target.numbers.len() <= 257, "{}", target.numbers.len());
    }
}

#[test]
fn another_producer_has_empty_slots() {
    let (mut target, mut writer) = (Target::default(), Writer::default());
    assert_eq!(writer.write(&mut target, &records(7, 0..100)), 100);
    assert_eq!(writer.write(&mut target, &records(8, 0..100)), 100);
    let broker = records(0, [1]);
    assert_eq!((writer.write(&mut target, &broker), writer.write(&mut target, &broker)), (1, 1));
}

#[test]
fn records_without_offsets_are_distinguished_by_their_sequence_number() {
    let (mut target, mut writer) = (Target::default(), Writer::default());
    let records: Vec<_> = (0..100).map(|count| record(7, 0, count)).collect();
    assert_eq!(writer.write(&mut target, &records), 100);
    assert_eq!(writer.write(&mut target, &records[99..]), 0);
}

#[test]
fn a_write_in_doubt_is_looked_up_in_the_target() {
    let (mut target, mut writer) = (Target::default(), Writer::default());
    assert_eq!(writer.write(&mut target, &records(7, 1..50)), 49);
    drop(writer.commit(&mut target, &records(7, 50..100)));
    assert_eq!(writer.write(&mut target, &records(7, 50..101)), 1);
}

#[test]
fn only_unknown_names_are_read_from_the_target() {
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
    /// A producer that seldom sends on a busy topic: its offsets are laps apart, and some records are late or redelivered.
    #[test]
    fn offsets_far_apart_are_written_once(
        steps in prop::collection::vec((0..3_u64 * AROUND, 0..12_000_u64, any::<bool>(), any::<bool>()), 1..40),
        near in any::<bool>(),
    ) {
        let (mut target, mut writer, mut sent) = (Target::default(), Writer::default(), 20_000);
        for (step, late, redelivered, is_new_connector) in steps {
            // Close to offsets with the same lap number.
            sent += if near { step / AROUND * (AROUND / 2) + step % 13_000 } else { step };
            if is_new_connector {
                writer = Writer { knows: target.writes, ..Writer::default() };
            }
            for record in records(7, [sent, sent - late].into_iter().chain(redelivered.then_some(sent))) {
                writer.write(&mut target, std::slice::from_ref(&record));
                prop_assert_eq!(target.rows.get(&name(&record)), Some(&1));
            }
            prop_assert!(target.numbers.len() <= 257);
        }
    }

    /// Two connectors, killed before and after their writes are confirmed; batches of several producers that are
    /// redelivered in any order and regrouped.
    #[test]
    fn redelivered_records_are_written_once(
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
            // Redelivered until it is written.
            writer.write(&mut target, &batch);
            writer.write(&mut target, &batch);
            for record in &batch {
                prop_assert_eq!(target.rows.get(&name(record)), Some(&1));
            }
        }
    }
}
