//! Settled positions of a log, and the file that remembers them.
//!
//! Records are settled out of order: an instance of the connector may be faster than another one. So a mark holds the first
//! unsettled position, and the settled ranges behind it.

use std::{collections::BTreeMap, ops::Range};

use bytes::Bytes;

use super::frame::{Found, Frame, encode};

/// The settled positions of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settled {
    /// All positions below it are settled.
    low: u64,
    /// Settled ranges above, by their beginning; they do not touch.
    ranges: BTreeMap<u64, u64>,
    /// The number of positions in these ranges.
    above: u64,
}

/// A mark, as it stands in the file.
#[derive(Clone, PartialEq, prost::Message)]
struct Mark {
    #[prost(uint64, tag = "1")]
    low: u64,
    /// Beginning and end of each settled range above, in turn.
    #[prost(uint64, repeated, tag = "2")]
    ranges: Vec<u64>,
    /// Counts the marks of a log. A later one may have fewer positions: a power loss takes some.
    #[prost(uint64, tag = "3")]
    sequence: u64,
}

impl Settled {
    pub(super) fn below(low: u64) -> Self {
        Self { low, ..Self::default() }
    }

    /// The first unsettled position.
    pub(super) fn low(&self) -> u64 {
        self.low
    }

    pub(super) fn contains(&self, position: u64) -> bool {
        position < self.low || self.ranges.range(..=position).next_back().is_some_and(|(_, end)| position < *end)
    }

    /// The number of settled positions.
    pub(super) fn count(&self) -> u64 {
        self.low + self.above
    }

    pub(super) fn ranges(&self) -> usize {
        self.ranges.len()
    }

    /// Settles a range. Returns how many of its positions were not settled before.
    pub(super) fn insert(&mut self, range: Range<u64>) -> u64 {
        let before = self.count();
        let (mut start, mut end) = (range.start.max(self.low), range.end.max(self.low));
        if start >= end {
            return 0;
        }
        if let Some((&first, &last)) = self.ranges.range(..=start).next_back()
            && last >= start
        {
            (start, end) = (first, end.max(last));
        }
        while let Some((&first, &last)) = self.ranges.range(start..=end).next() {
            end = end.max(last);
            self.ranges.remove(&first);
            self.above -= last - first;
        }
        if start <= self.low {
            self.low = end;
        } else {
            self.ranges.insert(start, end);
            self.above += end - start;
        }
        self.count() - before
    }

    /// Forgets positions from `end` on: a power loss took them.
    pub(super) fn truncate(&mut self, end: u64) {
        self.low = self.low.min(end);
        self.ranges.split_off(&end);
        if let Some(mut last) = self.ranges.last_entry() {
            *last.get_mut() = end.min(*last.get());
        }
        self.above = self.ranges.iter().map(|(start, end)| end - start).sum();
    }

    /// Appends the mark with this number to the contents of a file.
    pub(super) fn encode(&self, sequence: u64, buffer: &mut Vec<u8>) {
        let ranges = self.ranges.iter().flat_map(|(start, end)| [*start, *end]).collect();
        encode(buffer, self.low, 0, &Mark { low: self.low, ranges, sequence });
    }

    /// The newest of the marks that follow each other, and its number. What follows them was being written when the process was killed,
    /// or is older.
    pub(super) fn newest_of(marks: &Bytes) -> (u64, Self) {
        let (mut rest, mut newest) = (marks.clone(), Mark::default());
        while let Found::Frame(frame) = Frame::find(&rest) {
            rest = rest.slice(frame.size()..);
            // Those of an earlier version have no number.
            let later = frame.body().filter(|mark: &Mark| mark.sequence >= newest.sequence);
            newest = later.unwrap_or(newest);
        }
        (newest.sequence, Self::of(newest))
    }

    fn of(Mark { low, ranges, .. }: Mark) -> Self {
        let mut settled = Self::below(low);
        for range in ranges.chunks_exact(2) {
            settled.insert(range[0]..range[1]);
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set_of_positions(ranges in proptest::collection::vec((0u64..60, 0u64..9), 0..40)) {
            let (mut settled, mut expected) = (Settled::default(), BTreeSet::new());
            for (start, length) in ranges {
                let new = (start..start + length).filter(|position| expected.insert(*position)).count();
                prop_assert_eq!(settled.insert(start..start + length), new as u64);
            }
            for position in 0..80 {
                prop_assert_eq!(settled.contains(position), expected.contains(&position));
            }
            prop_assert_eq!(settled.low(), (0..80).find(|position| !expected.contains(position)).unwrap());
            let mut file = Vec::new();
            Settled::below(99).encode(1, &mut file);
            settled.encode(2, &mut file);
            Settled::below(99).encode(1, &mut file);
            let whole = file.len();
            Settled::below(99).encode(3, &mut file);
            prop_assert_eq!(Settled::newest_of(&file[..whole + 7].to_vec().into()), (2, settled));
        }
    }
}
