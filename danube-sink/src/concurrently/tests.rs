//! The order of parts, and single answers.

use std::{sync::Mutex, time::Duration};

use super::*;
use crate::error::{
    ConnectorError::{self, Fatal},
    PartialFailure,
};

/// Records of two partitions and three keys, in turn.
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

/// Writes twelve records, each of which lasts longer the earlier it is; the offsets in the order of their ends, and how
/// many were under way at once.
async fn ends(order: SubscriptionType, at_once: usize) -> (Vec<u64>, usize) {
    let (ends, under_way) = (Mutex::new(Vec::new()), Mutex::new((0, 0)));
    let concurrently = Concurrently { order, at_once, until: later() };
    let write = async |part: Vec<SinkRecord>| {
        {
            let mut now = under_way.lock().unwrap();
            now.0 += 1;
            now.1 = now.1.max(now.0);
        }
        tokio::time::sleep(Duration::from_millis(1_000 - 50 * part[0].offset())).await;
        under_way.lock().unwrap().0 -= 1;
        ends.lock().unwrap().push(part[0].offset());
        Ok(())
    };
    concurrently.write(records(12).into_iter().map(|record| vec![record]).collect(), write).await.unwrap();
    let most = under_way.lock().unwrap().1;
    (ends.into_inner().unwrap(), most)
}

#[tokio::test(start_paused = true)]
async fn the_order_is_that_of_the_subscription() {
    let (ends_of, most) = ends(SubscriptionType::Shared, 12).await;
    assert_eq!((ends_of, most), ((0..12).rev().collect(), 12));
    assert_eq!(ends(SubscriptionType::Shared, 5).await.1, 5);
    for (order, lines) in [(SubscriptionType::KeyShared, 3), (SubscriptionType::Exclusive, 2)] {
        let (ends_of, most) = ends(order, 12).await;
        assert_eq!(most, usize::try_from(lines).unwrap());
        for line in 0..lines {
            let of_line: Vec<_> = ends_of.iter().filter(|offset| **offset % lines == line).collect();
            assert!(of_line.len() == 12 / usize::try_from(lines).unwrap() && of_line.is_sorted(), "{ends_of:?}");
        }
    }
}

/// Writes parts of `size`, one at a time; the answer, and the first offsets of the parts that began.
async fn written(
    (order, size, until): (SubscriptionType, usize, Instant),
    answer: impl Fn(u64) -> ConnectorResult<()>,
) -> (ConnectorResult<()>, Vec<u64>) {
    let begun = Mutex::new(Vec::new());
    let concurrently = Concurrently { order, at_once: 1, until };
    let parts = records(9).chunks(size).map(<[_]>::to_vec).collect();
    let write = async |part: Vec<SinkRecord>| {
        begun.lock().unwrap().push(part[0].offset());
        answer(part[0].offset())
    };
    (concurrently.write(parts, write).await, begun.into_inner().unwrap())
}

/// Writes parts of three, without order.
async fn answered(until: Instant, answer: impl Fn(u64) -> ConnectorResult<()>) -> (ConnectorResult<()>, Vec<u64>) {
    written((SubscriptionType::Shared, 3, until), answer).await
}

