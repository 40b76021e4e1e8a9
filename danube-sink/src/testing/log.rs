//! Log of one scenario, written by the probe and read by the harness.

use std::collections::{HashMap, HashSet, VecDeque};

use tokio::sync::watch;

use super::{
    fault::Fault,
    markers::{MESSAGE, SECRET},
};
use crate::{
    error::{ConnectorError, ConnectorResult},
    record::SinkRecord,
};

/// A message that was published.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// The routing key.
    pub(super) key: Option<String>,
    /// Attributes, besides the message's index.
    pub(super) attributes: HashMap<String, String>,
    /// The number of a payload of the subject; `None` for another payload.
    pub(super) number: Option<u64>,
    pub(super) payload: Vec<u8>,
}

impl Sent {
    /// A message whose payload has no number of the subject.
    pub(super) fn foreign(payload: Vec<u8>, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), attributes: HashMap::new(), number: None, payload }
    }
}

/// State of a scenario.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Faults of the next attempts; those after them pass.
    pub(super) script: VecDeque<Fault>,
    pub(super) sent: Vec<Sent>,
    /// Calls of `initialize`, without those that failed temporarily.
    pub(super) initialized: u32,
    pub(super) closed: u32,
    /// The batch size of each attempt.
    pub(super) attempts: Vec<usize>,
    /// Attempts after which records are retried because of a failure, without those after which a batch is halved.
    pub(super) failed: u64,
    /// The error of the last failed attempt.
    pub(super) last_failure: Option<String>,
    /// Indices, in `sent`, of delivered records.
    pub(super) delivered: HashSet<usize>,
    /// Attempts in progress. Their records may be acknowledged already.
    pub(super) in_progress: usize,
    pub(super) is_blocked: bool,
    pub(super) is_released: bool,
    pub(super) findings: Vec<String>,
    /// What could not be checked.
    pub(super) notes: Vec<String>,
}

/// Counters at one point of a scenario.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    pub(super) acked: u64,
    pub(super) delivered: u64,
    pub(super) failed: u64,
}

impl State {
    pub(super) fn tally(&self, acked: u64) -> Tally {
        Tally { acked, delivered: self.delivered.len() as u64, failed: self.failed }
    }

    /// The number of payloads that are not the subject's, and of those that were accepted.
    pub(super) fn foreign(&self) -> (u64, u64) {
        let foreign = self.sent.iter().zip(0..).filter(|(sent, _)| sent.number.is_none());
        foreign.fold((0, 0), |(all, accepted), (_, index)| {
            (all + 1, accepted + u64::from(self.delivered.contains(&index)))
        })
    }

    /// Messages that were published and not delivered.
    pub(super) fn undelivered(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter().zip(0..).filter(|(_, index)| !self.delivered.contains(index)).map(|(sent, _)| sent)
    }
}

/// The state, with notification of its changes.
#[derive(Debug, Default)]
pub(super) struct Log(watch::Sender<State>);

impl Log {
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        self.0.send_modify(change);
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.0.borrow())
    }

    pub(super) fn report(&self, finding: String) {
        self.change(|state| {
            if !state.findings.contains(&finding) {
                state.findings.push(finding);
            }
        });
    }

    /// Waits until the condition holds.
    pub(super) async fn until(&self, condition: impl FnMut(&State) -> bool) {
        // It fails only without a sender, which is `self`.
        let _ = self.0.subscribe().wait_for(condition).await;
    }

    /// Logs an attempt that starts, and returns its fault.
    pub(super) fn start_attempt(&self, records: usize) -> Fault {
        let mut fault = Fault::Pass;
        self.change(|state| {
            state.attempts.push(records);
            fault = state.script.pop_front().unwrap_or(Fault::Pass);
        });
        fault
    }

    pub(super) async fn block(&self) {
        self.change(|state| state.is_blocked = true);
        self.until(|state| state.is_released).await;
        self.change(|state| state.is_blocked = false);
    }

    /// The numbers of the records that have one.
    pub(super) fn numbers(&self, records: &[SinkRecord]) -> Vec<u64> {
        self.read(|state| records.iter().filter_map(index).filter_map(|index| state.sent.get(index)?.number).collect())
    }
}

/// The index of a record within the scenario.
fn index(record: &SinkRecord) -> Option<usize> {
    record.attributes().get(MESSAGE)?.parse().ok()
}

/// An attempt in progress. Dropped without a result, it failed.
pub(super) struct Attempt<'a> {
    log: &'a Log,
    records: Vec<SinkRecord>,
    is_finished: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(log: &'a Log, records: Vec<SinkRecord>) -> Self {
        log.change(|state| state.in_progress += 1);
        Self { log, records, is_finished: false }
    }

    pub(super) fn finish(mut self, result: &ConnectorResult<()>) {
        self.is_finished = true;
        let delivered: Vec<_> = match result {
            Ok(()) => self.records.iter().filter_map(index).collect(),
            Err(ConnectorError::Partial(failure)) => {
                let listed = failure.ids().collect::<HashSet<_>>();
                self.records.iter().filter(|record| !listed.contains(record.id())).filter_map(index).collect()
            }
            Err(_) => settled_early(&self.records).collect(),
        };
        let is_retried = match result {
            Ok(()) | Err(ConnectorError::InvalidRecord { .. } | ConnectorError::Refused { .. }) => false,
            Err(ConnectorError::TooLarge { .. }) => self.records.len() == 1,
            Err(ConnectorError::Partial(failure)) => failure.has_failed(),
            Err(_) => !are_settled(&self.records),
        };
        if let Err(error) = result
            && [error.to_string(), error.report()].iter().any(|text| text.contains(SECRET))
        {
            // The finding must not repeat the value either.
            self.log.report("an error of process_batch repeats a value of a record".to_owned());
        }
        self.log.change(|state| {
            state.delivered.extend(delivered);
            state.failed += u64::from(is_retried);
            if let Err(error) = result {
                state.last_failure = Some(error.report());
            }
        });
    }
}

/// Whether a failed call has nothing to retry.
fn are_settled(records: &[SinkRecord]) -> bool {
    settled_early(records).count() == records.len()
}

/// Records that were settled early, whatever the outcome of their batch.
fn settled_early(records: &[SinkRecord]) -> impl Iterator<Item = usize> {
    records.iter().filter(|record| record.chunk().entry(record.index()).is_settled()).filter_map(index)
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.log.change(|state| {
            state.in_progress -= 1;
            if !self.is_finished {
                state.delivered.extend(settled_early(&self.records));
                state.failed += u64::from(!are_settled(&self.records));
                state.last_failure = Some("none: the call was cancelled".to_owned());
            }
        });
    }
}
