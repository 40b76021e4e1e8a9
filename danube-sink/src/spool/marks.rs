//! The marks of a log: a file that says which positions are settled.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::{
    Storage,
    disk::{at, create},
    settled::Settled,
};

/// The name of the file in a log's folder.
pub(super) const MARKS: &str = "marks";
/// A mark with more ranges than this is written only once in a while.
const FEW_RANGES: usize = 64;
/// So many positions may be settled and unmarked: half of what `Deduplication` remembers of a producer.
const MOST_UNMARKED: u64 = 4096;
/// A file with so many bytes is replaced by one with the last mark.
const FILE_BYTES: u64 = 64 * 1024;

/// The file of a log's marks. The last valid mark counts.
#[derive(Debug)]
pub(super) struct Marks {
    path: PathBuf,
    storage: Storage,
    file: Option<File>,
    bytes: u64,
    unmarked: u64,
    unsynced: u64,
    is_failing: bool,
    is_closed: bool,
}

impl Marks {
    pub(super) fn new(path: PathBuf, storage: Storage) -> Self {
        Self { path, storage, file: None, bytes: 0, unmarked: 0, unsynced: 0, is_failing: false, is_closed: false }
    }

    /// Reads what is settled.
    pub(super) fn read(path: &Path) -> io::Result<Settled> {
        let file = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Settled::default()),
            file => Bytes::from(file.map_err(at(path, "reading"))?),
        };
        Ok(Settled::last_of(&file).unwrap_or_default())
    }

    /// Marks what is settled, if it is worth a write.
    pub(super) fn settled(&mut self, settled: &Settled, count: u64) {
        self.unmarked += count;
        if self.is_closed {
            return;
        }
        let is_cheap = settled.ranges() <= FEW_RANGES;
        if self.unmarked > 0 && (is_cheap || self.unmarked >= MOST_UNMARKED / 4) {
            self.mark(settled);
        }
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

    fn mark(&mut self, settled: &Settled) {
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
        let mut mark = Vec::new();
        settled.encode(&mut mark);
        let is_due = self.storage.syncs() && self.unsynced + self.unmarked >= MOST_UNMARKED;
        let size = mark.len() as u64;
        if let Some(file) = self.file.as_mut().filter(|_| self.bytes + size <= FILE_BYTES) {
            self.storage.disk().write(file, &mark).inspect_err(|_| self.file = None)?;
            self.bytes += size;
        } else {
            let new = self.path.with_extension("new");
            let _ = fs::remove_file(&new);
            let mut file = create(&new)?;
            self.storage.disk().write(&mut file, &mark)?;
            if self.storage.syncs() {
                self.storage.disk().sync(&file)?;
            }
            fs::rename(&new, &self.path)?;
            (self.file, self.bytes) = (Some(file), size);
        }
        if let (true, Some(file)) = (is_due, &self.file) {
            self.storage.disk().sync(file)?;
            self.unsynced = 0;
        }
        Ok(())
    }
}
