//! What the answer of a part means for its records, and the answers of all parts for the batch.

use std::collections::HashSet;

use crate::{
    error::{
        ConnectorError::{self, InvalidRecord, Partial, Refused, Retryable, TooLarge},
        ConnectorResult, PartialFailure, RejectedBy, Verdict, unknown_record,
    },
    record::SinkRecord,
};

/// What the answer of a part means for its records.
pub(super) enum Judged {
    /// The records that are not named are delivered.
    Written(PartialFailure),
    /// The target refuses one of several records, and wrote none: `again` names them.
    Refused {
        error: ConnectorError,
        again: PartialFailure,
    },
    Fatal(ConnectorError),
}

/// Which parts may begin after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Any,
    /// Those of other lines: a record of this one is to be retried.
    OtherLines,
    None,
}

impl Judged {
    pub(super) fn of(records: &[SinkRecord], answer: ConnectorResult<()>) -> (Self, Next) {
        let mut failure = PartialFailure::default();
        match answer {
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
                _ => return (Self::Refused { error, again: all_again(records) }, Next::OtherLines),
            },
            Err(InvalidRecord { id, reason }) => {
                for record in records {
                    let _ = if record.has_id(&id) { failure.invalid(record, &*reason) } else { failure.again(record) };
                }
                if failure.invalid.is_empty() {
                    return (Self::Fatal(unknown_record(&id)), Next::None);
                }
            }
            Err(Partial(partial)) => {
                failure.retry_after = partial.retry_after;
                match partial.verdicts(records.iter().map(SinkRecord::id)) {
                    Ok(verdicts) => name(&mut failure, records, verdicts),
                    Err(fatal) => return (Self::Fatal(fatal), Next::None),
                }
            }
            Err(fatal) => return (Self::Fatal(fatal), Next::None),
        }
        let next = match (failure.retry_after, &failure.retry[..]) {
            (Some(_), _) => Next::None,
            (None, []) => Next::Any,
            _ => Next::OtherLines,
        };
        (Self::Written(failure), next)
    }

    pub(super) fn not_begun(records: &[SinkRecord]) -> Self {
        Self::Written(all_again(records))
    }

    /// The records of the part that the target has.
    pub(super) fn delivered(&self, records: &[SinkRecord]) -> Vec<SinkRecord> {
        match self {
            Self::Written(failure) if failure.is_empty() => records.to_vec(),
            Self::Written(failure) => {
                let named: HashSet<_> = failure.named().collect();
                records.iter().filter(|record| !named.contains(record.id())).cloned().collect()
            }
            Self::Refused { .. } | Self::Fatal(_) => Vec::new(),
        }
    }
}

fn all_again(records: &[SinkRecord]) -> PartialFailure {
    let mut failure = PartialFailure::default();
    records.iter().for_each(|record| _ = failure.again(record));
    failure
}

/// Names each record once, however often the part's answer named it.
fn name(failure: &mut PartialFailure, records: &[SinkRecord], verdicts: Vec<Verdict>) {
    for (record, verdict) in records.iter().zip(verdicts) {
        match verdict {
            Verdict::Delivered => {}
            Verdict::Retry { reason, tried: true } => drop(failure.retry(record, reason)),
            Verdict::Retry { tried: false, .. } => drop(failure.again(record)),
            Verdict::Rejected { reason, by: RejectedBy::Target } => drop(failure.reject(record, reason)),
            Verdict::Rejected { reason, by: RejectedBy::Connector } => drop(failure.invalid(record, reason)),
        }
    }
}

/// The answer for the batch, from those of its parts in their order.
///
/// # Errors
/// The first fatal one; a refusal, where nothing else came of any part; else what is not written.
pub(super) fn merged(parts: impl Iterator<Item = (usize, Judged)>) -> ConnectorResult<()> {
    let mut failure = PartialFailure::default();
    let (mut all, mut refusal) = (0, None);
    for (count, judged) in parts {
        all += count;
        match judged {
            Judged::Written(part) => failure.merge(part),
            Judged::Refused { error, again } => {
                failure.merge(again);
                refusal.get_or_insert(error);
            }
            Judged::Fatal(error) => return Err(error),
        }
    }
    match refusal {
        // There is nothing to go on with but the records that were refused: the runtime halves the batch.
        Some(refusal) if failure.retry.len() == all && !failure.has_failed() => Err(refusal),
        _ => failure.into_result(),
    }
}
