//! Messages become records in hand, where there is memory for them.

use std::sync::{Arc, OnceLock};

use tokio::time::Instant;

use super::ConsumerTask;
use crate::{
    pipeline::{broker::Message, budget::Charged, ledger::Arrival, partition::ChunkOrigin, pending::PendingRun},
    record::{Chunk, Entry, Flag, RecordId, microseconds},
};

/// For a message that was delivered so often, reading waits: the broker blocks a subscription whose messages it sends too
/// often. So it does for messages of a topic that is not reliable: the broker sends them once.
const DELIVERIES_WITHOUT_MEMORY: u8 = 3;

/// A ledger that has grown by so many bytes is looked at whether it has to forget.
const GROWTH: usize = 1024;

/// The records of one chunk, as they are taken.
struct Admitted {
    entries: Vec<Entry>,
    charge: Charged,
    epoch: u32,
}

impl ConsumerTask {
    /// Messages have come. Reading goes on in any case: without memory for them, their payloads are dropped, and the
    /// broker, which holds back at its window, sends them again after the next attach.
    pub(super) fn admit(&mut self, messages: Vec<Message>) {
        self.admit_all(messages, false);
    }

    /// The first was received before, and had to wait: it counts once.
    fn admit_all(&mut self, messages: Vec<Message>, mut is_known: bool) {
        let now = Instant::now();
        let read = if is_known { self.held_since } else { now };
        let moment = self.ledger.moment(read);
        let stops = self.signals.stop.is_cancelled();
        let (count, last) = (messages.len(), messages.last().map_or(0, |message| message.token.offset));
        let first = messages.first().map_or(0, |message| message.token.offset);
        let (mut new, mut redelivered) = (0, 0);
        let mut admitted = self.admitted(count);
        let mut messages = messages.into_iter();
        for message in messages.by_ref() {
            if is_known {
                self.ledger.retract(message.token.offset);
            }
            let counts = usize::from(!std::mem::take(&mut is_known));
            let restarts = self.ledger.restarts();
            let arrival = self.ledger.receive(&message, moment);
            let began_anew = self.ledger.restarts() != restarts;
            if self.ledger.epoch() != admitted.epoch {
                let next = self.admitted(count);
                self.hand_over(std::mem::replace(&mut admitted, next), now);
            }
            match arrival {
                Arrival::New => {
                    new += counts;
                    self.losses.observe(&message, began_anew, &self.partition);
                }
                Arrival::Returned => redelivered += counts,
                Arrival::InHand | Arrival::Settled => {
                    redelivered += counts;
                    continue;
                }
            }
            if !stops && self.refused_bytes == 0 && admitted.charge.grow(message.size()) {
                admitted.entries.push(self.entry(message));
                continue;
            }
            let offset = message.token.offset;
            self.ledger.release(offset, admitted.epoch);
            if stops {
                continue;
            }
            let is_last_chance =
                self.ledger.is_unreliable() || self.ledger.deliveries_of(offset) >= DELIVERIES_WITHOUT_MEMORY;
            if self.refused_bytes == 0 && is_last_chance {
                self.held.push_back(message);
                break;
            }
            // What comes after it is refused too, so that the order holds when the broker sends both again.
            self.refused_bytes += message.size();
        }
        self.held.extend(messages);
        self.held_since = read;
        self.hand_over(admitted, now);
        self.partition.observer.received(new, redelivered, first, last);
        if self.ledger.is_long() || self.ledger.bytes() > self.remembered_bytes + GROWTH {
            self.forget(now);
        }
        self.credit.received(self.ledger.unsettled(), now);
        if let Some(refill) = self.credit.refill() {
            self.partition.set_refill(refill);
        }
    }

    /// There may be memory for what waits.
    pub(super) fn admit_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.admit_all(held.into(), true);
    }

    /// Whether messages that there was no memory for are all that the consumer waits for: each attach counts an attempt of
    /// every message, so that as much as can be is taken with one.
    pub(super) fn waits_for_memory(&self) -> bool {
        self.refused_bytes > 0 && self.held.is_empty() && self.ledger.in_hand() == 0
    }

    fn admitted(&self, count: usize) -> Admitted {
        Admitted { entries: Vec::with_capacity(count), charge: self.budget.nothing(), epoch: self.ledger.epoch() }
    }

    fn hand_over(&self, Admitted { entries, charge, epoch }: Admitted, now: Instant) {
        if entries.is_empty() {
            return;
        }
        charge.show();
        let Self { mapping, partition, .. } = self;
        let origin = Arc::new(ChunkOrigin { partition: Arc::clone(partition), epoch });
        let chunk =
            Chunk::new(Arc::clone(&mapping.topic), Arc::clone(&mapping.subscription), partition.number, entries);
        let chunk = Arc::new(chunk.received(origin, Box::new(charge)));
        let mut run = PendingRun::new(chunk, partition, epoch, now);
        run.filled_window = self.ledger.unsettled() + self.ledger.in_flight() >= self.credit.limit();
        mapping.push(run);
    }

    fn entry(&self, message: Message) -> Entry {
        let Message { payload, publish_time, producer, attributes, key, schema, token } = message;
        let topic = Arc::clone(&self.partition.topic);
        Entry {
            id: RecordId::new(topic, token.offset, token.producer_id, microseconds(publish_time), token.sequence),
            key,
            producer,
            attributes: (!attributes.is_empty()).then(|| Box::new(attributes)),
            bytes: payload,
            schema,
            broker_address: token.broker_address,
            decoded: OnceLock::new(),
            value: OnceLock::new(),
            settled: Flag::default(),
        }
    }
}
