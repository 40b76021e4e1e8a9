//! Surveys and exports: what the command line shows of a spool, while processes run and after them.

use std::{
    fs,
    path::PathBuf,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    },
    thread,
    time::Duration,
};

use super::{Folder, append, entries, files, mapping, offsets, open, ordered, read};
use crate::{
    config::SpoolSync,
    spool::{Exported, ExportedRecord, Spool, Survey, SurveyedLog},
};

fn survey(folder: &Folder) -> Survey {
    Survey::read(&folder.0, "sink").unwrap()
}

/// Number, whether it is locked, and unsettled records of each generation.
fn generations(survey: &Survey) -> Vec<(u64, Result<bool, String>, u64)> {
    let records = |logs: &[SurveyedLog]| logs.iter().map(|log| log.size.records).sum();
    let generations = survey.generations.iter();
    generations.map(|generation| (generation.number, generation.is_locked.clone(), records(&generation.logs))).collect()
}

/// Exports all logs, and the copies of damaged files.
fn export(survey: &Survey) -> Vec<Exported> {
    let logs = survey.logs().flat_map(|log| log.export());
    let copies = survey.damaged.iter().map(|path| Exported::of_copy(path).unwrap().unwrap().1);
    logs.chain(copies).collect()
}

fn exported(survey: &Survey) -> Vec<ExportedRecord> {
    export(survey).into_iter().flat_map(|exported| exported.records).collect()
}

/// Leaves a log of several segments, and a folder in the place of one of them, which not even root can read as a file.
/// Returns the number of records, and that segment.
pub(crate) fn with_unreadable_segment(folder: &Folder, index: usize) -> (u64, PathBuf) {
    let spool = Spool::open(&folder.0, "sink", 200_000, SpoolSync::Os, &[ordered()]).unwrap();
    let mut spooled = 0;
    while files(folder, ".segment").len() < 4 {
        append(&spool, spooled..spooled + 10);
        spooled += 10;
    }
    let segment = files(folder, ".segment").swap_remove(index);
    fs::remove_file(&segment).unwrap();
    fs::create_dir(&segment).unwrap();
    (spooled, segment)
}

fn contents(folder: &Folder) -> Vec<(PathBuf, Vec<u8>)> {
    files(folder, "").into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_survey_shows_each_process_and_changes_nothing() {
    let folder = Folder::new();
    assert_eq!(generations(&survey(&folder)), []);
    append(&open(&folder), 0..30);
    let spool = open(&folder);
    append(&spool, 30..50);
    let (_, older) = mapping(&spool).readable().swap_remove(0);
    older.settle((0..10).chain(20..25));
    let before = contents(&folder);
    let found = survey(&folder);
    assert_eq!(generations(&found), [(1, Ok(true), 15), (2, Ok(true), 20)]);
    let oldest = found.logs().next().unwrap().size.oldest.unwrap();
    assert!(oldest <= mapping(&spool).size().oldest.unwrap() && oldest > 0);
    let records: Vec<_> = exported(&found).into_iter().map(|exported| exported.record).collect();
    assert_eq!(offsets(&records), (10..20).chain(25..50).collect::<Vec<_>>());
    assert_eq!(records[0].payload, entries(10..11)[0].bytes);
    assert_eq!(contents(&folder), before);
    spool.close();
    drop((spool, older));
    assert_eq!(generations(&survey(&folder)), [(1, Ok(false), 15), (2, Ok(false), 20)]);
}

#[test]
fn an_adoption_waits_for_the_moment_of_a_survey() {
    let folder = Folder::new();
    append(&open(&folder), 0..10);
    let lock = fs::File::open(folder.0.join("sink/00000001/lock")).unwrap();
    lock.lock_shared().unwrap();
    thread::scope(|scope| {
        let (opened, is_open) = channel();
        let folder = &folder;
        scope.spawn(move || opened.send(read(&open(folder)).len()).unwrap());
        is_open.recv_timeout(Duration::from_millis(50)).unwrap_err();
        drop(lock);
        assert_eq!(is_open.recv().unwrap(), 10);
    });
}

#[test]
fn a_survey_succeeds_while_records_are_spooled_and_settled() {
    let folder = Folder::new();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let spool = open(&folder);
            let log = mapping(&spool).log(&super::TOPIC.into()).unwrap();
            for round in 0..300 {
                append(&spool, round * 100..(round + 1) * 100);
                log.settle(round * 100..(round + 1) * 100 - round % 3);
                mapping(&spool).compact();
                log.settle(0..(round + 1) * 100);
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let found = survey(&folder);
            assert_eq!(found.unreadable().next(), None);
            assert!(export(&found).iter().all(|exported| exported.unreadable == 0));
        }
    });
    assert_eq!(survey(&folder).records(), 0);
}

