//! The journal: what it knows after each end of a process, how small it stays, and what is none.

use std::{fs, path::PathBuf};

use super::*;
use crate::{lines::Appended, tests::temporary};

fn object(name: &str) -> AnnouncedObject {
    AnnouncedObject { name: name.to_owned(), group: name.to_owned() }
}

fn announced(offsets: impl IntoIterator<Item = u64>, objects: &[&str]) -> Announced {
    let objects = objects.iter().map(|name| object(name)).collect();
    Announced { offsets: offsets.into_iter().collect(), objects }
}

/// What another process reads.
fn reopened(journal: &Journal, exists: impl Fn(&str) -> bool) -> Journal {
    let mut journal = Journal::parse(&journal.to_json()).unwrap();
    journal.resolve(exists);
    journal
}

#[test]
fn records_of_an_object_that_exists_are_written() {
    let mut journal = Journal::default();
    for offset in 1..=10 {
        assert_eq!(journal.epoch_of(7, offset), 0);
    }
    journal.announce(0, announced(1..=10, &["a"]));
    assert_eq!(journal.in_doubt(), ["a"]);
    let mut before = reopened(&journal, |_| false);
    assert!((1..=10).all(|offset| !before.has(0, offset, "a")));
    let mut after = reopened(&journal, |_| true);
    assert!((1..=10).all(|offset| after.has(0, offset, "a")) && !after.has(0, 11, "a"));
    assert!(after.in_doubt().is_empty());
}

#[test]
fn a_record_that_was_rejected_is_not_written() {
    let mut journal = Journal::default();
    (1..=10).for_each(|offset| assert_eq!(journal.epoch_of(7, offset), 0));
    journal.announce(0, announced((1..=10).filter(|offset| *offset != 6), &["a"]));
    let mut journal = reopened(&journal, |_| true);
    assert!(!journal.has(0, 6, "a") && journal.has(0, 7, "a"));
}

#[test]
fn an_interrupted_batch_is_written_in_part_until_the_rest_is_written() {
    let mut journal = Journal::default();
    (1..=4).for_each(|offset| assert_eq!(journal.epoch_of(7, offset), 0));
    journal.announce(0, announced(1..=4, &["even", "odd"]));
    let mut journal = reopened(&journal, |name| name == "even");
    // The next batch is cut differently, and is interrupted too.
    assert!(!journal.has(0, 1, "odd") && journal.has(0, 2, "even"));
    journal.announce(0, announced([1], &["odd-1"]));
    let mut journal = reopened(&journal, |_| false);
    assert!(!journal.has(0, 1, "odd") && !journal.has(0, 3, "odd"));
    assert!(!journal.has(0, 4, "other") && journal.has(0, 2, "even") && journal.has(0, 4, "even"));
    journal.announce(0, announced([1, 3], &["odd-2"]));
    journal.written();
    assert!((1..=4).all(|offset| journal.has(0, offset, "any")));
    assert!(journal.epochs[0].interrupted.is_empty());
}

#[test]
fn an_interrupted_batch_is_forgotten_when_no_broker_redelivers_it() {
    let mut journal = Journal::default();
    (1..=4).for_each(|offset| assert_eq!(journal.epoch_of(7, offset), 0));
    journal.announce(0, announced(1..=4, &["even", "odd"]));
    let mut journal = reopened(&journal, |name| name == "even");
    // One record is rejected, so that the rest is never written.
    journal.announce(0, announced([1], &["odd-1"]));
    journal.stored();
    journal.written();
    let mut write = |offset| {
        assert_eq!(journal.epoch_of(7, offset), 0);
        journal.announce(0, announced([offset], &["next"]));
        let is_a_line = journal.line().is_some();
        journal.stored();
        journal.written();
        is_a_line
    };
    assert!(!write(4 + BEHIND), "it may be redelivered");
    assert!(!write(5 + BEHIND));
    assert!(write(6 + BEHIND));
}

