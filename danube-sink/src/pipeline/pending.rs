//! Pending records: they are not settled yet, and dropping them gives them back to the broker.

use std::{
    iter,
    ops::Range,
    sync::{Arc, Mutex},
};

use tokio::time::Instant;

use super::{
    budget::Budget,
    partition::{ChunkOrigin, Fate, Partition, Settlement},
};
use crate::{
    record::{Chunk, Entry, SinkRecord},
    schema::{Content, Decoder, Opened},
};

/// A run of pending records that follow each other in one chunk.
pub(crate) struct PendingRun {
    chunk: Arc<Chunk>,
    range: Range<u32>,
    pub(crate) partition: Arc<Partition>,
    /// The ledger's epoch in which they arrived.
    epoch: u32,
    pub(crate) arrived: Instant,
    /// The bytes of its payloads, and what is [decompressed](Self::add_decompressed) of them.
    bytes: usize,
    /// Its records are of one source, and so name one schema.
    pub(crate) has_one_source: bool,
    /// It is of a burst: the next message arrives as soon as the window has room.
    pub(crate) is_burst: bool,
}

/// The pending records of a batch, or of a part of one, in their order.
#[derive(Default)]
pub(crate) struct PendingRecords {
    runs: Vec<PendingRun>,
    len: usize,
}

