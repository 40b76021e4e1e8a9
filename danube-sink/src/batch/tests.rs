//! Conversion, groups and outcomes.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use super::*;
use crate::{
    config::{ConnectorConfig, ConsumerConfig},
    error::{ConnectorError, ConnectorResult, RecordOutcome},
};

/// Mappings of one topic, with a number as the connector's own setting.
fn topics(order: SubscriptionType) -> TopicMappings<u64> {
    let consumer = ConsumerConfig {
        topic: "/default/t".to_owned(),
        consumer_name: "c".to_owned(),
        subscription: "s".to_owned(),
        subscription_type: order,
        expected_schema_subject: None,
    };
    let settings = MappingSettings::new(consumer, &ConnectorConfig::new("http://localhost:6650", "c"));
    [Mapping { settings, own: 7 }].into_iter().collect()
}

/// Records whose payloads are these.
fn records<P: Into<String>>(payloads: impl IntoIterator<Item = P>) -> Vec<SinkRecord> {
    let record = |(offset, payload): (u64, P)| {
        let payload: String = payload.into();
        let key = payload.clone();
        SinkRecord::builder("/default/t").offset(offset).key(key).payload(payload).build()
    };
    (0..).zip(payloads).map(record).collect()
}

fn number(own: &u64, record: &SinkRecord) -> ConnectorResult<u64> {
    let number = record.payload().as_u64().ok_or_else(|| ConnectorError::invalid_record(record, "not a number"))?;
    Ok(own * number)
}

/// The outcome of each record: `d`elivered, `r`etried, not `t`ried, re`j`ected or `i`nvalid.
fn outcomes(result: ConnectorResult<()>, records: &[SinkRecord]) -> String {
    let failure = match result {
        Ok(()) => return "d".repeat(records.len()),
        Err(ConnectorError::Partial(failure)) => failure,
        Err(error) => return error.report(),
    };
    let outcomes = failure.verdicts(records.iter().map(SinkRecord::id)).unwrap();
    let letter = |outcome: &RecordOutcome| match outcome {
        RecordOutcome::Delivered => 'd',
        RecordOutcome::Retry { tried: true, .. } => 'r',
        RecordOutcome::Retry { tried: false, .. } => 't',
        RecordOutcome::Rejected { by: crate::error::RejectedBy::Target, .. } => 'j',
        RecordOutcome::Rejected { by: crate::error::RejectedBy::Connector, .. } => 'i',
    };
    outcomes.iter().map(letter).collect()
}

#[test]
fn a_record_that_cannot_be_converted_is_rejected_by_itself() {
    let topics = topics(SubscriptionType::Shared);
    let records = records(["1", "x", "2", "y", "3"]);
    let mut batch = topics.batch(records.clone()).unwrap();
    assert_eq!(batch.each(number).unwrap(), [7, 14, 21]);
    assert_eq!(batch.records().iter().map(SinkRecord::offset).collect::<Vec<_>>(), [0, 2, 4]);
    assert_eq!(outcomes(batch.done(), &records), "didid");

    let mut batch = topics.batch(records.clone()).unwrap();
    assert_eq!(batch.typed::<u8>().unwrap(), [1, 2, 3]);
    assert_eq!(outcomes(batch.done(), &records), "didid");

    let mut batch = topics.batch(records.clone()).unwrap();
    let lines = Joined { open: "[", between: ",", close: "]" };
    let body = batch.joined(lines, |own, record, body| {
        body.extend_from_slice(record.bytes());
        number(own, record)
            .map(|number| if number == 21 { Err(ConnectorError::invalid_record(record, "")) } else { Ok(()) })?
    });
    assert_eq!(body.unwrap(), b"[1,2]");
    assert_eq!(outcomes(batch.done(), &records), "didii");
}

