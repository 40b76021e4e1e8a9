//! A log: the records of one partition and subscription, in segment files.
//!
//! Records are appended to the last segment. A segment is removed once all of its records are settled.

use std::{
    fmt,
    fs::{self, File},
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{
    LogKey, Storage,
    disk::{at, create, is_in_place, removed, sync_folder},
    frame::{MAGIC, MOST_RECORDS, encode},
    marks::{MARKS, Marks},
    now,
    quota::Quota,
    segments::{Segment, Segments},
    stored::{Batch, Remembered, Start},
};
use crate::record::Entry;

/// A frame with so many bytes of payload takes no further record.
const FRAME_BYTES: usize = 512 * 1024;

/// The log of one partition and subscription.
pub(crate) struct Log {
    /// The partition's own topic name.
    pub(crate) topic: Arc<str>,
    pub(super) key: LogKey,
    pub(super) folder: PathBuf,
    pub(super) share: Arc<Quota>,
    pub(super) storage: Storage,
    segments: Mutex<Segments>,
    writer: Mutex<Writer>,
    marks: Mutex<Marks>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Writer {
    /// The last segment; without it, the next append begins one.
    file: Option<File>,
    buffer: Vec<u8>,
    is_closed: bool,
}

/// Why records were not appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// The share of the mapping is full.
    Full,
    /// The disk took nothing, and may later.
    Write(io::Error),
    /// A sync failed, so that even earlier records may be lost: the disk cannot be trusted any more.
    Sync(io::Error),
}

impl Log {
    pub(super) fn new(
        topic: Arc<str>,
        key: LogKey,
        folder: PathBuf,
        share: Arc<Quota>,
        storage: Storage,
        segments: Segments,
    ) -> Self {
        let marks = Mutex::new(Marks::new(folder.join(MARKS), storage.clone()));
        let (writer, changed) = (Mutex::default(), Notify::new());
        Self { topic, key, folder, share, storage, segments: Mutex::new(segments), writer, marks, changed }
    }

    /// Appends records, which are durable when it returns: as many of the first ones as fit. Returns their number. Blocks. The
    /// last `remember` messages are remembered, to recognize their redelivery after a restart.
    ///
    /// # Errors
    /// No record was appended, except after [`AppendError::Sync`].
    pub(crate) fn append(&self, entries: &[&Entry], remember: usize) -> Result<usize, AppendError> {
        let mut writer = lock(&self.writer);
        if writer.is_closed {
            return Err(AppendError::Write(io::Error::other("the spool is closed")));
        }
        let Writer { file, buffer, .. } = &mut *writer;
        buffer.clear();
        let first = self.end();
        let (mut end, now) = (first, now());
        let last = self.segments().last_with_room(self.storage.segment_bytes(self.share.limit()));
        let last = last.filter(|_| file.is_some());
        if last.is_none() {
            self.start(first, now, buffer);
        }
        let (mut count, mut remembered) = (0, Vec::with_capacity(entries.len()));
        for frame in frames(entries) {
            let (batch, before) = (Batch::new(frame, now), buffer.len());
            encode(buffer, end, frame.len(), &batch);
            if !self.share.fits(buffer.len() as u64, count == 0) {
                buffer.truncate(before);
                break;
            }
            remembered.extend(batch.remembered());
            (count, end) = (count + frame.len(), end + frame.len() as u64);
        }
        if count == 0 {
            return Err(AppendError::Full);
        }
        let segment = match (file.as_mut(), last) {
            (Some(open), Some(last)) => {
                if !is_in_place(open, &last.path) {
                    return Err(AppendError::Write(removed(&last.path)));
                }
                if let Err(error) = self.storage.disk().write(open, buffer) {
                    // What was written of it must not precede the next frame.
                    *file = file.take().filter(|file| file.set_len(last.bytes).is_ok());
                    return Err(AppendError::Write(at(&last.path, "appending to")(error)));
                }
                Segment { end, bytes: last.bytes + buffer.len() as u64, ..last }
            }
            _ => {
                let (segment, new) = self.begin_segment(first..end, now, buffer).map_err(AppendError::Write)?;
                *file = Some(new);
                segment
            }
        };
        self.sync(file.as_ref(), &segment, first).map_err(AppendError::Sync)?;
        let removed = {
            let mut segments = self.segments();
            let bytes = segments.appended(segment);
            self.share.add(bytes, end - first);
            segments.remember(remembered, remember);
            segments.take_settled(1)
        };
        self.remove(&removed, 0);
        self.changed.notify_waiters();
        Ok(count)
    }

    /// Begins the first segment, which holds what is remembered of the partition. Blocks.
    pub(super) fn begin(&self) -> io::Result<()> {
        self.begin_for(&mut lock(&self.writer))
    }

    fn begin_for(&self, writer: &mut Writer) -> io::Result<()> {
        let (first, created, mut contents) = (self.end(), now(), Vec::new());
        self.start(first, created, &mut contents);
        let (segment, file) = self.begin_segment(first..first, created, &contents)?;
        // A segment that this log does not know must not stay: a later process would read it in place of what follows.
        self.sync(Some(&file), &segment, first).inspect_err(|_| drop(fs::remove_file(&segment.path)))?;
        writer.file = Some(file);
        let bytes = self.segments().appended(segment);
        self.share.add(bytes, 0);
        Ok(())
    }

    /// Encodes the start of a segment.
    fn start(&self, first: u64, created: u64, buffer: &mut Vec<u8>) {
        let start = Start {
            topic: self.topic.as_ref().to_owned(),
            mapping: self.key.topic.clone(),
            subscription: self.key.subscription.clone(),
            created,
            remembered: self.segments().remembered(),
        };
        buffer.extend_from_slice(&MAGIC);
        encode(buffer, first, 0, &start);
    }

    fn begin_segment(&self, range: Range<u64>, created: u64, contents: &[u8]) -> io::Result<(Segment, File)> {
        if !self.folder.exists() {
            return Err(removed(&self.folder));
        }
        let Range { start: first, end } = range;
        // Before the segment: what it takes can always be marked.
        lock(&self.marks).prepare().map_err(at(&self.folder.join(MARKS), "creating"))?;
        let path = self.folder.join(segment_name(first));
        // An attempt that failed may have left a segment of this name, without a record that counts.
        let _ = fs::remove_file(&path);
        let mut file = create(&path).map_err(at(&path, "creating"))?;
        self.storage.disk().write(&mut file, contents).map_err(|error| {
            // The next attempt creates it anew.
            let _ = fs::remove_file(&path);
            at(&path, "writing")(error)
        })?;
        Ok((Segment { first, end, bytes: contents.len() as u64, created, path }, file))
    }

    fn sync(&self, file: Option<&File>, segment: &Segment, first: u64) -> io::Result<()> {
        let Some(file) = file.filter(|_| self.storage.syncs()) else { return Ok(()) };
        self.storage.disk().sync(file).map_err(at(&segment.path, "syncing"))?;
        if segment.first == first { sync_folder(&self.folder).map_err(at(&self.folder, "syncing")) } else { Ok(()) }
    }

    /// Settles positions: they are not read again. Blocks.
    pub(crate) fn settle(&self, positions: impl IntoIterator<Item = u64>) {
        let (count, removed) = {
            // Before the segments, so that no older mark follows a newer one.
            let mut marks = lock(&self.marks);
            let mut segments = self.segments();
            let count = ranges(positions).map(|range| segments.settle(range)).sum();
            let removed = segments.take_settled(1);
            let settled = marks.is_due(count, segments.settled().ranges()).then(|| segments.settled().clone());
            drop(segments);
            if let Some(settled) = settled {
                marks.mark(&settled);
            }
            (count, removed)
        };
        self.remove(&removed, count);
        self.changed.notify_waiters();
    }

    /// Frees the bytes of settled records although their segment is not full. Whether there were any. Blocks.
    pub(crate) fn compact(&self) -> bool {
        let mut writer = lock(&self.writer);
        if !self.segments().is_wasteful() {
            return false;
        }
        let kept = match self.begin_for(&mut writer) {
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                // The disk has no room for another segment beside the settled one.
                writer.file = None;
                0
            }
            _ => 1,
        };
        let removed = self.segments().take_settled(kept);
        self.remove(&removed, 0);
        self.changed.notify_waiters();
        !removed.is_empty()
    }

    /// Frees the bytes of a log that is delivered, and to which nothing is appended any more. Blocks.
    pub(super) fn free(&self) {
        let removed = self.segments().take_settled(0);
        if !removed.is_empty() {
            self.remove(&removed, 0);
            // A reader that waits closes its file, which holds the bytes until then.
            self.changed.notify_waiters();
        }
    }

    /// Marks what is settled, so that it is not read after a restart, and takes no more: the next process reads the log.
    /// Blocks while an append or a settlement is under way.
    pub(crate) fn close(&self) {
        lock(&self.writer).is_closed = true;
        let mut marks = lock(&self.marks);
        let settled = self.segments().settled().clone();
        marks.close(&settled);
    }

    /// Ends all writes at once, as the end of a process does.
    #[cfg(test)]
    pub(crate) fn kill(&self) {
        lock(&self.writer).is_closed = true;
        lock(&self.marks).kill();
    }

    /// Removes segments, and frees their share and that of settled records.
    fn remove(&self, removed: &[Segment], records: u64) {
        for segment in removed {
            // It is read once more after a restart, as settled.
            let _ = fs::remove_file(&segment.path);
        }
        self.share.free(removed.iter().map(|segment| segment.bytes).sum(), records);
    }

    /// Sets a damaged segment aside, and settles the positions that were lost in it. Blocks.
    pub(super) fn damaged(&self, path: &Path, lost: Range<u64>) {
        let copy = self.storage.set_aside(path);
        let (topic, subscription, records) = (&self.topic, &self.key.subscription, lost.end - lost.start);
        tracing::error!(
            %topic, %subscription, records,
            "{} is damaged: {records} records in it cannot be read and are not delivered; {}",
            path.display(),
            match copy {
                Ok(copy) => format!("a copy of the file stays at {}", copy.display()),
                Err(error) => format!("it could not be copied: {error}"),
            }
        );
        self.storage.damaged_records(records);
        self.settle(lost);
    }

    /// How many unsettled records are in files that are no longer there. Blocks.
    pub(super) fn lost(&self) -> u64 {
        let segments = self.segments();
        let is_lost = |segment: &&Segment| !fs::exists(&segment.path).unwrap_or(true);
        let lost = segments.with_unsettled().filter(is_lost).map(|segment| segments.unsettled_of(segment));
        lost.sum()
    }

    /// The position behind the last record.
    pub(crate) fn end(&self) -> u64 {
        self.segments().end()
    }

    /// Whether every record is settled.
    pub(crate) fn is_drained(&self) -> bool {
        self.segments().unsettled() == 0
    }

    /// When the oldest unsettled record was spooled, as far as it was read: microseconds since 1970.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.segments().oldest()
    }

    /// The last messages of the partition, oldest first.
    pub(crate) fn remembered(&self) -> Vec<Remembered> {
        self.segments().remembered()
    }

    /// Returns when records are appended or settled, or segments removed.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    pub(super) fn segments(&self) -> MutexGuard<'_, Segments> {
        lock(&self.segments)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Log({})", self.folder.display())
    }
}

/// Splits records into frames.
fn frames<'e>(mut entries: &'e [&'e Entry]) -> impl Iterator<Item = &'e [&'e Entry]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |entry: &&&Entry| {
            let had_room = bytes < FRAME_BYTES;
            bytes += entry.bytes.len();
            had_room
        };
        let count = entries.iter().take(MOST_RECORDS).take_while(fits).count();
        let (frame, rest) = entries.split_at(count);
        entries = rest;
        (count > 0).then_some(frame)
    })
}

/// Joins consecutive positions.
fn ranges(positions: impl IntoIterator<Item = u64>) -> impl Iterator<Item = Range<u64>> {
    let mut positions = positions.into_iter().peekable();
    std::iter::from_fn(move || {
        let start = positions.next()?;
        let mut end = start + 1;
        while positions.next_if_eq(&end).is_some() {
            end += 1;
        }
        Some(start..end)
    })
}

pub(super) fn segment_name(first: u64) -> String {
    format!("{first:020}.segment")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
