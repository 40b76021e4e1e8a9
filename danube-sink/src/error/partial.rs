//! Partial failure: which records of a batch were not written, and why.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    error::Error,
    fmt,
    time::Duration,
};

use super::{ConnectorError, ConnectorResult};
use crate::record::{RecordId, SinkRecord};

/// Records of a batch that were not written. All others count as delivered.
///
/// A record that is listed more than once is rejected if [`reject`](Self::reject) lists it, else retried.
///
/// ```
/// # use danube_sink::{PartialFailure, SinkRecord, ConnectorResult};
/// # fn answer(records: &[SinkRecord]) -> ConnectorResult<()> {
/// let mut failure = PartialFailure::default();
/// failure.retry(&records[3], "429 too many requests");
/// failure.reject(&records[7], "value too long for column name");
/// failure.into_result()
/// # }
/// ```
#[derive(Debug, Default)]
pub struct PartialFailure {
    pub(crate) retry: Vec<Retry>,
    pub(crate) rejected: Vec<(RecordId, String)>,
    /// Rejected by the connector itself, before the target received them.
    pub(crate) invalid: Vec<(RecordId, String)>,
    pub(crate) retry_after: Option<Duration>,
}

/// A record to retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) id: RecordId,
    pub(crate) reason: Cow<'static, str>,
    /// Whether a write of this record failed. Only then do the retry counter and, when `max_retries` are exhausted,
    /// `on_retries_exhausted` apply to it.
    pub(crate) tried: bool,
}

/// Outcome of a write for one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecordOutcome {
    Delivered,
    Retry { reason: Cow<'static, str>, tried: bool },
    Rejected { reason: String, by: RejectedBy },
}

/// Whether the target or the connector rejected a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RejectedBy {
    Target,
    Connector,
}

impl PartialFailure {
    /// Retries the record, which was not written for a temporary reason.
    pub fn retry(&mut self, record: &SinkRecord, reason: impl Into<String>) -> &mut Self {
        self.retry.push(Retry { id: record.id().clone(), reason: Cow::Owned(reason.into()), tried: true });
        self
    }

    /// Rejects the record, which the target will never accept: `on_invalid_record` applies to it.
    ///
    /// One failure can reject any number of records, in time proportional to their number.
    pub fn reject(&mut self, record: &SinkRecord, reason: impl Into<String>) -> &mut Self {
        self.rejected.push((record.id().clone(), reason.into()));
        self
    }

    /// Rejects all of these records for one reason.
    pub fn of_rejected(records: &[SinkRecord], reason: &str) -> Self {
        let mut failure = Self::default();
        for record in records {
            failure.reject(record, reason);
        }
        failure
    }

    /// Marks the record as invalid, found by the connector itself: `on_invalid_record` applies to it.
    ///
    /// Unlike [`reject`](Self::reject), any number of invalid records does not count as a mass refusal by the target.
    pub fn invalid(&mut self, record: &SinkRecord, reason: impl Into<String>) -> &mut Self {
        self.invalid.push((record.id().clone(), reason.into()));
        self
    }

    /// Retries the record, which was not tried, or only together with others. This is not a failed attempt where the rest of the
    /// batch was delivered or rejected, and the record is not dead-lettered when `max_retries` are exhausted.
    pub fn retry_untried(&mut self, record: &SinkRecord) -> &mut Self {
        let reason = Cow::Borrowed("not tried by itself");
        self.retry.push(Retry { id: record.id().clone(), reason, tried: false });
        self
    }

    /// Sets the shortest delay before the next attempt, as requested by the target; `max_backoff_ms` is the upper bound.
    pub fn wait(&mut self, wait: Duration) -> &mut Self {
        self.retry_after = Some(wait);
        self
    }

    /// Converts the failure into the result of `process_batch`: `Ok` if it lists no record.
    ///
    /// # Errors
    /// [`ConnectorError::Partial`] if the failure lists a record.
    pub fn into_result(self) -> ConnectorResult<()> {
        if self.is_empty() { Ok(()) } else { Err(self.into()) }
    }

