//! One subscription of one topic: moves messages from the log through the window to consumers.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use danube_core::proto::StreamMessage;
use tokio::time::Instant;

use super::consumers::{Consumers, Kind, Queued, Target, key_of};
use super::dead_letter::{self, DeadLetter};
use super::faults::Faults;
use super::keys::KeyOrder;
use super::log::Log;
use super::options::{FailurePolicy, PoisonPolicy};
use super::window::Window;

/// How a subscription is doing, summed over the partitions of its topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubscriptionStatus {
    /// Messages that the topic took since the subscription began.
    pub published: u64,
    /// Messages that were acked.
    pub acked: u64,
    /// Messages that are delivered, or wait to be delivered again.
    pub in_flight: u64,
    /// Messages that were never dispatched.
    pub backlog: u64,
    /// Deliveries that were not a message's first.
    pub redeliveries: u64,
    /// Whether a poison message holds it up.
    pub blocked: bool,
    /// Consumers with an open stream.
    pub consumers: usize,
}

/// What a stream gets when it asks.
#[derive(Debug)]
pub(crate) enum Next {
    Message(Arc<StreamMessage>),
    /// Nothing now; ask again at this time at the latest.
    Idle(Option<Instant>),
}

#[derive(Debug)]
pub(crate) struct Subscription {
    name: Arc<str>,
    kind: Kind,
    reliable: bool,
    pub(crate) consumers: Consumers,
    window: Window,
    keys: KeyOrder,
    /// The first offset that it was there for.
    start: u64,
    /// The next offset that it has not seen.
    next: u64,
    /// The earliest time at which a parked stream asks again by itself.
    watched: Option<Instant>,
}

impl Subscription {
    /// Starts at `start`, the end of the log: there is no "earliest".
    pub(crate) fn new(
        name: Arc<str>,
        kind: Kind,
        reliable: bool,
        start: u64,
        max_unacked_messages: usize,
        policy: FailurePolicy,
    ) -> Self {
        Self {
            name,
            kind,
            reliable,
            consumers: Consumers::default(),
            window: Window::new(max_unacked_messages, policy),
            keys: KeyOrder::default(),
            start,
            next: start,
            watched: None,
        }
    }

    /// Whether a consumer of a new name may come.
    pub(crate) fn admits_another(&self) -> bool {
        self.kind != Kind::Exclusive || self.consumers.is_empty()
    }

    /// The oldest offset that it still needs.
    pub(crate) fn needs(&self) -> u64 {
        if self.reliable { self.window.oldest().unwrap_or(self.next) } else { u64::MAX }
    }

    /// Pushes a message of a non-reliable topic, or drops it where nobody has room.
    pub(crate) fn push(&mut self, message: &Arc<StreamMessage>) {
        if let Target::Consumer(place) = self.consumers.target(self.kind, false, message) {
            self.consumers.push(place, Queued { message: Arc::clone(message), attempt: 0 });
        }
    }

    /// Sends what can be sent now.
    pub(crate) fn dispatch(&mut self, log: &Log, now: Instant, faults: &Faults) -> Vec<DeadLetter> {
        if !self.reliable {
            return Vec::new();
        }
        self.window.expire(now);
        if self.consumers.attached() == 0 {
            return Vec::new();
        }
        let letters = self.clear_poison(log);
        self.redeliver(log, now);
        self.fill(log, now, faults);
        self.watch();
        letters
    }

    /// Timers ring in the streams: wakes them where none would ring early enough.
    fn watch(&mut self) {
        if let Some(timer) = self.window.next_timer()
            && self.watched.is_none_or(|watched| timer < watched)
        {
            self.watched = Some(timer);
            self.consumers.wake();
        }
    }

    fn clear_poison(&mut self, log: &Log) -> Vec<DeadLetter> {
        let mut letters = Vec::new();
        if self.window.policy().poison_policy == PoisonPolicy::Block {
            return letters;
        }
        while let Some(offset) = self.window.first_exhausted() {
            let given_up = self.window.give_up(offset);
            self.leave_line(offset);
            if let (Some(given_up), Some(message)) = (given_up, log.get(offset)) {
                letters.extend(dead_letter::write(message, &self.name, self.window.policy(), given_up));
            }
        }
        letters
    }

