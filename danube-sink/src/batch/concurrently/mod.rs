//! Concurrent writes of a batch in parts, in the order that the subscription guarantees.

mod order;
mod outcome;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use futures_util::{StreamExt, stream};

pub(super) use self::order::OrderingKey;
use self::outcome::{Next, Outcome};
use crate::{
    config::SubscriptionType,
    error::ConnectorResult,
    record::{SinkRecord, settle_early},
};

/// Concurrent writer of a batch in parts; [`Batch::concurrently`](super::Batch::concurrently) documents what it does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Concurrently {
    /// The type of the mapping's subscription.
    pub(crate) order: SubscriptionType,
    /// Maximum number of parts in progress; at least one.
    pub(crate) at_once: usize,
    /// Time after which no further part starts but the first, so that the attempt ends within `write_timeout_ms`. The records of
    /// the remaining parts are written again.
    pub(crate) until: Instant,
}

/// State shared by the sequences of a batch.
struct Shared<'w, W, S> {
    write: &'w W,
    /// Called with records that are written, before the outcome of the batch.
    settle: &'w S,
    /// Whether no further part starts in any sequence.
    stopped: AtomicBool,
    /// Whether every record is in one part only, so that the part's outcome is final for the record.
    is_settled_early: bool,
}

impl Concurrently {
    /// Writes every part and merges their outcomes into the result of `process_batch`.
    ///
    /// # Errors
    /// Those of [`Batch::concurrently`](super::Batch::concurrently).
    pub(crate) async fn write<P, W>(&self, parts: Vec<P>, write: impl Fn(P) -> W) -> ConnectorResult<()>
    where
        P: AsRef<[SinkRecord]>,
        W: Future<Output = ConnectorResult<()>>,
    {
        self.write_and_settle(parts, write, settle_early).await
    }

    async fn write_and_settle<P, W>(
        &self,
        parts: Vec<P>,
        write: impl Fn(P) -> W,
        settle: impl Fn(&[SinkRecord]),
    ) -> ConnectorResult<()>
    where
        P: AsRef<[SinkRecord]>,
        W: Future<Output = ConnectorResult<()>>,
    {
        // A single part ends when the batch does.
        let (stopped, is_settled_early) = (AtomicBool::new(false), parts.len() > 1 && are_disjoint(&parts));
        let shared = Shared { write: &write, settle: &settle, stopped, is_settled_early };
        let sequences = order::sequences(parts, self.order);
        // Boxed, since a write may be kilobytes of state, which the next lines move three times.
        let sequences = sequences.into_iter().map(|sequence| Box::pin(self.write_sequence(sequence, &shared)));
        // Collected first: a stream of borrowing closures is not `Send`.
        let sequences: Vec<_> = sequences.collect();
        let outcomes: Vec<_> = stream::iter(sequences).buffer_unordered(self.at_once.max(1)).collect().await;
        let mut outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
        outcomes.sort_unstable_by_key(|(number, ..)| *number);
        outcome::merged(outcomes.into_iter().map(|(_, count, outcome)| (count, outcome)))
    }

    /// Writes parts one after the other, and returns the number, the record count and the outcome of each.
    async fn write_sequence<P, W, F, S>(
        &self,
        sequence: Vec<(usize, P)>,
        shared: &Shared<'_, F, S>,
    ) -> Vec<(usize, usize, Outcome)>
    where
        P: AsRef<[SinkRecord]>,
        F: Fn(P) -> W,
        W: Future<Output = ConnectorResult<()>>,
        S: Fn(&[SinkRecord]),
    {
        let mut all = Vec::with_capacity(sequence.len());
        let mut may_start = true;
        for (number, part) in sequence {
            // The write consumes the part, and its outcome is about the records; a clone counts a reference.
            let records = part.as_ref().to_vec();
            // The first part starts in any case, so that each attempt gets on.
            let has_time = number == 0 || Instant::now() < self.until;
            may_start = may_start && has_time && !shared.stopped.load(Ordering::Relaxed);
            if !may_start {
                all.push((number, records.len(), Outcome::not_started(&records)));
                continue;
            }
            let (outcome, next) = Outcome::of(&records, (shared.write)(part).await);
            if shared.is_settled_early {
                let delivered = outcome.delivered(&records);
                if !delivered.is_empty() {
                    (shared.settle)(&delivered);
                }
            }
            match next {
                Next::Any => {}
                Next::OtherSequences => may_start = false,
                Next::None => shared.stopped.store(true, Ordering::Relaxed),
            }
            all.push((number, records.len(), outcome));
        }
        all
    }
}

/// Whether no record is in two parts, or twice in a part.
fn are_disjoint<P: AsRef<[SinkRecord]>>(parts: &[P]) -> bool {
    let mut ids = HashSet::with_capacity(parts.iter().map(|part| part.as_ref().len()).sum());
    parts.iter().flat_map(AsRef::as_ref).all(|record| ids.insert(record.id()))
}