    /// The failure of a batch with these invalid records: all other records are written again.
    pub(crate) fn of_invalid(records: &[SinkRecord], invalid: Vec<(RecordId, String)>) -> Self {
        let mut failure = Self { invalid, ..Self::default() };
        let named: HashSet<_> = failure.invalid.iter().map(|(id, _)| id.clone()).collect();
        for record in records.iter().filter(|record| !named.contains(record.id())) {
            failure.retry_untried(record);
        }
        failure
    }

    /// Adds the records of another failure of the same batch, and keeps the longer delay.
    pub fn merge(&mut self, other: Self) {
        self.retry.extend(other.retry);
        self.rejected.extend(other.rejected);
        self.invalid.extend(other.invalid);
        self.retry_after = self.retry_after.max(other.retry_after);
    }

    /// The rejected records, each with its reason: first those that the target rejected, then those that the connector did.
    ///
    /// ```
    /// # use danube_sink::{PartialFailure, SinkRecord};
    /// let record = SinkRecord::builder("/default/users").build();
    /// let mut failure = PartialFailure::default();
    /// failure.reject(&record, "value too long for column name");
    /// assert_eq!(failure.rejected().collect::<Vec<_>>(), [(record.id(), "value too long for column name")]);
    /// assert_eq!(failure.retried().count(), 0);
    /// ```
    pub fn rejected(&self) -> impl Iterator<Item = (&RecordId, &str)> {
        self.rejected.iter().chain(&self.invalid).map(|(id, reason)| (id, reason.as_str()))
    }

    /// The records to write again, each with its reason.
    pub fn retried(&self) -> impl Iterator<Item = (&RecordId, &str)> {
        self.retry.iter().map(|retry| (&retry.id, &*retry.reason))
    }

    /// Whether the failure lists no record.
    pub fn is_empty(&self) -> bool {
        self.retry.is_empty() && self.rejected.is_empty() && self.invalid.is_empty()
    }

    /// Whether a write of some record failed temporarily.
    pub(crate) fn has_failed(&self) -> bool {
        self.retry.iter().any(|retry| retry.tried)
    }

    /// Ids of the records that were not written.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &RecordId> {
        let rejected = self.rejected.iter().chain(&self.invalid).map(|(id, _)| id);
        self.retry.iter().map(|retry| &retry.id).chain(rejected)
    }

    /// The verdict of each record that the connector was called with, in their order.
    ///
    /// # Errors
    /// A fatal error if the failure lists no record, or one that is not among these: an unlisted record counts as
    /// delivered, so a wrong id would acknowledge a record that was not written.
    pub(crate) fn verdicts<'r>(
        self,
        records: impl IntoIterator<Item = &'r RecordId>,
    ) -> ConnectorResult<Vec<RecordOutcome>> {
        if self.is_empty() {
            let text = "the connector returned a partial failure without a record: return `failure.into_result()`";
            return Err(ConnectorError::fatal(text));
        }
        let mut named = HashMap::with_capacity(self.ids().count());
        for Retry { id, reason, tried } in self.retry {
            let (verdict, _) = named.entry(id).or_insert((RecordOutcome::Delivered, false));
            if !matches!(verdict, RecordOutcome::Retry { tried: true, .. }) {
                *verdict = RecordOutcome::Retry { reason, tried };
            }
        }
        let invalid = self.invalid.into_iter().map(|rejected| (rejected, RejectedBy::Connector));
        let rejected = self.rejected.into_iter().map(|rejected| (rejected, RejectedBy::Target));
        for ((id, reason), by) in invalid.chain(rejected) {
            named.insert(id, (RecordOutcome::Rejected { reason, by }, false));
        }
        let verdict = |id: &RecordId| match named.get_mut(id) {
            Some((verdict, is_found)) => {
                *is_found = true;
                verdict.clone()
            }
            None => RecordOutcome::Delivered,
        };
        let verdicts = records.into_iter().map(verdict).collect();
        match named.into_iter().find(|(_, (_, is_found))| !is_found) {
            Some((id, _)) => Err(unknown_record(&id)),
            None => Ok(verdicts),
        }
    }
}

