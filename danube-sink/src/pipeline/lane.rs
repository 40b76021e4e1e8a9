//! One mapping's lane: the queue between its partitions' intakes and its batches.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};

use super::{
    broker::{AckToken, Message},
    budget::Bytes,
    hands::Identity,
    partition::Partition,
};
use crate::{
    config::MappingSettings,
    observe::{MappingObserver, Observer},
    record::SinkRecord,
};

/// A record that waits longer than this part of the ack timeout for company is too late for its acknowledgement.
const FLUSHES_AN_ACK_TIMEOUT: u32 = 4;

/// What the intakes, the batches and the acknowledgements of one mapping share.
pub(crate) struct Lane {
    pub(crate) settings: MappingSettings,
    pub(crate) topic: Arc<str>,
    pub(crate) subscription: Arc<str>,
    pub(crate) observer: MappingObserver,
    queue: Mutex<Queue>,
    changed: Notify,
    /// Why records cannot be written although the target may be well.
    trouble: Mutex<Option<String>>,
    /// Acknowledgements that the broker has not taken yet.
    owed: watch::Sender<usize>,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<QueuedMessage>,
    closed: bool,
    /// Nobody takes messages out any more.
    ended: bool,
}

/// A message between intake and decoding. Dropping it gives its bytes back to the budget.
pub(crate) struct QueuedMessage {
    pub(crate) delivery: Message,
    pub(crate) place: Place,
}

/// A record in hand, decoded. Dropping it without settling it counts as not delivered.
pub(crate) struct Held {
    pub(crate) record: SinkRecord,
    pub(crate) place: Place,
    pub(crate) token: AckToken,
    /// The schema as the message names it.
    pub(crate) schema: Option<(u64, Option<u32>)>,
}

/// Where a message came from, and the share of the budget that it takes.
///
/// Dropping it makes the message unknown, so that it is taken when the broker sends it again.
pub(crate) struct Place {
    pub(crate) partition: Arc<Partition>,
    pub(crate) identity: Identity,
    pub(crate) arrival: Instant,
    pub(crate) bytes: Option<Bytes>,
}

impl Place {
    pub(crate) fn new(partition: &Arc<Partition>, identity: Identity, arrival: Instant) -> Self {
        Self { partition: Arc::clone(partition), identity, arrival, bytes: None }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.partition.let_go(self.identity);
    }
}

impl Lane {
    pub(crate) fn new(mut settings: MappingSettings, observer: &Observer) -> Self {
        settings.flush_interval = settings.flush_interval.min(settings.ack_timeout / FLUSHES_AN_ACK_TIMEOUT);
        Self {
            topic: settings.consumer.topic.as_str().into(),
            subscription: settings.consumer.subscription.as_str().into(),
            observer: observer.mapping(&settings.consumer),
            settings,
            queue: Mutex::default(),
            changed: Notify::new(),
            trouble: Mutex::default(),
            owed: watch::Sender::new(0),
        }
    }

    pub(crate) fn push(&self, message: QueuedMessage) {
        let mut queue = self.queue();
        if !queue.ended {
            queue.messages.push_back(message);
            self.changed.notify_one();
        }
    }

    /// Lets go of the messages of a partition that nobody has taken out yet.
    pub(crate) fn let_go_of(&self, partition: &Arc<Partition>) {
        self.queue().messages.retain(|message| !Arc::ptr_eq(&message.place.partition, partition));
    }

    /// Nobody takes messages out any more: lets go of what waits and of what still comes.
    pub(crate) fn end(&self) {
        let mut queue = self.queue();
        queue.ended = true;
        queue.messages.clear();
    }

    /// A record cannot be decoded or settled, for something that the broker does not give.
    pub(crate) fn held_up(&self, partition: &Partition, reason: String) {
        self.observer.blocked(&partition.topic, &reason);
        *self.in_trouble() = Some(reason);
    }

    /// It could, if it was held up before.
    pub(crate) fn goes_on(&self, partition: &Partition) {
        if self.in_trouble().take().is_some() {
            self.observer.unblocked(&partition.topic);
        }
    }

    /// What holds records up just now.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.in_trouble().clone()
    }

    fn in_trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many acknowledgements are to leave.
    pub(crate) fn owe(&self, count: usize) {
        self.owed.send_modify(|owed| *owed += count);
    }

    /// The broker took one.
    pub(crate) fn pay(&self) {
        self.owed.send_modify(|owed| *owed = owed.saturating_sub(1));
    }

    /// Returns when the broker took all of them.
    pub(crate) async fn paid(&self) {
        // It fails only without a sender, which this is.
        let _ = self.owed.subscribe().wait_for(|owed| *owed == 0).await;
    }

    /// No more messages will come.
    pub(crate) fn close(&self) {
        self.queue().closed = true;
        self.changed.notify_one();
    }

    pub(crate) fn pop(&self) -> Option<QueuedMessage> {
        self.queue().messages.pop_front()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queue().closed
    }

    /// Returns when a message has come, the lane is closed, or the time is up, whichever is first.
    pub(crate) async fn changed(&self, deadline: Option<Instant>) {
        let up = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.changed.notified() => {}
            () = up => {}
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
