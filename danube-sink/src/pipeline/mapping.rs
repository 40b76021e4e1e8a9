//! A topic mapping: the state that its consumers, its batches and its writes share.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::{Notify, futures::Notified, watch};
use tokio_util::sync::CancellationToken;

use super::{cost::WriteCost, decided::Decisions, partition::Partition, pending::PendingRun, refusals::Refusals};
use crate::{
    config::{MappingSettings, SubscriptionType},
    observe::{Half, MappingObserver, Observer},
    spool::MappingSpool,
};

/// The flush interval is at most the ack timeout divided by this: a record must not wait so long for its batch that its
/// acknowledgement is late.
const FLUSHES_AN_ACK_TIMEOUT: u32 = 4;

/// What a pipeline does with the messages of a mapping.
#[derive(Debug, Clone, Default)]
pub(crate) enum Role {
    /// From the broker to the target.
    #[default]
    Whole,
    /// From the broker to the spool.
    Intake(Arc<MappingSpool>),
    /// From the spool to the target.
    Delivery,
}

/// The shared state of a topic mapping.
pub(crate) struct Mapping {
    pub(crate) settings: MappingSettings,
    pub(crate) role: Role,
    pub(crate) topic: Arc<str>,
    pub(crate) subscription: Arc<str>,
    pub(crate) observer: MappingObserver,
    /// Observes subscriptions: those of a delivery from the spool are not the broker's, and are not shown.
    pub(crate) subscriptions: MappingObserver,
    pub(crate) cost: WriteCost,
    pub(crate) refusals: Refusals,
    pub(crate) decisions: Decisions,
    /// Records whose order matters share a stripe. Stripes are written in parallel.
    stripes: Vec<StripeQueue>,
    /// Partitions that are detached because their records are not written in time.
    overdue: AtomicUsize,
    /// Notified when there is one more.
    detached: Notify,
    /// The number of batches that cannot be delivered now.
    failing: watch::Sender<usize>,
    /// Why records cannot be decoded or settled, by cause and the topic of their partition.
    blocked_by: Mutex<BTreeMap<(Cause, Arc<str>), String>>,
}

/// What keeps the records of a partition from being decoded or settled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// The target, or the disk of the spool.
    Write,
    Schema,
    DeadLetters,
    /// A log, by its name, cannot be read.
    Log(Arc<str>),
}

/// The queue of records that wait to be decoded.
#[derive(Default)]
pub(crate) struct StripeQueue {
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Default)]
struct Queue {
    runs: VecDeque<PendingRun>,
    /// Takes no more records.
    is_closed: bool,
    /// Its stripe has ended and takes no record out any more.
    has_ended: bool,
}

/// A guard that counts a batch as undeliverable while it lives.
pub(crate) struct Failing {
    mapping: Arc<Mapping>,
    /// `/ready` shows why.
    is_reported: bool,
}

impl Mapping {
    /// `instances` of the connector write in parallel.
    pub(crate) fn new(mut settings: MappingSettings, role: Role, instances: usize, observer: &Observer) -> Self {
        let observed = observer.mapping(&settings.consumer);
        observed.started(role.half());
        let subscriptions = if role.is_delivery() {
            settings.max_unacked_messages = Some(settings.batch_size.saturating_mul(instances + 1));
            settings.consumer.consumer_name = "spool".to_owned();
            Observer::new(&settings.consumer.consumer_name).mapping(&settings.consumer)
        } else {
            settings.flush_interval = settings.flush_interval.min(settings.ack_timeout / FLUSHES_AN_ACK_TIMEOUT);
            observed.clone()
        };
        let stripes = match settings.consumer.subscription_type {
            _ if matches!(role, Role::Intake(_)) => 1,
            SubscriptionType::Shared => 1,
            _ if settings.single_writer => 1,
            _ => instances,
        };
        Self {
            topic: settings.consumer.topic.as_str().into(),
            subscription: settings.consumer.subscription.as_str().into(),
            observer: observed,
            subscriptions,
            role,
            cost: WriteCost::default(),
            refusals: Refusals::default(),
            decisions: Decisions::default(),
            stripes: (0..stripes).map(|_| StripeQueue::default()).collect(),
            overdue: AtomicUsize::new(0),
            detached: Notify::new(),
            failing: watch::Sender::new(0),
            blocked_by: Mutex::default(),
            settings,
        }
    }

