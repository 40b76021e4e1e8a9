//! What one task of several reads of a topic.

use crate::config::SubscriptionType;

/// One connector instance among those of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// From 0.
    pub(crate) task: usize,
    /// How many tasks there are.
    pub(crate) tasks: usize,
}

impl Share {
    /// Whether this task reads a partition.
    ///
    /// Where a subscription takes one consumer at a time, each partition belongs to one task, so that its order holds.
    /// Of the other types every task is a consumer, and the broker spreads the messages.
    pub(crate) fn has(self, subscription_type: SubscriptionType, partition: &str) -> bool {
        match subscription_type {
            SubscriptionType::Shared | SubscriptionType::KeyShared => true,
            SubscriptionType::Exclusive | SubscriptionType::Failover => {
                let number = partition.rsplit_once("-part-").and_then(|(_, number)| number.parse().ok());
                // Topics without partitions are spread by name, the same way each time.
                let number: usize = number.unwrap_or_else(|| partition.bytes().map(usize::from).sum());
                number % self.tasks == self.task
            }
        }
    }

    /// The name under which this task attaches.
    pub(crate) fn consumer_name(self, subscription_type: SubscriptionType, name: &str) -> String {
        match subscription_type {
            SubscriptionType::Shared | SubscriptionType::KeyShared if self.tasks > 1 => format!("{name}-{}", self.task),
            _ => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_takes_one_consumer_belongs_to_one_task() {
        for partition in ["/default/a", "/default/b", "/default/c-part-0", "/default/c-part-1", "/default/c-part-7"] {
            let owners =
                (0..3).filter(|task| Share { task: *task, tasks: 3 }.has(SubscriptionType::Exclusive, partition));
            assert_eq!(owners.count(), 1, "{partition}");
        }
        let shared = |task| Share { task, tasks: 3 }.has(SubscriptionType::Shared, "/default/a");
        assert!((0..3).all(shared));
    }
}
