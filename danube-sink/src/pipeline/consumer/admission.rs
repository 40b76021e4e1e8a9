//! Admission: turns messages into records in hand, while memory lasts.

use std::sync::{Arc, Mutex, OnceLock};

use tokio::time::Instant;

use super::ConsumerTask;
use crate::{
    pipeline::{
        broker::{Message, copy_small_payloads},
        budget::Charged,
        ledger::Arrival,
        partition::ChunkOrigin,
        pending::PendingRun,
    },
    record::{Chunk, Entry, Flag, RecordId, microseconds},
};

/// The growth of a ledger in bytes after which it forgets settled messages.
const GROWTH: usize = 1024;

/// The admitted records of one chunk.
struct Admitted {
    entries: Vec<Entry>,
    charge: Charged,
    epoch: u32,
}

impl ConsumerTask {
    /// Admits messages. Without memory, their payloads are dropped and reading continues: the window bounds them, and the
    /// broker redelivers them after the next attach.
    pub(super) fn admit(&mut self, messages: Vec<Message>) {
        let now = Instant::now();
        // A message read late may have been sent early.
        let moment = self.ledger.moment(self.paused.take().unwrap_or(now));
        let stops = self.signals.stop.is_cancelled();
        let count = messages.len();
        // Redelivered messages may come after new ones.
        let (mut first, mut last) = (u64::MAX, 0);
        let (mut new, mut redelivered) = (0, 0);
        let mut admitted = self.admitted(count);
        self.ledger.reserve(count);
        for message in messages {
            (first, last) = (first.min(message.token.offset), last.max(message.token.offset));
            let restarts = self.ledger.restarts();
            let arrival = self.ledger.receive(&message, moment);
            let restarted = self.ledger.restarts() != restarts;
            if self.ledger.epoch() != admitted.epoch {
                let next = self.admitted(count);
                self.hand_over(std::mem::replace(&mut admitted, next), now);
            }
            if arrival == Arrival::New {
                new += 1;
                self.losses.observe(&message, restarted, &self.partition);
            } else {
                redelivered += 1;
            }
            if matches!(arrival, Arrival::InHand | Arrival::Settled) {
                continue;
            }
            let (offset, size) = (message.token.offset, message.size());
            if arrival == Arrival::Returned {
                self.released_bytes = self.released_bytes.saturating_sub(size);
            }
            if !stops && self.takes(offset, size, &mut admitted.charge) {
                admitted.entries.push(Self::entry(message));
                continue;
            }
            if self.ledger.release(offset, admitted.epoch) {
                self.released_bytes += size;
            }
            // Later messages are refused too, to keep the order when the broker redelivers them.
            self.refuses |= !stops;
        }
        // The reservation was for these messages.
        self.reserved = self.budget.nothing();
        if admitted.entries.len() < count {
            // The others must not hold memory that is counted for none.
            copy_small_payloads(&mut admitted.entries, |entry| &mut entry.bytes);
        }
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

    /// Charges the memory of an arriving message. Whether the message is taken.
    fn takes(&mut self, offset: u64, size: usize, charge: &mut Charged) -> bool {
        if self.refuses {
            return false;
        }
        let fits = charge.grow_with(&mut self.reserved, size);
        // A chunk from the spool is kept as a whole, although it may be larger than its reservation.
        let must_keep = !fits && (self.mapping.role.is_delivery() || self.ledger.must_keep(offset));
        if must_keep {
            charge.overdraw(size);
        }
        fits || must_keep
    }

    /// Whether the spool's stream waits for memory for the next chunk.
    pub(super) fn waits_for_chunk(&self) -> bool {
        self.mapping.role.is_delivery() && !self.budget.has_free(self.budget.chunk_bytes())
    }

    /// How many messages may be in hand. From the spool, that is what its mapping sets, although a chunk may bring more: as a
    /// limit that rose with them, it would rise until the whole budget is read ahead.
    pub(super) fn window(&self) -> usize {
        let set = self.mapping.settings.max_unacked_messages.filter(|_| self.mapping.role.is_delivery());
        set.unwrap_or_else(|| self.credit.limit())
    }

    /// Whether to continue reading: messages that have to be kept are read once there is memory.
    pub(super) fn reads(&mut self) -> bool {
        if self.waits_for_chunk() {
            // Batches are written as they are, to free theirs.
            self.mapping.wake();
        }
        if self.mapping.role.is_delivery() {
            // Its stream waits for memory, and has to be read once it has reserved some. After a shutdown has begun, only for
            // what an earlier attachment has not settled in the log.
            let is_wanted = !self.signals.stop.is_cancelled() || self.ledger.unconfirmed() > 0;
            return is_wanted && self.ledger.in_hand() < self.window();
        }
        let has_memory = !self.reserved.is_empty() || self.budget.has_free(1);
        let reads = has_memory || !self.ledger.must_keep_next();
        if !reads {
            self.paused.get_or_insert_with(Instant::now);
        }
        reads
    }

    /// Whether the consumer waits only for memory for refused messages: each attach counts an attempt of every message, so that
    /// one attach should take as many as possible.
    pub(super) fn waits_for_memory(&self) -> bool {
        self.refuses && self.ledger.in_hand() == 0
    }

    /// Whether messages are overdue for lack of memory alone: their target may be healthy.
    pub(super) fn lacks_memory(&self) -> bool {
        let is_failing = *self.mapping.failing().borrow() > 0;
        (self.refuses || self.paused.is_some()) && self.ledger.in_hand() == 0 && !is_failing
    }

    fn admitted(&self, count: usize) -> Admitted {
        Admitted { entries: Vec::with_capacity(count), charge: self.budget.nothing(), epoch: self.ledger.epoch() }
    }

    fn hand_over(&mut self, Admitted { entries, charge, epoch }: Admitted, now: Instant) {
        if entries.is_empty() {
            return;
        }
        charge.show();
        let unacknowledged = self.ledger.unsettled() + self.ledger.in_flight();
        // Batches from the spool wait to be filled: nothing holds back until they are settled.
        let is_burst = !self.mapping.role.is_delivery() && self.credit.is_burst(unacknowledged, now);
        let Self { mapping, partition, .. } = self;
        let (partition_of_chunk, charge) = (Arc::clone(partition), Mutex::new(charge));
        let origin = Box::new(ChunkOrigin { partition: partition_of_chunk, epoch, arrived: now, charge });
        let chunk =
            Chunk::new(Arc::clone(&mapping.topic), Arc::clone(&mapping.subscription), partition.number, entries);
        let chunk = Arc::new(chunk.received(origin));
        let mut run = PendingRun::new(chunk, partition, epoch, now);
        run.is_burst = is_burst;
        mapping.push(run);
    }

    fn entry(message: Message) -> Entry {
        let Message { payload, offset, publish_time, attributes, key, token } = message;
        Entry {
            id: RecordId::new(token.source, offset, microseconds(publish_time), token.sequence),
            position: token.offset,
            key,
            attributes,
            bytes: payload,
            decoded: OnceLock::new(),
            value: OnceLock::new(),
            settled: Flag::default(),
        }
    }
}
