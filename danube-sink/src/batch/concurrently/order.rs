//! Order of parts: which are written one after the other.

use std::collections::HashMap;

use crate::{config::SubscriptionType, record::SinkRecord};

/// Ordering key of a record. Records with the same key must not overtake each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::batch) enum OrderingKey<'r> {
    Partition(&'r str),
    Key(Option<&'r str>),
}

impl<'r> OrderingKey<'r> {
    /// `None` if the subscription guarantees no order.
    pub(in crate::batch) fn of(record: &'r SinkRecord, order: SubscriptionType) -> Option<Self> {
        match order {
            SubscriptionType::Exclusive | SubscriptionType::Failover => Some(Self::Partition(record.id().topic())),
            SubscriptionType::KeyShared => Some(Self::Key(record.key())),
            SubscriptionType::Shared => None,
        }
    }
}

/// Groups the parts, with their numbers, into sequences that are written one after the other. Parts that share an ordering
/// key are in the same sequence, also indirectly through a third part.
pub(super) fn sequences<P: AsRef<[SinkRecord]>>(parts: Vec<P>, order: SubscriptionType) -> Vec<Vec<(usize, P)>> {
    if parts.len() < 2 {
        return parts.into_iter().map(|part| vec![(0, part)]).collect();
    }
    // A union-find forest: each part points to an earlier one of its sequence, the first part to itself.
    let mut earlier: Vec<usize> = (0..parts.len()).collect();
    let mut keys = HashMap::new();
    for (number, part) in parts.iter().enumerate() {
        for key in part.as_ref().iter().filter_map(|record| OrderingKey::of(record, order)) {
            let other = *keys.entry(key).or_insert(number);
            let (one, other) = (first_of(&mut earlier, number), first_of(&mut earlier, other));
            earlier[one.max(other)] = one.min(other);
        }
    }
    let firsts: Vec<_> = (0..parts.len()).map(|number| first_of(&mut earlier, number)).collect();
    let mut sequences: Vec<Vec<(usize, P)>> = Vec::new();
    let mut positions = vec![0; parts.len()];
    for (number, part) in parts.into_iter().enumerate() {
        let first = firsts[number];
        if first == number {
            positions[number] = sequences.len();
            sequences.push(Vec::new());
        }
        sequences[positions[first]].push((number, part));
    }
    sequences
}

/// The first part of a part's sequence. Halves the path, so that all look-ups together take linear time in practice.
fn first_of(earlier: &mut [usize], mut number: usize) -> usize {
    while earlier[number] != number {
        earlier[number] = earlier[earlier[number]];
        number = earlier[number];
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records with a letter as their key.
    fn parts(keys: &[&str]) -> Vec<Vec<SinkRecord>> {
        let record = |key: char| {
            let record = SinkRecord::builder("/default/t").key(key);
            let partition = key.to_digit(36);
            record.partition(partition, format!("/default/t-part-{key}").into()).build()
        };
        keys.iter().map(|part| part.chars().map(record).collect()).collect()
    }

    fn numbers(keys: &[&str], order: SubscriptionType) -> Vec<Vec<usize>> {
        let sequences = sequences(parts(keys), order);
        sequences.into_iter().map(|sequence| sequence.into_iter().map(|(number, _)| number).collect()).collect()
    }

    #[test]
    fn parts_that_share_a_key_are_in_one_sequence() {
        use SubscriptionType::{Exclusive, Failover, KeyShared, Shared};
        for order in [Exclusive, Failover, KeyShared] {
            assert_eq!(numbers(&["a", "b", "a", "b"], order), [[0, 2], [1, 3]]);
            assert_eq!(numbers(&["aa", "bb", "aa", "bb"], order), [[0, 2], [1, 3]]);
            assert_eq!(numbers(&["ab", "b", "a", "c"], order), [vec![0, 1, 2], vec![3]]);
            // The last part joins sequences that started separately.
            assert_eq!(numbers(&["a", "b", "c", "d", "bd", "ca"], order), [vec![0, 2, 5], vec![1, 3, 4]]);
            assert_eq!(numbers(&["a", "b", "c", "cba"], order), [[0, 1, 2, 3]]);
        }
        assert_eq!(numbers(&["ab", "b", "a"], Shared), [[0], [1], [2]]);
    }

    #[test]
    fn records_without_a_key_share_one_ordering_key() {
        let record = |offset| vec![SinkRecord::builder("/default/t").offset(offset).build()];
        assert_eq!(sequences(vec![record(0), record(1)], SubscriptionType::KeyShared).len(), 1);
        assert!(sequences(Vec::<Vec<SinkRecord>>::new(), SubscriptionType::KeyShared).is_empty());
    }
}
