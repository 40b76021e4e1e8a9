//! Sets of offsets, as ranges.

use serde::{Deserialize, Serialize};

/// A set of offsets: sorted, disjoint ranges, both ends included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", from = "Written")]
pub(crate) struct Offsets(Vec<(u64, u64)>);

/// Ranges as they are written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    /// The ends of each.
    Ends(Vec<(u64, u64)>),
    /// For each the distance to the end of the one before, and its own length, less one: a third of the digits, where gaps are many.
    Steps(Vec<u64>),
}

impl From<Offsets> for Written {
    fn from(Offsets(ranges): Offsets) -> Self {
        let mut before = 0;
        let step = |(first, last)| [first - std::mem::replace(&mut before, last), last - first];
        Self::Steps(ranges.into_iter().flat_map(step).collect())
    }
}

impl From<Written> for Offsets {
    fn from(written: Written) -> Self {
        let steps = match written {
            Written::Ends(ranges) => return Self(ranges),
            Written::Steps(steps) => steps,
        };
        let mut before = 0_u64;
        let range = |step: &[u64]| {
            let first = before.saturating_add(step[0]);
            before = first.saturating_add(step[1]);
            (first, before)
        };
        Self(steps.chunks_exact(2).map(range).collect())
    }
}

impl Offsets {
    pub(crate) fn contains(&self, offset: u64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= offset);
        after > 0 && self.0[after - 1].1 >= offset
    }

    /// The lowest and the highest.
    pub(crate) fn bounds(&self) -> Option<(u64, u64)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    /// How many offsets it has.
    pub(crate) fn len(&self) -> usize {
        let lengths = self.0.iter().map(|(first, last)| last.saturating_sub(*first).saturating_add(1));
        lengths.fold(0_u64, u64::saturating_add).try_into().unwrap_or(usize::MAX)
    }

    /// What distinguishes the set from others with its lowest and highest offset; `None` if it has all between them.
    pub(crate) fn gaps(&self) -> Option<u32> {
        let ends = self.0.iter().flat_map(|(first, last)| [first, last]);
        let bytes: Vec<u8> = ends.flat_map(|end| end.to_le_bytes()).collect();
        (self.0.len() > 1).then(|| crc32fast::hash(&bytes))
    }

    pub(crate) fn insert(&mut self, offset: u64) {
        // Most come in order.
        if let Some((_, last)) = self.0.last_mut()
            && last.checked_add(1) == Some(offset)
        {
            *last = offset;
            return;
        }
        let after = self.0.partition_point(|(first, _)| *first <= offset);
        let joins_next = self.0.get(after).is_some_and(|(first, _)| offset.checked_add(1) == Some(*first));
        match self.0[..after].last_mut() {
            Some((_, last)) if *last >= offset => {}
            Some((_, last)) if last.checked_add(1) == Some(offset) => {
                *last = offset;
                if joins_next {
                    let (_, end) = self.0.remove(after);
                    self.0[after - 1].1 = end;
                }
            }
            _ if joins_next => self.0[after].0 = offset,
            _ => self.0.insert(after, (offset, offset)),
        }
    }

    /// Adds all offsets of another set.
    pub(crate) fn extend(&mut self, others: &Self) {
        let Some((lowest, _)) = others.0.first() else { return };
        // What is below the other set stays as it is: in most cases all but the last range.
        let below = self.0.partition_point(|(_, last)| last.saturating_add(1) < *lowest);
        let mut all: Vec<_> = self.0.drain(below..).chain(others.0.iter().copied()).collect();
        all.sort_unstable();
        for (first, last) in all {
            match self.0.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => self.0.push((first, last)),
            }
        }
    }

    pub(crate) fn has_all_of(&self, others: &Self) -> bool {
        others.0.iter().all(|(first, last)| {
            let after = self.0.partition_point(|(own, _)| own <= first);
            after > 0 && self.0[after - 1].1 >= *last
        })
    }

    /// Forgets the lowest ranges beyond so many, but none that reaches `since`.
    pub(crate) fn keep_newest(&mut self, ranges: usize, since: u64) {
        let excess = self.0.len().saturating_sub(ranges);
        let before = self.0.partition_point(|(_, last)| *last < since);
        self.0.drain(..excess.min(before));
    }
}

impl FromIterator<u64> for Offsets {
    fn from_iter<I: IntoIterator<Item = u64>>(offsets: I) -> Self {
        let mut all = Self::default();
        offsets.into_iter().for_each(|offset| all.insert(offset));
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_set_of_ranges_is_a_set() {
        // A fixed sequence that hits neighbours, repetitions and gaps.
        let numbers: Vec<u64> = (0..400).map(|number| number * 37 % 101 + number / 80).collect();
        let (mut ranges, mut set) = (Offsets::default(), BTreeSet::new());
        for number in &numbers {
            ranges.insert(*number);
            set.insert(*number);
            for offset in 0..120 {
                assert_eq!(ranges.contains(offset), set.contains(&offset), "{offset} of {ranges:?}");
            }
            assert_eq!(ranges.len(), set.len());
            assert!(ranges.0.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{ranges:?}");
        }
        let (even, odd): (Vec<_>, Vec<_>) = (0..50).partition(|number| number % 2 == 0);
        let mut both: Offsets = even.iter().copied().collect();
        assert!(!both.has_all_of(&odd.iter().copied().collect()));
        both.extend(&odd.into_iter().collect());
        assert_eq!(both, Offsets(vec![(0, 49)]));
        assert!(both.has_all_of(&even.into_iter().collect()));
    }

    #[test]
    fn gaps_distinguish_sets_of_equal_bounds() {
        let gaps = |offsets: &[u64]| offsets.iter().copied().collect::<Offsets>().gaps();
        assert_eq!((gaps(&[]), gaps(&[7]), gaps(&[1, 3, 2])), (None, None, None));
        assert_eq!(gaps(&[1, 3, 4]), gaps(&[4, 1, 3]));
        assert_ne!(gaps(&[1, 3, 4]), gaps(&[1, 2, 4]));
        // Names of files have it.
        assert_eq!(gaps(&[1, 3]), Some(0xceb2_8631));
    }

    #[test]
    fn the_lowest_ranges_are_forgotten() {
        let all: Offsets = [1, 3, 5, 7, 8].into_iter().collect();
        for (since, kept) in [(9, vec![(5, 5), (7, 8)]), (3, vec![(3, 3), (5, 5), (7, 8)]), (0, all.0.clone())] {
            let mut offsets = all.clone();
            offsets.keep_newest(2, since);
            assert_eq!(offsets, Offsets(kept), "{since}");
        }
    }

    #[test]
    fn ranges_are_written_in_few_digits_and_read_as_they_were_before() {
        for (ranges, text) in [(vec![], "[]"), (vec![(5, 5), (7, 9), (1_000_007, 1_000_008)], "[5,0,2,2,999998,1]")] {
            let offsets = Offsets(ranges);
            assert_eq!(serde_json::to_string(&offsets).unwrap(), text);
            assert_eq!(serde_json::from_str::<Offsets>(text).unwrap(), offsets);
            assert_eq!(serde_json::from_str::<Offsets>(&serde_json::to_string(&offsets.0).unwrap()).unwrap(), offsets);
        }
    }
}
