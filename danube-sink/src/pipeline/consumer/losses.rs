//! What the broker did not send, told as far as a consumer can know it.

use std::{collections::VecDeque, time::Duration};

use crate::{
    config::{MappingSettings, SubscriptionType},
    pipeline::{
        broker::{AckToken, Message},
        ledger::Gap,
        partition::Partition,
    },
    record::microseconds,
};

/// Producers that are remembered, to tell a new one.
const PRODUCERS: usize = 64;
/// Publish times that jump so far over a lost connection say that messages may be missing in between.
const JUMP: Duration = Duration::from_secs(1);

/// Whether this process receives every message of the subscription: what it does not receive is lost.
pub(crate) fn is_only_reader(settings: &MappingSettings) -> bool {
    match settings.consumer.subscription_type {
        SubscriptionType::Exclusive | SubscriptionType::Failover => true,
        SubscriptionType::Shared => settings.sole_consumer,
        SubscriptionType::KeyShared => false,
    }
}

/// What a partition's messages tell of those that did not come.
#[derive(Debug)]
pub(super) struct Losses {
    /// This process reads every message of the subscription, so that a gap is a loss.
    is_alone: bool,
    /// The topic was seen missing, and nothing of it has come yet.
    was_missing: bool,
    /// The connection was lost, and nothing new has come since.
    was_lost: bool,
    producers: VecDeque<u64>,
    last_producer: Option<u64>,
    last_published: u64,
}

impl Losses {
    pub(super) fn new(settings: &MappingSettings, was_missing: bool) -> Self {
        let is_alone = is_only_reader(settings);
        Self {
            is_alone,
            was_missing,
            was_lost: false,
            producers: VecDeque::new(),
            last_producer: None,
            last_published: 0,
        }
    }

    /// The connection to the broker was lost: it may have begun anew.
    pub(super) fn connection_lost(&mut self, partition: &Partition) {
        self.was_lost = true;
        partition.observer.connection_lost();
    }

    /// The broker skipped messages. Where others read the subscription too, they may have them.
    pub(super) fn gap(&self, gap: Gap, partition: &Partition) {
        if self.is_alone {
            partition.observer.gap(gap.messages, gap.end);
        }
    }

    /// A new message has come.
    pub(super) fn observe(&mut self, message: &Message, began_anew: bool, partition: &Partition) {
        let AckToken { offset, ref source, .. } = message.token;
        let producer_id = source.producer_id;
        if self.last_producer == Some(producer_id) && !began_anew && !self.was_missing && !self.was_lost {
            self.last_published = message.publish_time;
            return;
        }
        if std::mem::take(&mut self.was_missing) && offset > 0 {
            partition.observer.late_start(offset);
        }
        let was_lost = std::mem::take(&mut self.was_lost);
        let published = message.publish_time;
        let is_known = self.last_producer == Some(producer_id) || self.producers.contains(&producer_id);
        if began_anew {
            partition.observer.offsets_restarted(offset);
        } else if was_lost && !is_known && self.jumped(published) {
            partition.observer.possible_loss(offset);
        }
        if !is_known {
            self.producers.push_back(producer_id);
            if self.producers.len() > PRODUCERS {
                self.producers.pop_front();
            }
        }
        self.last_producer = Some(producer_id);
        self.last_published = published;
    }

    fn jumped(&self, published: u64) -> bool {
        let jump = u64::try_from(JUMP.as_micros()).unwrap_or(u64::MAX);
        let (last, published) = (microseconds(self.last_published), microseconds(published));
        last > 0 && published.saturating_sub(last) > jump
    }
}
