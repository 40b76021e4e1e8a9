//! What a connector's answer says of each record of a batch.

use std::time::Duration;

use super::{collect::Invalid, lane::Held};
use crate::{
    error::{ConnectorError, ConnectorResult, PartialFailure, Verdict},
    record::RecordId,
};

/// The records of a batch after one try.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) delivered: Vec<Held>,
    pub(crate) rejected: Vec<Invalid>,
    pub(crate) again: Vec<Held>,
    /// Records that are written in a batch of their own, after those of `again`.
    pub(crate) apart: Vec<Held>,
    /// Why the records are to be written again; `None` if nothing failed and they only were in the way of another one.
    pub(crate) failure: Option<String>,
    /// How long the target asked to be left alone.
    pub(crate) wait: Option<Duration>,
}

impl Outcome {
    /// # Errors
    /// An answer after which the connector cannot go on.
    pub(crate) fn of(batch: Vec<Held>, answer: ConnectorResult<()>) -> ConnectorResult<Self> {
        match answer {
            Ok(()) => Ok(Self { delivered: batch, ..Self::default() }),
            Err(error @ ConnectorError::Retryable { retry_after, .. }) => {
                Ok(Self { again: batch, failure: Some(error.report()), wait: retry_after, ..Self::default() })
            }
            Err(error @ ConnectorError::Refused { .. }) => Ok(Self::halved(batch, error.report())),
            Err(ConnectorError::InvalidRecord { id, reason }) => Self::without(batch, &id, reason),
            Err(ConnectorError::Partial(failure)) => Self::partial(batch, failure),
            Err(fatal) => Err(fatal),
        }
    }

    /// A refusal says nothing of a single record until it is alone.
    fn halved(mut batch: Vec<Held>, reason: String) -> Self {
        if batch.len() > 1 {
            let apart = batch.split_off(batch.len().div_ceil(2));
            return Self { again: batch, apart, ..Self::default() };
        }
        let rejected = batch.into_iter().map(|held| Invalid { held, reason: reason.clone() }).collect();
        Self { rejected, ..Self::default() }
    }

    fn without(batch: Vec<Held>, id: &RecordId, reason: String) -> ConnectorResult<Self> {
        let (mut found, again): (Vec<_>, Vec<_>) = batch.into_iter().partition(|held| held.record.has_id(id));
        match found.pop() {
            Some(held) => Ok(Self { rejected: vec![Invalid { held, reason }], again, ..Self::default() }),
            None => Err(stranger(id, &reason)),
        }
    }

    /// What is not named counts as delivered: a name that fits no record must not pass for one.
    fn partial(batch: Vec<Held>, failure: PartialFailure) -> ConnectorResult<Self> {
        let (text, failed) = (failure.to_string(), failure.has_failed());
        let mut outcome = Self { wait: failure.retry_after, ..Self::default() };
        let verdicts = failure.verdicts(batch.iter().map(|held| held.record.id()))?;
        for (held, verdict) in batch.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Delivered => outcome.delivered.push(held),
                Verdict::Retry { .. } => outcome.again.push(held),
                Verdict::Rejected { reason } => outcome.rejected.push(Invalid { held, reason }),
            }
        }
        let came_on = !outcome.delivered.is_empty() || !outcome.rejected.is_empty();
        outcome.failure = (!outcome.again.is_empty() && (failed || !came_on)).then_some(text);
        Ok(outcome)
    }
}

fn stranger(id: &RecordId, reason: &str) -> ConnectorError {
    ConnectorError::fatal(format!("the connector names record {id}, which is not in the batch: {reason}"))
}