#[test]
fn large_batches_are_converted_in_order() {
    for count in [1_999, 2_000, 5_001, 40_001] {
        let topics = topics(SubscriptionType::Shared);
        let payload = |number: u64| if number % 1_000 == 999 { "x".to_owned() } else { number.to_string() };
        let records = records((0..count).map(payload));
        let mut batch = topics.batch(records.clone()).unwrap();
        let expected: Vec<_> = (0..count).filter(|number| number % 1_000 != 999).collect();
        assert_eq!(batch.typed::<u64>().unwrap(), expected);
        assert!(batch.records().iter().map(SinkRecord::offset).eq(expected.iter().copied()));
        let rejected = batch.done().unwrap_err().to_string();
        let mut batch = topics.batch(records).unwrap();
        let joined = batch.joined_each(Joined { between: " ", ..Joined::default() }, |_, record, body| {
            let number = record.as_type::<u64>()?;
            body.extend_from_slice(record.bytes());
            Ok(number)
        });
        let (body, numbers) = joined.unwrap();
        let text: Vec<_> = expected.iter().map(u64::to_string).collect();
        assert_eq!(String::from_utf8(body).unwrap(), text.join(" "));
        assert_eq!(numbers, expected);
        let error = batch.done().unwrap_err().to_string();
        assert_eq!(error, rejected);
        assert!(error.starts_with(&format!("0 records to retry, {} rejected", count / 1_000)), "{error}");
    }
}

#[test]
fn a_batch_of_which_no_record_is_left_is_not_written() {
    let topics = topics(SubscriptionType::Shared);
    let records = records(["x", "y"]);
    let mut batch = topics.batch(records.clone()).unwrap();
    assert_eq!(outcomes(batch.each(number).map(drop), &records), "ii");
    let mut batch = topics.batch(records.clone()).unwrap();
    let body = batch.joined(Joined::default(), |own, record, _| number(own, record).map(drop));
    assert_eq!(outcomes(body.map(drop), &records), "ii");
}

#[tokio::test]
async fn an_empty_batch_is_no_error() {
    let topics = topics(SubscriptionType::Exclusive);
    let batch = || topics.batch(vec![]).unwrap();
    assert_eq!((*batch().own(), batch().order()), (7, SubscriptionType::Exclusive));
    assert!(batch().each(number).unwrap().is_empty());
    let lines = Joined { open: "<", between: ",", close: ">" };
    assert_eq!(batch().joined(lines, |_, _, _| Ok(())).unwrap(), b"<>");
    assert!(batch().group_by(number).unwrap().is_empty() && batch().runs_by(number).unwrap().is_empty());
    assert!(batch().one_by_one(number).unwrap().is_empty());
    batch().done().unwrap();
    topics.batch(vec![]).unwrap().answered(Vec::<Verdict>::new(), |verdict| verdict).unwrap();
    let groups = Vec::<Group<'_, u64, ()>>::new();
    let batch = topics.batch(vec![]).unwrap();
    batch.concurrently(1, Duration::ZERO, groups, async |group| group.batch.done()).await.unwrap();
    assert!(TopicMappings::<()>::default().batch(vec![]).is_err());
}

#[test]
fn other_errors_are_of_the_whole_batch() {
    let topics = topics(SubscriptionType::Shared);
    let all = records(["1", "x", "3"]);
    let mut batch = topics.batch(all.clone()).unwrap();
    let failed = batch.each(|own, record| match record.offset() {
        2 => Err(ConnectorError::retryable("503")),
        _ => number(own, record),
    });
    assert!(matches!(failed, Err(ConnectorError::Retryable { .. })));
    let other = &records(["9", "9", "9", "9"])[3];
    let failed = batch.each(|_, _| Err::<(), _>(ConnectorError::invalid_record(other, "")));
    assert!(matches!(failed, Err(ConnectorError::Fatal { .. })), "an error that lists another record");
}

#[test]
fn each_answer_belongs_to_its_record() {
    let topics = topics(SubscriptionType::Shared);
    let all = records(["1", "x", "3", "4"]);
    let answered = |answers: Vec<Verdict>| {
        let mut batch = topics.batch(all.clone()).unwrap();
        batch.each(number).unwrap();
        batch.answered(answers, |verdict| verdict)
    };
    let answers = vec![Verdict::Retry("429".to_owned()), Verdict::Written, Verdict::Rejected("400".to_owned())];
    assert_eq!(outcomes(answered(answers.clone()), &all), "ridj");
    let untried = vec![Verdict::RetryUntried, Verdict::Retry("429".to_owned()), Verdict::RetryUntried];
    assert_eq!(outcomes(answered(untried), &all), "tirt");
    for count in [0, 1, 2, 4] {
        let answers = answers.iter().cycle().take(count).cloned().collect();
        let error = answered(answers).unwrap_err();
        assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("the target answered for {count} records, but 3 were written"));
    }
}