/// The offsets to retry, each with whether it was tried, and those that are rejected.
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
async fn no_part_begins_after_a_failure_that_may_pass() {
    let busy = || Err(ConnectorError::retry_after("busy", Duration::from_secs(7)));
    let (answer, begun) = answered(later(), |offset| if offset == 3 { busy() } else { Ok(()) }).await;
    let (retry, rejected, wait) = partial(answer);
    assert_eq!((begun, rejected, wait), (vec![0, 3], vec![], Some(Duration::from_secs(7))));
    assert_eq!(retry, (3..9).map(|offset| (offset, offset < 6)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_delay_that_one_record_asks_for_holds_for_all_parts() {
    let wait = Duration::from_secs(7);
    let limited = || failure(|failure, records| _ = failure.retry(&records[1], "429").wait(wait));
    let (answer, begun) = answered(later(), |offset| if offset == 0 { limited() } else { Ok(()) }).await;
    let retry = [(1, true)].into_iter().chain(untried(3..9)).collect();
    assert_eq!((begun, partial(answer)), (vec![0], (retry, vec![], Some(wait))));
}

#[tokio::test]
async fn what_does_not_begin_in_time_is_retried_and_did_not_fail() {
    let (answer, begun) = answered(Instant::now(), |_| Ok(())).await;
    assert_eq!((begun, partial(answer)), (vec![], (untried(0..9), vec![], None)));
}

#[tokio::test]
async fn a_rejected_record_of_one_part_does_not_hide_the_others_failure() {
    let rejects = || failure(|failure, records| _ = failure.reject(&records[0], "too long"));
    let (answer, begun) = answered(later(), |offset| if offset == 0 { rejects() } else { busy() }).await;
    let retry = (3..9).map(|offset| (offset, offset < 6)).collect();
    assert_eq!((begun, partial(answer)), (vec![0, 3], (retry, vec![0], None)));
}

#[tokio::test]
async fn parts_of_several_records_keep_the_order_after_a_failure() {
    let of_two = (SubscriptionType::Exclusive, 2, later());
    // Rejected for good, so the next part begins; it fails, and the others do not begin.
    let rejects = || failure(|failure, records| _ = failure.reject(&records[0], "too long"));
    let (answer, begun) = written(of_two, |offset| if offset == 0 { rejects() } else { busy() }).await;
    let retry = (2..9).map(|offset| (offset, offset < 4)).collect();
    assert_eq!((begun, partial(answer)), (vec![0, 2], (retry, vec![0], None)));
    // Each of these leaves a record of the first part to be retried.
    let fails = || failure(|failure, records| _ = failure.retry(&records[0], "503"));
    let (answer, begun) = written(of_two, |offset| if offset == 0 { fails() } else { Ok(()) }).await;
    let retry = [(0, true)].into_iter().chain(untried(2..9)).collect();
    assert_eq!((begun, partial(answer)), (vec![0], (retry, vec![], None)));
    let invalid = || Err(ConnectorError::invalid_record(&records(9)[0], "no number"));
    let (answer, begun) = written(of_two, |offset| if offset == 0 { invalid() } else { Ok(()) }).await;
    assert_eq!((begun, partial(answer)), (vec![0], (untried(1..9), vec![0], None)));
}

#[tokio::test]
async fn single_records_keep_the_order_after_a_partial_failure() {
    let fails = || failure(|failure, records| _ = failure.retry(&records[0], "503"));
    let singles = (SubscriptionType::Exclusive, 1, later());
    let (answer, begun) = written(singles, |offset| if offset == 0 { fails() } else { Ok(()) }).await;
    let retry = [(0, true)].into_iter().chain(untried([2, 4, 6, 8])).collect();
    assert_eq!((begun, partial(answer)), (vec![0, 1, 3, 5, 7], (retry, vec![], None)));
}

#[tokio::test]
async fn an_invalid_record_of_one_part_takes_nothing_from_the_others() {
    let invalid = || Err(ConnectorError::invalid_record(&records(9)[3], "no number"));
    let (answer, begun) = answered(later(), |offset| if offset == 3 { invalid() } else { Ok(()) }).await;
    assert_eq!((begun, partial(answer)), (vec![0, 3, 6], (untried([4, 5]), vec![3], None)));
}

#[tokio::test]
async fn a_refused_part_is_retried_without_the_others_and_a_refused_batch_is_refused() {
    let refused = || Err(ConnectorError::refused("too long"));
    let (answer, _) = answered(later(), |offset| if offset == 3 { refused() } else { Ok(()) }).await;
    assert_eq!(partial(answer), (untried(3..6), vec![], None));
    let (answer, begun) = answered(later(), |_| refused()).await;
    assert!(matches!(answer, Err(ConnectorError::Refused { .. })) && begun.len() == 3, "{answer:?}");
    let of_three = (SubscriptionType::Exclusive, 3, later());
    let (answer, begun) = written(of_three, |offset| if offset == 0 { refused() } else { Ok(()) }).await;
    assert!(matches!(answer, Err(ConnectorError::Refused { .. })) && begun == [0], "{answer:?}");
    let singles = (SubscriptionType::Exclusive, 1, later());
    let (answer, begun) = written(singles, |offset| if offset == 1 { refused() } else { Ok(()) }).await;
    assert_eq!((begun.len(), partial(answer)), (9, (vec![], vec![1], None)));
}

#[tokio::test]
async fn a_fatal_answer_is_that_of_the_batch() {
    for answer in [
        || Err(ConnectorError::fatal("gone")),
        || Err(ConnectorError::configuration("gone")),
        || Err(ConnectorError::invalid_record(&records(9)[8], "gone")),
        || failure(|failure, records| _ = failure.retry(&records[8], "gone")),
        || Err(PartialFailure::default().into()),
    ] {
        let (answer, begun) = answered(later(), |offset| if offset == 3 { answer() } else { Ok(()) }).await;
        assert!(matches!(answer, Err(Fatal { .. } | ConnectorError::Configuration { .. })), "{answer:?}");
        assert_eq!(begun, [0, 3]);
    }
}

#[tokio::test]
async fn a_record_of_two_parts_is_not_settled_before_both_have_answered() {
    let (parts, settled) = (vec![records(2), records(1)], Mutex::new(0));
    let concurrently = Concurrently { order: SubscriptionType::Shared, at_once: 1, until: later() };
    let write = async |part: Vec<SinkRecord>| if part.len() == 2 { Ok(()) } else { busy() };
    let settle = |records: &[SinkRecord]| *settled.lock().unwrap() += records.len();
    let answer = concurrently.write_and_settle(parts, write, settle).await;
    assert_eq!((partial(answer).0, settled.into_inner().unwrap()), (vec![(0, true)], 0));
}

/// A connector calls it in a future that has to be `Send`.
#[test]
fn the_future_is_send() {
    fn is_send(_: impl Send) {}
    let concurrently = Concurrently { order: SubscriptionType::Shared, at_once: 1, until: later() };
    is_send(concurrently.write(vec![records(1)], async |_| Ok(())));
}
