//! What a log knows of its segments: their positions, and which of these are settled.

use std::{collections::VecDeque, ops::Range, path::PathBuf};

use super::{settled::Settled, stored::Remembered};

/// A last segment of which nothing is unsettled is replaced by an empty one once it has so many bytes.
const SETTLED_BYTES: u64 = 1024 * 1024;
/// An empty segment has less than that, unless much is remembered.
const EMPTY_BYTES: u64 = 4096;

/// The segments of a log, oldest first.
#[derive(Debug, Default)]
pub(super) struct Segments {
    segments: VecDeque<Segment>,
    /// The position behind the last record.
    end: u64,
    settled: Settled,
    /// The last messages, oldest first.
    remembered: VecDeque<Remembered>,
    /// When unsettled records that were read had been spooled: the position behind them, and the time.
    read: VecDeque<(u64, u64)>,
}

#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) first: u64,
    /// The position behind its last record.
    pub(super) end: u64,
    pub(super) bytes: u64,
    /// Microseconds since 1970.
    pub(super) created: u64,
    pub(super) path: PathBuf,
}

impl Segments {
    /// Segments that were found on the disk.
    pub(super) fn found(segments: VecDeque<Segment>, mut settled: Settled, remembered: Vec<Remembered>) -> Self {
        let first = segments.front().map_or(0, |segment| segment.first);
        let end = segments.back().map_or(0, |segment| segment.end);
        settled.insert(0..first);
        settled.truncate(end);
        Self { segments, end, settled, remembered: remembered.into(), read: VecDeque::new() }
    }

    /// No segments, after messages that are remembered.
    pub(super) fn after(remembered: Vec<Remembered>) -> Self {
        Self { remembered: remembered.into(), ..Self::default() }
    }

    /// The position in the name of the first segment.
    pub(super) fn first(&self) -> Option<u64> {
        self.segments.front().map(|segment| segment.first)
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn settled(&self) -> &Settled {
        &self.settled
    }

    pub(super) fn unsettled(&self) -> u64 {
        self.end - self.settled.count()
    }

    /// The number of unsettled records of one segment.
    pub(super) fn unsettled_of(&self, segment: &Segment) -> u64 {
        let positions = segment.first.max(self.settled.low())..segment.end;
        positions.filter(|position| !self.settled.contains(*position)).count() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// The segments with unsettled records, oldest first.
    pub(super) fn with_unsettled(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.end > self.settled.low())
    }

    /// The last segment, if it takes more records.
    pub(super) fn last_with_room(&self, most: u64) -> Option<Segment> {
        let most = if self.unsettled() == 0 { most.min(SETTLED_BYTES) } else { most };
        // One without records has the name that the next one would get.
        self.segments.back().filter(|last| last.bytes < most || last.first == last.end).cloned()
    }

    /// Whether a new segment would free the bytes of settled records.
    pub(super) fn is_wasteful(&self) -> bool {
        self.unsettled() == 0
            && self.segments.back().is_some_and(|last| last.end > last.first && last.bytes > EMPTY_BYTES)
    }

    /// The segment that holds this position or the next one that does.
    pub(super) fn at(&self, position: u64) -> Option<&Segment> {
        let index = self.segments.partition_point(|segment| segment.end <= position);
        self.segments.get(index)
    }

    /// Updates the last segment, or adds one. Returns by how many bytes the log grew.
    pub(super) fn appended(&mut self, segment: Segment) -> u64 {
        self.end = segment.end;
        match self.segments.back_mut() {
            Some(last) if last.path == segment.path => {
                let grown = segment.bytes - last.bytes;
                *last = segment;
                grown
            }
            _ => {
                let bytes = segment.bytes;
                self.segments.push_back(segment);
                bytes
            }
        }
    }

    /// Settles a range. Returns how many of its positions were not settled before.
    pub(super) fn settle(&mut self, range: Range<u64>) -> u64 {
        let count = self.settled.insert(range.start..range.end.min(self.end));
        while self.read.pop_front_if(|(end, _)| *end <= self.settled.low()).is_some() {}
        count
    }

    /// Takes the segments out whose records are settled, but for so many of the last ones.
    pub(super) fn take_settled(&mut self, kept: usize) -> Vec<Segment> {
        let count = self.segments.partition_point(|segment| segment.end <= self.settled.low());
        self.segments.drain(..count.min(self.segments.len().saturating_sub(kept))).collect()
    }

    /// Remembers messages, and forgets the oldest ones beyond `most`.
    pub(super) fn remember(&mut self, messages: Vec<Remembered>, most: usize) {
        self.remembered.extend(messages);
        let surplus = self.remembered.len().saturating_sub(most);
        self.remembered.drain(..surplus);
    }

    pub(super) fn remembered(&self) -> Vec<Remembered> {
        self.remembered.iter().copied().collect()
    }

    /// Records that unsettled records before `end` were read, and when they had been spooled.
    pub(super) fn was_read(&mut self, end: u64, spooled: u64) {
        if self.read.back().is_none_or(|(last, _)| *last < end) {
            self.read.push_back((end, spooled));
        }
    }

    /// When the oldest unsettled record was spooled, or its segment begun if it was not read yet.
    pub(super) fn oldest(&self) -> Option<u64> {
        let unsettled = self.unsettled() > 0;
        let oldest = self.read.front().map(|(_, spooled)| *spooled);
        oldest.or_else(|| self.at(self.settled.low()).map(|segment| segment.created)).filter(|_| unsettled)
    }
}