#[test]
fn offsets_that_restart_begin_an_epoch() {
    let mut journal = Journal::default();
    (1..=9).for_each(|offset| assert_eq!(journal.epoch_of(7, offset), 0));
    assert_eq!(journal.epoch_of(8, 10), 0, "another producer continues");
    journal.announce(0, announced(1..=10, &["a"]));
    journal.written();
    assert_eq!(journal.epoch_of(9, 4), 1);
    assert_eq!(journal.epoch_of(10, 5), 1);
    assert!(!journal.has(1, 4, "a") && journal.has(0, 4, "a"));
    assert_ne!(journal.id(0), journal.id(1));
    // Redelivered from a spool.
    assert_eq!(journal.epoch_of(8, 10), 0);
    assert_eq!(journal.epoch_of(7, 11), 0);
}

#[test]
fn the_journal_stays_small_in_one_process_and_between_processes() {
    stays_small(Journal::written);
    stays_small(|journal| *journal = reopened(journal, |_| true));
}

/// `written`: what follows a batch.
fn stays_small(written: impl Fn(&mut Journal)) {
    let mut journal = Journal::default();
    for batch in 0..110_u64 {
        let offset_of = |number: u64| 2 * number + 1;
        let numbers = batch * 100..(batch + 1) * 100;
        numbers.clone().for_each(|number| assert_eq!(journal.epoch_of(number, offset_of(number)), 0));
        journal.announce(0, announced(numbers.map(offset_of), &["a"]));
        written(&mut journal);
    }
    let epoch = &journal.epochs[0];
    assert_eq!((journal.epochs.len(), epoch.producers.len(), epoch.interrupted.len()), (1, PRODUCERS + 100, 0));
    assert!(journal.to_json().len() < 150_000, "{}", journal.to_json().len());
    // Where every second record is filtered, in batches of any size.
    for batch in 1..=20_u64 {
        let offsets = (batch * 20_000..(batch + 1) * 20_000).step_by(2);
        offsets.clone().for_each(|offset| assert_eq!(journal.epoch_of(1_000, offset), 0));
        journal.announce(0, announced(offsets, &["a"]));
        written(&mut journal);
    }
    let mut journal = reopened(&journal, |_| false);
    assert!((320_001..420_000).all(|offset| journal.has(0, offset, "a") == offset.is_multiple_of(2)));
    assert!(!journal.has(0, 100_000, "a") && journal.to_json().len() < 300_000, "{}", journal.to_json().len());
    for number in 0..9 {
        assert_ne!(journal.epoch_of(1 << 40 | number, 1), 0);
    }
    written(&mut journal);
    assert_eq!(journal.epochs.len(), EPOCHS);
}

#[test]
fn a_batch_beyond_the_limits_is_known_until_all_of_it_was_redelivered() {
    // Every second record was filtered.
    let offsets = || (2..=200_000_u64).step_by(2);
    let mut journal = Journal::default();
    offsets().for_each(|offset| assert_eq!(journal.epoch_of(7, offset), 0));
    journal.announce(0, announced(offsets(), &["a"]));
    let mut journal = reopened(&journal, |_| true);
    // It is redelivered in smaller batches, of which nothing is announced.
    for offset in offsets() {
        assert!(journal.has(0, offset, "a"), "{offset}");
        if offset % 50_000 == 0 {
            journal.written();
        }
    }
    // The next batch follows it.
    assert_eq!(journal.epoch_of(7, 200_002), 0);
    journal.announce(0, announced([200_002], &["b"]));
    journal.written();
    assert!(!journal.has(0, 2, "a") && journal.has(0, 200_000, "a") && journal.has(0, 200_002, "b"));
}

#[test]
fn the_producers_of_a_batch_are_known_until_all_of_it_was_redelivered() {
    let last = PRODUCERS as u64 + 1_000;
    let mut journal = Journal::default();
    (1..=last).for_each(|offset| assert_eq!(journal.epoch_of(offset, offset), 0));
    // One record was rejected.
    journal.announce(0, announced((1..=last).filter(|offset| *offset != 500), &["a"]));
    journal.stored();
    let mut journal = reopened(&journal, |_| true);
    for offset in 1..=last {
        assert_eq!(journal.epoch_of(offset, offset), 0);
        if offset % 500 == 0 {
            journal.written();
        }
    }
}

#[test]
fn producers_of_rejected_records_are_few() {
    let mut journal = Journal::default();
    for offset in 1..=3 * PRODUCERS as u64 {
        assert_eq!(journal.epoch_of(offset, offset), 0);
        if offset % 1_000 == 0 {
            journal.written();
        }
    }
    let Epoch { producers, added, .. } = &journal.epochs[0];
    assert_eq!((producers.len(), added.len()), (PRODUCERS, PRODUCERS));
}

