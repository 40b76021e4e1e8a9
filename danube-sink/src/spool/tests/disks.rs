//! Disks that are full, that cannot sync, and that cannot be written.

use std::{
    fs::{self, File},
    io::{self, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use super::{Folder, entries, files, mapping, offsets, ordered, read};
use crate::{
    config::SpoolSync,
    record::Entry,
    spool::{AppendError, Remembered, Spool, disk::Disk, log::segment_name},
};

/// A disk that takes so many bytes more, and syncs so often.
#[derive(Debug, Clone)]
struct Failing {
    bytes: Arc<AtomicUsize>,
    syncs: Arc<AtomicUsize>,
}

impl Failing {
    fn new(bytes: usize, syncs: usize) -> Self {
        Self { bytes: Arc::new(bytes.into()), syncs: Arc::new(syncs.into()) }
    }

    fn open(&self, folder: &Folder, max_bytes: u64) -> Spool {
        let disk = Box::new(self.clone());
        Spool::with_disk(&folder.0, "sink", max_bytes, SpoolSync::Always, &[ordered()], disk).unwrap()
    }
}

impl Disk for Failing {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        let room = self.bytes.load(Ordering::Relaxed).min(bytes.len());
        file.write_all(&bytes[..room])?;
        self.bytes.fetch_sub(room, Ordering::Relaxed);
        if room == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let left = self.syncs.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |syncs| syncs.checked_sub(1));
        left.map_err(|_| io::Error::other("I/O error"))?;
        file.sync_data()
    }
}

/// A disk whose syncs wait until the sender is dropped.
#[derive(Debug)]
struct Stalled(Mutex<Receiver<()>>);

impl Disk for Stalled {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let _ = self.0.lock().unwrap().recv();
        file.sync_data()
    }
}

/// A spool in which an append waits for its disk, until the sender is dropped.
pub(crate) fn stalled(folder: &Folder) -> (Arc<Spool>, Sender<()>) {
    let (sender, receiver) = channel();
    let disk = Box::new(Stalled(Mutex::new(receiver)));
    let spool = Spool::with_disk(&folder.0, "sink", 1 << 30, SpoolSync::Always, &[ordered()], disk).unwrap();
    let spool = Arc::new(spool);
    let appending = Arc::clone(&spool);
    thread::spawn(move || append(&appending, 0..1));
    while files(folder, ".segment").is_empty() {
        thread::yield_now();
    }
    (spool, sender)
}

fn append(spool: &Spool, offsets: std::ops::Range<u64>) -> Result<usize, AppendError> {
    let entries = entries(offsets);
    let entries: Vec<&Entry> = entries.iter().collect();
    mapping(spool).log(&super::TOPIC.into()).unwrap().append(&entries, 20)
}

