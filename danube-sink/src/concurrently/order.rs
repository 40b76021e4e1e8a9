//! Which parts are written one after the other.

use std::collections::HashMap;

use crate::{config::SubscriptionType, record::SinkRecord};

/// Records of one domain must not overtake each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Domain<'r> {
    Partition(&'r str),
    Key(Option<&'r str>),
}

impl<'r> Domain<'r> {
    /// `None` where the subscription promises no order.
    fn of(record: &'r SinkRecord, order: SubscriptionType) -> Option<Self> {
        match order {
            SubscriptionType::Exclusive | SubscriptionType::Failover => Some(Self::Partition(record.id().topic())),
            SubscriptionType::KeyShared => Some(Self::Key(record.key())),
            SubscriptionType::Shared => None,
        }
    }
}

/// The parts, with their numbers, in lines: those of a line are written one after the other. Parts that have records of one
/// domain are in the same line, as are those that a third part joins in this way.
pub(super) fn lines<P: AsRef<[SinkRecord]>>(parts: Vec<P>, order: SubscriptionType) -> Vec<Vec<(usize, P)>> {
    // A forest: each part points to an earlier one of its line, the first part of a line to itself.
    let mut earlier: Vec<usize> = (0..parts.len()).collect();
    let mut domains = HashMap::new();
    for (number, part) in parts.iter().enumerate() {
        for domain in part.as_ref().iter().filter_map(|record| Domain::of(record, order)) {
            let other = *domains.entry(domain).or_insert(number);
            let (one, other) = (first_of(&mut earlier, number), first_of(&mut earlier, other));
            earlier[one.max(other)] = one.min(other);
        }
    }
    let firsts: Vec<_> = (0..parts.len()).map(|number| first_of(&mut earlier, number)).collect();
    let mut lines: Vec<Vec<(usize, P)>> = Vec::new();
    let mut places = vec![0; parts.len()];
    for (number, part) in parts.into_iter().enumerate() {
        let first = firsts[number];
        if first == number {
            places[number] = lines.len();
            lines.push(Vec::new());
        }
        lines[places[first]].push((number, part));
    }
    lines
}

/// The first part of a part's line. Halves the way there, so that all look-ups together take linear time in practice.
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
        let lines = lines(parts(keys), order);
        lines.into_iter().map(|line| line.into_iter().map(|(number, _)| number).collect()).collect()
    }

    #[test]
    fn parts_that_share_a_domain_are_in_one_line() {
        use SubscriptionType::{Exclusive, Failover, KeyShared, Shared};
        for order in [Exclusive, Failover, KeyShared] {
            assert_eq!(numbers(&["a", "b", "a", "b"], order), [[0, 2], [1, 3]]);
            assert_eq!(numbers(&["aa", "bb", "aa", "bb"], order), [[0, 2], [1, 3]]);
            assert_eq!(numbers(&["ab", "b", "a", "c"], order), [vec![0, 1, 2], vec![3]]);
            // The last part joins lines that began apart.
            assert_eq!(numbers(&["a", "b", "c", "d", "bd", "ca"], order), [vec![0, 2, 5], vec![1, 3, 4]]);
            assert_eq!(numbers(&["a", "b", "c", "cba"], order), [[0, 1, 2, 3]]);
        }
        assert_eq!(numbers(&["ab", "b", "a"], Shared), [[0], [1], [2]]);
    }

    #[test]
    fn records_without_a_key_are_one_domain() {
        let record = |offset| vec![SinkRecord::builder("/default/t").offset(offset).build()];
        assert_eq!(lines(vec![record(0), record(1)], SubscriptionType::KeyShared).len(), 1);
        assert!(lines(Vec::<Vec<SinkRecord>>::new(), SubscriptionType::KeyShared).is_empty());
    }
}
