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

use self::outcome::{Next, Outcome};
use crate::{
    config::SubscriptionType,
    error::ConnectorResult,
    record::{SinkRecord, settle_early},
};

/// Concurrent writer of a batch in parts, for a target that accepts one or a few records per request.
///
/// **Order.** Parts keep the order that the subscription guarantees. Within a partition (Exclusive, Failover) or a key
/// (KeyShared) they are written one after the other, in the order given; records without a key count as one key. A part with
/// records of several partitions or keys is ordered with every part that has a record of one of them. With Shared there is
/// no order.
///
/// **Failures.** After a part with a record to retry, no further part of its partition or key starts, so no record overtakes
/// the failed one. After a [`Retryable`] or fatal error, or a partial failure with a [delay](crate::PartialFailure::wait), no
/// further part starts at all. Parts in progress finish.
///
/// **Early acknowledgement.** The records of a written part may be acknowledged before the other parts finish, whatever
/// their outcome. So `Ok` must mean that the target has stored the part durably: a connector that commits the whole batch
/// afterwards, as with a transaction, must not use this type.
///
/// [`Retryable`]: crate::ConnectorError::Retryable
///
/// ```
/// # use std::time::{Duration, Instant};
/// use danube_sink::{Concurrently, ConnectorResult, SinkRecord, SubscriptionType};
///
/// # async fn send(_: SinkRecord) -> ConnectorResult<()> { Ok(()) }
/// # async fn example(records: Vec<SinkRecord>) -> ConnectorResult<()> {
/// let until = Instant::now() + Duration::from_secs(10);
/// let concurrently = Concurrently { order: SubscriptionType::KeyShared, at_once: 8, until };
/// let parts = records.into_iter().map(|record| vec![record]).collect();
/// concurrently.write(parts, |mut part: Vec<SinkRecord>| send(part.remove(0))).await
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Concurrently {
    /// The type of the mapping's subscription.
    pub order: SubscriptionType,
    /// Maximum number of parts in progress; at least one.
    pub at_once: usize,
    /// Time after which no further part starts, so that the attempt ends within `write_timeout_ms`. The records of the
    /// remaining parts are written again.
    pub until: Instant,
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
    /// The outcome of a part applies to its own records:
    ///
    /// | outcome of a part | its records |
    /// |---|---|
    /// | `Ok` | delivered |
    /// | [`Partial`] | as it lists them; the others are delivered |
    /// | [`Retryable`] | retried |
    /// | [`InvalidRecord`] | that record is rejected, the others are written again |
    /// | [`Refused`] | a single record is rejected; several are written again, without the parts that were written, so that the runtime finds the record by halving |
    /// | [`TooLarge`] | a single record is retried; several are written again, in halves |
    /// | none, since it did not start | written again |
    ///
    /// [`Partial`]: crate::ConnectorError::Partial
    /// [`Retryable`]: crate::ConnectorError::Retryable
    /// [`InvalidRecord`]: crate::ConnectorError::InvalidRecord
    /// [`Refused`]: crate::ConnectorError::Refused
    /// [`TooLarge`]: crate::ConnectorError::TooLarge
    ///
    /// # Errors
    /// [`Partial`] with the records that are not written; [`Refused`] if parts were refused and no record of the batch was
    /// written, rejected or failed; the fatal error of the first part that has one. An error that lists a record of another
    /// part is fatal too.
    pub async fn write<P, W>(&self, parts: Vec<P>, write: impl Fn(P) -> W) -> ConnectorResult<()>
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
        let (stopped, is_settled_early) = (AtomicBool::new(false), are_disjoint(&parts));
        let shared = Shared { write: &write, settle: &settle, stopped, is_settled_early };
        let sequences = order::sequences(parts, self.order);
        let sequences = sequences.into_iter().map(|sequence| self.write_sequence(sequence, &shared));
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
            let records = part.as_ref().to_vec();
            may_start = may_start && !shared.stopped.load(Ordering::Relaxed) && Instant::now() < self.until;
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
