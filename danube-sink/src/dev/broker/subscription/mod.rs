//! Subscription of one topic: dispatches messages from the log through the window to consumers.

mod key_shared;
mod restart;

use std::sync::Arc;
use std::task::Waker;

use danube_core::proto::StreamMessage;
use tokio::time::Instant;

use self::key_shared::Drip;
use crate::dev::broker::consumers::{Consumers, Kind, Queued, Target, key_of};
use crate::dev::broker::cursor::Cursor;
use crate::dev::broker::dead_letter::{self, DeadLetter};
use crate::dev::broker::faults::Faults;
use crate::dev::broker::hang::{Cause, Command, Hang};
use crate::dev::broker::keys::KeyOrder;
use crate::dev::broker::log::Log;
use crate::dev::broker::options::{FailurePolicy, PoisonPolicy};
use crate::dev::broker::reader::Reader;
use crate::dev::broker::realism::Realism;
use crate::dev::broker::status::{DispatchStatus, SubscriptionStatus};
use crate::dev::broker::window::Window;

/// Settings of a new subscription.
#[derive(Debug)]
pub(crate) struct SubscriptionSettings {
    pub(crate) max_unacked_messages: usize,
    pub(crate) failure_policy: FailurePolicy,
    pub(crate) realism: Realism,
}

/// Next step of a stream.
#[derive(Debug)]
pub(crate) enum Next {
    Message(Arc<StreamMessage>),
    /// No message now; poll again at this time at the latest.
    Idle(Option<Instant>),
    /// The stream has ended.
    Ended,
}

#[derive(Debug)]
pub(crate) struct Subscription {
    name: Arc<str>,
    kind: Kind,
    reliable: bool,
    realism: Realism,
    pub(crate) consumers: Consumers,
    window: Window,
    keys: KeyOrder,
    reader: Reader,
    cursor: Cursor,
    hang: Hang,
    /// Limit of what it takes from the log; `None` without one.
    drip: Option<Drip>,
    /// The first offset since the subscription was created.
    start: u64,
    /// The earliest time at which a parked stream polls again.
    watched: Option<Instant>,
}

impl Subscription {
    /// Creates a subscription that starts at `start`, the end of the log; there is no "earliest".
    pub(crate) fn new(name: Arc<str>, kind: Kind, reliable: bool, start: u64, settings: SubscriptionSettings) -> Self {
        let SubscriptionSettings { max_unacked_messages, failure_policy, realism } = settings;
        let is_key_shared = reliable && kind == Kind::KeyShared;
        Self {
            name,
            kind,
            reliable,
            realism,
            consumers: Consumers::new(realism.full_slots_hang, realism.key_shared_evicts && is_key_shared),
            window: Window::new(max_unacked_messages, failure_policy),
            keys: KeyOrder::default(),
            reader: Reader::latest(start, realism),
            cursor: Cursor::new(None, realism.cursor_stops_at_gap),
            hang: Hang::default(),
            drip: (realism.key_shared_drips && is_key_shared).then(Drip::default),
            start,
            watched: None,
        }
    }

    /// Whether a consumer with a new name may subscribe.
    pub(crate) fn admits_another(&self) -> bool {
        self.kind != Kind::Exclusive || self.consumers.is_empty()
    }

    /// The oldest needed offset.
    pub(crate) fn needs(&self, end: u64) -> u64 {
        if self.reliable { self.window.oldest().unwrap_or_else(|| self.reader.needs(end)) } else { u64::MAX }
    }

    /// Pushes a message of a non-reliable topic, or drops it if no consumer has a free slot.
    pub(crate) fn push(&mut self, message: &Arc<StreamMessage>) {
        if let Target::Consumer(index) = self.consumers.target(self.kind, false, message) {
            self.consumers.push(index, Queued { message: Arc::clone(message), attempt: 0 });
        }
    }

    /// Follows the log after a message was published. Returns `false` if the publisher must wait for the dispatcher.
    pub(crate) fn published(&mut self, log: &Log, now: Instant, faults: &Faults) -> (Vec<DeadLetter>, bool) {
        self.follow(log);
        let hung = self.hang.cause().is_some();
        if !hung {
            self.poll();
        }
        let dead_letters = self.dispatch(log, now, faults);
        if !hung || self.hang.cause().is_none() {
            return (dead_letters, true);
        }
        let full = self.hang.is_full();
        if !full {
            self.hang.defer(Command::Poll);
        }
        (dead_letters, !full)
    }

    /// Runs a command, immediately or when the dispatcher no longer hangs.
    pub(crate) fn run(&mut self, command: Command, log: &Log, now: Instant, faults: &Faults) -> Vec<DeadLetter> {
        if let Some(command) = self.hang.defer(command) {
            self.evict(now);
            self.execute(command);
        }
        self.dispatch(log, now, faults)
    }

