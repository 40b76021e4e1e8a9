//! The marks of a log: a file that says which positions are settled.
//!
//! ```text
//!  magic and version │ slot: mark │ mark │ … │ slot: mark │ mark │ …
//! ```
//!
//! The slots are written in turn, each from its beginning. So the file needs no more room once it exists, also on a full disk, and the
//! newest mark is never overwritten: it is the one with the highest number.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::{
    Storage,
    disk::{at, create_slots},
    settled::Settled,
};

/// The name of the file in a log's folder.
pub(super) const MARKS: &str = "marks";
const MAGIC: [u8; 8] = *b"DNBMARK\x01";
/// The size of a slot, unless a mark is larger.
const SLOT_BYTES: usize = 16 * 1024;
/// A mark with more ranges than this is written only once in a while.
const FEW_RANGES: usize = 64;
/// So many positions may be settled and unmarked: half of what `Deduplication` remembers of a producer.
const MOST_UNMARKED: u64 = 4096;

/// The file of a log's marks.
#[derive(Debug)]
pub(super) struct Marks {
    path: PathBuf,
    storage: Storage,
    slots: Option<Slots>,
    /// The number of the last mark, once the file is open.
    sequence: u64,
    unmarked: u64,
    /// Positions that were settled since the last attempt to mark.
    unattempted: u64,
    unsynced: u64,
    is_failing: bool,
    is_closed: bool,
}

/// An open file of marks.
#[derive(Debug)]
struct Slots {
    file: File,
    /// The size of a slot.
    bytes: usize,
    /// The slot of the newest mark, 0 or 1.
    newest: usize,
    /// Bytes of that slot up to its newest mark.
    used: usize,
}

impl Marks {
    pub(super) fn new(path: PathBuf, storage: Storage) -> Self {
        Self {
            path,
            storage,
            slots: None,
            sequence: 0,
            unmarked: 0,
            unattempted: 0,
            unsynced: 0,
            is_failing: false,
            is_closed: false,
        }
    }

    /// Reads what is settled.
    pub(super) fn read(path: &Path) -> io::Result<Settled> {
        Ok(Contents::read(path)?.settled)
    }

    /// Makes the file before there is anything to mark, while the disk has room for it.
    pub(super) fn prepare(&mut self) -> io::Result<()> {
        self.open()?;
        if self.slots.is_none() {
            self.slots = Some(self.create(&[])?);
        }
        Ok(())
    }

    /// Counts newly settled positions. Whether it is worth a write to mark what is settled, which has so many ranges.
    pub(super) fn is_due(&mut self, count: u64, ranges: usize) -> bool {
        self.unmarked += count;
        self.unattempted += count;
        let is_cheap = ranges <= FEW_RANGES;
        !self.is_closed && self.unmarked > 0 && (is_cheap || self.unattempted >= MOST_UNMARKED / 4)
    }

    /// Marks what is settled. Later settlements are the next process's.
    pub(super) fn close(&mut self, settled: &Settled) {
        if self.is_closed {
            return;
        }
        if self.unmarked > 0 || self.unsynced > 0 {
            self.unsynced = MOST_UNMARKED;
            self.mark(settled);
        }
        self.is_closed = true;
    }

    #[cfg(test)]
    pub(super) fn kill(&mut self) {
        self.is_closed = true;
    }

    /// Marks what is settled.
    pub(super) fn mark(&mut self, settled: &Settled) {
        self.unattempted = 0;
        match self.write(settled) {
            Ok(()) => {
                self.unsynced += std::mem::take(&mut self.unmarked);
                self.is_failing = false;
            }
            // A mark is only needed after a restart.
            Err(error) if !std::mem::replace(&mut self.is_failing, true) => {
                tracing::warn!(
                    "{}: {error}; settled records are delivered once more after a restart",
                    self.path.display()
                );
            }
            Err(_) => {}
        }
    }

    fn write(&mut self, settled: &Settled) -> io::Result<()> {
        self.open()?;
        self.sequence += 1;
        let mut mark = Vec::new();
        settled.encode(self.sequence, &mut mark);
        let Some(mut slots) = self.slots.take().filter(|slots| mark.len() <= slots.bytes) else {
            self.slots = Some(self.create(&mark)?);
            return Ok(());
        };
        let written = self.write_to(&mut slots, &mark);
        self.slots = Some(slots);
        written
    }

    fn write_to(&mut self, slots: &mut Slots, mark: &[u8]) -> io::Result<()> {
        let is_full = slots.used + mark.len() > slots.bytes;
        // The marks in the other slot are overwritten: they may be the only ones that are durable.
        if self.storage.syncs() && is_full {
            self.storage.disk().sync(&slots.file)?;
        }
        let (slot, used) = if is_full { (1 - slots.newest, 0) } else { (slots.newest, slots.used) };
        slots.file.seek(SeekFrom::Start((MAGIC.len() + slot * slots.bytes + used) as u64))?;
        self.storage.disk().write(&mut slots.file, mark)?;
        (slots.newest, slots.used) = (slot, used + mark.len());
        if self.storage.syncs() && self.unsynced + self.unmarked >= MOST_UNMARKED {
            self.storage.disk().sync(&slots.file)?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Opens the file, if there is one with slots.
    fn open(&mut self) -> io::Result<()> {
        if self.slots.is_none() {
            let Contents { sequence, bytes, newest, .. } = Contents::read(&self.path)?;
            self.sequence = self.sequence.max(sequence);
            if bytes > 0 {
                let file = File::options().write(true).open(&self.path)?;
                self.slots = Some(Slots { file, bytes, newest, used: bytes });
            }
        }
        Ok(())
    }

    /// Replaces the file by one with larger slots, and with this mark.
    fn create(&self, mark: &[u8]) -> io::Result<Slots> {
        let bytes = SLOT_BYTES.max((2 * mark.len()).next_power_of_two());
        let mut contents = [&MAGIC, mark].concat();
        contents.resize(MAGIC.len() + 2 * bytes, 0);
        let new = self.path.with_extension("new");
        let _ = fs::remove_file(&new);
        let mut file = create_slots(&new)?;
        let written = self.storage.disk().write(&mut file, &contents);
        let written = written.and_then(|()| {
            if self.storage.syncs() && !mark.is_empty() { self.storage.disk().sync(&file) } else { Ok(()) }
        });
        written.and_then(|()| fs::rename(&new, &self.path)).inspect_err(|_| drop(fs::remove_file(&new)))?;
        Ok(Slots { file, bytes, newest: 0, used: mark.len() })
    }
}

/// What a file of marks says.
#[derive(Default)]
struct Contents {
    settled: Settled,
    /// The number of the newest mark.
    sequence: u64,
    /// The size of a slot, 0 in a file of an earlier version.
    bytes: usize,
    /// The slot of the newest mark.
    newest: usize,
}

impl Contents {
    /// Reads the file, if there is one.
    fn read(path: &Path) -> io::Result<Self> {
        let file = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            file => Bytes::from(file.map_err(at(path, "reading"))?),
        };
        let Some(slots) = file.strip_prefix(&MAGIC) else {
            let (sequence, settled) = Settled::newest_of(&file);
            return Ok(Self { settled, sequence, ..Self::default() });
        };
        let bytes = slots.len() / 2;
        let of_slot = |slot| Settled::newest_of(&file.slice_ref(&slots[slot * bytes..(slot + 1) * bytes]));
        let [first, second] = [of_slot(0), of_slot(1)];
        let newest = usize::from(second.0 > first.0);
        let (sequence, settled) = if newest == 1 { second } else { first };
        Ok(Self { settled, sequence, bytes, newest })
    }
}
