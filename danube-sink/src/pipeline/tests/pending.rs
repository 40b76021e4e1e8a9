//! Pending records, and the batches that they fill.

use std::sync::Arc;

use bytes::Bytes;
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Duration, Instant},
};

use super::bench::{Bench, SECOND, TOPIC};
use crate::{
    config::MappingSettings,
    observe::{Closed, Observer},
    pipeline::{
        batch::Batch,
        cost::WriteCost,
        decided::{Decision, Decisions},
        partition::{Fate, Partition, Settlement},
        pending::{PendingRecords, PendingRun},
    },
    record::{Chunk, Entry, Flag, MessageSource, RecordId},
};

/// A partition, with the settlements of its records.
pub(super) fn partition() -> (Arc<Partition>, UnboundedReceiver<Settlement>) {
    let mut bench = Bench::empty();
    let consumer = bench.map(TOPIC).consumer.clone();
    Partition::new(TOPIC, Observer::new("test").mapping(&consumer).partition(TOPIC))
}

/// A run of so many records of ten bytes.
pub(super) fn run(partition: &Arc<Partition>, count: u64) -> PendingRun {
    run_of(partition, count, Bytes::from_static(b"0123456789"), None)
}

/// A run of so many records with this payload, which names this schema.
pub(super) fn run_of(partition: &Arc<Partition>, count: u64, payload: Bytes, schema: Option<u64>) -> PendingRun {
    let schema = schema.map(|id| (id, Some(1)));
    let source = Arc::new(MessageSource { schema, ..MessageSource::of_topic(Arc::clone(&partition.topic)) });
    let entry = |offset| Entry {
        id: RecordId::new(Arc::clone(&source), offset, 2, offset),
        position: offset,
        key: None,
        attributes: None,
        bytes: payload.clone(),
        decoded: Default::default(),
        value: Default::default(),
        settled: Flag::default(),
    };
    let entries: Vec<_> = (0..count).map(entry).collect();
    let chunk = Chunk::new(Arc::clone(&partition.topic), "s".into(), None, entries);
    PendingRun::new(Arc::new(chunk), partition, 0, Instant::now())
}

/// First, end, and whether settled.
fn settlements(receiver: &mut UnboundedReceiver<Settlement>) -> Vec<(u32, u32, bool)> {
    let next = || receiver.try_recv().ok();
    std::iter::from_fn(next).map(|Settlement { first, end, fate, .. }| (first, end, fate == Fate::Settled)).collect()
}

#[test]
fn what_is_dropped_goes_back_and_what_is_settled_is_settled_once() {
    let (partition, mut receiver) = partition();
    let mut run = run(&partition, 5);
    run.split_to(2).settle();
    drop(run);
    assert_eq!(settlements(&mut receiver), [(0, 2, true), (2, 5, false)]);
}

#[test]
fn runs_that_follow_each_other_are_settled_as_one() {
    let (partition, mut receiver) = partition();
    let mut rest = run(&partition, 6);
    let mut records = PendingRecords::default();
    for count in [1, 2, 3] {
        records.push(rest.split_to(count));
    }
    assert_eq!(records.len(), 6);
    records.settle();
    assert_eq!(settlements(&mut receiver), [(0, 6, true)]);
}

#[test]
fn parts_keep_the_order_and_lose_nothing() {
    let (partition, mut receiver) = partition();
    let records: PendingRecords = [run(&partition, 4), run(&partition, 3)].into_iter().collect();
    let [even, mut odd] = records.sort(|record| usize::from(record.id().offset() % 2 == 1));
    assert_eq!((even.len(), odd.len()), (4, 3));
    let front = odd.split_to(2);
    let offsets =
        |records: &PendingRecords| records.records().iter().map(|record| record.id().offset()).collect::<Vec<_>>();
    assert_eq!([offsets(&even), offsets(&front), offsets(&odd)], [vec![0, 2, 0, 2], vec![1, 3], vec![1]]);
    front.settle();
    drop((even, odd));
    let settled = settlements(&mut receiver);
    assert_eq!(settled.iter().filter(|(.., is_settled)| *is_settled).count(), 2);
    assert_eq!(settled.iter().map(|(first, end, _)| end - first).sum::<u32>(), 7);
}