    fn redeliver(&mut self, log: &Log, now: Instant) {
        let mut from = 0;
        while let Some(offset) = self.window.ready_from(from) {
            let Some(message) = log.get(offset) else {
                self.window.give_up(offset);
                self.leave_line(offset);
                continue;
            };
            match self.consumers.target(self.kind, true, message) {
                Target::Consumer(place) => self.send(place, offset, message, now),
                // Another key may have another consumer.
                Target::Later if self.kind == Kind::KeyShared => from = offset + 1,
                Target::Later => break,
                Target::Unwanted => {
                    self.window.give_up(offset);
                    self.leave_line(offset);
                }
            }
        }
    }

    fn fill(&mut self, log: &Log, now: Instant, faults: &Faults) {
        // A blocked key holds up its own line only.
        if self.is_blocked() && self.kind != Kind::KeyShared {
            return;
        }
        self.next = self.next.max(log.first());
        while self.window.has_room() {
            let Some(message) = log.get(self.next) else { break };
            let offset = self.next;
            let target = self.consumers.target(self.kind, true, message);
            if target == Target::Later && self.kind != Kind::KeyShared {
                break;
            }
            self.next += 1;
            if target == Target::Unwanted || faults.take_skip() {
                continue;
            }
            let held = self.kind == Kind::KeyShared && !self.keys.enter(key_of(message), offset);
            self.window.admit(offset, held);
            if let (Target::Consumer(place), false) = (target, held) {
                self.send(place, offset, message, now);
            }
        }
    }

    fn send(&mut self, place: usize, offset: u64, message: &Arc<StreamMessage>, now: Instant) {
        let attempt = self.window.sent(offset, self.consumers.id_at(place), now);
        self.consumers.push(place, Queued { message: Arc::clone(message), attempt });
    }

    /// What the stream of this consumer sends next.
    pub(crate) fn pop(&mut self, id: u64) -> Option<Arc<StreamMessage>> {
        let consumer = self.consumers.get(id)?;
        loop {
            let Queued { message, attempt } = consumer.pop()?;
            let offset = message.msg_id.as_ref().map_or(0, |id| id.topic_offset);
            // What was acked or timed out meanwhile is not sent a second time.
            if attempt == 0 || self.window.is_current(offset, id, attempt) {
                return Some(message);
            }
        }
    }

    /// Parks the stream of this consumer until there is something for it.
    pub(crate) fn idle(&mut self, id: u64, waker: &Waker) -> Next {
        if let Some(consumer) = self.consumers.get(id) {
            consumer.park(waker);
        }
        self.watched = self.window.next_timer();
        Next::Idle(self.watched)
    }

    pub(crate) fn ack(&mut self, offset: u64, now: Instant) {
        self.window.expire(now);
        if self.window.ack(offset) {
            self.leave_line(offset);
        }
    }

    pub(crate) fn nack(&mut self, offset: u64, delay: Option<Duration>, reason: Option<String>, now: Instant) {
        self.window.expire(now);
        self.window.nack(offset, delay, reason, now);
    }

    /// A consumer's stream is gone: what it held is to be sent again, at once.
    pub(crate) fn release(&mut self, consumer: u64) {
        // With a single active consumer the real broker hurries up every message.
        let of_one = matches!(self.kind, Kind::Shared | Kind::KeyShared);
        self.window.release(of_one.then_some(consumer));
        self.watched = None;
    }

    pub(crate) fn kick(&mut self) {
        self.consumers.kick();
        self.window.release(None);
    }

    /// After a restart consumers are unknown and attempts forgotten.
    pub(crate) fn revive(&mut self) {
        self.consumers.clear();
        self.window.forget_attempts();
    }

    /// After a restart that lost the messages.
    pub(crate) fn rewind(&mut self, max_unacked_messages: usize) {
        self.consumers.clear();
        self.window = Window::new(max_unacked_messages, self.window.policy().clone());
        self.keys = KeyOrder::default();
        (self.start, self.next) = (0, 0);
    }

    pub(crate) fn add_to(&self, status: &mut SubscriptionStatus, end: u64) {
        status.published += end - self.start;
        status.acked += self.window.acked();
        status.in_flight += self.window.len() as u64;
        status.backlog += if self.reliable { end - self.next } else { 0 };
        status.redeliveries += self.window.redeliveries();
        status.blocked |= self.is_blocked();
        status.consumers += self.consumers.attached();
    }

    fn is_blocked(&self) -> bool {
        self.window.first_exhausted().is_some() && self.window.policy().poison_policy == PoisonPolicy::Block
    }

    fn leave_line(&mut self, offset: u64) {
        if self.kind == Kind::KeyShared
            && let Some(behind) = self.keys.leave(offset)
        {
            self.window.free(behind);
        }
    }
}
