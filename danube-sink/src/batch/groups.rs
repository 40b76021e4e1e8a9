//! Groups of a batch: records that belong into one write.

use std::{collections::HashMap, fmt, hash::Hash};

use super::{Batch, concurrently::OrderingKey};
use crate::{config::SubscriptionType, error::ConnectorResult, record::SinkRecord};

/// Records of a batch that have a key in common, as a batch of their own: [`Batch::concurrently`] writes it.
pub struct Group<'t, T, K> {
    /// The key that the records have in common.
    pub key: K,
    /// The records, with the settings of their mapping.
    pub batch: Batch<'t, T>,
}

impl<'t, T: Sync> Batch<'t, T> {
    /// Groups the records by a key, such as the table, index or URL that each belongs into. A record whose key cannot be
    /// made is rejected by itself, as [`each`](Self::each) does.
    ///
    /// Within a group records keep their order. A key has several groups where one group would break the order of the
    /// subscription: written one after the other, groups let no record overtake an earlier one of its partition (Exclusive,
    /// Failover) or routing key (KeyShared). With Shared, each key has one group.
    ///
    /// # Errors
    /// Those of [`each`](Self::each).
    pub fn group_by<K: Eq + Hash + Send>(
        &mut self,
        key: impl Fn(&T, &SinkRecord) -> ConnectorResult<K> + Sync,
    ) -> ConnectorResult<Vec<Group<'t, T, K>>> {
        let keys = self.each(key)?;
        let numbers = numbers(&keys, &self.records, self.across_groups);
        Ok(self.grouped(keys, numbers))
    }

    /// Groups the records by the table or file that each belongs into, one group for each, whatever the subscription: within a
    /// group records keep their order, and [`concurrently`](Self::concurrently) lets those of different groups overtake each
    /// other. For targets that readers read one by one, where nothing depends on what another one has.
    ///
    /// # Errors
    /// Those of [`each`](Self::each).
    pub fn group_by_target<K: Eq + Hash + Send>(
        &mut self,
        key: impl Fn(&T, &SinkRecord) -> ConnectorResult<K> + Sync,
    ) -> ConnectorResult<Vec<Group<'t, T, K>>> {
        self.across_groups = SubscriptionType::Shared;
        self.group_by(key)
    }

    /// One group for each record, with its key, in order: for a target that takes one record in a write.
    ///
    /// # Errors
    /// Those of [`each`](Self::each).
    pub fn one_by_one<K: Send>(
        &mut self,
        key: impl Fn(&T, &SinkRecord) -> ConnectorResult<K> + Sync,
    ) -> ConnectorResult<Vec<Group<'t, T, K>>> {
        let keys = self.each(key)?;
        let numbers = (0..keys.len()).collect();
        Ok(self.grouped(keys, numbers))
    }

    /// Groups adjacent records with the same key. The groups in order are the records in order, for a target in which the
    /// order of all records counts.
    ///
    /// # Errors
    /// Those of [`each`](Self::each).
    pub fn runs_by<K: PartialEq + Send>(
        &mut self,
        key: impl Fn(&T, &SinkRecord) -> ConnectorResult<K> + Sync,
    ) -> ConnectorResult<Vec<Group<'t, T, K>>> {
        let keys = self.each(key)?;
        let run_starts = keys.windows(2).map(|pair| usize::from(pair[0] != pair[1]));
        let add = |number: &mut usize, start| {
            *number += start;
            Some(*number)
        };
        let numbers = [0].into_iter().chain(run_starts).take(keys.len()).scan(0, add).collect();
        Ok(self.grouped(keys, numbers))
    }

    /// The groups with these numbers, which count up from 0 in the order of their first records.
    fn grouped<K>(&self, keys: Vec<K>, numbers: Vec<usize>) -> Vec<Group<'t, T, K>> {
        let mut groups: Vec<Group<'t, T, K>> = Vec::new();
        for ((key, number), record) in keys.into_iter().zip(numbers).zip(&self.records) {
            match groups.get_mut(number) {
                Some(group) => group.batch.records.push(record.clone()),
                None => groups.push(Group { key, batch: self.part(vec![record.clone()]) }),
            }
        }
        groups
    }

    fn part(&self, records: Vec<SinkRecord>) -> Self {
        let (mapping, deadline, across_groups) = (self.mapping, self.deadline, self.across_groups);
        let (failure, open) = Default::default();
        Self { mapping, deadline, records, failure, across_groups, open }
    }
}

/// The number of the group that each record belongs into.
fn numbers<K: Eq + Hash>(keys: &[K], records: &[SinkRecord], order: SubscriptionType) -> Vec<usize> {
    let (mut of_key, mut last_of_domain, mut count) = (HashMap::new(), HashMap::new(), 0);
    let number = |(key, record)| {
        let last = OrderingKey::of(record, order).map(|domain| last_of_domain.entry(domain).or_insert(0));
        // In a group before the last one of its domain, the record would overtake others.
        let known = of_key.get(key).copied().filter(|number| last.as_ref().is_none_or(|last| **last <= *number));
        let number = known.unwrap_or_else(|| {
            of_key.insert(key, count);
            count += 1;
            count - 1
        });
        last.into_iter().for_each(|last| *last = number);
        number
    };
    keys.iter().zip(records).map(number).collect()
}

impl<T, K> AsRef<[SinkRecord]> for Group<'_, T, K> {
    fn as_ref(&self) -> &[SinkRecord] {
        self.batch.records()
    }
}

/// Prints the batch without the key, which may hold values of a record.
impl<T, K> fmt::Debug for Group<'_, T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("batch", &self.batch).finish_non_exhaustive()
    }
}