    pub(crate) fn stripes(&self) -> &[StripeQueue] {
        &self.stripes
    }

    /// Whether a later record must not be written before an earlier one, of its partition or key.
    pub(crate) fn is_ordered(&self) -> bool {
        self.settings.consumer.subscription_type != SubscriptionType::Shared
    }

    /// How many batches of one stripe are written in parallel.
    pub(crate) fn writes_at_once(&self, instances: usize) -> usize {
        if self.is_ordered() || self.settings.single_writer { 1 } else { instances }
    }

    pub(crate) fn push(&self, mut run: PendingRun) {
        if self.stripes.len() == 1 {
            return self.stripes[0].push(run);
        }
        if self.settings.consumer.subscription_type != SubscriptionType::KeyShared {
            return self.stripes[self.stripe_of(&run.partition)].push(run);
        }
        while let Some(entry) = run.entries().first() {
            // Messages without a key are one order of their own.
            let stripe = hash(entry.key.as_deref().unwrap_or_default()) % self.stripes.len();
            self.stripes[stripe].push(run.split_to(1));
        }
    }

    /// Partitions of one topic are in stripes that follow each other; topics begin at different ones.
    fn stripe_of(&self, partition: &Partition) -> usize {
        let number = partition.number.unwrap_or_default() as usize;
        (hash(&self.topic) + number) % self.stripes.len()
    }

    /// Whether records that wait for a failing target go back to the broker once their partition is detached.
    ///
    /// A shutdown writes what is in hand. And when a broker removes a KeyShared consumer from its ring, it forgets what that
    /// consumer had in hand.
    pub(crate) fn gives_back(&self, stop: &CancellationToken) -> bool {
        self.settings.consumer.subscription_type != SubscriptionType::KeyShared && !stop.is_cancelled()
    }

    /// Gives queued records of a partition back to the broker.
    pub(crate) fn release(&self, partition: &Partition) {
        self.stripes.iter().for_each(|stripe| stripe.release(|of| std::ptr::eq(of, partition)));
        self.wake();
    }

    /// Wakes the stripes: something changed that may close a batch.
    pub(crate) fn wake(&self) {
        self.stripes.iter().for_each(|stripe| stripe.changed.notify_one());
    }

    /// Marks a partition as detached because its records are not written in time.
    pub(crate) fn detach(&self, partition: &Partition) {
        // Counted first: whoever sees the partition's flag, and gives records back, also sees that there is one.
        self.overdue.fetch_add(1, Ordering::Release);
        partition.set_overdue(true);
        self.detached.notify_waiters();
        self.wake();
    }

    /// Ends that: its records in hand are written, or went back.
    pub(crate) fn end_detachment(&self, partition: &Partition) {
        partition.set_overdue(false);
        self.overdue.fetch_sub(1, Ordering::Release);
    }

    /// Whether a partition is detached because its records are not written in time.
    pub(crate) fn is_overdue(&self) -> bool {
        self.overdue.load(Ordering::Acquire) > 0
    }

