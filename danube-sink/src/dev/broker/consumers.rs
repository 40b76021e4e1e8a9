//! Consumers of one subscription, and dispatch of messages to them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use danube_core::proto::StreamMessage;
use tokio::time::Instant;

use super::keys;
use super::realism::{EVICTION, SLOTS};

/// Subscription type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Exclusive,
    Shared,
    Failover,
    KeyShared,
}

impl Kind {
    pub(crate) fn from_wire(kind: i32) -> Option<Self> {
        match kind {
            0 => Some(Self::Exclusive),
            1 => Some(Self::Shared),
            2 => Some(Self::Failover),
            3 => Some(Self::KeyShared),
            _ => None,
        }
    }
}

/// Whether and how a stream ended.
#[derive(Debug, Default)]
pub(crate) struct StreamEnd(AtomicU8);

impl StreamEnd {
    const REPLACED: u8 = 1;
    const KICKED: u8 = 2;

    fn set(&self, end: u8) {
        self.0.store(end, Ordering::SeqCst);
    }

    /// `None` while the stream is open, otherwise whether it ends with an error.
    pub(crate) fn ended(&self) -> Option<bool> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            end => Some(end == Self::KICKED),
        }
    }
}

/// A message queued for a consumer; attempt 0 is a message of a non-reliable topic, which needs no ack.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) message: Arc<StreamMessage>,
    pub(crate) attempt: u32,
}

#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) id: u64,
    name: String,
    filters: Vec<String>,
    /// Whether it is subscribed and not disconnected since, as health checks report.
    pub(crate) active: bool,
    /// When its last stream ended, unless it subscribed again.
    left: Option<Instant>,
    /// Whether it was evicted, and receives nothing any more.
    evicted: bool,
    stream: Option<Session>,
    queue: VecDeque<Queued>,
}

#[derive(Debug)]
struct Session {
    end: Arc<StreamEnd>,
    waker: Option<Waker>,
}

/// Target of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The consumer at this index of the list.
    Consumer(usize),
    /// No consumer now: the eligible ones are disconnected or have full queues.
    Later,
    /// The consumer with this id, whose queue is full: the dispatcher blocks on it.
    Full(u64),
    /// No consumer ever: no filter accepts it.
    Filtered,
}

/// Consumers in the order of subscription; none is ever removed, as in the real broker.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    list: Vec<Consumer>,
    turn: usize,
    /// Whether reliable messages are queued for consumers without a stream, and block on one that does not read.
    slots_hang: bool,
    /// Whether a consumer without a stream is evicted after some time, and its keys wait for it until then.
    evicts: bool,
}

impl Consumers {
    pub(crate) fn new(slots_hang: bool, evicts: bool) -> Self {
        Self { slots_hang, evicts, ..Self::default() }
    }

    pub(crate) fn add(&mut self, id: u64, name: &str, filters: Vec<String>) {
        let (name, queue) = (name.to_owned(), VecDeque::new());
        self.list.push(Consumer { id, name, filters, active: true, left: None, evicted: false, stream: None, queue });
    }

