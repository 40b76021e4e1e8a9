//! Appending, reading, settling, and what is left after a process was killed.

use std::{fs, ops::Range};

use proptest::prelude::*;

use super::{Folder, append, entries, files, mapping, offsets, open, ordered, read};
use crate::{config::SpoolSync, spool::Spool};

#[test]
fn a_record_is_read_as_it_was_received() {
    let folder = Folder::new();
    let spool = open(&folder);
    append(&spool, 0..700);
    let records = read(&spool);
    assert_eq!(offsets(&records), (0..700).collect::<Vec<_>>());
    for (record, entry) in records.iter().zip(entries(0..700)) {
        assert_eq!((record.position, record.sequence), (entry.id.offset(), entry.id.sequence()));
        assert_eq!((record.publish_time, &record.key), (entry.id.publish_time(), &entry.key));
        assert_eq!((&record.attributes, &record.payload), (&entry.attributes, &entry.bytes));
        assert_eq!(&record.source, entry.source());
    }
}

#[test]
#[cfg(unix)]
fn only_the_owner_reads_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let spool = open(&folder);
    append(&spool, 0..3);
    mapping(&spool).log(&super::TOPIC.into()).unwrap().settle([0]);
    let files = files(&folder, "");
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn settled_segments_are_removed_and_their_bytes_are_free() {
    let folder = Folder::new();
    let spool = open(&folder);
    let log = mapping(&spool).log(&super::TOPIC.into()).unwrap();
    let share = &mapping(&spool).share;
    for first in 0..200 {
        append(&spool, first * 1_000..(first + 1) * 1_000);
    }
    let before = (files(&folder, ".segment").len(), share.bytes());
    log.settle(0..199_000);
    let after = (files(&folder, ".segment").len(), share.bytes());
    assert!(before.0 >= 3 && after.0 == 1 && after.1 < before.1 / 2, "{before:?}, {after:?}");
    assert_eq!((share.records(), read(&spool).len()), (1_000, 1_000));
    log.settle(199_000..200_000);
    assert!(mapping(&spool).compact());
    assert!(share.bytes() < 4096, "{}", share.bytes());
}

/// The spool after the process was killed: a new one, whose old generation lost `cut` bytes of its last segment.
fn killed(folder: &Folder, cut: u64, garbage: &[u8]) -> super::Spool {
    if let Some(last) = files(folder, ".segment").pop() {
        let bytes = fs::metadata(&last).unwrap().len();
        let file = fs::File::options().write(true).open(&last).unwrap();
        file.set_len(bytes.saturating_sub(cut)).unwrap();
        let mut contents = fs::read(&last).unwrap();
        contents.extend_from_slice(garbage);
        fs::write(&last, contents).unwrap();
    }
    open(folder)
}

#[test]
fn a_torn_tail_is_cut_and_the_rest_is_delivered_first() {
    let folder = Folder::new();
    let spool = open(&folder);
    append(&spool, 0..10);
    append(&spool, 10..20);
    drop(spool);
    let spool = killed(&folder, 1, b"");
    assert_eq!(offsets(&read(&spool)), (0..10).collect::<Vec<_>>());
    assert_eq!(spool.damaged_records(), 0);
    append(&spool, 10..12);
    assert_eq!(offsets(&read(&spool)), (0..12).collect::<Vec<_>>());
}

#[test]
fn damage_before_the_tail_is_set_aside_and_the_rest_is_delivered() {
    let folder = Folder::new();
    let spool = open(&folder);
    for first in 0..5 {
        append(&spool, first * 10..(first + 1) * 10);
    }
    drop(spool);
    let segment = files(&folder, ".segment").pop().unwrap();
    let mut contents = fs::read(&segment).unwrap();
    let middle = contents.len() / 2;
    contents[middle] ^= 1;
    fs::write(&segment, contents).unwrap();
    let spool = open(&folder);
    let read = offsets(&read(&spool));
    assert_eq!(read.len(), 40, "{read:?}");
    assert_eq!(spool.damaged_records(), 10);
    let aside = files(&folder, ".segment").into_iter().filter(|file| file.to_string_lossy().contains("damaged"));
    assert_eq!(aside.count(), 1);
    assert_eq!(mapping(&spool).share.records(), 40);
}

#[test]
fn what_is_remembered_may_be_larger_than_a_segment() {
    let folder = Folder::new();
    for first in [0, 30, 60] {
        let spool = Spool::open(&folder.0, "sink", 1_000, SpoolSync::Os, &[ordered()]).unwrap();
        let log = mapping(&spool).log(&super::TOPIC.into()).unwrap();
        for offset in first..first + 30 {
            append(&spool, offset..offset + 1);
            log.settle(0..log.end());
            mapping(&spool).compact();
        }
    }
}