#[test]
fn a_log_that_was_removed_takes_no_records_until_it_is_back() {
    let folder = Folder::new();
    let disk = Failing::new(usize::MAX, usize::MAX);
    let spool = disk.open(&folder, 1 << 30);
    append(&spool, 0..10).unwrap();
    let removed = |spool: &Spool| match append(spool, 10..20) {
        Err(AppendError::Write(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let elsewhere = Folder::new();
    fs::rename(&folder.0, &elsewhere.0).unwrap();
    assert!(removed(&spool).contains("was removed while the connector runs"));
    assert_eq!(mapping(&spool).lost(), 10);
    fs::rename(&elsewhere.0, &folder.0).unwrap();
    append(&spool, 10..20).unwrap();
    assert_eq!(offsets(&read(&spool)), (0..20).collect::<Vec<_>>());
    assert_eq!(mapping(&spool).lost(), 0);
    fs::remove_dir_all(&folder.0).unwrap();
    assert!(removed(&spool).contains("was removed while the connector runs"));
    assert!(mapping(&spool).log(&"/default/orders-part-7".into()).is_err(), "no folder is made without its lock");
    mapping(&spool).readable().iter().for_each(|(_, log)| log.settle(0..5));
    assert_eq!(mapping(&spool).lost(), 15);
}

#[test]
fn a_full_disk_keeps_what_it_has_and_takes_more_once_it_has_room() {
    let folder = Folder::new();
    for bytes in [0, 100, 5_000, 12_000] {
        let disk = Failing::new(bytes, usize::MAX);
        let spool = disk.open(&folder, 1 << 30);
        let mut spooled = 0;
        while append(&spool, spooled..spooled + 10).is_ok() {
            spooled += 10;
        }
        let failed = append(&spool, spooled..spooled + 10).unwrap_err();
        assert!(
            matches!(&failed, AppendError::Write(error) if error.kind() == io::ErrorKind::StorageFull),
            "{failed:?}"
        );
        disk.bytes.store(usize::MAX, Ordering::Relaxed);
        append(&spool, spooled..spooled + 10).unwrap();
        assert_eq!(offsets(&read(&spool)), (0..spooled + 10).collect::<Vec<_>>());
        assert_eq!(spool.damaged_records(), 0);
        let log = mapping(&spool).log(&super::TOPIC.into()).unwrap();
        log.settle(0..spooled + 10);
        drop(spool);
        // The next process finds it as it was.
        assert_eq!(offsets(&read(&Failing::new(usize::MAX, usize::MAX).open(&folder, 1 << 30))), [0; 0]);
    }
}

#[test]
fn a_failed_sync_is_an_error_of_its_own() {
    let folder = Folder::new();
    let disk = Failing::new(usize::MAX, 1);
    let spool = disk.open(&folder, 1 << 30);
    append(&spool, 0..10).unwrap();
    assert!(matches!(append(&spool, 10..20), Err(AppendError::Sync(_))));
}

#[test]
fn a_segment_that_could_not_be_synced_is_made_anew() {
    let folder = Folder::new();
    append(&Failing::new(usize::MAX, usize::MAX).open(&folder, 1 << 30), 0..10).unwrap();
    let disk = Failing::new(usize::MAX, 0);
    let spool = disk.open(&folder, 1 << 30);
    disk.syncs.store(usize::MAX, Ordering::Relaxed);
    append(&spool, 200..240).unwrap();
    let log = mapping(&spool).log(&super::TOPIC.into()).unwrap();
    log.settle(0..40);
    disk.syncs.store(0, Ordering::Relaxed);
    assert!(!mapping(&spool).compact(), "the new segment is not durable");
    disk.syncs.store(usize::MAX, Ordering::Relaxed);
    append(&spool, 240..250).unwrap();
    drop(spool);
    let spool = Failing::new(usize::MAX, usize::MAX).open(&folder, 1 << 30);
    assert_eq!(offsets(&read(&spool)), (0..10).chain(240..250).collect::<Vec<_>>());
}

#[test]
fn a_disk_that_is_full_while_it_is_measured_can_be_used_later() {
    let folder = Folder::new();
    let disk = Failing::new(10_000, usize::MAX);
    disk.open(&folder, 1 << 30).capacity().unwrap_err();
    // This process was killed meanwhile.
    let killed = Failing::new(usize::MAX, usize::MAX).open(&folder, 1 << 30);
    std::fs::write(killed.own.folder.join("probe"), [0; 4096]).unwrap();
    drop(killed);
    append(&Failing::new(usize::MAX, usize::MAX).open(&folder, 1 << 30), 0..10).unwrap();
}

#[test]
fn a_full_share_takes_no_more_until_records_are_settled() {
    let folder = Folder::new();
    let spool = Failing::new(usize::MAX, usize::MAX).open(&folder, 40_000);
    let mut spooled = 0;
    while append(&spool, spooled..spooled + 10).is_ok() {
        spooled += 10;
    }
    assert!(matches!(append(&spool, spooled..spooled + 10), Err(AppendError::Full)));
    assert!(spooled > 50 && mapping(&spool).share.bytes() <= 40_000);
    let log = mapping(&spool).log(&super::TOPIC.into()).unwrap();
    log.settle(0..spooled);
    append(&spool, spooled..spooled + 10).unwrap();
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_at_start() {
    let folder = Folder::new();
    std::fs::write(&folder.0, "a file").unwrap();
    let error = Spool::open(&folder.0, "sink", 1 << 30, SpoolSync::Os, &[ordered()]).unwrap_err();
    assert!(error.to_string().contains(&folder.0.display().to_string()), "{error}");
    std::fs::remove_file(&folder.0).unwrap();
}

#[test]
fn a_share_takes_as_much_of_a_queue_as_fits() {
    let folder = Folder::new();
    let spool = Failing::new(usize::MAX, usize::MAX).open(&folder, 200_000);
    append(&spool, 0..10).unwrap();
    while append(&spool, mapping(&spool).share.records()..10_000).is_ok() {}
    let share = &mapping(&spool).share;
    assert!(share.records() > 500 && share.bytes() <= 200_000, "{share:?}");
    assert_eq!(offsets(&read(&spool)), (0..share.records()).collect::<Vec<_>>());
}

#[test]
fn what_a_segment_remembers_is_inside_the_share() {
    let folder = Folder::new();
    let spool = Failing::new(usize::MAX, usize::MAX).open(&folder, 400_000);
    let log = mapping(&spool).log(&super::TOPIC.into()).unwrap();
    for first in (0..100_000).step_by(100) {
        let entries = entries(first..first + 100);
        if log.append(&entries.iter().collect::<Vec<_>>(), 10_000).is_err() {
            break;
        }
    }
    assert!(mapping(&spool).share.bytes() <= 400_000, "{:?}", mapping(&spool).share);
}

/// An append that failed could neither write its segment nor remove it.
#[test]
fn a_segment_without_records_is_made_anew() {
    let folder = Folder::new();
    let spool = Failing::new(usize::MAX, usize::MAX).open(&folder, 1 << 30);
    let log = mapping(&spool).log(&super::TOPIC.into()).unwrap();
    fs::write(log.folder.join(segment_name(0)), "a part of it").unwrap();
    append(&spool, 0..10).unwrap();
    assert_eq!(offsets(&read(&spool)), (0..10).collect::<Vec<_>>());
}

#[test]
fn the_logs_of_a_mapping_are_at_hand_while_the_disk_makes_another_one() {
    let folder = Folder::new();
    let (spool, disk) = stalled(&folder);
    let remembered = vec![Remembered::default()];
    let (beginning, asking) = (Arc::clone(&spool), Arc::clone(&spool));
    let begun = thread::spawn(move || mapping(&beginning).begin(&"/default/orders-part-1".into(), remembered).is_ok());
    while files(&folder, ".segment").len() < 2 {
        thread::yield_now();
    }
    let (sender, answer) = channel();
    thread::spawn(move || sender.send(mapping(&asking).readable().len()));
    assert_eq!(answer.recv_timeout(Duration::from_secs(10)), Ok(1));
    drop(disk);
    assert!(begun.join().unwrap());
    assert_eq!(mapping(&spool).readable().len(), 2);
}
