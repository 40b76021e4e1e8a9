//! Order of parts, and merged outcomes.

use std::{sync::Mutex, time::Duration};

use super::*;
use crate::error::{
    ConnectorError::{self, Fatal},
    PartialFailure,
};

/// Records of two partitions and three keys, alternating.
fn records(count: u64) -> Vec<SinkRecord> {
    let of = |offset: u64| {
        let partition = u32::try_from(offset % 2).unwrap();
        let topic = format!("/default/t-part-{partition}");
        let record = SinkRecord::builder("/default/t").key(format!("{}", offset % 3)).offset(offset);
        record.partition(Some(partition), topic.into()).build()
    };
    (0..count).map(of).collect()
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// Writes twelve records, the earlier ones more slowly, and returns the offsets in the order of completion and the maximum
/// number in progress.
async fn ends(order: SubscriptionType, at_once: usize) -> (Vec<u64>, usize) {
    let (ends, in_progress) = (Mutex::new(Vec::new()), Mutex::new((0, 0)));
    let concurrently = Concurrently { order, at_once, until: later() };
    let write = async |part: Vec<SinkRecord>| {
        {
            let mut now = in_progress.lock().unwrap();
            now.0 += 1;
            now.1 = now.1.max(now.0);
        }
        tokio::time::sleep(Duration::from_millis(1_000 - 50 * part[0].offset())).await;
        in_progress.lock().unwrap().0 -= 1;
        ends.lock().unwrap().push(part[0].offset());
        Ok(())
    };
    concurrently.write(records(12).into_iter().map(|record| vec![record]).collect(), write).await.unwrap();
    let most = in_progress.lock().unwrap().1;
    (ends.into_inner().unwrap(), most)
}

#[tokio::test(start_paused = true)]
async fn the_order_is_that_of_the_subscription() {
    let (ends_of, most) = ends(SubscriptionType::Shared, 12).await;
    assert_eq!((ends_of, most), ((0..12).rev().collect(), 12));
    assert_eq!(ends(SubscriptionType::Shared, 5).await.1, 5);
    for (order, keys) in [(SubscriptionType::KeyShared, 3), (SubscriptionType::Exclusive, 2)] {
        let (ends_of, most) = ends(order, 12).await;
        assert_eq!(most, usize::try_from(keys).unwrap());
        for key in 0..keys {
            let of_key: Vec<_> = ends_of.iter().filter(|offset| **offset % keys == key).collect();
            assert!(of_key.len() == 12 / usize::try_from(keys).unwrap() && of_key.is_sorted(), "{ends_of:?}");
        }
    }
}

/// Writes parts of `size` one at a time, and returns the result and the first offsets of the parts that started.
async fn written(
    (order, size, until): (SubscriptionType, usize, Instant),
    answer: impl Fn(u64) -> ConnectorResult<()>,
) -> (ConnectorResult<()>, Vec<u64>) {
    let started = Mutex::new(Vec::new());
    let concurrently = Concurrently { order, at_once: 1, until };
    let parts = records(9).chunks(size).map(<[_]>::to_vec).collect();
    let write = async |part: Vec<SinkRecord>| {
        started.lock().unwrap().push(part[0].offset());
        answer(part[0].offset())
    };
    (concurrently.write(parts, write).await, started.into_inner().unwrap())
}

/// Writes parts of three without order.
async fn answered(until: Instant, answer: impl Fn(u64) -> ConnectorResult<()>) -> (ConnectorResult<()>, Vec<u64>) {
    written((SubscriptionType::Shared, 3, until), answer).await
}

/// The offsets to retry, each with whether it was tried; the rejected offsets; and the delay.
fn partial(answer: ConnectorResult<()>) -> (Vec<(u64, bool)>, Vec<u64>, Option<Duration>) {
    let Err(ConnectorError::Partial(failure)) = answer else { panic!("{answer:?}") };
    let all = records(9);
    let offset = |id| all.iter().find(|record| record.has_id(id)).unwrap().offset();
    let retry = failure.retry.iter().map(|retry| (offset(&retry.id), retry.tried)).collect();
    (retry, failure.rejected.iter().chain(&failure.invalid).map(|(id, _)| offset(id)).collect(), failure.retry_after)
}

fn untried(offsets: impl IntoIterator<Item = u64>) -> Vec<(u64, bool)> {
    offsets.into_iter().map(|offset| (offset, false)).collect()
}

fn failure(name: impl FnOnce(&mut PartialFailure, &[SinkRecord])) -> ConnectorResult<()> {
    let mut failure = PartialFailure::default();
    name(&mut failure, &records(9));
    failure.into_result()
}

fn busy() -> ConnectorResult<()> {
    Err(ConnectorError::retryable("busy"))
}

#[tokio::test]
async fn no_part_starts_after_a_temporary_failure() {
    let busy = || Err(ConnectorError::retry_after("busy", Duration::from_secs(7)));
    let (answer, started) = answered(later(), |offset| if offset == 3 { busy() } else { Ok(()) }).await;
    let (retry, rejected, wait) = partial(answer);
    assert_eq!((started, rejected, wait), (vec![0, 3], vec![], Some(Duration::from_secs(7))));
    assert_eq!(retry, (3..9).map(|offset| (offset, offset < 6)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_requested_delay_stops_all_parts() {
    let wait = Duration::from_secs(7);
    let limited = || failure(|failure, records| _ = failure.retry(&records[1], "429").wait(wait));
    let (answer, started) = answered(later(), |offset| if offset == 0 { limited() } else { Ok(()) }).await;
    let retry = [(1, true)].into_iter().chain(untried(3..9)).collect();
    assert_eq!((started, partial(answer)), (vec![0], (retry, vec![], Some(wait))));
}

#[tokio::test]
async fn parts_that_do_not_start_in_time_are_retried_without_a_failed_attempt() {
    let (answer, started) = answered(Instant::now(), |_| Ok(())).await;
    assert_eq!((started, partial(answer)), (vec![0], (untried(3..9), vec![], None)));
}

#[tokio::test]
async fn a_rejected_record_of_one_part_does_not_hide_the_others_failure() {
    let rejects = || failure(|failure, records| _ = failure.reject(&records[0], "too long"));
    let (answer, started) = answered(later(), |offset| if offset == 0 { rejects() } else { busy() }).await;
    let retry = (3..9).map(|offset| (offset, offset < 6)).collect();
    assert_eq!((started, partial(answer)), (vec![0, 3], (retry, vec![0], None)));
}

#[tokio::test]
async fn parts_of_several_records_keep_the_order_after_a_failure() {
    let of_two = (SubscriptionType::Exclusive, 2, later());
    // A rejected record does not stop the next part; that one fails, and the others do not start.
    let rejects = || failure(|failure, records| _ = failure.reject(&records[0], "too long"));
    let (answer, started) = written(of_two, |offset| if offset == 0 { rejects() } else { busy() }).await;
    let retry = (2..9).map(|offset| (offset, offset < 4)).collect();
    assert_eq!((started, partial(answer)), (vec![0, 2], (retry, vec![0], None)));
    // Each of these makes the runtime retry a record of the first part.
    let fails = || failure(|failure, records| _ = failure.retry(&records[0], "503"));
    let (answer, started) = written(of_two, |offset| if offset == 0 { fails() } else { Ok(()) }).await;
    let retry = [(0, true)].into_iter().chain(untried(2..9)).collect();
    assert_eq!((started, partial(answer)), (vec![0], (retry, vec![], None)));
    let invalid = || Err(ConnectorError::invalid_record(&records(9)[0], "no number"));
    let (answer, started) = written(of_two, |offset| if offset == 0 { invalid() } else { Ok(()) }).await;
    assert_eq!((started, partial(answer)), (vec![0], (untried(1..9), vec![0], None)));
}

#[tokio::test]
async fn single_records_keep_the_order_after_a_partial_failure() {
    let fails = || failure(|failure, records| _ = failure.retry(&records[0], "503"));
    let singles = (SubscriptionType::Exclusive, 1, later());
    let (answer, started) = written(singles, |offset| if offset == 0 { fails() } else { Ok(()) }).await;
    let retry = [(0, true)].into_iter().chain(untried([2, 4, 6, 8])).collect();
    assert_eq!((started, partial(answer)), (vec![0, 1, 3, 5, 7], (retry, vec![], None)));
}

#[tokio::test]
async fn an_invalid_record_does_not_affect_other_parts() {
    let invalid = || Err(ConnectorError::invalid_record(&records(9)[3], "no number"));
    let (answer, started) = answered(later(), |offset| if offset == 3 { invalid() } else { Ok(()) }).await;
    assert_eq!((started, partial(answer)), (vec![0, 3, 6], (untried([4, 5]), vec![3], None)));
}

#[tokio::test]
async fn a_refused_part_is_written_again_alone_and_a_refused_batch_is_refused() {
    let refused = || Err(ConnectorError::refused("too long"));
    let (answer, _) = answered(later(), |offset| if offset == 3 { refused() } else { Ok(()) }).await;
    assert_eq!(partial(answer), (untried(3..6), vec![], None));
    let (answer, started) = answered(later(), |_| refused()).await;
    assert!(matches!(answer, Err(ConnectorError::Refused { .. })) && started.len() == 3, "{answer:?}");
    let of_three = (SubscriptionType::Exclusive, 3, later());
    let (answer, started) = written(of_three, |offset| if offset == 0 { refused() } else { Ok(()) }).await;
    assert!(matches!(answer, Err(ConnectorError::Refused { .. })) && started == [0], "{answer:?}");
    let singles = (SubscriptionType::Exclusive, 1, later());
    let (answer, started) = written(singles, |offset| if offset == 1 { refused() } else { Ok(()) }).await;
    assert_eq!((started.len(), partial(answer)), (9, (vec![], vec![1], None)));
}

#[tokio::test]
async fn a_fatal_error_is_that_of_the_batch() {
    for answer in [
        || Err(ConnectorError::fatal("gone")),
        || Err(ConnectorError::configuration("gone")),
        || Err(ConnectorError::invalid_record(&records(9)[8], "gone")),
        || failure(|failure, records| _ = failure.retry(&records[8], "gone")),
        || Err(PartialFailure::default().into()),
    ] {
        let (answer, started) = answered(later(), |offset| if offset == 3 { answer() } else { Ok(()) }).await;
        assert!(matches!(answer, Err(Fatal { .. } | ConnectorError::Configuration { .. })), "{answer:?}");
        assert_eq!(started, [0, 3]);
    }
}

#[tokio::test]
async fn a_record_of_two_parts_is_settled_after_both() {
    let (parts, settled) = (vec![records(2), records(1)], Mutex::new(0));
    let concurrently = Concurrently { order: SubscriptionType::Shared, at_once: 1, until: later() };
    let write = async |part: Vec<SinkRecord>| if part.len() == 2 { Ok(()) } else { busy() };
    let settle = |records: &[SinkRecord]| *settled.lock().unwrap() += records.len();
    let answer = concurrently.write_and_settle(parts, write, settle).await;
    assert_eq!((partial(answer).0, settled.into_inner().unwrap()), (vec![(0, true)], 0));
}

/// Connectors call it in a future that must be `Send`.
#[test]
fn the_future_is_send() {
    fn is_send(_: impl Send) {}
    let concurrently = Concurrently { order: SubscriptionType::Shared, at_once: 1, until: later() };
    is_send(concurrently.write(vec![records(1)], async |_| Ok(())));
}