/// The fatal error for a failure that lists a record which is not in the batch.
pub(crate) fn unknown_record(id: &RecordId) -> ConnectorError {
    ConnectorError::fatal(format!("the connector's error lists record {id}, which is not in the batch"))
}

impl Error for PartialFailure {}

impl fmt::Display for PartialFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rejected = self.rejected.len() + self.invalid.len();
        write!(f, "{} records to retry, {rejected} rejected", self.retry.len())?;
        let rejected = self.rejected.first().or(self.invalid.first()).map(|(id, reason)| (id, reason.as_str()));
        // The reason of a failed record says more than that of one that was not tried.
        let retry = self.retry.iter().find(|retry| retry.tried).or(self.retry.first());
        match rejected.or(retry.map(|retry| (&retry.id, &*retry.reason))) {
            Some((id, reason)) => write!(f, "; the first, {id}: {reason}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: u64) -> SinkRecord {
        SinkRecord::builder("/default/t").offset(offset).build()
    }

    fn verdicts(failure: PartialFailure, records: &[SinkRecord]) -> ConnectorResult<Vec<RecordOutcome>> {
        failure.verdicts(records.iter().map(SinkRecord::id))
    }

    #[test]
    fn each_record_has_one_verdict() {
        let records: Vec<_> = (0..6).map(record).collect();
        let mut failure = PartialFailure::default();
        failure.retry_untried(&records[0]).retry(&records[0], "503").retry_untried(&records[0]);
        failure.reject(&records[1], "too long").retry(&records[1], "429").retry_untried(&records[3]);
        let retry = |reason: &'static str, tried| RecordOutcome::Retry { reason: reason.into(), tried };
        let rejected = RecordOutcome::Rejected { reason: "too long".to_owned(), by: RejectedBy::Target };
        let [a, b, c, d, e, f] = &verdicts(failure, &records).unwrap()[..] else { panic!() };
        assert_eq!((a, b, c), (&retry("503", true), &rejected, &RecordOutcome::Delivered));
        assert_eq!(
            (d, e, f),
            (&retry("not tried by itself", false), &RecordOutcome::Delivered, &RecordOutcome::Delivered)
        );
    }

    #[test]
    fn records_with_the_same_id_share_its_verdict() {
        let mut failure = PartialFailure::default();
        failure.reject(&record(1), "too long");
        let rejected = RecordOutcome::Rejected { reason: "too long".to_owned(), by: RejectedBy::Target };
        assert_eq!(verdicts(failure, &[record(1), record(1)]).unwrap(), [rejected.clone(), rejected]);
    }

    #[test]
    fn an_unknown_id_or_no_id_is_fatal() {
        let mut failure = PartialFailure::default();
        failure.retry(&record(1), "503").reject(&record(2), "too long");
        let error = verdicts(failure, &[record(1)]).unwrap_err();
        assert!(matches!(error, ConnectorError::Fatal { .. }) && error.report().contains("/default/t@2-"), "{error}");
        let error = verdicts(PartialFailure::default(), &[record(1)]).unwrap_err();
        assert!(matches!(error, ConnectorError::Fatal { .. }), "{error}");
    }

    #[test]
    fn merging_keeps_every_record_and_the_longer_delay() {
        let (mut one, mut other) = (PartialFailure::default(), PartialFailure::default());
        one.retry_untried(&record(1)).wait(Duration::from_secs(7));
        other.retry(&record(2), "503").reject(&record(3), "too long").wait(Duration::from_secs(2));
        one.merge(other);
        assert_eq!((one.retry.len(), one.rejected.len(), one.retry_after), (2, 1, Some(Duration::from_secs(7))));
        assert!(one.to_string().starts_with("2 records to retry, 1 rejected; the first, /default/t@3-"), "{one}");
    }
}