    pub(crate) fn clear(&mut self) {
        for consumer in &mut self.list {
            consumer.end_stream(StreamEnd::REPLACED);
        }
        self.list.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn attached(&self) -> usize {
        self.list.iter().filter(|consumer| consumer.stream.is_some()).count()
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<u64> {
        self.list.iter().find(|consumer| consumer.name == name).map(|consumer| consumer.id)
    }

    pub(crate) fn get(&mut self, id: u64) -> Option<&mut Consumer> {
        self.list.iter_mut().find(|consumer| consumer.id == id)
    }

    /// Whether a consumer can receive messages of a reliable topic, or keys wait for it.
    pub(crate) fn any_present(&self) -> bool {
        self.list.iter().any(|consumer| self.is_present(consumer, true) || self.is_awaited(consumer))
    }

    /// Whether a consumer without a stream is evicted after some time.
    pub(crate) fn evicts(&self) -> bool {
        self.evicts
    }

    /// Evicts the next consumer whose stream ended too long ago, and returns its id.
    pub(crate) fn evict(&mut self, now: Instant) -> Option<u64> {
        let is_over = |end| end <= now;
        let index = self.list.iter().position(|consumer| self.eviction_of(consumer).is_some_and(is_over))?;
        self.list[index].evicted = true;
        Some(self.list[index].id)
    }

    /// The time of the next eviction.
    pub(crate) fn next_eviction(&self) -> Option<Instant> {
        self.list.iter().filter_map(|consumer| self.eviction_of(consumer)).min()
    }

    fn eviction_of(&self, consumer: &Consumer) -> Option<Instant> {
        consumer.left.filter(|_| self.evicts && !consumer.evicted).map(|left| left + EVICTION)
    }

    /// Whether its keys wait for it.
    fn is_awaited(&self, consumer: &Consumer) -> bool {
        self.eviction_of(consumer).is_some()
    }

    /// Whether a consumer is subscribed and not disconnected.
    pub(crate) fn any_active(&self) -> bool {
        self.list.iter().any(|consumer| consumer.active)
    }

    /// Whether a consumer reads and has a free slot.
    pub(crate) fn reads(&mut self, id: u64) -> bool {
        self.get(id).is_some_and(|consumer| consumer.stream.is_some() && consumer.has_slot())
    }

    /// Chooses the target of a message; `reliable` messages only go to open streams, unless slots hang.
    pub(crate) fn target(&mut self, kind: Kind, reliable: bool, message: &StreamMessage) -> Target {
        match kind {
            // Real standbys are never promoted: the first consumer stays the active one.
            Kind::Exclusive | Kind::Failover => match self.list.first() {
                Some(first) if self.is_present(first, reliable) => self.slot_of(0, reliable),
                _ => Target::Later,
            },
            Kind::Shared => {
                let count = self.list.len();
                let waits = reliable && self.slots_hang;
                let free = (0..count).map(|step| (self.turn + step) % count).find(|&index| {
                    let consumer = &self.list[index];
                    self.is_present(consumer, reliable) && (waits || consumer.has_slot())
                });
                let Some(index) = free else { return Target::Later };
                let target = self.slot_of(index, reliable);
                if matches!(target, Target::Consumer(_)) {
                    self.turn = (index + 1) % count;
                }
                target
            }
            Kind::KeyShared => self.key_owner(key_of(message), reliable),
        }
    }

    fn key_owner(&self, key: &str, reliable: bool) -> Target {
        let owner = self
            .list
            .iter()
            .enumerate()
            .filter(|(_, consumer)| self.is_present(consumer, reliable) || self.is_awaited(consumer))
            .filter(|(_, consumer)| consumer.accepts(key))
            .max_by_key(|(_, consumer)| keys::affinity(key, &consumer.name));
        match owner {
            Some((_, consumer)) if self.is_awaited(consumer) => Target::Later,
            // A key has one message in flight, so a reliable queue is bounded by the window.
            Some((index, _)) if reliable && !self.slots_hang => Target::Consumer(index),
            Some((index, _)) => self.slot_of(index, reliable),
            None if !self.list.iter().any(|consumer| consumer.accepts(key)) => Target::Filtered,
            None => Target::Later,
        }
    }

    fn slot_of(&self, index: usize, reliable: bool) -> Target {
        let consumer = &self.list[index];
        if consumer.has_slot() {
            Target::Consumer(index)
        } else if reliable && self.slots_hang {
            Target::Full(consumer.id)
        } else {
            Target::Later
        }
    }

    fn is_present(&self, consumer: &Consumer, reliable: bool) -> bool {
        let is_there = if reliable && !self.slots_hang { consumer.stream.is_some() } else { consumer.active };
        is_there && !consumer.evicted
    }

    /// Queues a message for the consumer at `index` and wakes its stream.
    pub(crate) fn push(&mut self, index: usize, queued: Queued) {
        let consumer = &mut self.list[index];
        consumer.queue.push_back(queued);
        consumer.wake();
    }

    pub(crate) fn id_at(&self, index: usize) -> u64 {
        self.list[index].id
    }

    /// Wakes every stream.
    pub(crate) fn wake(&mut self) {
        self.list.iter_mut().for_each(Consumer::wake);
    }

    /// Ends every stream with Unavailable.
    pub(crate) fn kick(&mut self) {
        for consumer in &mut self.list {
            if consumer.stream.is_some() {
                consumer.end_stream(StreamEnd::KICKED);
                consumer.active = false;
            }
        }
    }
}

impl Consumer {
    /// Ends the older stream before a new one. Returns whether there was one.
    pub(crate) fn take_over(&mut self) -> bool {
        self.active = true;
        self.left = None;
        self.end_stream(StreamEnd::REPLACED)
    }

    /// Opens a stream. Returns with it whether it replaced an older one.
    pub(crate) fn attach(&mut self) -> (Arc<StreamEnd>, bool) {
        let replaced = self.take_over();
        let end = Arc::new(StreamEnd::default());
        self.stream = Some(Session { end: Arc::clone(&end), waker: None });
        (end, replaced)
    }

    /// Handles the end of a stream. Returns whether it was the current one.
    pub(crate) fn detach(&mut self, end: &Arc<StreamEnd>, now: Instant) -> bool {
        let current = self.stream.as_ref().is_some_and(|stream| Arc::ptr_eq(&stream.end, end));
        if current {
            self.stream = None;
            self.queue.clear();
            self.active = false;
            self.left = Some(now);
        }
        current
    }

    pub(crate) fn pop(&mut self) -> Option<Queued> {
        self.queue.pop_front()
    }

    /// Stores the waker for the next message.
    pub(crate) fn park(&mut self, waker: &Waker) {
        if let Some(stream) = &mut self.stream {
            match &mut stream.waker {
                Some(parked) => parked.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
    }

    fn end_stream(&mut self, end: u8) -> bool {
        let Some(stream) = self.stream.take() else { return false };
        self.queue.clear();
        stream.end.set(end);
        if let Some(waker) = stream.waker {
            waker.wake();
        }
        true
    }

    fn wake(&mut self) {
        if let Some(waker) = self.stream.as_mut().and_then(|stream| stream.waker.take()) {
            waker.wake();
        }
    }

    fn has_slot(&self) -> bool {
        self.queue.len() < SLOTS
    }

    fn accepts(&self, key: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| keys::matches(filter, key))
    }
}

/// The routing key, or without one the producer's name.
pub(crate) fn key_of(message: &StreamMessage) -> &str {
    message.routing_key.as_deref().unwrap_or(&message.producer_name)
}
