//! A batch written in parts, several at once, in the order that the subscription promises.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use futures_util::{StreamExt, stream};

use crate::{
    config::SubscriptionType,
    error::{
        ConnectorError::{Fatal, Refused, Retryable},
        ConnectorResult, PartialFailure,
    },
    record::SinkRecord,
};

/// Writes a batch in parts, for a target that takes a record, or a few, at a time: several parts are under way at once.
///
/// Parts of a single record keep the order that the subscription promises: one after the other within a partition
/// (Exclusive, Failover) or a key (KeyShared), in no order otherwise (Shared). After an answer that is retryable or fatal
/// no further part begins, and none overtakes the one that failed.
///
/// ```
/// # use std::time::{Duration, Instant};
/// use danube_sink::{Concurrently, ConnectorResult, SinkRecord, SubscriptionType};
///
/// # async fn send(_: SinkRecord) -> ConnectorResult<()> { Ok(()) }
/// # async fn example(records: Vec<SinkRecord>) -> ConnectorResult<()> {
/// let until = Instant::now() + Duration::from_secs(10);
/// let concurrently = Concurrently { order: SubscriptionType::KeyShared, at_once: 8, until };
/// let parts = records.into_iter().map(|record| vec![record]).collect();
/// concurrently.write(parts, |mut part: Vec<SinkRecord>| send(part.remove(0))).await
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Concurrently {
    /// The type of the mapping's subscription.
    pub order: SubscriptionType,
    /// How many parts are under way at once; at least one.
    pub at_once: usize,
    /// When no further part begins, so that the try ends within `write_timeout_ms`. What is left comes again.
    pub until: Instant,
}

/// What parts that must not overtake each other have in common.
#[derive(PartialEq, Eq, Hash)]
enum Line {
    Alone(usize),
    Partition(Option<u32>),
    Key(Option<String>),
}

/// The records of a part, and its answer; `None` if it did not begin.
type Written = (Vec<SinkRecord>, Option<ConnectorResult<()>>);

impl Concurrently {
    /// Writes every part and says what became of the batch, as `process_batch` returns it.
    ///
    /// A part of one record that is [`Refused`] is rejected. One of several comes again without the others, so that the
    /// runtime finds the record in halves of it.
    ///
    /// # Errors
    /// What is not written, and why. The first fatal answer.
    pub async fn write<P, W>(&self, parts: Vec<P>, write: impl Fn(P) -> W) -> ConnectorResult<()>
    where
        P: AsRef<[SinkRecord]>,
        W: Future<Output = ConnectorResult<()>>,
    {
        let stopped = AtomicBool::new(false);
        let lines = self.lines(parts).into_iter().map(|line| self.write_line(line, &write, &stopped));
        // Collected first: a stream of borrowing closures is not `Send`.
        let lines: Vec<_> = lines.collect();
        let written: Vec<_> = stream::iter(lines).buffer_unordered(self.at_once.max(1)).collect().await;
        outcome(written.into_iter().flatten())
    }

    fn lines<P: AsRef<[SinkRecord]>>(&self, parts: Vec<P>) -> Vec<Vec<P>> {
        let mut lines = Vec::new();
        let mut places = HashMap::new();
        for (number, part) in parts.into_iter().enumerate() {
            let line = match (part.as_ref(), self.order) {
                ([record], SubscriptionType::KeyShared) => Line::Key(record.key().map(str::to_owned)),
                ([record], SubscriptionType::Exclusive | SubscriptionType::Failover) => {
                    Line::Partition(record.partition())
                }
                _ => Line::Alone(number),
            };
            let place = *places.entry(line).or_insert(lines.len());
            if place == lines.len() {
                lines.push(Vec::new());
            }
            lines[place].push(part);
        }
        lines
    }

    async fn write_line<P, W>(&self, line: Vec<P>, write: &impl Fn(P) -> W, stopped: &AtomicBool) -> Vec<Written>
    where
        P: AsRef<[SinkRecord]>,
        W: Future<Output = ConnectorResult<()>>,
    {
        let mut written = Vec::with_capacity(line.len());
        for part in line {
            let records = part.as_ref().to_vec();
            let begins = !stopped.load(Ordering::Relaxed) && Instant::now() < self.until;
            let answer = if begins { Some(write(part).await) } else { None };
            if matches!(answer, Some(Err(Retryable { .. } | Fatal { .. }))) {
                stopped.store(true, Ordering::Relaxed);
            }
            written.push((records, answer));
        }
        written
    }
}

