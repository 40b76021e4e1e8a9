//! Recovery: what a process finds of a log that another one wrote.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::{
    LogKey, Storage,
    disk::{at, names},
    frame::{Found, Frame, MAGIC},
    log::Log,
    marks::{MARKS, Marks},
    micros,
    quota::Quota,
    segments::{Segment, Segments},
    stored::{Remembered, Start},
};

/// So many messages are remembered of the last segment: the largest window of a broker.
const MOST_REMEMBERED: usize = 10_000;

/// A log that was found.
pub(super) struct FoundLog {
    pub(super) topic: Arc<str>,
    pub(super) key: LogKey,
    folder: PathBuf,
    segments: Segments,
}

/// The last segment of a log, and what to remember of its records.
struct Last {
    segment: Segment,
    remembered: Vec<Remembered>,
}

impl FoundLog {
    /// Reads a log's folder; `None` if it has no segment, or only one that was being created. Blocks.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if the last segment is damaged at its beginning, [`io::ErrorKind::Unsupported`] if it
    /// is of another version.
    pub(super) fn read(folder: &Path) -> io::Result<Option<Self>> {
        Self::read_or(folder, Err)
    }

    /// Like [`read`](Self::read), but without the last segments that cannot be read, whose errors join the others: how many records
    /// they have is unknown. Blocks.
    ///
    /// # Errors
    /// The folder or its marks cannot be read.
    pub(super) fn readable(folder: &Path, unreadable: &mut Vec<String>) -> io::Result<Option<Self>> {
        Self::read_or(folder, |error| {
            unreadable.push(error.to_string());
            Ok(())
        })
    }

    fn read_or(folder: &Path, mut unreadable: impl FnMut(io::Error) -> io::Result<()>) -> io::Result<Option<Self>> {
        let names = names(folder)?.into_iter().filter(|name| name.ends_with(".segment"));
        let mut paths: Vec<_> = names.map(|name| folder.join(name)).collect();
        let (start, last) = loop {
            let Some(path) = paths.pop() else { return Ok(None) };
            // A segment without a start was being created when the process was killed.
            match read_last(&path) {
                Ok(Some(found)) => break found,
                Ok(None) => {}
                Err(error) => unreadable(error)?,
            }
        };
        let mut segments = VecDeque::from([last.segment]);
        while let Some(path) = paths.pop() {
            let file = fs::metadata(&path).map_err(at(&path, "reading"))?;
            let (Some(first), Some(next)) = (first_of(&path), segments.front()) else { continue };
            let created = file.modified().map_or(0, micros);
            segments.push_front(Segment { first, end: next.first, bytes: file.len(), created, path });
        }
        let Start { topic, mapping, subscription, remembered, .. } = start;
        let mut remembered = [remembered, last.remembered].concat();
        remembered.drain(..remembered.len().saturating_sub(MOST_REMEMBERED));
        let settled = Marks::read(&folder.join(MARKS))?;
        let segments = Segments::found(segments, settled, remembered);
        let key = LogKey { topic: mapping, subscription };
        Ok(Some(Self { topic: topic.into(), key, folder: folder.to_owned(), segments }))
    }

    pub(super) fn unsettled(&self) -> u64 {
        self.segments.unsettled()
    }

    pub(super) fn segments(&self) -> &Segments {
        &self.segments
    }

    pub(super) fn remembered(&self) -> Vec<Remembered> {
        self.segments.remembered()
    }

    /// The log, to be read.
    pub(super) fn into_log(self, share: Arc<Quota>, storage: Storage) -> Log {
        share.add(self.segments.bytes(), self.unsettled());
        Log::new(self.topic, self.key, self.folder, share, storage, self.segments)
    }
}

/// Reads the last segment of a log, and finds its end: what follows the last valid frame was being written when the process
/// was killed. `None` if that is true of its start too.
fn read_last(path: &Path) -> io::Result<Option<(Start, Last)>> {
    let contents = Bytes::from(fs::read(path).map_err(at(path, "reading"))?);
    let Some(frames) = contents.strip_prefix(&MAGIC[..]) else {
        version_of(path, &contents)?;
        return Ok(None);
    };
    let mut rest = contents.slice_ref(frames);
    let Some(first) = first_of(path) else { return Ok(None) };
    let (start, frame) = match Frame::find(&rest) {
        Found::Incomplete => return Ok(None),
        Found::Frame(frame) => (frame.body::<Start>().filter(|_| frame.records == 0), frame),
        // A power loss keeps the length of a file, and not always its contents.
        Found::Invalid if is_zero(&rest) => return Ok(None),
        Found::Invalid => return Err(damaged(path)),
    };
    let start = start.ok_or_else(|| damaged(path))?;
    rest = rest.slice(frame.size()..);
    let (mut end, mut remembered) = (first, Vec::new());
    loop {
        let frame = match Frame::find(&rest) {
            Found::Frame(frame) => frame,
            // The reader reports what is missing between valid frames.
            Found::Incomplete | Found::Invalid => match Frame::find_later(&rest, end) {
                Some((distance, frame)) => {
                    rest = rest.slice(distance..);
                    frame
                }
                None => {
                    if let Some((size, damaged)) = Frame::damaged(&rest, end) {
                        // The reader reports it.
                        rest = rest.slice(size..);
                        end = damaged;
                    }
                    break;
                }
            },
        };
        rest = rest.slice(frame.size()..);
        end = frame.end();
        if let Some(batch) = frame.batch() {
            remembered.extend(batch.remembered());
        }
    }
    if !rest.is_empty() {
        let bytes = rest.len();
        tracing::info!("{}: {bytes} bytes behind the last complete record are ignored", path.display());
    }
    let bytes = (contents.len() - rest.len()) as u64;
    let segment = Segment { first, end, bytes, created: start.created, path: path.to_owned() };
    Ok(Some((start, Last { segment, remembered })))
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn damaged(path: &Path) -> io::Error {
    let text = format!("{} is damaged at its beginning, so that its topic is unknown", path.display());
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// The position in the name of a segment.
fn first_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// # Errors
/// If the file has another version of the format, or is damaged, and not merely incomplete.
fn version_of(path: &Path, contents: &[u8]) -> io::Result<()> {
    let (name, version) = MAGIC.split_at(MAGIC.len() - 1);
    match contents.strip_prefix(name).and_then(<[u8]>::first) {
        Some(found) => {
            let text = format!(
                "{} has version {found} of the spool's format, and this program reads version {}: run the program that wrote \
                 it until its spool is empty (`spool drain`), or move the folder away",
                path.display(),
                version[0]
            );
            Err(io::Error::new(io::ErrorKind::Unsupported, text))
        }
        None if contents.len() < MAGIC.len() || is_zero(contents) => Ok(()),
        None => Err(damaged(path)),
    }
}