#[test]
fn a_journal_that_is_damaged_or_later_is_not_read() {
    for text in ["", "{}", "[]", r#"{"version":1}"#, r#"{"version":0,"epochs":[]}"#, r#"{"version":"1"}"#] {
        assert_eq!(Journal::parse(text.as_bytes()).unwrap_err(), Unreadable::NoJournal, "{text}");
    }
    assert_eq!(Journal::parse(br#"{"version":3}"#).unwrap_err(), Unreadable::Later(3));
    let first = br#"{"version":1,"epochs":[{"id":"a","producers":[7],"newest":9,"written":[[1,4],[6,9]]}]}"#;
    let mut first = Journal::parse(first).unwrap();
    assert!(first.has(0, 4, "a") && !first.has(0, 5, "a") && first.has(0, 6, "a"));
    assert!(Journal::parse(&Journal::default().to_json()).is_ok());
}

/// The copy of a folder.
struct FolderCopy {
    path: PathBuf,
    /// None in another process.
    lines: Option<Lines>,
    appended: usize,
}

impl FolderCopy {
    fn store(&mut self, journal: &mut Journal) {
        let lines = journal.line().zip(self.lines.take());
        self.lines = lines.and_then(|(line, lines)| match lines.append(&self.path, &line).unwrap() {
            Appended::Written(lines) => Some(lines),
            Appended::NoRoom => None,
            Appended::Replaced => panic!("nobody else writes"),
        });
        self.appended += usize::from(self.lines.is_some());
        if self.lines.is_none() {
            let (lines, content) = Lines::after(&journal.to_json());
            fs::write(&self.path, content).unwrap();
            self.lines = Some(lines);
        }
        journal.stored();
    }

    fn read(&self) -> Journal {
        Journal::parse(&fs::read(&self.path).unwrap()).unwrap()
    }
}

#[test]
fn lines_say_what_the_whole_journal_would() {
    let mut numbers = 1_u64;
    let mut below = |limit: u64| {
        numbers = numbers.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (numbers >> 33) % limit
    };
    let path = temporary("journal-lines").join("journal");
    let mut copied = FolderCopy { path, lines: None, appended: 0 };
    let (mut journal, mut offset, mut producer) = (Journal::default(), 1, 0);
    for step in 0..3_000 {
        match below(20) {
            // The broker has lost its storage.
            0 => (offset, producer) = (1, producer + 1),
            1..4 => producer += 1,
            _ => {}
        }
        let count = 1 + below(20);
        let offsets = (offset..offset + count).filter(|_| below(5) > 0).collect::<Vec<_>>();
        let mut epoch = 0;
        for offset in &offsets {
            epoch = journal.epoch_of(producer, *offset);
            journal.has(epoch, *offset, "a");
        }
        offset += count;
        let all = announced(offsets.iter().copied(), &["a", "b"]);
        journal.withdraw();
        if !offsets.is_empty() {
            journal.announce(epoch, all.clone());
            copied.store(&mut journal);
            assert_eq!(copied.read().to_json(), journal.to_json(), "{step}");
        }
        // Some, or all, are rejected.
        let rejected = below(8);
        if rejected < 2 {
            journal.withdraw();
            let rest = announced(offsets.iter().copied().skip(1), &["a"]);
            if rejected == 0 && rest.offsets.bounds().is_some() {
                journal.announce(epoch, rest);
                copied.store(&mut journal);
                assert_eq!(copied.read().to_json(), journal.to_json(), "{step}");
            }
        }
        match below(15) {
            // It failed, and is written again.
            0 => {
                journal = copied.read();
                let written = below(4);
                journal.resolve(|name| written & (u64::from(name == "a") + 1) != 0);
                copied.lines = None;
            }
            _ => journal.written(),
        }
        let mut again = copied.read();
        again.resolve(|_| true);
        let missing = (1..offset).find(|offset| {
            let epoch = journal.epochs.len().saturating_sub(1);
            journal.has(epoch, *offset, "-") && !again.has(epoch, *offset, "-")
        });
        assert_eq!(missing, None, "{step}");
    }
    assert!(copied.appended > 500, "{}", copied.appended);
}