fn outcome(written: impl Iterator<Item = Written>) -> ConnectorResult<()> {
    let mut failure = PartialFailure::default();
    let (mut again, mut all, mut refusal) = (Vec::new(), 0, None);
    for (records, answer) in written {
        all += records.len();
        match answer {
            Some(Ok(())) => {}
            None => again.extend(records),
            Some(Err(error @ Refused { .. })) if records.len() > 1 => {
                again.extend(records);
                refusal = Some(error);
            }
            Some(Err(error @ Refused { .. })) => records.iter().for_each(|one| _ = failure.reject(one, error.report())),
            Some(Err(error @ Retryable { retry_after, .. })) => {
                failure.retry_after = failure.retry_after.max(retry_after);
                records.iter().for_each(|record| _ = failure.retry(record, error.report()));
            }
            Some(Err(error)) => return Err(error),
        }
    }
    match refusal {
        // Nothing came on: the whole batch is halved.
        Some(refusal) if again.len() == all => return Err(refusal),
        _ => again.iter().for_each(|record| _ = failure.again(record)),
    }
    failure.into_result()
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use super::*;
    use crate::error::ConnectorError;

    fn records(count: u64) -> Vec<SinkRecord> {
        let of = |offset: u64| {
            let partition = u32::try_from(offset % 2).unwrap();
            let topic = format!("/default/t-part-{partition}");
            let record = SinkRecord::builder("/default/t").key(format!("{}", offset % 3)).offset(offset);
            record.partition(Some(partition), topic.into()).build()
        };
        (0..count).map(of).collect()
    }

    /// Writes twelve records, each of which lasts longer the earlier it is; the offsets in the order of their ends, and how
    /// many were under way at once.
    async fn ends(order: SubscriptionType, at_once: usize) -> (Vec<u64>, usize) {
        let (ends, under_way) = (Mutex::new(Vec::new()), Mutex::new((0, 0)));
        let concurrently = Concurrently { order, at_once, until: Instant::now() + Duration::from_secs(3600) };
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

    /// Writes parts of three, in order; what becomes of the part with each number.
    async fn answered(until: Instant, answer: impl Fn(u64) -> ConnectorResult<()>) -> (ConnectorResult<()>, Vec<u64>) {
        let begun = Mutex::new(Vec::new());
        let concurrently = Concurrently { order: SubscriptionType::Shared, at_once: 1, until };
        let parts = records(9).chunks(3).map(<[_]>::to_vec).collect();
        let write = async |part: Vec<SinkRecord>| {
            begun.lock().unwrap().push(part[0].offset());
            answer(part[0].offset())
        };
        (concurrently.write(parts, write).await, begun.into_inner().unwrap())
    }

    fn partial(answer: ConnectorResult<()>) -> PartialFailure {
        match answer {
            Err(ConnectorError::Partial(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn no_part_begins_after_a_failure_that_may_pass() {
        let busy = |wait| Err(ConnectorError::retry_after("busy", Duration::from_secs(wait)));
        let later = Instant::now() + Duration::from_secs(3600);
        let (answer, begun) = answered(later, |offset| if offset == 3 { busy(7) } else { Ok(()) }).await;
        let failure = partial(answer);
        assert_eq!((begun, failure.retry.len(), failure.failed), (vec![0, 3], 6, true));
        assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
    }

    #[tokio::test]
    async fn what_does_not_begin_in_time_comes_again() {
        let (answer, begun) = answered(Instant::now(), |_| Ok(())).await;
        let failure = partial(answer);
        assert_eq!((begun.len(), failure.retry.len(), failure.failed), (0, 9, false));
    }

    #[tokio::test]
    async fn a_refused_part_comes_again_without_the_others_and_a_refused_batch_is_refused() {
        let later = Instant::now() + Duration::from_secs(3600);
        let refused = || Err(ConnectorError::refused("too long"));
        let (answer, _) = answered(later, |offset| if offset == 3 { refused() } else { Ok(()) }).await;
        let failure = partial(answer);
        assert_eq!((failure.retry.len(), failure.failed, failure.rejected.len()), (3, false, 0));
        let (answer, begun) = answered(later, |_| refused()).await;
        assert!(matches!(answer, Err(ConnectorError::Refused { .. })) && begun.len() == 3, "{answer:?}");
        let alone = Concurrently { order: SubscriptionType::Shared, at_once: 1, until: later };
        let parts = records(2).into_iter().map(|record| vec![record]).collect();
        let write = async |part: Vec<SinkRecord>| if part[0].offset() == 1 { refused() } else { Ok(()) };
        assert_eq!(partial(alone.write(parts, write).await).rejected.len(), 1);
        assert!(matches!(answered(later, |_| Err(ConnectorError::fatal("gone"))).await.0, Err(Fatal { .. })));
    }
}
