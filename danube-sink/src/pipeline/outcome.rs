//! The outcome of a write: the connector's verdict on each record of a batch.

use std::time::Duration;

use super::{
    budget::Budget,
    pending::{PendingRecords, PendingRun},
};
use crate::{
    error::{ConnectorError, ConnectorResult, PartialFailure, RecordOutcome, RejectedBy, unknown_record},
    record::{RecordId, SinkRecord},
};

/// A rejected record, and why.
pub(crate) struct Rejected {
    /// A run of one record.
    pub(crate) record: PendingRun,
    pub(crate) reason: String,
}

impl Rejected {
    /// Rejects each of the records.
    pub(crate) fn each(records: PendingRecords, reason: &str) -> impl Iterator<Item = Self> {
        records.singly().map(|record| Self { record, reason: reason.to_owned() })
    }

    /// The same, with the record in a chunk of its own.
    pub(crate) fn alone(self, budget: &Budget) -> Self {
        Self { record: self.record.alone(budget), ..self }
    }

    pub(crate) fn record(&self) -> SinkRecord {
        self.record.record(0)
    }
}

/// The records of a batch after one attempt.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) delivered: PendingRecords,
    /// Records that the target refuses.
    pub(crate) rejected: Vec<Rejected>,
    /// Records that the connector itself found invalid: the target has not seen them.
    pub(crate) invalid: Vec<Rejected>,
    /// Records to write once more, in their order.
    pub(crate) retry: PendingRecords,
    /// Which records of `retry` were tried and failed.
    pub(crate) tried: Tried,
    /// Records to write in a batch of their own, after those of `retry`.
    pub(crate) second_half: PendingRecords,
    /// Why the records failed; `None` if nothing failed and they only shared a batch with another one.
    pub(crate) failure: Option<String>,
    /// The delay that the target asked for.
    pub(crate) wait: Option<Duration>,
}

/// Which records of a retry were tried: all, or those whose flag is set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Tried {
    #[default]
    All,
    These(Vec<bool>),
}

impl Outcome {
    /// # Errors
    /// An answer that stops the connector.
    pub(crate) fn of(batch: PendingRecords, answer: ConnectorResult<()>) -> ConnectorResult<Self> {
        if answer.is_ok() {
            return Ok(Self { delivered: batch, ..Self::default() });
        }
        // They are written, whatever the call answered.
        let [left, settled] = batch.split_settled();
        let mut outcome = match answer {
            // The error concerns none of them.
            Err(
                ConnectorError::Retryable { .. } | ConnectorError::Refused { .. } | ConnectorError::TooLarge { .. },
            ) if left.is_empty() => Self::default(),
            answer => Self::of_unsettled(left, answer, !settled.is_empty())?,
        };
        outcome.delivered.append(settled);
        Ok(outcome)
    }

    /// The outcome of the records that were not settled early. `made_progress` says whether others of their batch were.
    fn of_unsettled(batch: PendingRecords, answer: ConnectorResult<()>, made_progress: bool) -> ConnectorResult<Self> {
        match answer {
            Ok(()) => Ok(Self { delivered: batch, ..Self::default() }),
            Err(error @ ConnectorError::Retryable { retry_after, .. }) => {
                Ok(Self { retry: batch, failure: Some(error.report()), wait: retry_after, ..Self::default() })
            }
            Err(error @ (ConnectorError::Refused { .. } | ConnectorError::TooLarge { .. })) if batch.len() < 2 => {
                Ok(Self::alone(batch, &error))
            }
            Err(ConnectorError::Refused { .. } | ConnectorError::TooLarge { .. }) => Ok(Self::halved(batch)),
            Err(ConnectorError::InvalidRecord { id, reason }) => Self::without(batch, &id, &reason),
            Err(ConnectorError::Partial(failure)) => Self::partial(batch, failure, made_progress),
            Err(fatal) => Err(fatal),
        }
    }

    /// Halves a refused batch: a refusal names no record until it is the only one.
    fn halved(mut batch: PendingRecords) -> Self {
        let half = batch.len().div_ceil(2);
        Self { retry: batch.split_to(half), second_half: batch, ..Self::default() }
    }

    fn alone(batch: PendingRecords, error: &ConnectorError) -> Self {
        match error {
            // It may fit later.
            ConnectorError::TooLarge { .. } => Self { retry: batch, failure: Some(error.report()), ..Self::default() },
            _ => Self { rejected: Rejected::each(batch, &error.report()).collect(), ..Self::default() },
        }
    }

    fn without(batch: PendingRecords, id: &RecordId, reason: &str) -> ConnectorResult<Self> {
        let [retry, invalid] = batch.sort(|record| usize::from(record.has_id(id)));
        if invalid.is_empty() {
            return Err(unknown_record(id));
        }
        Ok(Self { invalid: Rejected::each(invalid, reason).collect(), retry, ..Self::default() })
    }

    /// What is not named counts as delivered: a name that fits no record must not pass for one.
    fn partial(batch: PendingRecords, failure: PartialFailure, mut made_progress: bool) -> ConnectorResult<Self> {
        let (text, has_failed, wait) = (failure.to_string(), failure.has_failed(), failure.retry_after);
        let records = batch.records();
        let mut verdicts = failure.verdicts(records.iter().map(|record| record.id()))?.into_iter();
        drop(records);
        let (mut tried, mut refused, mut unfit) = (Vec::new(), Vec::new(), Vec::new());
        let [delivered, retry, rejected, invalid] = batch.sort(|_| match verdicts.next() {
            Some(RecordOutcome::Retry { tried: was_tried, .. }) => {
                tried.push(was_tried);
                1
            }
            Some(RecordOutcome::Rejected { reason, by: RejectedBy::Target }) => {
                refused.push(reason);
                2
            }
            Some(RecordOutcome::Rejected { reason, by: RejectedBy::Connector }) => {
                unfit.push(reason);
                3
            }
            _ => 0,
        });
        let with_reasons = |records: PendingRecords, reasons: Vec<String>| -> Vec<_> {
            records.singly().zip(reasons).map(|(record, reason)| Rejected { record, reason }).collect()
        };
        let (rejected, invalid) = (with_reasons(rejected, refused), with_reasons(invalid, unfit));
        made_progress |= !delivered.is_empty() || !rejected.is_empty() || !invalid.is_empty();
        let failure = (!retry.is_empty() && (has_failed || !made_progress)).then_some(text);
        let tried = if tried.contains(&true) { Tried::These(tried) } else { Tried::All };
        Ok(Self { delivered, rejected, invalid, retry, tried, failure, wait, ..Self::default() })
    }
}
