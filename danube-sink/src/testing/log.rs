//! What happened in one scenario, written down by the probe and read by the stage.

use std::collections::{HashSet, VecDeque};

use tokio::sync::watch;

use super::probe::Fault;
use crate::{
    error::{ConnectorError, ConnectorResult},
    record::SinkRecord,
};

/// A message that was published; its place in the list is its offset.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// `None` if the payload is not one of the connector's own.
    pub(super) number: Option<u64>,
    pub(super) payload: Vec<u8>,
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
    /// The offsets of records that were answered to be delivered.
    pub(super) delivered: HashSet<u64>,
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
        let offsets = 0_u64..;
        self.sent.iter().zip(offsets).filter(|(_, offset)| !self.delivered.contains(offset)).map(|(sent, _)| sent)
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
        let place = |record: &SinkRecord| usize::try_from(record.offset()).unwrap_or(usize::MAX);
        self.read(|state| {
            records.iter().filter_map(|record| state.sent.get(place(record)).and_then(|sent| sent.number)).collect()
        })
    }
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
        let offsets = |named: &dyn Fn(&SinkRecord) -> bool| -> Vec<u64> {
            self.records.iter().filter(|record| !named(record)).map(SinkRecord::offset).collect()
        };
        let delivered = match answer {
            Ok(()) => offsets(&|_| false),
            Err(ConnectorError::Partial(failure)) => {
                let named = failure.named().collect::<HashSet<_>>();
                offsets(&|record| named.contains(record.id()))
            }
            Err(_) => settled_early(&self.records).collect(),
        };
        let again = match answer {
            Ok(()) | Err(ConnectorError::InvalidRecord { .. } | ConnectorError::Refused { .. }) => false,
            Err(ConnectorError::Partial(failure)) => failure.has_failed(),
            Err(_) => true,
        };
        self.log.change(|state| {
            state.delivered.extend(delivered);
            state.failed += u64::from(again);
            if let Err(error) = answer {
                state.last_failure = Some(error.report());
            }
        });
    }
}

/// The offsets of records that are settled whatever becomes of their batch.
fn settled_early(records: &[SinkRecord]) -> impl Iterator<Item = u64> {
    let settled = records.iter().filter(|record| record.chunk().entry(record.index()).is_settled());
    settled.map(SinkRecord::offset)
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.log.change(|state| {
            state.under_way -= 1;
            if !self.answered {
                state.delivered.extend(settled_early(&self.records));
                state.failed += 1;
                state.last_failure = Some("none: the call was given up".to_owned());
            }
        });
    }
}
