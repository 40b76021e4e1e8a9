//! The consumers of one subscription, and which of them gets a message.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use danube_core::proto::StreamMessage;

use super::keys;

/// How many messages wait for a consumer to take them; the real broker's channels are this deep.
const SLOTS: usize = 4;

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

/// A message on its way to a consumer; attempt 0 is a message that nobody waits to see acked.
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
    stream: Option<Attached>,
    queue: VecDeque<Queued>,
}

#[derive(Debug)]
struct Attached {
    fate: Arc<Fate>,
    waker: Option<Waker>,
}

/// Where a message can go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// To the consumer at this place in the list.
    Consumer(usize),
    /// To nobody now: those who may have it are away or have enough.
    Later,
    /// To nobody ever: no filter lets it through.
    Unwanted,
}

/// In the order of their arrival; nobody ever leaves, as in the real broker.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    list: Vec<Consumer>,
    turn: usize,
}

impl Consumers {
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

    /// Whose turn it is; `reliable` messages only go to open streams.
    pub(crate) fn target(&mut self, kind: Kind, reliable: bool, message: &StreamMessage) -> Target {
        match kind {
            // Real standbys are never promoted: the first consumer stays the active one.
            Kind::Exclusive | Kind::Failover => match self.list.first() {
                Some(first) if first.can_take(reliable) => Target::Consumer(0),
                _ => Target::Later,
            },
            Kind::Shared => {
                let count = self.list.len();
                let free = (0..count)
                    .map(|step| (self.turn + step) % count)
                    .find(|&place| self.list[place].can_take(reliable));
                let Some(place) = free else { return Target::Later };
                self.turn = (place + 1) % count;
                Target::Consumer(place)
            }
            Kind::KeyShared => self.key_owner(key_of(message), reliable),
        }
    }

    fn key_owner(&self, key: &str, reliable: bool) -> Target {
        let owner = self
            .list
            .iter()
            .enumerate()
            .filter(|(_, consumer)| consumer.is_here(reliable) && consumer.wants(key))
            .max_by_key(|(_, consumer)| keys::affinity(key, &consumer.name));
        match owner {
            // The line of a key holds one message, so a reliable queue is bounded by the window.
            Some((place, consumer)) if reliable || consumer.has_slot() => Target::Consumer(place),
            None if !self.list.iter().any(|consumer| consumer.wants(key)) => Target::Unwanted,
            _ => Target::Later,
        }
    }

    /// Hands a message to the consumer at `place` and wakes its stream.
    pub(crate) fn push(&mut self, place: usize, queued: Queued) {
        let consumer = &mut self.list[place];
        consumer.queue.push_back(queued);
        consumer.wake();
    }

    pub(crate) fn id_at(&self, place: usize) -> u64 {
        self.list[place].id
    }

    /// Lets every stream ask again.
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
        self.stream = Some(Attached { fate: Arc::clone(&fate), waker: None });
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

    fn is_here(&self, reliable: bool) -> bool {
        if reliable { self.stream.is_some() } else { self.active }
    }

    fn has_slot(&self) -> bool {
        self.queue.len() < SLOTS
    }

    fn can_take(&self, reliable: bool) -> bool {
        self.is_here(reliable) && self.has_slot()
    }

    fn wants(&self, key: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| keys::matches(filter, key))
    }
}

/// The routing key, else the producer's name.
pub(crate) fn key_of(message: &StreamMessage) -> &str {
    message.routing_key.as_deref().unwrap_or(&message.producer_name)
}
