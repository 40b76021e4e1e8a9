//! Loss detection: reports messages that the broker did not send, as far as a consumer can know.

use std::{collections::VecDeque, time::Duration};

use crate::{
    config::{MappingSettings, SubscriptionType},
    pipeline::{broker::Message, ledger::Gap, partition::Partition},
    record::microseconds,
};

/// The number of producers to remember, to recognize a new one.
const PRODUCERS: usize = 64;
/// A jump of publish times over a lost connection from which on messages may be missing.
const JUMP: Duration = Duration::from_secs(1);

/// Whether this process is the only reader of the subscription: a message that it does not receive is lost.
pub(crate) fn is_only_reader(settings: &MappingSettings) -> bool {
    match settings.consumer.subscription_type {
        SubscriptionType::Exclusive | SubscriptionType::Failover => true,
        SubscriptionType::Shared => settings.sole_consumer,
        SubscriptionType::KeyShared => false,
    }
}

/// The loss detection of one partition.
#[derive(Debug)]
pub(super) struct Losses {
    /// Messages come from the spool, which loses none unnoticed.
    is_silent: bool,
    /// This process reads every message of the subscription, so that a gap is a loss.
    is_only_reader: bool,
    /// The topic was missing, and no message of it has arrived yet.
    was_missing: bool,
    /// The connection was lost, and no new message has arrived since.
    was_lost: bool,
    producers: VecDeque<u64>,
    last_producer: Option<u64>,
    last_published: u64,
}

impl Losses {
    pub(super) fn new(settings: &MappingSettings, is_silent: bool, was_missing: bool) -> Self {
        Self {
            is_silent,
            is_only_reader: is_only_reader(settings) && !is_silent,
            was_missing,
            was_lost: false,
            producers: VecDeque::new(),
            last_producer: None,
            last_published: 0,
        }
    }

    /// Records a lost connection: the broker may have restarted.
    pub(super) fn connection_lost(&mut self, partition: &Partition) {
        self.was_lost = true;
        partition.observer.connection_lost();
    }

    /// Reports a gap, unless other readers of the subscription may have the messages.
    pub(super) fn gap(&self, gap: Gap, partition: &Partition) {
        if self.is_only_reader {
            partition.observer.gap(gap.messages, gap.end);
        }
    }

    /// Checks a new message for signs of a loss before it.
    pub(super) fn observe(&mut self, message: &Message, restarted: bool, partition: &Partition) {
        if self.is_silent {
            return;
        }
        let (offset, producer_id) = (message.offset, message.token.source.producer_id);
        if self.last_producer == Some(producer_id) && !restarted && !self.was_missing && !self.was_lost {
            self.last_published = message.publish_time;
            return;
        }
        // Others of the subscription may have those before it.
        if std::mem::take(&mut self.was_missing) && offset > 0 && self.is_only_reader {
            partition.observer.late_start(offset);
        }
        let was_lost = std::mem::take(&mut self.was_lost);
        let published = message.publish_time;
        let is_known = self.last_producer == Some(producer_id) || self.producers.contains(&producer_id);
        if restarted {
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