fn limits(batch_size: usize, batch_bytes: usize) -> MappingSettings {
    let mut bench = Bench::empty();
    let settings = bench.map(TOPIC);
    (settings.batch_size, settings.batch_bytes, settings.flush_interval) = (batch_size, batch_bytes, SECOND);
    settings.clone()
}

#[test]
fn a_batch_is_full_by_records_by_bytes_or_by_a_reason_of_its_own() {
    let (partition, _receiver) = partition();
    let mut batch = Batch::default();
    assert_eq!((batch.remaining(&limits(3, 100)), batch.full(&limits(3, 100))), (Some((3, 100)), None));
    batch.push(run(&partition, 2));
    batch.push_invalid(run(&partition, 1), "not JSON".to_owned());
    assert_eq!(batch.len(), 3, "invalid records count");
    assert_eq!((batch.remaining(&limits(3, 100)), batch.full(&limits(3, 100))), (None, Some(Closed::Size)));
    assert_eq!((batch.remaining(&limits(9, 20)), batch.full(&limits(9, 20))), (None, Some(Closed::Bytes)));
    assert_eq!((batch.remaining(&limits(9, 21)), batch.full(&limits(9, 21))), (Some((6, 1)), None));
    batch.close(Closed::Registry);
    batch.close(Closed::Invalid);
    assert_eq!((batch.remaining(&limits(9, 99)), batch.full(&limits(9, 99))), (None, Some(Closed::Registry)));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_batch_is_that_of_its_first_record() {
    let (partition, _receiver) = partition();
    let mut batch = Batch::default();
    assert_eq!(batch.deadline(&limits(9, 99)), None);
    let first = Instant::now();
    batch.push(run(&partition, 1));
    tokio::time::advance(SECOND / 2).await;
    batch.push(run(&partition, 1));
    assert_eq!(batch.deadline(&limits(9, 99)), Some(first + SECOND));
}

#[test]
fn a_batch_is_held_back_by_a_full_window_or_where_a_write_costs_no_more_than_a_refill() {
    let (partition, _receiver) = partition();
    let (mut batch, cost) = (Batch::default(), WriteCost::default());
    batch.push(run(&partition, 2));
    partition.update(2, 0, 0, 10, true);
    assert!(!batch.is_held_back(&cost), "the broker sends more");
    partition.update(10, 0, 0, 10, true);
    assert!(batch.is_held_back(&cost));
    partition.update(2, 8, 0, 10, true);
    assert!(!batch.is_held_back(&cost), "acknowledgements are in flight, and no write was measured");
    cost.add(10, Duration::from_millis(5));
    partition.set_refill(Duration::from_millis(1));
    assert!(!batch.is_held_back(&cost));
    partition.set_refill(Duration::from_millis(5));
    assert!(batch.is_held_back(&cost));
}

#[test]
fn only_the_records_of_detached_partitions_go_back() {
    let ((detached, mut first), (attached, mut second)) = (partition(), partition());
    let mut batch = Batch::default();
    batch.push(run(&detached, 2));
    batch.push(run(&attached, 3));
    batch.release(&Decisions::default(), Partition::is_overdue);
    assert_eq!((batch.len(), detached.has_released()), (5, false));
    detached.set_overdue(true);
    batch.release(&Decisions::default(), Partition::is_overdue);
    assert_eq!((batch.len(), detached.has_released(), attached.has_released()), (3, true, false));
    assert_eq!((settlements(&mut first), settlements(&mut second)), (vec![(0, 2, false)], vec![]));
}

#[test]
fn a_verdict_on_a_record_of_an_open_batch_outlives_the_batch() {
    let (partition, _receiver) = partition();
    let (mut batch, decisions) = (Batch::default(), Decisions::default());
    let decided = run(&partition, 1);
    let id = decided.record(0).id().clone();
    let decision = Decision { reason: "too long".to_owned(), is_exhausted: true };
    batch.push_decided(decided, decision.clone());
    partition.set_overdue(true);
    batch.release(&decisions, Partition::is_overdue);
    assert_eq!((batch.len(), decisions.take(&id)), (0, Some(decision)));
}
