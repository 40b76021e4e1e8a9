//! A batch written in parts, several at once, in the order that the subscription promises.

mod answer;
mod order;
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

use self::answer::{Judged, Next};
use crate::{
    config::SubscriptionType,
    error::ConnectorResult,
    record::{SinkRecord, settle_early},
};

/// Writes a batch in parts, for a target that takes a record, or a few, at a time: several parts are under way at once.
///
/// **Order.** Parts keep the order that the subscription promises. Within a partition (Exclusive, Failover) or a key
/// (KeyShared) they are written one after the other, in the order in which they are given; records without a key count as
/// one key. A part with records of several partitions or keys is written in turn with every part that has a record of one
/// of them. With Shared there is no order.
///
/// **Failures.** A part that leaves one of its records to be retried is the last of its partition or key: no further part
/// begins there, so no record overtakes the one that failed. After an answer that is [`Retryable`] or fatal, or one that
/// asks for a [delay](crate::PartialFailure::wait), no further part begins at all. Parts that are under way end.
///
/// **Early acknowledgement.** When a part is written, its records may be acknowledged before the other parts have answered,
/// whatever those answer then. So `Ok` must mean that the target has the part for good: a connector that has to confirm the
/// whole batch afterwards, as with a transaction, must not write it with this.
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
    /// How many parts are under way at once; at least one.
    pub at_once: usize,
    /// When no further part begins, so that the try ends within `write_timeout_ms`. The records of the other parts are
    /// handed over again.
    pub until: Instant,
}

/// What the lines of a batch share.
struct Shared<'w, W, S> {
    write: &'w W,
    /// Called with records that the target has, before the batch is answered.
    settle: &'w S,
    /// Whether no further part begins in any line.
    stopped: AtomicBool,
    /// Whether every record is in one part alone, so that this part's answer is the last word about it.
    is_settled_early: bool,
}

impl Concurrently {
    /// Writes every part and answers for the whole batch, as `process_batch` returns it.
    ///
    /// All answers are merged. What a part answers holds for its own records alone:
    ///
    /// | answer of a part | its records |
    /// |---|---|
    /// | `Ok` | delivered |
    /// | [`Partial`] | as it says; those that it does not name are delivered |
    /// | [`Retryable`] | retried |
    /// | [`InvalidRecord`] | that record is rejected, the others are handed over again |
    /// | [`Refused`] | a single record is rejected; several are handed over again, without the parts that were written, so that the runtime finds the record by halves |
    /// | [`TooLarge`] | a single record is retried; several are handed over again, in halves |
    /// | none, since it did not begin | handed over again |
    ///
    /// [`Partial`]: crate::ConnectorError::Partial
    /// [`Retryable`]: crate::ConnectorError::Retryable
    /// [`InvalidRecord`]: crate::ConnectorError::InvalidRecord
    /// [`Refused`]: crate::ConnectorError::Refused
    /// [`TooLarge`]: crate::ConnectorError::TooLarge
    ///
    /// # Errors
    /// Which records are not written, and why. The refusal, if parts were refused and no record of the batch was written,
    /// rejected or failed. Of fatal answers that of the first part which has one; an answer that names a record of another
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
        let (stopped, is_settled_early) = (AtomicBool::new(false), are_apart(&parts));
        let shared = Shared { write: &write, settle: &settle, stopped, is_settled_early };
        let lines = order::lines(parts, self.order).into_iter().map(|line| self.write_line(line, &shared));
        // Collected first: a stream of borrowing closures is not `Send`.
        let lines: Vec<_> = lines.collect();
        let judged: Vec<_> = stream::iter(lines).buffer_unordered(self.at_once.max(1)).collect().await;
        let mut judged: Vec<_> = judged.into_iter().flatten().collect();
        judged.sort_unstable_by_key(|(number, ..)| *number);
        answer::merged(judged.into_iter().map(|(_, count, judged)| (count, judged)))
    }

    /// Writes parts one after the other; what their answers mean, with the number of each part and of its records.
    async fn write_line<P, W, F, S>(
        &self,
        line: Vec<(usize, P)>,
        shared: &Shared<'_, F, S>,
    ) -> Vec<(usize, usize, Judged)>
    where
        P: AsRef<[SinkRecord]>,
        F: Fn(P) -> W,
        W: Future<Output = ConnectorResult<()>>,
        S: Fn(&[SinkRecord]),
    {
        let mut all = Vec::with_capacity(line.len());
        let mut goes_on = true;
        for (number, part) in line {
            let records = part.as_ref().to_vec();
            goes_on = goes_on && !shared.stopped.load(Ordering::Relaxed) && Instant::now() < self.until;
            if !goes_on {
                all.push((number, records.len(), Judged::not_begun(&records)));
                continue;
            }
            let (judged, next) = Judged::of(&records, (shared.write)(part).await);
            if shared.is_settled_early {
                let delivered = judged.delivered(&records);
                if !delivered.is_empty() {
                    (shared.settle)(&delivered);
                }
            }
            match next {
                Next::Any => {}
                Next::OtherLines => goes_on = false,
                Next::None => shared.stopped.store(true, Ordering::Relaxed),
            }
            all.push((number, records.len(), judged));
        }
        all
    }
}

/// Whether no record is in two parts, or twice in one.
fn are_apart<P: AsRef<[SinkRecord]>>(parts: &[P]) -> bool {
    let mut ids = HashSet::with_capacity(parts.iter().map(|part| part.as_ref().len()).sum());
    parts.iter().flat_map(AsRef::as_ref).all(|record| ids.insert(record.id()))
}