#[test]
fn a_log_that_was_closed_takes_nothing_more() {
    let folder = Folder::new();
    let spool = open(&folder);
    append(&spool, 0..10);
    let log = mapping(&spool).log(&super::TOPIC.into()).unwrap();
    log.settle(0..5);
    spool.close();
    // A write of this process that ends late must not disturb the next one.
    drop(spool);
    let next = open(&folder);
    let adopted = mapping(&next).readable().swap_remove(0).1;
    adopted.settle(5..8);
    log.settle(5..6);
    let entries = entries(10..11);
    log.append(&entries.iter().collect::<Vec<_>>(), 20).unwrap_err();
    adopted.settle(8..9);
    drop((next, adopted));
    assert_eq!(offsets(&read(&open(&folder))), [9]);
}

#[test]
fn a_damaged_frame_at_the_end_is_no_torn_tail() {
    let folder = Folder::new();
    let spool = open(&folder);
    append(&spool, 0..10);
    append(&spool, 10..20);
    drop(spool);
    let segment = files(&folder, ".segment").pop().unwrap();
    let mut contents = fs::read(&segment).unwrap();
    *contents.last_mut().unwrap() ^= 1;
    fs::write(&segment, contents).unwrap();
    let spool = open(&folder);
    assert_eq!(offsets(&read(&spool)), (0..10).collect::<Vec<_>>());
    assert_eq!((spool.damaged_records(), mapping(&spool).share.records()), (10, 10));
}

#[test]
fn what_was_spooled_last_is_remembered_over_restarts_and_empty_generations() {
    let folder = Folder::new();
    let spool = open(&folder);
    append(&spool, 0..50);
    mapping(&spool).log(&super::TOPIC.into()).unwrap().settle(0..50);
    let expected = mapping(&spool).log(&super::TOPIC.into()).unwrap().remembered();
    assert_eq!(expected.iter().map(|message| message.offset).collect::<Vec<_>>(), (30..50).collect::<Vec<_>>());
    drop(spool);
    for _ in 0..3 {
        let remembered = mapping(&open(&folder)).remembered(super::TOPIC);
        assert!(remembered.ends_with(&expected), "{remembered:?}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    Settle(Range<u64>),
    Restart { cut: u64, garbage: Vec<u8> },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u64..400).prop_map(Step::Append),
        3 => (0u64..900, 0u64..300).prop_map(|(start, length)| Step::Settle(start..start + length)),
        1 => (0u64..60, proptest::collection::vec(any::<u8>(), 0..60))
            .prop_map(|(cut, garbage)| Step::Restart { cut, garbage }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, what was appended whole and not settled is read, in its order, once.
    #[test]
    fn nothing_is_lost_and_nothing_is_reordered(steps in proptest::collection::vec(step(), 1..25)) {
        let folder = Folder::new();
        let mut spool = open(&folder);
        let mut next = 0;
        // Unsettled offsets, and those of the last append, which a torn tail may take.
        let (mut expected, mut last): (Vec<u64>, Range<u64>) = (Vec::new(), 0..0);
        for step in steps {
            match step {
                Step::Append(count) => {
                    append(&spool, next..next + count);
                    (last, next) = (next..next + count, next + count);
                    expected.extend(last.clone());
                }
                Step::Settle(indices) => {
                    let records = read(&spool);
                    let chosen: Vec<_> = records
                        .iter()
                        .enumerate()
                        .filter(|(index, _)| indices.contains(&(*index as u64)))
                        .map(|(_, record)| record.offset)
                        .collect();
                    for (_, log) in mapping(&spool).readable() {
                        let of_log = super::Reader::new(std::sync::Arc::clone(&log));
                        let positions = super::read_log(of_log).into_iter();
                        log.settle(positions.filter(|record| chosen.contains(&record.offset)).map(|record| record.position));
                    }
                    expected.retain(|offset| !chosen.contains(offset));
                }
                Step::Restart { cut, garbage } => {
                    drop(spool);
                    // A cut tears at most the last frame here, as a killed process does.
                    let may_tear = last.clone();
                    spool = killed(&folder, if last.is_empty() { 0 } else { cut }, &garbage);
                    let records = offsets(&read(&spool));
                    expected.retain(|offset| records.contains(offset) || !may_tear.contains(offset));
                    last = 0..0;
                }
            }
            prop_assert_eq!(offsets(&read(&spool)), expected.clone());
            prop_assert_eq!(mapping(&spool).share.records(), expected.len() as u64);
        }
    }
}
