//! Reads a log from its first unsettled record on, while it grows.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};

use super::{
    disk::at,
    frame::{Found, Frame, MAGIC_BYTES, MOST_RECORDS},
    log::Log,
    stored::StoredRecord,
};

/// How much is read at once, unless a frame is longer.
const READ_BYTES: usize = 256 * 1024;

/// A reader of a log.
#[derive(Debug)]
pub(crate) struct Reader {
    log: Arc<Log>,
    /// The next position.
    next: u64,
    open: Option<Open>,
}

/// The segment that is being read.
#[derive(Debug)]
struct Open {
    first: u64,
    path: PathBuf,
    file: File,
    /// How much was read of the file.
    offset: u64,
    /// Bytes that were read and contain more frames.
    buffer: Bytes,
}

/// What comes next in the open segment.
enum Next {
    Frame(Frame),
    /// Frames that cannot be read; the next one begins at this position.
    Damaged(u64),
    End,
}

impl Reader {
    pub(crate) fn new(log: Arc<Log>) -> Self {
        Self { next: 0, log, open: None }
    }

    /// The next position to read.
    pub(crate) fn position(&self) -> u64 {
        self.next
    }

    /// Whether there is more to read.
    pub(crate) fn has_more(&self) -> bool {
        self.next < self.log.end()
    }

    /// Closes a segment that was removed: the disk keeps its bytes as long as it is open.
    pub(crate) fn close_removed(&mut self) {
        let first = self.log.segments().first();
        self.open.take_if(|open| first.is_none_or(|first| open.first < first));
    }

    /// Reads the next unsettled records, at most as many as a chunk has; none at the end of the log. Blocks.
    pub(crate) fn read(&mut self) -> io::Result<Vec<StoredRecord>> {
        let mut records: Vec<StoredRecord> = Vec::new();
        loop {
            let (segment, low) = {
                let segments = self.log.segments();
                (segments.at(self.next.max(segments.settled().low())).cloned(), segments.settled().low())
            };
            self.next = self.next.max(low);
            let Some(segment) = segment else { return Ok(records) };
            if self.open.as_ref().is_none_or(|open| open.first != segment.first) {
                if !records.is_empty() {
                    return Ok(records);
                }
                match Open::new(&segment.path, segment.first) {
                    // Its records were settled meanwhile, those of an earlier reader.
                    Err(_) if self.log.segments().settled().low() >= segment.end => continue,
                    opened => self.open = Some(opened?),
                }
            }
            let Some(open) = &mut self.open else { return Ok(records) };
            match open.next(segment.bytes, self.next)? {
                Next::Frame(frame) if frame.end() <= self.next => {}
                Next::Frame(frame) => {
                    let is_last = open.buffer.is_empty();
                    self.lost(frame.first, &segment.path);
                    self.take(&frame, &mut records, &segment.path);
                    if records.len() >= MOST_RECORDS / 2 || (is_last && !records.is_empty()) {
                        return Ok(records);
                    }
                }
                Next::Damaged(next) => self.lost(next.min(segment.end), &segment.path),
                Next::End if self.next < segment.end => self.lost(segment.end, &segment.path),
                Next::End => return Ok(records),
            }
        }
    }

    fn take(&mut self, frame: &Frame, records: &mut Vec<StoredRecord>, path: &Path) {
        let end = frame.end();
        let batch = frame.batch();
        let spooled = batch.as_ref().map_or(0, |batch| batch.spooled);
        let Some(stored) = batch.and_then(|batch| batch.stored(&self.log.topic, frame.first)) else {
            return self.lost(end, path);
        };
        let mut segments = self.log.segments();
        let settled = segments.settled();
        records.extend(
            stored.into_iter().filter(|record| record.position >= self.next && !settled.contains(record.position)),
        );
        segments.was_read(end, spooled);
        self.next = end;
    }

    /// Reports that records before this position cannot be read, and continues there.
    fn lost(&mut self, end: u64, path: &Path) {
        if self.next < end {
            self.log.damaged(path, self.next..end);
            self.next = end;
        }
    }
}

impl Open {
    fn new(path: &Path, first: u64) -> io::Result<Self> {
        let file = File::open(path).map_err(at(path, "opening"))?;
        Ok(Self { first, path: path.to_owned(), file, offset: MAGIC_BYTES, buffer: Bytes::new() })
    }

    /// The next frame of the segment, which has so many bytes.
    fn next(&mut self, bytes: u64, position: u64) -> io::Result<Next> {
        loop {
            match Frame::find(&self.buffer) {
                Found::Frame(frame) => {
                    self.buffer = self.buffer.slice(frame.size()..);
                    if frame.records > 0 {
                        return Ok(Next::Frame(frame));
                    }
                }
                Found::Incomplete if self.offset < bytes => {
                    let most = READ_BYTES.max(self.buffer.len());
                    self.fill(bytes, most)?;
                }
                Found::Incomplete if self.buffer.is_empty() => return Ok(Next::End),
                Found::Incomplete | Found::Invalid => {
                    self.fill(bytes, usize::MAX)?;
                    let Some((distance, frame)) = Frame::find_later(&self.buffer, position) else {
                        self.buffer = Bytes::new();
                        return Ok(Next::End);
                    };
                    self.buffer = self.buffer.slice(distance..);
                    return Ok(Next::Damaged(frame.first));
                }
            }
        }
    }

    /// Reads more of the segment behind what the buffer holds.
    fn fill(&mut self, bytes: u64, most: usize) -> io::Result<()> {
        let count = usize::try_from(bytes - self.offset).unwrap_or(usize::MAX).min(most);
        let mut buffer = BytesMut::with_capacity(self.buffer.len() + count);
        buffer.extend_from_slice(&self.buffer);
        buffer.resize(self.buffer.len() + count, 0);
        let (read, path) = (self.buffer.len(), &self.path);
        self.file.seek(SeekFrom::Start(self.offset)).map_err(at(path, "reading"))?;
        self.file.read_exact(&mut buffer[read..]).map_err(at(path, "reading"))?;
        self.offset += count as u64;
        self.buffer = buffer.freeze();
        Ok(())
    }
}