    /// Returns when the next partition is detached.
    pub(crate) fn detached(&self) -> Notified<'_> {
        self.detached.notified()
    }

    /// Closes the queues: no more records are pushed.
    pub(crate) fn close(&self) {
        self.stripes.iter().for_each(|stripe| stripe.queue().is_closed = true);
        self.wake();
    }

    /// Counts a batch as undeliverable until the guard is dropped.
    pub(crate) fn fails(self: &Arc<Self>) -> Failing {
        self.failing.send_modify(|failing| *failing += 1);
        Failing { mapping: Arc::clone(self), is_reported: false }
    }

    /// The number of batches that cannot be delivered.
    pub(crate) fn failing(&self) -> watch::Receiver<usize> {
        self.failing.subscribe()
    }

    /// Blocks the mapping: records cannot be decoded or settled, although the target may be healthy.
    pub(crate) fn block(&self, cause: Cause, partition: &Partition, reason: String) {
        let mut blocked = self.blocked();
        blocked.insert((cause, Arc::clone(&partition.topic)), reason);
        self.show(&blocked, &partition.topic);
    }

    /// Ends the blocks of a cause: what one partition lacked, no other lacks.
    pub(crate) fn unblock(&self, cause: &Cause) {
        let mut blocked = self.blocked();
        let ended: Vec<_> = blocked.extract_if(.., |(of, _), _| of == cause).collect();
        ended.iter().for_each(|((_, topic), _)| self.show(&blocked, topic));
    }

    /// Shows whether a topic is blocked, and by which cause first.
    fn show(&self, blocked: &BTreeMap<(Cause, Arc<str>), String>, topic: &str) {
        match blocked.iter().find(|((_, of), _)| **of == *topic) {
            Some((_, reason)) => self.observer.blocked(topic, self.role.half(), reason),
            None => self.observer.unblocked(topic, self.role.half()),
        }
    }

    pub(crate) fn blocked_by(&self) -> Option<String> {
        self.blocked().values().next().cloned()
    }

    fn blocked(&self) -> MutexGuard<'_, BTreeMap<(Cause, Arc<str>), String>> {
        self.blocked_by.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Role {
    pub(crate) fn is_delivery(&self) -> bool {
        matches!(self, Self::Delivery)
    }

    fn half(&self) -> Half {
        if self.is_intake() { Half::Intake } else { Half::Delivery }
    }

    pub(crate) fn is_intake(&self) -> bool {
        matches!(self, Self::Intake(_))
    }
}

impl Failing {
    /// `/ready` shows the reason until [`end`](Self::end): a batch that is dropped may be the last one, and nothing got better.
    pub(crate) fn report(&mut self, partition: &Partition, reason: String) {
        self.is_reported = true;
        self.mapping.block(Cause::Write, partition, reason);
    }

    /// The target took records of the batch or answered something else, or they were given up.
    pub(crate) fn end(self) {
        if self.is_reported {
            self.mapping.unblock(&Cause::Write);
        }
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        self.mapping.failing.send_modify(|failing| *failing -= 1);
    }
}

impl StripeQueue {
    fn push(&self, run: PendingRun) {
        let mut queue = self.queue();
        if !queue.has_ended {
            queue.runs.push_back(run);
            drop(queue);
            self.changed.notify_one();
        }
    }

    /// Gives back what is queued of some detached partitions: no more of them follows until they are attached.
    pub(crate) fn release(&self, goes_back: impl Fn(&Partition) -> bool) {
        self.queue().runs.retain(|run| !goes_back(&run.partition));
    }

    pub(crate) fn pop(&self) -> Option<PendingRun> {
        self.queue().runs.pop_front()
    }

    /// Whether the queue is closed and empty.
    pub(crate) fn is_done(&self) -> bool {
        let queue = self.queue();
        queue.is_closed && queue.runs.is_empty()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queue().is_closed
    }

    /// Ends the queue: gives back what is queued and what is still pushed.
    pub(crate) fn end(&self) {
        let runs = {
            let mut queue = self.queue();
            queue.has_ended = true;
            std::mem::take(&mut queue.runs)
        };
        drop(runs);
    }

    /// Waits until something was pushed or changed since the last call.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hash that is the same in every process, so that the order holds over restarts.
fn hash(text: &str) -> usize {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(text);
    usize::try_from(hash >> 33).unwrap_or_default()
}
