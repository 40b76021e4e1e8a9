//! Outcome of a part for its records, and of all parts for the batch.

use std::{borrow::Cow, collections::HashSet};

use crate::{
    error::{
        ConnectorError::{self, InvalidRecord, Partial, Refused, Retryable, TooLarge},
        ConnectorResult, PartialFailure, RecordOutcome, RejectedBy, unknown_record,
    },
    record::SinkRecord,
};

/// Outcome of a part.
pub(super) enum Outcome {
    /// Written in part or completely: the records that are not listed are delivered.
    Written(PartialFailure),
    /// The target refused one of several records and wrote none; `again` lists all of them.
    Refused {
        error: ConnectorError,
        again: PartialFailure,
    },
    Fatal(ConnectorError),
}

/// Which parts may start after an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Any,
    /// Those of other sequences: a record of this one is to be retried.
    OtherSequences,
    None,
}

impl Outcome {
    pub(super) fn of(records: &[SinkRecord], result: ConnectorResult<()>) -> (Self, Next) {
        let mut failure = PartialFailure::default();
        match result {
            Ok(()) => {}
            Err(error @ Retryable { retry_after, .. }) => {
                let reason = error.report();
                records.iter().for_each(|record| _ = failure.retry(record, &*reason));
                failure.retry_after = retry_after;
                return (Self::Written(failure), Next::None);
            }
            Err(error @ (Refused { .. } | TooLarge { .. })) => match records {
                [record] if matches!(error, TooLarge { .. }) => drop(failure.retry(record, error.report())),
                [record] => drop(failure.reject(record, error.report())),
                _ => return (Self::Refused { error, again: all_again(records) }, Next::OtherSequences),
            },
            Err(InvalidRecord { id, reason }) => {
                for record in records {
                    let _ = if record.has_id(&id) {
                        failure.invalid(record, &*reason)
                    } else {
                        failure.retry_untried(record)
                    };
                }
                if failure.invalid.is_empty() {
                    return (Self::Fatal(unknown_record(&id)), Next::None);
                }
            }
            Err(Partial(partial)) => {
                failure.retry_after = partial.retry_after;
                match partial.verdicts(records.iter().map(SinkRecord::id)) {
                    Ok(verdicts) => list(&mut failure, records, verdicts),
                    Err(fatal) => return (Self::Fatal(fatal), Next::None),
                }
            }
            Err(fatal) => return (Self::Fatal(fatal), Next::None),
        }
        let next = match (failure.retry_after, &failure.retry[..]) {
            (Some(_), _) => Next::None,
            (None, []) => Next::Any,
            _ => Next::OtherSequences,
        };
        (Self::Written(failure), next)
    }

    pub(super) fn not_started(records: &[SinkRecord]) -> Self {
        Self::Written(all_again(records))
    }

    /// The records of the part that were delivered.
    pub(super) fn delivered<'r>(&self, records: &'r [SinkRecord]) -> Cow<'r, [SinkRecord]> {
        match self {
            Self::Written(failure) if failure.is_empty() => records.into(),
            Self::Written(failure) => {
                let listed: HashSet<_> = failure.ids().collect();
                records.iter().filter(|record| !listed.contains(record.id())).cloned().collect()
            }
            Self::Refused { .. } | Self::Fatal(_) => Cow::default(),
        }
    }
}

fn all_again(records: &[SinkRecord]) -> PartialFailure {
    let mut failure = PartialFailure::default();
    records.iter().for_each(|record| _ = failure.retry_untried(record));
    failure
}

/// Lists each record once, however often the part's failure listed it.
fn list(failure: &mut PartialFailure, records: &[SinkRecord], verdicts: Vec<RecordOutcome>) {
    for (record, verdict) in records.iter().zip(verdicts) {
        match verdict {
            RecordOutcome::Delivered => {}
            RecordOutcome::Retry { reason, tried: true } => drop(failure.retry(record, reason)),
            RecordOutcome::Retry { tried: false, .. } => drop(failure.retry_untried(record)),
            RecordOutcome::Rejected { reason, by: RejectedBy::Target } => drop(failure.reject(record, reason)),
            RecordOutcome::Rejected { reason, by: RejectedBy::Connector } => drop(failure.invalid(record, reason)),
        }
    }
}

/// Merges the outcomes of the parts, in order, into the result for the batch.
///
/// # Errors
/// The first fatal error; the refusal, if all records are only to be written again; otherwise the records not written.
pub(super) fn merged(parts: impl Iterator<Item = (usize, Outcome)>) -> ConnectorResult<()> {
    let mut failure = PartialFailure::default();
    let (mut all, mut refusal) = (0, None);
    for (count, outcome) in parts {
        all += count;
        match outcome {
            Outcome::Written(part) => failure.merge(part),
            Outcome::Refused { error, again } => {
                failure.merge(again);
                refusal.get_or_insert(error);
            }
            Outcome::Fatal(error) => return Err(error),
        }
    }
    match refusal {
        // Without any other progress the runtime has to halve the batch to find the refused record.
        Some(refusal) if failure.retry.len() == all && !failure.has_failed() => Err(refusal),
        _ => failure.into_result(),
    }
}
