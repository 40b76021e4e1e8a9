//! A file system of its own: full, or mounted read-only.

use std::{fs, io};

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

use super::{Folder, entries, mapping, offsets, open, ordered, read};
use crate::{
    config::SpoolSync,
    record::Entry,
    spool::{AppendError, Spool},
};

/// A file system in memory of 4 MiB, which is unmounted at the end of its test. No program mounts it: that would inherit the files that
/// other tests have open, for a moment in which locks hold and removed files have their room.
#[derive(Debug)]
pub(crate) struct Mount(pub(crate) Folder);

impl Mount {
    /// `None`, with the reason on standard error, where this user may not mount.
    pub(crate) fn new() -> Option<Self> {
        let folder = Folder::new();
        fs::create_dir(&folder.0).unwrap();
        let mounted = mount("tmpfs", &folder.0, "tmpfs", MountFlags::empty(), c"size=4m");
        mounted.inspect_err(|error| eprintln!("skipped: mount: {error}")).ok()?;
        Some(Self(folder))
    }

    fn remount(&self, flags: MountFlags) {
        mount_remount(&self.0.0, flags, "size=4m").unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = unmount(&self.0.0, UnmountFlags::DETACH);
    }
}

fn append(spool: &Spool, offsets: std::ops::Range<u64>) -> Result<(), AppendError> {
    let entries = entries(offsets);
    let entries: Vec<&Entry> = entries.iter().collect();
    mapping(spool).log(&super::TOPIC.into()).unwrap().append(&entries, 64).map(drop)
}

#[test]
fn a_full_disk_takes_more_once_its_records_are_settled() {
    for step in [10, 150, 4_000] {
        let Some(Mount(folder)) = &Mount::new() else { return };
        let spool = open(folder);
        let mut spooled = 0;
        let full = loop {
            match append(&spool, spooled..spooled + step) {
                Ok(()) => spooled += step,
                Err(full) => break full,
            }
        };
        let AppendError::Write(error) = full else { panic!("{full:?}") };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains(&folder.0.display().to_string()), "{error}");
        assert_eq!(offsets(&read(&spool)), (0..spooled).collect::<Vec<_>>());
        // The next process starts on the full disk.
        drop(spool);
        let spool = open(folder);
        assert_eq!(offsets(&read(&spool)), (0..spooled).collect::<Vec<_>>());
        append(&spool, spooled..spooled + step).unwrap_err();
        for (_, log) in mapping(&spool).readable() {
            log.settle(0..spooled);
        }
        spool.adopt(false).unwrap();
        append(&spool, spooled..spooled + step).unwrap();
        assert_eq!(offsets(&read(&spool)), (spooled..spooled + step).collect::<Vec<_>>());
    }
}

#[test]
fn a_full_disk_takes_more_although_it_has_room_for_no_second_segment() {
    for left in 0..3 {
        let Some(Mount(folder)) = &Mount::new() else { return };
        let spool = open(folder);
        let mut spooled = 0;
        while append(&spool, spooled..spooled + 150).is_ok() {
            spooled += 150;
        }
        // Other files take what is left of it, but for some pages.
        let other = folder.0.join("other");
        let _ = fs::write(&other, vec![0; 4 << 20]);
        let bytes = fs::metadata(&other).unwrap().len();
        fs::File::options().write(true).open(&other).unwrap().set_len(bytes.saturating_sub(left * 4_096)).unwrap();
        mapping(&spool).log(&super::TOPIC.into()).unwrap().settle(0..spooled);
        let before = mapping(&spool).share.bytes();
        assert!(mapping(&spool).compact() && mapping(&spool).share.bytes() < before / 10, "{left}");
        for first in [spooled, spooled + 150] {
            append(&spool, first..first + 150).unwrap();
        }
        drop(spool);
        let spool = open(folder);
        assert_eq!(offsets(&read(&spool)), (spooled..spooled + 300).collect::<Vec<_>>());
        assert_eq!(spool.damaged_records(), 0);
    }
}

#[test]
fn a_disk_that_is_mounted_read_only_is_refused_at_start_and_keeps_its_records() {
    let Some(mount) = Mount::new() else { return };
    let folder = &mount.0;
    append(&open(folder), 0..10).unwrap();
    mount.remount(MountFlags::RDONLY);
    let error = Spool::open(&folder.0, "sink", 1 << 30, SpoolSync::Os, &[ordered()]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ReadOnlyFilesystem);
    assert!(error.to_string().contains(&folder.0.display().to_string()), "{error}");
    mount.remount(MountFlags::empty());
    assert_eq!(offsets(&read(&open(folder))), (0..10).collect::<Vec<_>>());
}

/// Marks need no more room, so that a process that is killed on a full disk repeats nothing that was marked.
#[test]
fn settled_records_are_marked_on_a_full_disk() {
    let Some(Mount(folder)) = &Mount::new() else { return };
    let spool = open(folder);
    let mut spooled = 0;
    while append(&spool, spooled..spooled + 150).is_ok() {
        spooled += 150;
    }
    let _ = fs::write(folder.0.join("other"), vec![0; 4 << 20]);
    // More marks than the file holds, and larger ones.
    let (half, settled) = (spooled / 2, spooled - 100);
    let log = mapping(&spool).log(&super::TOPIC.into()).unwrap();
    for position in (0..half).chain((half..settled).step_by(2)).chain((half + 1..settled).step_by(2)) {
        log.settle([position]);
    }
    log.kill();
    drop(spool);
    assert_eq!(offsets(&read(&open(folder))), (settled..spooled).collect::<Vec<_>>());
}