#[test]
fn the_result_of_one_write_applies_to_the_records_that_are_left() {
    let topics = topics(SubscriptionType::Shared);
    let all = records(["1", "x", "3", "4"]);
    let finished = |result: &dyn Fn(&[SinkRecord]) -> ConnectorResult<()>| {
        let mut batch = topics.batch(all.clone()).unwrap();
        batch.each(number).unwrap();
        let result = result(batch.records());
        outcomes(batch.finish(result), &all)
    };
    assert_eq!(finished(&|_| Ok(())), "didd");
    assert_eq!(finished(&|_| Err(ConnectorError::refused("22003"))), "22003");
    assert_eq!(finished(&|left| Err(ConnectorError::invalid_record(&left[1], ""))), "tiit");
    let partial = |left: &[SinkRecord]| {
        let mut failure = PartialFailure::default();
        failure.retry(&left[0], "503").reject(&left[2], "too long");
        failure.into_result()
    };
    assert_eq!(finished(&partial), "ridj");
    let empty = topics.batch(all.clone()).unwrap().finish(Err(PartialFailure::default().into()));
    assert!(empty.is_err(), "a failure that lists nothing is no success");
}

#[test]
fn groups_keep_the_order_of_the_subscription() {
    let groups = |order, runs: bool| {
        let topics = topics(order);
        let mut batch = topics.batch(records(["a", "b", "a", "c", "c", "a"])).unwrap();
        let key = |_: &u64, record: &SinkRecord| Ok(record.payload().to_string());
        let groups = if runs { batch.runs_by(key) } else { batch.group_by(key) };
        let group = |group: Group<'_, _, String>| {
            let offsets: Vec<_> = group.batch.records().iter().map(|record| record.offset().to_string()).collect();
            format!("{}{}", group.key.replace('"', ""), offsets.concat())
        };
        let groups = groups.unwrap().into_iter().map(group).collect::<Vec<_>>().join(" ");
        drop(batch.done());
        groups
    };
    use SubscriptionType::{Exclusive, Failover, KeyShared, Shared};
    assert_eq!(groups(Shared, false), "a025 b1 c34");
    assert_eq!(groups(KeyShared, false), "a025 b1 c34");
    assert_eq!(groups(Exclusive, false), "a0 b1 a2 c34 a5");
    for order in [Exclusive, Failover, KeyShared, Shared] {
        assert_eq!(groups(order, true), "a0 b1 a2 c34 a5");
    }
}

#[tokio::test]
async fn groups_of_targets_are_one_for_each_and_do_not_wait_for_each_other() {
    let topics = topics(SubscriptionType::Exclusive);
    let all = records(["a", "b", "a", "c", "c", "a"]);
    let mut batch = topics.batch(all.clone()).unwrap();
    let groups = batch.group_by_target(|_, record| Ok(record.payload().to_string())).unwrap();
    let offsets =
        |group: &Group<'_, _, String>| group.batch.records().iter().map(SinkRecord::offset).collect::<Vec<_>>();
    assert_eq!(groups.iter().map(offsets).collect::<Vec<_>>(), [vec![0, 2, 5], vec![1], vec![3, 4]]);
    // Each waits until all of them are being written.
    let all_started = tokio::sync::Barrier::new(3);
    let written = batch.concurrently(3, Duration::ZERO, groups, async |group| {
        all_started.wait().await;
        match group.batch.records().len() {
            3 => group.batch.finish(Err(ConnectorError::retryable("503"))),
            _ => group.batch.done(),
        }
    });
    assert_eq!(outcomes(written.await, &all), "rdrddr");
}

