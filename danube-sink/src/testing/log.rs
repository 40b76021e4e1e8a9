//! What happened in one scenario, written down by the probe and read by the stage.

use std::collections::{HashMap, HashSet, VecDeque};

use tokio::sync::watch;

use super::{probe::Fault, publish::MESSAGE, scenarios::SECRET};
use crate::{
    error::{ConnectorError, ConnectorResult},
    record::SinkRecord,
};

/// A message that was published.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// Its routing key.
    pub(super) key: Option<String>,
    /// Its attributes, beside the one that names it.
    pub(super) attributes: HashMap<String, String>,
    /// `None` if the payload is not one of the connector's own.
    pub(super) number: Option<u64>,
    pub(super) payload: Vec<u8>,
}

impl Sent {
    /// One whose payload is not of the connector's own numbers.
    pub(super) fn strange(payload: Vec<u8>, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), attributes: HashMap::new(), number: None, payload }
    }
}

/// Everything that was written down.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What happens to the next tries; then nothing does.
    pub(super) script: VecDeque<Fault>,
    pub(super) sent: Vec<Sent>,
    pub(super) initialized: u32,
    pub(super) closed: u32,
    /// The size of the batch of each try.
    pub(super) tries: Vec<usize>,
    /// Tries after which records are to come again because of a failure; halves of what was refused come for another reason.
    pub(super) failed: u64,
    /// What the last of them said.
    pub(super) last_failure: Option<String>,
    /// The places, in `sent`, of records that were answered to be delivered.
    pub(super) delivered: HashSet<usize>,
    /// Tries that are not answered yet. Their records may be acknowledged already.
    pub(super) under_way: usize,
    pub(super) at_gate: bool,
    pub(super) gate_open: bool,
    pub(super) findings: Vec<String>,
}

/// What the counts stood at.
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

    /// What was published and not delivered.
    pub(super) fn undelivered(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter().zip(0..).filter(|(_, place)| !self.delivered.contains(place)).map(|(sent, _)| sent)
    }
}

/// The state, and a bell that rings when it changes.
#[derive(Debug, Default)]
pub(super) struct Log(watch::Sender<State>);

impl Log {
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        self.0.send_modify(change);
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.0.borrow())
    }

    pub(super) fn find(&self, finding: String) {
        self.change(|state| {
            if !state.findings.contains(&finding) {
                state.findings.push(finding);
            }
        });
    }

    /// Returns when the condition holds.
    pub(super) async fn until(&self, condition: impl FnMut(&State) -> bool) {
        // It fails only without a sender, which this is.
        let _ = self.0.subscribe().wait_for(condition).await;
    }

    /// What happens to the try that begins.
    pub(super) fn tried(&self, records: usize) -> Fault {
        let mut fault = Fault::Pass;
        self.change(|state| {
            state.tries.push(records);
            fault = state.script.pop_front().unwrap_or(Fault::Pass);
        });
        fault
    }

    pub(super) async fn pass_gate(&self) {
        self.change(|state| state.at_gate = true);
        self.until(|state| state.gate_open).await;
        self.change(|state| state.at_gate = false);
    }

    /// The numbers of those records that have one.
    pub(super) fn numbers(&self, records: &[SinkRecord]) -> Vec<u64> {
        self.read(|state| records.iter().filter_map(place).filter_map(|place| state.sent.get(place)?.number).collect())
    }
}

/// Which of the scenario's messages a record is.
fn place(record: &SinkRecord) -> Option<usize> {
    record.attributes().get(MESSAGE)?.parse().ok()
}

/// A try that is under way. Dropped without an answer, it failed.
pub(super) struct Attempt<'a> {
    log: &'a Log,
    records: Vec<SinkRecord>,
    answered: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(log: &'a Log, records: Vec<SinkRecord>) -> Self {
        log.change(|state| state.under_way += 1);
        Self { log, records, answered: false }
    }

    pub(super) fn answered(mut self, answer: &ConnectorResult<()>) {
        self.answered = true;
        let delivered: Vec<_> = match answer {
            Ok(()) => self.records.iter().filter_map(place).collect(),
            Err(ConnectorError::Partial(failure)) => {
                let named = failure.ids().collect::<HashSet<_>>();
                self.records.iter().filter(|record| !named.contains(record.id())).filter_map(place).collect()
            }
            Err(_) => settled_early(&self.records).collect(),
        };
        let again = match answer {
            Ok(()) | Err(ConnectorError::InvalidRecord { .. } | ConnectorError::Refused { .. }) => false,
            Err(ConnectorError::TooLarge { .. }) => self.records.len() == 1,
            Err(ConnectorError::Partial(failure)) => failure.has_failed(),
            Err(_) => !are_settled(&self.records),
        };
        if let Err(error) = answer
            && [error.to_string(), error.report()].iter().any(|text| text.contains(SECRET))
        {
            // What it says is what must not be shown.
            self.log.find("an error of process_batch repeats a value of a record".to_owned());
        }
        self.log.change(|state| {
            state.delivered.extend(delivered);
            state.failed += u64::from(again);
            if let Err(error) = answer {
                state.last_failure = Some(error.report());
            }
        });
    }
}

/// Whether a call that fails has nothing to be tried again.
fn are_settled(records: &[SinkRecord]) -> bool {
    settled_early(records).count() == records.len()
}

/// Records that are settled whatever becomes of their batch.
fn settled_early(records: &[SinkRecord]) -> impl Iterator<Item = usize> {
    records.iter().filter(|record| record.chunk().entry(record.index()).is_settled()).filter_map(place)
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.log.change(|state| {
            state.under_way -= 1;
            if !self.answered {
                state.delivered.extend(settled_early(&self.records));
                state.failed += u64::from(!are_settled(&self.records));
                state.last_failure = Some("none: the call was given up".to_owned());
            }
        });
    }
}