/// Changes a bit of the segment's byte that is chosen.
fn damage(folder: &Folder, byte: impl Fn(&[u8]) -> usize) {
    let segment = files(folder, ".segment").pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let index = byte(&bytes);
    bytes[index] ^= 1;
    fs::write(&segment, bytes).unwrap();
}

#[test]
fn a_record_with_a_wrong_checksum_is_exported_before_and_after_it_was_set_aside() {
    let folder = Folder::new();
    let spool = open(&folder);
    for first in [200, 210, 220] {
        append(&spool, first..first + 10);
    }
    drop(spool);
    // A byte of the payload of offset 215.
    damage(&folder, |bytes| bytes.windows(215).position(|window| window == [215; 215]).unwrap() + 100);
    let damaged = |found: &Survey| {
        let all = exported(found);
        let damaged = all.iter().filter(|exported| exported.is_damaged).map(|exported| exported.record.offset);
        (all.len(), damaged.collect::<Vec<_>>())
    };
    assert_eq!(damaged(&survey(&folder)), (30, (210..220).collect()));
    // It is not delivered.
    let spool = open(&folder);
    assert_eq!(read(&spool).len(), 20);
    let found = survey(&folder);
    assert_eq!((found.records(), found.damaged.len()), (20, 1));
    assert_eq!(damaged(&found), (30, (210..220).collect()));
}

#[test]
fn records_that_cannot_be_read_are_counted() {
    let folder = Folder::new();
    let spool = open(&folder);
    for first in [200, 210, 220] {
        append(&spool, first..first + 10);
    }
    drop(spool);
    // The number of records in the second frame's header; its first position follows.
    damage(&folder, |bytes| {
        let second = bytes.windows(8).enumerate().filter(|(_, window)| **window == 10u64.to_le_bytes());
        second.map(|(index, _)| index - 4).next_back().unwrap()
    });
    let counts = |found: &Survey| {
        let all = export(found);
        let records: usize = all.iter().map(|exported| exported.records.len()).sum();
        (records, all.iter().map(|exported| exported.unreadable).sum::<u64>())
    };
    assert_eq!(counts(&survey(&folder)), (20, 10));
    let spool = open(&folder);
    assert_eq!((read(&spool).len(), spool.damaged_records()), (20, 10));
    assert_eq!(counts(&survey(&folder)), (20, 10));
}

#[test]
fn a_folder_that_cannot_be_read_hides_no_other() {
    let folder = Folder::new();
    append(&open(&folder), 0..10);
    // Files in the place of folders.
    fs::write(folder.0.join("sink/00000007"), "").unwrap();
    fs::write(folder.0.join("sink/damaged"), "").unwrap();
    let found = survey(&folder);
    let lock = found.generations[1].is_locked.clone();
    assert!(lock.as_ref().is_err_and(|error| error.contains("00000007/lock")), "{lock:?}");
    assert_eq!(generations(&found), [(1, Ok(false), 10), (7, lock, 0)]);
    assert_eq!(exported(&found).len(), 10);
    // The logs of a generation, and the copies.
    let names = ["00000007: ", "damaged: "];
    let unreadable: Vec<_> = found.unreadable().collect();
    assert_eq!(unreadable.len(), names.len(), "{unreadable:?}");
    assert!(names.iter().zip(&unreadable).all(|(name, error)| error.contains(name)), "{unreadable:?}");
}