#[tokio::test]
async fn outcomes_of_groups_are_merged() {
    let topics = topics(SubscriptionType::Shared);
    let all = records(["1", "2", "x", "11", "12", "21", "22", "31", "32", "41", "42"]);
    let mut batch = topics.batch(all.clone()).unwrap();
    let mut tens = batch.group_by(|_, record| Ok(number(&1, record)? / 10)).unwrap();
    tens.retain(|group| group.key != 4);
    let written = batch.concurrently(2, Duration::ZERO, tens, async |mut group| match group.key {
        0 => group.batch.done(),
        1 => {
            group.batch.each(|_, record| match record.offset() {
                3 => Err(ConnectorError::invalid_record(record, "")),
                _ => Ok(()),
            })?;
            group.batch.answered([Verdict::Retry("429".to_owned())], |verdict| verdict)
        }
        2 => Err(ConnectorError::refused("22003")),
        _ => group.batch.finish(Err(ConnectorError::retryable("503"))),
    });
    // In no group: the last two.
    assert_eq!(outcomes(written.await, &all), "ddiirttrrrr");
}

#[tokio::test]
async fn groups_start_only_if_they_can_end_in_time_and_the_first_one_always() {
    let topics = topics(SubscriptionType::Shared);
    let all = records(["1", "2"]);
    let started = AtomicUsize::new(0);
    let mut batch = topics.batch(all.clone()).unwrap();
    let groups = batch.group_by(number).unwrap();
    let longest = Duration::from_secs(3600);
    let written = batch.concurrently(2, longest, groups, async |group| {
        started.fetch_add(1, Ordering::Relaxed);
        group.batch.done()
    });
    assert_eq!(outcomes(written.await, &all), "dt");
    assert_eq!(started.into_inner(), 1);
}

#[tokio::test]
async fn a_batch_without_an_outcome_is_never_a_success() {
    let topics = topics(SubscriptionType::Shared);
    let all = records(["1", "x"]);
    let timeout = Duration::from_secs(10);
    let error = attempt(timeout, async {
        let mut batch = topics.batch(all.clone())?;
        batch.each(number)?;
        Ok(())
    });
    let error = error.await.unwrap_err();
    assert!(
        matches!(error, ConnectorError::Fatal { .. }) && error.to_string().contains("without an outcome"),
        "{error}"
    );

    // The result of a part says nothing about the rest of the batch.
    let part = attempt(timeout, async {
        let mut batch = topics.batch(all.clone())?;
        let mut groups = batch.group_by(|_, record| Ok(record.offset()))?;
        groups.remove(1).batch.answered(["no"], |why| Verdict::Rejected(why.to_owned()))
    });
    assert!(matches!(part.await, Err(ConnectorError::Fatal { .. })));

    let group = attempt(timeout, async {
        let mut batch = topics.batch(all.clone())?;
        let groups = batch.group_by(|_, record| Ok(record.offset()))?;
        batch
            .concurrently(2, Duration::ZERO, groups, async |group| match group.key {
                0 => group.batch.done(),
                _ => {
                    drop(group);
                    Ok(())
                }
            })
            .await
    });
    assert!(matches!(group.await, Err(ConnectorError::Fatal { .. })));

    let failed = attempt(timeout, async {
        let _batch = topics.batch(all.clone())?;
        Err(ConnectorError::retryable("503"))
    });
    assert!(matches!(failed.await, Err(ConnectorError::Retryable { .. })), "an error is a whole batch's");
    let rejected = attempt(timeout, async {
        let mut batch = topics.batch(all.clone())?;
        batch.each(|_, record| Err::<(), _>(ConnectorError::invalid_record(record, "")))?;
        batch.done()
    });
    assert_eq!(outcomes(rejected.await, &all), "ii");
}

#[tokio::test]
async fn the_deadline_is_that_of_the_attempt() {
    let topics = topics(SubscriptionType::Shared);
    let found = Mutex::new(None);
    let began = Instant::now();
    let first = attempt(Duration::from_secs(100), async {
        let first = topics.batch(vec![])?;
        tokio::task::yield_now().await;
        let second = topics.batch(vec![])?;
        assert_eq!(first.deadline(), second.deadline());
        *found.lock().unwrap() = Some(first.deadline());
        first.done()?;
        second.done()
    });
    first.await.unwrap();
    let seconds = found.into_inner().unwrap().unwrap().duration_since(began).as_secs();
    assert!((90..100).contains(&seconds), "{seconds}");
    let outside = topics.batch(vec![]).unwrap();
    assert!(outside.deadline() > Instant::now() + Duration::from_secs(10));
    outside.done().unwrap();
}
