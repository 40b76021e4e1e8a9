//! What is measured of a disk.

use std::{fs, time::Duration};

use super::{Folder, append, files, mapping, offsets, open, read};
use crate::{
    config::SpoolSync,
    spool::{Capacity, size_text},
};

#[test]
fn a_probe_leaves_nothing_and_creates_no_folder() {
    let folder = Folder::new();
    let data_dir = folder.0.join("not/there");
    fs::create_dir_all(&folder.0).unwrap();
    let capacity = Capacity::probe(&data_dir, "sink").unwrap();
    assert!(capacity.sync > Duration::ZERO && capacity.free.is_none_or(|free| free > 0), "{capacity:?}");
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    append(&open(&folder), 0..10);
    let before = files(&folder, "");
    Capacity::probe(&folder.0, "sink").unwrap();
    assert_eq!(files(&folder, ""), before);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    fs::write(&folder.0, "a file").unwrap();
    let error = Capacity::probe(&folder.0, "sink").unwrap_err().to_string();
    fs::remove_file(&folder.0).unwrap();
    assert!(error.contains(&format!("creating {}/probe-", folder.0.display())), "{error}");
}

#[test]
fn a_probe_that_was_killed_is_no_part_of_the_spool() {
    let folder = Folder::new();
    append(&open(&folder), 0..10);
    fs::write(folder.0.join("sink/probe-7-0"), [0; 4096]).unwrap();
    let spool = open(&folder);
    spool.capacity().unwrap();
    assert_eq!(offsets(&read(&spool)), (0..10).collect::<Vec<_>>());
    assert_eq!(mapping(&spool).share.records(), 10);
}

#[test]
fn the_cost_and_a_shortage_are_given_in_numbers() {
    let capacity = Capacity { free: Some(3 << 29), sync: Duration::from_millis(4) };
    assert_eq!(capacity.free_text(), "1.5 GiB free");
    let cost = capacity.cost(SpoolSync::Always, 10);
    assert!(cost.contains("takes 4.0ms") && cost.contains("at most 2500 records a second"), "{cost}");
    assert!(capacity.cost(SpoolSync::Os, 10).contains("not a power loss"));
    assert_eq!(capacity.shortage(2 << 30, 1 << 29), None);
    let shortage = capacity.shortage(2 << 30, 1 << 20).unwrap();
    assert!(shortage.contains("1.5 GiB are free, and the spool uses 1.0 MiB"), "{shortage}");
    assert_eq!(Capacity { free: None, ..capacity }.shortage(u64::MAX, 0), None);
}

#[test]
fn sizes_are_in_a_unit_that_suits_them() {
    let sizes = [0, 1_023, 1_024, 1_536, 1 << 20, u64::MAX].map(size_text);
    assert_eq!(sizes, ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 KiB", "1.0 MiB", "16.0 EiB"]);
}
