//! The consumers of one subscription, and which of them gets a message.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use danube_core::proto::StreamMessage;

use super::keys;
use super::realism::SLOTS;

/// Who gets the messages of a subscription.
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

/// What ended a stream, if anything did.
#[derive(Debug, Default)]
pub(crate) struct Fate(AtomicU8);

impl Fate {
    const REPLACED: u8 = 1;
    const KICKED: u8 = 2;

    fn seal(&self, fate: u8) {
        self.0.store(fate, Ordering::SeqCst);
    }

    /// `None` while the stream lives, else whether it ends with an error.
    pub(crate) fn ended(&self) -> Option<bool> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            fate => Some(fate == Self::KICKED),
        }
    }
}

/// A message on its way to a consumer; attempt 0 is a message of a non-reliable topic, which needs no ack.
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
    /// Subscribed and not disconnected since: what a health check asks.
    pub(crate) active: bool,
    stream: Option<Session>,
    queue: VecDeque<Queued>,
}

#[derive(Debug)]
struct Session {
    fate: Arc<Fate>,
    waker: Option<Waker>,
}

/// Where a message can go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// To the consumer at this index of the list.
    Consumer(usize),
    /// To no consumer now: those that may have it are away or have enough.
    Later,
    /// To the consumer of this id, which has enough: the dispatcher waits for it and does nothing else.
    Full(u64),
    /// To no consumer ever: no filter lets it through.
    Unwanted,
}

/// In the order of their arrival; none is ever removed, as in the real broker.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    list: Vec<Consumer>,
    turn: usize,
    /// Whether reliable messages go to consumers without a stream, and block on one that does not read.
    slots_hang: bool,
}

impl Consumers {
    pub(crate) fn new(slots_hang: bool) -> Self {
        Self { slots_hang, ..Self::default() }
    }

    pub(crate) fn add(&mut self, id: u64, name: &str, filters: Vec<String>) {
        let name = name.to_owned();
        let consumer = Consumer { id, name, filters, active: true, stream: None, queue: VecDeque::new() };
        self.list.push(consumer);
    }

    pub(crate) fn clear(&mut self) {
        for consumer in &mut self.list {
            consumer.end_stream(Fate::REPLACED);
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

    /// Whether a message of a reliable topic has a consumer to go to.
    pub(crate) fn any_here(&self) -> bool {
        self.list.iter().any(|consumer| self.is_here(consumer, true))
    }

    /// Whether a consumer is subscribed and not disconnected.
    pub(crate) fn any_active(&self) -> bool {
        self.list.iter().any(|consumer| consumer.active)
    }

    /// Whether a consumer reads, and has room for one more message.
    pub(crate) fn reads(&mut self, id: u64) -> bool {
        self.get(id).is_some_and(|consumer| consumer.stream.is_some() && consumer.has_slot())
    }

    /// Which consumer gets a message; `reliable` messages only go to open streams, unless slots hang.
    pub(crate) fn target(&mut self, kind: Kind, reliable: bool, message: &StreamMessage) -> Target {
        match kind {
            // Real standbys are never promoted: the first consumer stays the active one.
            Kind::Exclusive | Kind::Failover => match self.list.first() {
                Some(first) if self.is_here(first, reliable) => self.slot_of(0, reliable),
                _ => Target::Later,
            },
            Kind::Shared => {
                let count = self.list.len();
                let waits = reliable && self.slots_hang;
                let free = (0..count).map(|step| (self.turn + step) % count).find(|&index| {
                    let consumer = &self.list[index];
                    self.is_here(consumer, reliable) && (waits || consumer.has_slot())
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
            .filter(|(_, consumer)| self.is_here(consumer, reliable) && consumer.wants(key))
            .max_by_key(|(_, consumer)| keys::affinity(key, &consumer.name));
        match owner {
            // The line of a key has one message in flight, so a reliable queue is bounded by the window.
            Some((index, _)) if reliable && !self.slots_hang => Target::Consumer(index),
            Some((index, _)) => self.slot_of(index, reliable),
            None if !self.list.iter().any(|consumer| consumer.wants(key)) => Target::Unwanted,
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

    fn is_here(&self, consumer: &Consumer, reliable: bool) -> bool {
        if reliable && !self.slots_hang { consumer.stream.is_some() } else { consumer.active }
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

    /// Makes every stream ask again.
    pub(crate) fn wake(&mut self) {
        self.list.iter_mut().for_each(Consumer::wake);
    }

    /// Ends every stream with Unavailable.
    pub(crate) fn kick(&mut self) {
        for consumer in &mut self.list {
            if consumer.stream.is_some() {
                consumer.end_stream(Fate::KICKED);
                consumer.active = false;
            }
        }
    }
}

impl Consumer {
    /// Prepares for a new stream: ends the older one. Whether there was one.
    pub(crate) fn take_over(&mut self) -> bool {
        self.active = true;
        self.end_stream(Fate::REPLACED)
    }

    /// Opens a stream; answers with it whether there was an older one.
    pub(crate) fn attach(&mut self) -> (Arc<Fate>, bool) {
        let replaced = self.take_over();
        let fate = Arc::new(Fate::default());
        self.stream = Some(Session { fate: Arc::clone(&fate), waker: None });
        (fate, replaced)
    }

    /// Notices that a stream is gone; whether it was the current one.
    pub(crate) fn detach(&mut self, fate: &Arc<Fate>) -> bool {
        let current = self.stream.as_ref().is_some_and(|stream| Arc::ptr_eq(&stream.fate, fate));
        if current {
            self.stream = None;
            self.queue.clear();
            self.active = false;
        }
        current
    }

    pub(crate) fn pop(&mut self) -> Option<Queued> {
        self.queue.pop_front()
    }

    /// Remembers whom to wake for the next message.
    pub(crate) fn park(&mut self, waker: &Waker) {
        if let Some(stream) = &mut self.stream {
            match &mut stream.waker {
                Some(parked) => parked.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
    }

    fn end_stream(&mut self, fate: u8) -> bool {
        let Some(stream) = self.stream.take() else { return false };
        self.queue.clear();
        stream.fate.seal(fate);
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

    fn wants(&self, key: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| keys::matches(filter, key))
    }
}

/// The routing key, else the producer's name.
pub(crate) fn key_of(message: &StreamMessage) -> &str {
    message.routing_key.as_deref().unwrap_or(&message.producer_name)
}