impl PendingRun {
    /// All records of a chunk.
    pub(crate) fn new(chunk: Arc<Chunk>, partition: &Arc<Partition>, epoch: u32, arrived: Instant) -> Self {
        let range = 0..u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        let entries = chunk.entries();
        let bytes = entries.iter().map(|entry| entry.bytes.len()).sum();
        let has_one_source = entries.windows(2).all(|pair| Arc::ptr_eq(pair[0].source(), pair[1].source()));
        let partition = Arc::clone(partition);
        Self { chunk, range, partition, epoch, arrived, bytes, has_one_source, is_burst: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The bytes of its payloads, and what is decompressed of them.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.chunk.entries()[self.range.start as usize..self.range.end as usize]
    }

    /// Sets how a valid payload is read, by its index in the run.
    pub(crate) fn decode(&self, index: usize, decoder: &Arc<Decoder>, opened: Opened) {
        let index = self.range.start + u32::try_from(index).unwrap_or(u32::MAX);
        self.chunk.decode(index, decoder, opened);
    }

    /// Sets how the chunk's payloads are read by default. `false` if it has another default already.
    pub(crate) fn share(&self, decoder: &Arc<Decoder>, content: Content) -> bool {
        self.chunk.share(decoder, content)
    }

    /// A record by its index in the run.
    pub(crate) fn record(&self, index: usize) -> SinkRecord {
        SinkRecord::of(Arc::clone(&self.chunk), self.range.start + u32::try_from(index).unwrap_or(u32::MAX))
    }

    pub(crate) fn first(&self) -> Option<SinkRecord> {
        self.records().next()
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = SinkRecord> + '_ {
        self.range.clone().map(|index| SinkRecord::of(Arc::clone(&self.chunk), index))
    }

    /// Splits off the first `count` records.
    pub(crate) fn split_to(&mut self, count: usize) -> Self {
        let middle = self.range.start + u32::try_from(count.min(self.len())).unwrap_or(u32::MAX);
        let front = self.range.start..middle;
        let bytes = if count < self.len() {
            self.entries()[..count].iter().map(|entry| entry.bytes.len()).sum()
        } else {
            self.bytes
        };
        self.range.start = middle;
        self.bytes -= bytes;
        Self {
            chunk: Arc::clone(&self.chunk),
            range: front,
            bytes,
            has_one_source: self.has_one_source,
            partition: Arc::clone(&self.partition),
            epoch: self.epoch,
            arrived: self.arrived,
            is_burst: self.is_burst,
        }
    }

    /// Settles the run: written, skipped, or published as dead letters.
    pub(crate) fn settle(mut self) {
        self.finish(Fate::Settled);
    }

    fn finish(&mut self, fate: Fate) {
        let Range { start, end } = std::mem::take(&mut self.range);
        if start < end {
            let chunk = Arc::clone(&self.chunk);
            let (first, epoch, arrived) = (start, self.epoch, self.arrived);
            self.partition.send(Settlement { chunk, first, end, epoch, arrived, fate });
        }
    }

    /// Splits off the first record, in a chunk of its own.
    pub(crate) fn split_first(&mut self, budget: &Budget) -> Self {
        self.split_to(1).alone(budget)
    }

    /// Copies a single record into a chunk of its own: neither keeps the memory of the other, nor what is decoded of it.
    pub(crate) fn alone(mut self, budget: &Budget) -> Self {
        if self.chunk.len() == 1 {
            return self;
        }
        let index = std::mem::take(&mut self.range).start;
        let mut charge = budget.nothing();
        charge.overdraw(self.chunk.entry(index).size());
        let (epoch, arrived, charge) = (self.epoch, self.arrived, Mutex::new(charge));
        let origin = ChunkOrigin { partition: Arc::clone(&self.partition), epoch, arrived, charge };
        let chunk = self.chunk.copy_of(index).received(Box::new(origin));
        let mut copy = Self::new(Arc::new(chunk), &self.partition, epoch, arrived);
        copy.is_burst = self.is_burst;
        copy
    }

    /// The records one by one.
    pub(crate) fn singly(mut self) -> impl Iterator<Item = Self> {
        iter::from_fn(move || (!self.is_empty()).then(|| self.split_to(1)))
    }

    /// Counts what is decompressed of its payloads.
    pub(crate) fn add_decompressed(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Charges the memory budget until its chunk is dropped.
    pub(crate) fn charge(&self, bytes: usize) {
        if let Some(origin) = self.chunk.origin().filter(|_| bytes > 0) {
            origin.charge(bytes);
        }
    }
}

impl Drop for PendingRun {
    fn drop(&mut self) {
        self.finish(Fate::GivenBack);
    }
}

impl PendingRecords {
    pub(crate) fn push(&mut self, run: PendingRun) {
        if run.is_empty() {
            return;
        }
        self.len += run.len();
        match self.runs.last_mut() {
            Some(last) if Arc::ptr_eq(&last.chunk, &run.chunk) && last.range.end == run.range.start => {
                let mut run = run;
                last.range.end = std::mem::take(&mut run.range).end;
                last.bytes += run.bytes;
            }
            _ => self.runs.push(run),
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        other.runs.into_iter().for_each(|run| self.push(run));
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn runs(&self) -> &[PendingRun] {
        &self.runs
    }

    pub(crate) fn into_runs(self) -> impl Iterator<Item = PendingRun> {
        self.runs.into_iter()
    }

    /// Whether a partition of them is detached because its records are not written in time.
    pub(crate) fn is_overdue(&self) -> bool {
        self.runs.iter().any(|run| run.partition.is_overdue())
    }

    pub(crate) fn records(&self) -> Vec<SinkRecord> {
        let mut records = Vec::with_capacity(self.len);
        self.runs.iter().for_each(|run| records.extend(run.records()));
        records
    }

    /// Splits off the first `count` records.
    pub(crate) fn split_to(&mut self, count: usize) -> Self {
        let mut front = Self::default();
        let mut runs = std::mem::take(self).runs.into_iter();
        for mut run in runs.by_ref() {
            let missing = count - front.len();
            if run.len() > missing {
                front.push(run.split_to(missing));
                self.push(run);
                break;
            }
            front.push(run);
        }
        runs.for_each(|run| self.push(run));
        front
    }

    /// Sorts the records, in order, into the groups whose index `group` returns.
    pub(crate) fn sort<const GROUPS: usize>(self, mut group: impl FnMut(&SinkRecord) -> usize) -> [Self; GROUPS] {
        let mut groups = [const { Self { runs: Vec::new(), len: 0 } }; GROUPS];
        for single in self.singly() {
            let index = single.first().map_or(0, |record| group(&record));
            groups[index].push(single);
        }
        groups
    }

    /// Splits off the records that were settled before their batch was answered: unsettled first, settled second.
    pub(crate) fn split_settled(self) -> [Self; 2] {
        let is_settled = |record: &SinkRecord| record.chunk().entry(record.index()).is_settled();
        if !self.runs.iter().flat_map(PendingRun::entries).any(Entry::is_settled) {
            return [self, Self::default()];
        }
        self.sort(|record| usize::from(is_settled(record)))
    }

    /// Gives back the records of some detached partitions.
    pub(crate) fn release(&mut self, goes_back: impl Fn(&Partition) -> bool) {
        self.runs.retain(|run| {
            let goes_back = goes_back(&run.partition);
            if goes_back {
                run.partition.set_released();
            }
            !goes_back
        });
        self.len = self.runs.iter().map(PendingRun::len).sum();
    }

    /// Splits off the first record, in a chunk of its own, and gives back the others of some detached partitions.
    pub(crate) fn keep_first(&mut self, goes_back: impl Fn(&Partition) -> bool, budget: &Budget) -> Self {
        let first = self.split_to(1);
        self.release(goes_back);
        first.runs.into_iter().map(|run| run.alone(budget)).collect()
    }

    /// The records one by one.
    pub(crate) fn singly(self) -> impl Iterator<Item = PendingRun> {
        self.runs.into_iter().flat_map(PendingRun::singly)
    }

    /// Settles the records: written, skipped, or published as dead letters.
    pub(crate) fn settle(self) {
        self.runs.into_iter().for_each(PendingRun::settle);
    }
}

impl FromIterator<PendingRun> for PendingRecords {
    fn from_iter<I: IntoIterator<Item = PendingRun>>(runs: I) -> Self {
        let mut records = Self::default();
        runs.into_iter().for_each(|run| records.push(run));
        records
    }
}