    /// Whether callers must wait for the dispatcher.
    pub(crate) fn is_full(&self) -> bool {
        self.hang.is_full()
    }

    /// Sends the messages that can be sent now.
    pub(crate) fn dispatch(&mut self, log: &Log, now: Instant, faults: &Faults) -> Vec<DeadLetter> {
        let mut dead_letters = Vec::new();
        if !self.reliable {
            return dead_letters;
        }
        if let Some(cause) = self.hang.cause() {
            if !self.is_over(cause, log) {
                return dead_letters;
            }
            self.hang.end();
            // The awaited message goes first, then the deferred commands.
            dead_letters.extend(self.send_all(log, now, faults));
            while let Some(command) = self.hang.next_command() {
                self.execute(command);
                dead_letters.extend(self.send_all(log, now, faults));
            }
            if self.hang.cause().is_some() {
                return dead_letters;
            }
        }
        self.evict(now);
        self.window.expire(now);
        dead_letters.extend(self.send_all(log, now, faults));
        dead_letters
    }

    fn send_all(&mut self, log: &Log, now: Instant, faults: &Faults) -> Vec<DeadLetter> {
        let polls = self.take_polls(now);
        if !self.consumers.any_present() {
            return Vec::new();
        }
        let dead_letters = self.clear_poison(log);
        self.redeliver(log, now);
        if self.hang.cause().is_none() {
            self.fill(polls, log, now, faults);
        }
        if self.hang.cause().is_none() && self.waits_for_message(log) {
            self.hang.begin(Cause::Message);
        }
        self.note_lag(log);
        self.watch();
        dead_letters
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Ack { offset, at } => {
                self.window.expire(at);
                if self.window.ack(offset) {
                    self.settle(offset);
                }
            }
            Command::Nack { offset, delay, reason, at } => {
                self.window.expire(at);
                self.window.nack(offset, delay, reason, at);
            }
            Command::Release(consumer) => {
                // Otherwise they wait for the consumer, or for its eviction.
                if !self.consumers.evicts() {
                    // With a single active consumer the real broker redelivers every message.
                    let of_one = matches!(self.kind, Kind::Shared | Kind::KeyShared);
                    self.window.release(of_one.then_some(consumer));
                }
                self.watched = None;
            }
            Command::Poll => self.poll(),
        }
    }

    /// Whether the dispatcher would wait for a message that is not published yet. It only knows the newest message in flight
    /// and the cursor, so it overlooks one that is acknowledged before an older one.
    fn waits_for_message(&self, log: &Log) -> bool {
        let end = log.end();
        let polls = self.realism.overtaking_ack_hangs
            && self.kind != Kind::KeyShared
            && !self.is_blocked()
            && self.window.has_capacity()
            && self.reader.peek(end).is_none()
            && self.reader.error().is_none();
        let sent = self.window.newest().max(self.cursor.moved_to());
        polls && sent.map_or(end > 0, |sent| sent + 1 < end)
    }

    fn is_over(&mut self, cause: Cause, log: &Log) -> bool {
        match cause {
            Cause::Message => self.reader.peek(log.end()).is_some(),
            Cause::Slot(consumer) => self.consumers.reads(consumer),
        }
    }

    fn follow(&mut self, log: &Log) {
        if self.reliable
            && let Some(skipped) = self.reader.follow(log)
        {
            self.cursor.skip(skipped);
        }
    }

    /// Wakes the streams, which own the timers, if none of them would expire early enough.
    fn watch(&mut self) {
        if let Some(timer) = self.next_timer()
            && self.watched.is_none_or(|watched| timer < watched)
        {
            self.watched = Some(timer);
            self.consumers.wake();
        }
    }

    fn clear_poison(&mut self, log: &Log) -> Vec<DeadLetter> {
        let mut dead_letters = Vec::new();
        if self.window.policy().poison_policy == PoisonPolicy::Block {
            return dead_letters;
        }
        while let Some(offset) = self.window.first_exhausted() {
            let given_up = self.window.give_up(offset);
            self.settle(offset);
            if let (Some(given_up), Some(message)) = (given_up, log.get(offset)) {
                dead_letters.extend(dead_letter::write(message, &self.name, self.window.policy(), given_up));
            }
        }
        dead_letters
    }

    fn redeliver(&mut self, log: &Log, now: Instant) {
        let mut from = 0;
        while let Some(offset) = self.window.ready_from(from) {
            let Some(message) = log.get(offset) else {
                self.window.give_up(offset);
                self.settle(offset);
                continue;
            };
            match self.consumers.target(self.kind, true, message) {
                Target::Consumer(index) => self.send(index, offset, message, now),
                Target::Full(consumer) => return self.hang.begin(Cause::Slot(consumer)),
                // Another key may have another consumer.
                Target::Later if self.kind == Kind::KeyShared => from = offset + 1,
                Target::Later => break,
                Target::Filtered => {
                    self.window.give_up(offset);
                    self.settle(offset);
                }
            }
        }
    }

    fn fill(&mut self, polls: usize, log: &Log, now: Instant, faults: &Faults) {
        // A blocked key delays only its own messages.
        if self.is_blocked() && self.kind != Kind::KeyShared {
            return;
        }
        for _ in 0..polls {
            if !self.window.has_capacity() {
                break;
            }
            self.follow(log);
            let Some(offset) = self.reader.peek(log.end()) else { break };
            let Some(message) = log.get(offset) else { break };
            let target = match self.consumers.target(self.kind, true, message) {
                Target::Full(consumer) => return self.hang.begin(Cause::Slot(consumer)),
                Target::Later if self.kind != Kind::KeyShared => break,
                target => target,
            };
            self.reader.take(log.end());
            if target == Target::Filtered {
                self.cursor.settle(offset);
                continue;
            }
            if faults.take_skip() {
                self.cursor.skip(offset..offset + 1);
                continue;
            }
            let deferred = self.kind == Kind::KeyShared && !self.keys.enter(key_of(message), offset);
            self.window.admit(offset, deferred);
            self.cursor.dispatched(offset);
            if let (Target::Consumer(index), false) = (target, deferred) {
                self.send(index, offset, message, now);
            }
        }
    }

    fn send(&mut self, index: usize, offset: u64, message: &Arc<StreamMessage>, now: Instant) {
        let attempt = self.window.sent(offset, self.consumers.id_at(index), now);
        self.consumers.push(index, Queued { message: Arc::clone(message), attempt });
    }

    /// The next message for the stream of this consumer.
    pub(crate) fn pop(&mut self, id: u64) -> Option<Arc<StreamMessage>> {
        let consumer = self.consumers.get(id)?;
        loop {
            let Queued { message, attempt } = consumer.pop()?;
            let offset = message.msg_id.as_ref().map_or(0, |id| id.topic_offset);
            // A message that was acked or timed out meanwhile is not sent.
            if attempt == 0 || self.window.is_current(offset, id, attempt) {
                return Some(message);
            }
        }
    }

    /// Whether the dispatcher waits for a stream to take a message.
    pub(crate) fn waits_for_slot(&self) -> bool {
        matches!(self.hang.cause(), Some(Cause::Slot(_)))
    }

    /// Parks the stream of this consumer until its next message.
    pub(crate) fn idle(&mut self, id: u64, waker: &Waker) -> Next {
        if let Some(consumer) = self.consumers.get(id) {
            consumer.park(waker);
        }
        // A hanging dispatcher ignores deadlines.
        self.watched = if self.hang.cause().is_none() { self.next_timer() } else { None };
        Next::Idle(self.watched)
    }

    pub(crate) fn kick(&mut self) {
        self.consumers.kick();
        self.hang = Hang::default();
        self.window.release(None);
    }

    /// Adds its status to a sum over partitions.
    pub(crate) fn add_to(&self, status: &mut SubscriptionStatus, end: u64) {
        status.published += end.saturating_sub(self.start);
        status.acked += self.window.acked();
        status.in_flight += self.window.len() as u64;
        status.backlog += if self.reliable { end.saturating_sub(self.reader.needs(end)) } else { 0 };
        status.redeliveries += self.window.redeliveries();
        status.blocked |= self.is_blocked();
        status.consumers += self.consumers.attached();
    }

    /// Its dispatch status, without the topic's own numbers.
    pub(crate) fn dispatch_status(&self, end: u64) -> DispatchStatus {
        DispatchStatus {
            skipped: if self.reliable { self.reader.skipped(end) } else { 0 },
            cursor: self.cursor.position(),
            lag: self.cursor.moved_to().map_or(0, |cursor| end.saturating_sub(cursor + 1)),
            reader_error: self.reader.error().map(str::to_owned),
            hangs: self.hang.cause().is_some(),
            ..DispatchStatus::default()
        }
    }

    fn is_blocked(&self) -> bool {
        self.window.first_exhausted().is_some() && self.window.policy().poison_policy == PoisonPolicy::Block
    }

    /// Handles a message that needs no further delivery.
    fn settle(&mut self, offset: u64) {
        self.cursor.settle(offset);
        if self.kind == Kind::KeyShared
            && let Some(behind) = self.keys.leave(offset)
        {
            self.window.free(behind);
        }
    }
}
