//! Appends what the consumers of a mapping received to its spool, where it is acknowledged.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use tokio::{task::spawn_blocking, time::sleep};

use super::{
    budget::Budget,
    mapping::{Failing, Mapping},
    partition::Partition,
    pending::{PendingRecords, PendingRun},
    signals::Signals,
};
use crate::{
    error::{ConnectorError, ConnectorResult},
    observe::Stage,
    record::Entry,
    spool::{AppendError, MappingSpool},
};

/// The interval of attempts while the disk or the share of the mapping is full.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How many windows of messages are remembered, to recognize their redelivery after a restart: as many as a ledger remembers
/// where memory is short. Where acknowledgements are lost, messages stay with the broker that are older than its window.
const WINDOWS_REMEMBERED: usize = 4;
const REMEMBERED: RangeInclusive<usize> = 64..=20_000;

/// The task that spools one mapping.
pub(crate) struct Spooler {
    pub(crate) mapping: Arc<Mapping>,
    pub(crate) spool: Arc<MappingSpool>,
    pub(crate) budget: Budget,
    pub(crate) signals: Signals,
}

impl Spooler {
    /// Runs until the queue is closed and empty. After an error, the whole pipeline takes no more.
    pub(crate) async fn run(self) {
        let queue = &self.mapping.stripes()[0];
        loop {
            let records: PendingRecords = std::iter::from_fn(|| queue.pop()).collect();
            if !records.is_empty() {
                match self.spool(records).await {
                    Ok(true) => {}
                    // What follows stays with the broker too, to keep the order.
                    Ok(false) => break,
                    Err(error) => {
                        self.signals.fail(error);
                        break;
                    }
                }
            } else if queue.is_done() {
                break;
            } else {
                queue.changed().await;
            }
        }
        queue.end();
    }

    /// Spools records, as soon as the disk takes them. `false` if a shutdown leaves some with the broker.
    async fn spool(&self, mut records: PendingRecords) -> ConnectorResult<bool> {
        let mut failing: Option<Failing> = None;
        while let Some(first) = records.runs().first() {
            let partition = Arc::clone(&first.partition);
            let spool = Arc::clone(&self.spool);
            let appending = spawn_blocking(move || (append_all(&spool, &mut records), records)).await;
            let (appended, rest) =
                appending.map_err(|error| ConnectorError::fatal(format!("the spool panicked: {error}")))?;
            records = rest;
            let (kind, reason) = match appended {
                Ok(()) => break,
                Err(AppendError::Sync(error)) => {
                    let text =
                        format!("{error}: records in the spool may be lost if the machine fails now; check the disk");
                    return Err(ConnectorError::fatal(text));
                }
                Err(AppendError::Write(error)) => ("disk", format!("the spool cannot be written: {error}")),
                Err(AppendError::Full) => {
                    let (bytes, records) = (self.spool.share.limit(), self.spool.share.records());
                    let text = format!(
                        "the spool is full: {records} records wait for the target, and the mapping's share of \
                         spool_max_bytes is {bytes} bytes"
                    );
                    ("full", text)
                }
            };
            self.mapping.observer.error(Stage::Spool, kind);
            failing.get_or_insert_with(|| self.mapping.fails()).report(&partition, reason);
            tokio::select! {
                () = self.spool.share.freed() => {}
                () = sleep(RETRY_INTERVAL) => {}
                // The broker keeps them.
                () = self.signals.stop.cancelled() => return Ok(false),
            }
            self.give_back(&mut records);
        }
        if let Some(failing) = failing {
            failing.end();
        }
        Ok(true)
    }

    /// Gives back the records of detached partitions, except the first, which probes the spool.
    pub(super) fn give_back(&self, records: &mut PendingRecords) {
        if !records.is_overdue() || !self.mapping.gives_back(&self.signals.stop) {
            return;
        }
        let mut kept = records.keep_first(Partition::is_overdue, &self.budget);
        kept.append(std::mem::take(records));
        *records = kept;
        // They follow those that went back.
        self.mapping.stripes()[0].release(Partition::is_overdue);
    }
}

/// Appends records to the logs of their partitions, and settles them. Blocks.
fn append_all(spool: &MappingSpool, records: &mut PendingRecords) -> Result<(), AppendError> {
    while let Some(first) = records.runs().first() {
        let partition = Arc::clone(&first.partition);
        let (of_partition, others): (Vec<_>, Vec<_>) =
            std::mem::take(records).into_runs().partition(|run| Arc::ptr_eq(&run.partition, &partition));
        let mut of_partition: PendingRecords = of_partition.into_iter().collect();
        while !of_partition.is_empty() {
            match append(spool, &partition, &of_partition) {
                Ok(count) => of_partition.split_to(count).settle(),
                Err(AppendError::Full | AppendError::Write(_)) if spool.compact() => {}
                Err(error) => {
                    *records = of_partition.into_runs().chain(others).collect();
                    return Err(error);
                }
            }
        }
        *records = others.into_iter().collect();
    }
    Ok(())
}

/// Appends as many records of a partition as fit. Returns their number. Blocks.
fn append(spool: &MappingSpool, partition: &Partition, records: &PendingRecords) -> Result<usize, AppendError> {
    let entries: Vec<&Entry> = records.runs().iter().flat_map(PendingRun::entries).collect();
    let windows = partition.window().saturating_mul(WINDOWS_REMEMBERED);
    let remember = windows.max(partition.unacknowledged() + entries.len());
    let remember = remember.clamp(*REMEMBERED.start(), *REMEMBERED.end());
    spool.log(&partition.topic).map_err(AppendError::Write)?.append(&entries, remember)
}
