//! The end of a batch: the outcome of each record, as the result of `process_batch`.

use std::{collections::HashSet, time::Duration};

use super::{Batch, Group, attempt::checked, concurrently::Concurrently};
use crate::error::{
    ConnectorError::{self, InvalidRecord, Partial},
    ConnectorResult, PartialFailure,
};
use crate::record::SinkRecord;

/// What the target says about one record, for [`Batch::answered`]. Reasons are shown in logs and dead letters, and must not
/// contain values of the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The target has stored the record.
    Written,
    /// Temporary failure: the record is retried, for this reason.
    Retry(String),
    /// The record is written once more and has not failed, such as one that must follow another which is retried:
    /// [`PartialFailure::retry_untried`].
    RetryUntried,
    /// The target will never accept the record, for this reason: `on_invalid_record` applies to it.
    Rejected(String),
}

impl<'t, T> Batch<'t, T> {
    /// Ends the batch: the target has stored all [`records`](Self::records).
    ///
    /// # Errors
    /// [`ConnectorError::Partial`] with the records that are rejected; the others are delivered.
    pub fn done(self) -> ConnectorResult<()> {
        self.finish(Ok(()))
    }

    /// Ends the batch with the result of one write of all [`records`](Self::records).
    ///
    /// # Errors
    /// [`ConnectorError::Partial`] with the records that the batch or the result lists; the error of the result, if it lists
    /// none: then all records are written again, and those that cannot be converted are rejected then.
    pub fn finish(mut self, result: ConnectorResult<()>) -> ConnectorResult<()> {
        self.open.close();
        match result {
            Ok(()) => {}
            Err(Partial(failure)) if !failure.is_empty() => self.failure.merge(failure),
            Err(InvalidRecord { id, reason }) => {
                self.failure.merge(PartialFailure::of_invalid(&self.records, vec![(id, reason)]));
            }
            Err(error) => return Err(error),
        }
        self.failure.into_result()
    }

    /// Ends the batch with an answer of the target for each of [`records`](Self::records), in their order; `verdict` says
    /// what an answer means.
    ///
    /// # Errors
    /// [`ConnectorError::Partial`] with the records that are rejected or retried; [`ConnectorError::Retryable`] if there are
    /// more or fewer answers than records, since it is not known which record an answer belongs to.
    pub fn answered<A>(
        mut self,
        answers: impl IntoIterator<Item = A>,
        verdict: impl FnMut(A) -> Verdict,
    ) -> ConnectorResult<()> {
        let verdicts: Vec<_> = answers.into_iter().map(verdict).collect();
        let (answers, records) = (verdicts.len(), self.records.len());
        if answers != records {
            let message = format!("the target answered for {answers} records, but {records} were written");
            return self.finish(Err(ConnectorError::retryable(message)));
        }
        for (record, verdict) in self.records.iter().zip(verdicts) {
            match verdict {
                Verdict::Written => {}
                Verdict::Retry(reason) => drop(self.failure.retry(record, reason)),
                Verdict::RetryUntried => drop(self.failure.retry_untried(record)),
                Verdict::Rejected(reason) => drop(self.failure.reject(record, reason)),
            }
        }
        self.done()
    }

    /// Ends the batch with one write for each of its groups, `at_once` of them at a time, and merges their outcomes. No group
    /// but the first starts if it could not end before the [`deadline`](Self::deadline), where a write takes `longest`.
    ///
    /// `write` treats its group as `process_batch` does a batch, and ends it in the same way: what it rejects, retries or
    /// leaves out of the group's outcome applies to the records of that group. Records that are in no group are retried.
    ///
    /// **Order.** Groups keep the order that the subscription guarantees. Within a partition (Exclusive, Failover) or a key
    /// (KeyShared) they are written one after the other, in the order given; records without a key count as one key. A group
    /// with records of several partitions or keys is ordered with every group that has a record of one of them. With Shared
    /// there is no order.
    ///
    /// **Failures.** After a group with a record to retry, no further group of its partition or key starts, so no record
    /// overtakes the failed one. After a [`Retryable`] or fatal error, or a partial failure with a
    /// [delay](PartialFailure::wait), no further group starts at all. Writes in progress finish.
    ///
    /// **Early acknowledgement.** The records of a written group may be acknowledged before the other groups finish, whatever
    /// their outcome. So its outcome must mean that the target has stored it durably: a connector that commits the whole batch
    /// afterwards, as with a transaction, must not use this method.
    ///
    /// | result of a group | its records |
    /// |---|---|
    /// | `Ok` | delivered |
    /// | [`Partial`] | as it lists them; the others are delivered |
    /// | [`Retryable`] | retried |
    /// | [`InvalidRecord`] | that record is rejected, the others are written again |
    /// | [`Refused`] | a single record is rejected; several are written again, without the groups that were written, so that the runtime finds the record by halving |
    /// | [`TooLarge`] | a single record is retried; several are written again, in halves |
    /// | none, since it did not start | written again |
    ///
    /// [`Retryable`]: ConnectorError::Retryable
    /// [`Refused`]: ConnectorError::Refused
    /// [`TooLarge`]: ConnectorError::TooLarge
    ///
    /// ```
    /// # use std::time::Duration;
    /// use danube_sink::{Batch, ConnectorResult, SinkRecord, config::Pointer};
    ///
    /// # async fn put(_: &str, _: &[SinkRecord]) -> ConnectorResult<()> { Ok(()) }
    /// /// Writes each record to the tenant that it names.
    /// async fn write(mut batch: Batch<'_, Pointer>) -> ConnectorResult<()> {
    ///     let tenants = batch.group_by(|pointer, record| Ok(pointer.of(record.payload()).map(ToString::to_string)))?;
    ///     let longest = Duration::from_secs(5);
    ///     batch.concurrently(8, longest, tenants, async |tenant| {
    ///         let written = put(tenant.key.as_deref().unwrap_or("none"), tenant.batch.records()).await;
    ///         tenant.batch.finish(written)
    ///     }).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Partial`] with the records that are not written; [`Refused`] if groups were refused and no record of the batch was
    /// written, rejected or failed; the fatal error of the first group that has one. A group that is dropped without an
    /// outcome, or an error that lists a record of another group, is fatal too.
    pub async fn concurrently<K, W>(
        mut self,
        at_once: usize,
        longest: Duration,
        groups: Vec<Group<'t, T, K>>,
        write: impl Fn(Group<'t, T, K>) -> W,
    ) -> ConnectorResult<()>
    where
        W: Future<Output = ConnectorResult<()>>,
    {
        self.retry_all_but(&groups);
        let until = self.deadline.checked_sub(longest).unwrap_or(self.deadline);
        let writer = Concurrently { order: self.across_groups, at_once, until };
        let write = |group: Group<'t, T, K>| {
            let unfinished = group.batch.open.unfinished();
            let written = write(group);
            async move { checked(written.await, &unfinished) }
        };
        let written = writer.write(groups, write).await;
        self.finish(written)
    }

    /// Retries the records that are in no group: nothing is said about them.
    fn retry_all_but<K>(&mut self, groups: &[Group<'_, T, K>]) {
        let grouped = || groups.iter().flat_map(|group| group.batch.records()).map(SinkRecord::id);
        // Most groups have all records in the order of the batch, which takes no look-ups.
        if grouped().eq(self.records.iter().map(SinkRecord::id)) {
            return;
        }
        let grouped: HashSet<_> = grouped().collect();
        for record in self.records.iter().filter(|record| !grouped.contains(record.id())) {
            self.failure.retry(record, "no group has the record, so it was not written");
        }
    }
}
